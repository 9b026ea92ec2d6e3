"""The page of `report --html`: one file that asks for nothing from elsewhere."""

import base64
import hashlib
from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, StrictUndefined

from infra.cli.fleets import Found
from infra.cli.render import counted
from infra.cli.report_words import behind_words, held_words, refresh_words, version_words
from infra.cli.timeline import TIMELINE_STYLE, timeline_svg
from infra.operate.report import MAX_AGE_DAYS, Reported, ReportLine, is_too_old, summary
from models.base import printable

_FOLDER = Path(__file__).with_name("page")

COLUMNS = (
    ("Launch template", False),
    ("Group", False),
    ("Instance", False),
    ("Image", False),
    ("Age in days", True),
    ("Behind", True),
    ("Held", False),
    ("Last instance refresh", False),
    ("Version", True),
    ("Account", False),
    ("Region", False),
)
"""Each with whether it sorts as numbers."""


class _Place(NamedTuple):
    """A row of the table of accounts and Regions."""

    account: str
    region: str
    templates: int
    groups: int
    instances: int
    state: list[str]


def pieces_of_page(
    found: Sequence[Found[Reported]],
    rows: Sequence[ReportLine],
    names: Sequence[str],
    now: datetime,
) -> Iterator[str]:
    """The page, piece by piece.

    Args:
        found: The accounts and Regions.
        rows: Theirs, also those of what could not be read.
        names: Of the launch templates that were asked for; empty: all that follow images.
        now: When they were read.
    """
    templates = [one for place in found for one in place.shown]
    has_timelines = any(one.timeline for one in templates)
    style = _text("report.css") + (TIMELINE_STYLE if has_timelines else "")
    script = _text("report.js")
    return (
        _environment()
        .from_string(_text("report.html.j2"))
        .generate(
            policy=_policy(style, script),
            style=style,
            script=script,
            made=f"{now:%Y-%m-%d %H:%M} UTC",
            version=version("ami-reactor"),
            max_age=MAX_AGE_DAYS,
            names=", ".join(names),
            columns=COLUMNS,
            numbers=list(_numbers(rows)),
            places=[_place(one) for one in found],
            not_read=[row for row in rows if row.kind == "not-read"],
            templates=templates,
            has_timelines=has_timelines,
        )
    )


def _environment() -> Environment:
    """Whatever a name holds is text; a name that the page does not know is an error."""
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    words: dict[str, Any] = {
        one.__name__: one for one in (behind_words, held_words, refresh_words, version_words)
    }
    environment.filters |= words | {"safe_text": lambda text: printable(text or "")}
    environment.filters["drawn"] = partial(timeline_svg, with_style=False)
    environment.tests["too_old"] = is_too_old
    return environment


def _text(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")


def _policy(style: str, script: str) -> str:
    """Nothing is fetched, and only these two run.

    https://www.w3.org/TR/CSP3/#grammardef-hash-source
    """
    return (
        f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)};"
        " base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _numbers(rows: Sequence[ReportLine]) -> Iterator[tuple[str, str, str]]:
    """Of each number: its name, the number, and what it is of."""
    total = summary(rows)
    yield "Launch templates", str(total.templates), ""
    yield "Groups", str(total.groups), ""
    yield "Instances", str(total.instances), ""
    if total.oldest:
        yield "Oldest image", counted(total.oldest.days, "day"), total.oldest.image_id
    of_all = f"of {counted(total.instances, 'instance')}"
    yield f"Older than {MAX_AGE_DAYS} days", str(total.too_old), of_all
    yield "Behind", str(total.behind), of_all
    if total.unknown_age:
        yield "Age unknown", str(total.unknown_age), of_all
    yield "Held", str(total.held), f"of {counted(total.templates, 'launch template')}"
    if total.not_read:
        yield "Not read", str(total.not_read), "see above"


def _place(one: Found[Reported]) -> _Place:
    total = summary(row for template in one.shown for row in template.rows)
    account = one.account.place.account if one.account else str(one.target._replace(region=None))
    region = one.account.place.region if one.account else one.target.region or ""
    return _Place(
        account, region, total.templates, total.groups, total.instances, list(_state(one))
    )


def _state(one: Found[Reported]) -> Iterator[str]:
    """Whether it was read, and what is wrong with the stack."""
    if one.error:
        yield f"not read: {one.error[0]}"
        return
    yield f"read in part: {'; '.join(one.gaps)}" if one.gaps else "read"
    yield from (check.what for check in one.trouble.checks)
    if one.trouble.messages:
        yield f"{counted(one.trouble.messages, 'message')} in the dead-letter queue"
