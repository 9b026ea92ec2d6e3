"""`ami-reactor schema`: the shapes of what is read and printed, as JSON Schema."""

import inspect
import json
import re
import sys
from functools import reduce
from importlib import import_module
from operator import or_
from typing import Annotated, Any

from pydantic import Field, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

from infra.cli.schema_words import WORDS

_DIALECT = "https://json-schema.org/draft/2020-12/schema"  # pydantic's

_OUTCOME = ("infra.embedded.replayer.OutcomeLine", "infra.embedded.replayer.GuardOutcomeLine")
_DEAD_LETTER = ("infra.dead_letters.message_line.MessageLine",)
_TEMPLATE_OUTCOME = "models.outcome.TemplateOutcome"

PRINTED: dict[str, tuple[str, ...]] = {
    "outcome": _OUTCOME,
    "dead-letter": _DEAD_LETTER,
    "error": (
        "infra.cli.stderr_lines.ErrorLine",
        "infra.cli.stderr_lines.GapLine",
        "infra.cli.stderr_lines.NoteLine",
    ),
    "replay": (*_OUTCOME, "infra.embedded.stream_answers.CommandAnswer"),
    "status": ("infra.operate.status_line.StatusLine",),
    "report": ("infra.operate.report.ReportLine",),
    "explain": ("infra.operate.explain.Node",),
    "history": ("infra.operate.timeline.HistoryLine",),
    "doctor": ("infra.operate.check.Check",),
    "verify": (
        "infra.operate.verify.fact.FindingLine",
        "infra.operate.verify.fact.Fact",
        "infra.operate.verify.things.RemovedLine",
    ),
    "follow": ("infra.operate.follow.FollowLine", _TEMPLATE_OUTCOME),
    "unfollow": ("infra.operate.follow.UnfollowLine",),
    "reconcile": (_TEMPLATE_OUTCOME,),
    "hold": ("infra.operate.hold.HoldLine",),
    "resume": ("infra.operate.hold.HoldLine", _TEMPLATE_OUTCOME),
    "rollback": ("infra.operate.rollback.RollbackLine",),
    "prune": ("infra.operate.prune.PruneLine",),
    "quarantine": ("infra.operate.quarantine.QuarantineLine",),
    "unquarantine": ("infra.operate.quarantine.UnquarantineLine",),
    "package": ("infra.cli.package.PackageLine",),
    "capture": ("infra.replay.event_writer.CapturedLine",),
    "record": ("infra.replay.record.RecordLine",),
    "window": ("infra.operate.window.WindowLine",),
    "dlq-list": _DEAD_LETTER,
    "dlq-show": ("infra.dead_letters.message_line.ShownMessage",),
    "dlq-redrive": ("infra.dead_letters.message_line.RedriveLine",),
    "dlq-save": ("infra.replay.event_writer.SavedLine",),
    "dlq-drop": ("infra.dead_letters.message_line.DropLine",),
}
"""Of a verb with `--json`, or of a thing: the models of the lines that are printed."""


def run_schema(*, name: str) -> None:
    described = _printed(*PRINTED[name]) if name in PRINTED else _read(name)
    shape = {"$schema": _DIALECT} | described
    sys.stdout.write(json.dumps(shape, indent=2, ensure_ascii=False) + "\n")


def _read(name: str) -> dict[str, Any]:
    """What is read: an event or a world, whose keys are AWS's."""
    if name == "world":
        from infra.embedded.world.file import World

        return World.model_json_schema()
    from models.events import Event

    shapes: Any = Annotated[Event, Field(discriminator="detail_type")]
    return {"title": "Event"} | TypeAdapter(shapes).json_schema()


def _printed(*paths: str) -> dict[str, Any]:
    """What is printed: one of these models a line."""
    shapes = reduce(or_, map(_model, paths))
    adapter: TypeAdapter[Any] = TypeAdapter(shapes)
    return adapter.json_schema(mode="serialization", schema_generator=_Described)


def _model(path: str) -> Any:
    module, _, name = path.rpartition(".")
    return getattr(import_module(module), name)


class _Described(GenerateJsonSchema):
    """Pydantic's, where each key has a description: its line in a docstring, or the usual one."""

    def model_schema(self, schema: Any) -> JsonSchemaValue:
        made = super().model_schema(schema)
        told: dict[str, str] = {}
        for base in reversed(schema["cls"].__mro__):
            told |= _attributes(base)
        for key, described in made["properties"].items():
            if words := told.get(key) or WORDS.get(key):
                described["description"] = words
        made["description"] = inspect.cleandoc(schema["cls"].__doc__ or "").split("\n\n")[0]
        return made


_SECTION = re.compile(r"^Attributes:\n(.*?)(?=^\S|\Z)", re.MULTILINE | re.DOTALL)
_ATTRIBUTE = re.compile(r"^    (\w+): (.*?)(?=^    \w|\Z)", re.MULTILINE | re.DOTALL)


def _attributes(model: type) -> dict[str, str]:
    """What its own docstring says of each attribute, each in one line."""
    section = _SECTION.search(inspect.cleandoc(vars(model).get("__doc__") or ""))
    found = _ATTRIBUTE.findall(section[1]) if section else ()
    return {name: " ".join(text.split()).replace("None", "null") for name, text in found}
