"""The versions of a template as a timeline: which image, since when, and who moved it there."""

import heapq
from collections.abc import Iterable
from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING

from handlers.ec2 import Ec2
from infra.operate.outcomes import Logged
from infra.operate.versions import Made, read_made
from models.base import Value, printable
from models.image import Image
from models.outcome import TemplateOutcome
from models.template import Template

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client


class Promotion(Value):
    """One outcome of the function's that made a version the default."""

    at: datetime
    event: str
    outcome: TemplateOutcome


class Chapter(Value):
    """One version and what became of it.

    Attributes:
        image: None where it cannot be seen any more.
        is_in_force: New instances launch it.
        how: How it came, and what moved the template to it; one line each, oldest first.
    """

    made: Made
    image: Image | None
    is_in_force: bool
    how: tuple[str, ...]


def promotions_of(template: Template, logged: Iterable[Logged]) -> list[Promotion]:
    """What the function did to that template, oldest first."""
    found = [
        Promotion(
            at=one.at,
            event=f"{one.outcome.detail_type} {one.outcome.event_id}",
            outcome=outcome,
        )
        for one in logged
        for outcome in one.outcome.templates
        if outcome.launch_template_id == template.launch_template_id
        and outcome.outcome == "promoted"
    ]
    return sorted(found, key=lambda promotion: promotion.at)


def read_chapters(
    client: "EC2Client", ec2: Ec2, template: Template, last: int, promotions: list[Promotion]
) -> list[Chapter]:
    """The last so many versions, newest first."""
    versions = heapq.nlargest(
        last,
        read_made(client, template.launch_template_id),
        key=lambda made: made.version_number,
    )
    named = {v.image_id for v in versions if v.image_id and v.image_id.startswith("ami-")}
    images = {image.image_id: image for image in ec2.images(named)} if named else {}
    return [
        Chapter(
            made=made,
            image=images.get(made.image_id or ""),
            is_in_force=made.version_number == template.default_version_number,
            how=tuple(_how(made, template, promotions)),
        )
        for made in versions
    ]


def _how(made: Made, template: Template, promotions: list[Promotion]) -> Iterable[str]:
    """What is known of how the template came to that version."""
    number = made.version_number
    if not made.is_promotion:
        yield _made_by(made)
    found = [(p.at, p.event) for p in promotions if p.outcome.to_version == number]
    found += [(at, "") for at in _back(number, promotions)]
    for at, event in sorted(found):
        when = f"{at:%Y-%m-%d %H:%M}Z"
        yield f"promoted {when} by {event}" if event else f"made the default by {when}, by somebody"
    last = promotions[-1].outcome.to_version if promotions else None
    if number == template.default_version_number and number != last and not made.rolled_back:
        yield "somebody made it the default"


def _made_by(made: Made) -> str:
    if made.rolled_back:
        bad, source = made.rolled_back
        return f"rolled back from version {bad}: a copy of {source}"
    who = printable(made.created_by.rpartition(":")[2]) or "somebody"
    return f"made by {who}"


def _back(number: int, promotions: list[Promotion]) -> list[datetime]:
    """When the function found the default on that version, and had left it on another one."""
    return [
        later.at
        for earlier, later in pairwise(promotions)
        if later.outcome.from_version == number != earlier.outcome.to_version
    ]
