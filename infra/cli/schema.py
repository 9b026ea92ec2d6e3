"""`ami-reactor schema`: the shapes of what is read and printed, as JSON Schema."""

import json
import sys
from collections.abc import Callable
from typing import Annotated, Any

_DIALECT = "https://json-schema.org/draft/2020-12/schema"  # pydantic's


def run_schema(*, name: str) -> None:
    shape = {"$schema": _DIALECT} | _SCHEMAS[name]()
    sys.stdout.write(json.dumps(shape, indent=2, ensure_ascii=False) + "\n")


def _event() -> dict[str, Any]:
    from pydantic import Field, TypeAdapter

    from models.events import Event

    shapes: Any = Annotated[Event, Field(discriminator="detail_type")]
    return {"title": "Event"} | TypeAdapter(shapes).json_schema()


def _outcome() -> dict[str, Any]:
    from infra.embedded.replayer import OutcomeLine

    return OutcomeLine.model_json_schema(mode="serialization")


def _world() -> dict[str, Any]:
    from infra.embedded.world.file import World

    return World.model_json_schema()


def _dead_letter() -> dict[str, Any]:
    from infra.dead_letters.message_line import MessageLine

    return MessageLine.model_json_schema(mode="serialization")


_SCHEMAS: dict[str, Callable[[], dict[str, Any]]] = {
    "event": _event,
    "outcome": _outcome,
    "world": _world,
    "dead-letter": _dead_letter,
}
