"""Quarantine: no template is moved to a quarantined image, until the quarantine is lifted.

A template whose current image is quarantined stays on it: only a rollback moves it. Lifting a
quarantine is not enough to move a template there again: its high-water mark keeps it away too.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from handlers.writes import tag
from infra.operate import writes
from infra.operate.account import Account
from infra.operate.find import whole_image_id
from models.base import Place, Value, printable
from models.errors import AwsRefused
from models.image import Image
from models.launch_template import Template
from models.selectors import Selectors, read_selectors
from models.tags import HIGH_WATER_MARK_TAG, QUARANTINE_TAG, Stamp


class QuarantineLine(Value):
    """A quarantined image, as `quarantine --json` prints it; a public interface.

    Attributes:
        quarantine: Who quarantined it, since when and why.
        current_image_of: The names of the launch templates whose current image it is.
    """

    image_id: str
    quarantine: Stamp
    current_image_of: tuple[str, ...]


class UnquarantineLine(Value):
    """An image without a quarantine, as `unquarantine --json` prints it; a public interface.

    Attributes:
        was_quarantined: Whether it was, until now.
        cleared: The names of the launch templates that may be moved to it again.
    """

    image_id: str
    was_quarantined: bool
    cleared: tuple[str, ...]


@dataclass(frozen=True)
class Concerned:
    """The templates that opted in and that an image concerns.

    Attributes:
        current_of: Those whose current image it is.
        selected_by: The others whose tags select it.
    """

    current_of: tuple[Template, ...] = ()
    selected_by: tuple[Template, ...] = ()


def find_image(account: Account, image_id: str) -> Image:
    """The image of this account whose id is that, or begins so; a disabled one too.

    Raises:
        AwsRefused: This account has none, or several.
    """
    whole = whole_image_id(account, image_id)
    found = account.ec2.own_image(whole)
    if found is None or found.image_id != whole:  # to EC2's filter, * and ? are wild
        raise AwsRefused(f"{printable(image_id)}: this account has no such image")
    return found


def concerned(account: Account, image: Image, *, but: Template | None = None) -> Concerned:
    """The templates that the image concerns, without that one."""
    on_it = account.ec2.templates_on(image.image_id)
    rest = [
        template
        for template in account.ec2.opted_in_templates()
        if but is None or template.launch_template_id != but.launch_template_id
    ]
    return Concerned(
        tuple(t for t in rest if t.launch_template_id in on_it),
        tuple(
            t
            for t in rest
            if t.launch_template_id not in on_it and _selects(t, image, account.place)
        ),
    )


def _selects(template: Template, image: Image, place: Place) -> bool:
    selectors = read_selectors(template.tags, place)
    return isinstance(selectors, Selectors) and selectors.match(image)


def quarantine_image(account: Account, image_id: str, value: str) -> str:
    """Quarantine the image; a quarantine that exists already stays as it is.

    Returns:
        The value of the quarantine's tag now: the given one, or the first one's.
    """
    first = find_image(account, image_id).tags.get(QUARANTINE_TAG)
    if first is None:
        tag(account.ec2, image_id, {QUARANTINE_TAG: value})
    return value if first is None else first


def lift_quarantine(account: Account, image_id: str) -> None:
    writes.untag(account, [image_id], [QUARANTINE_TAG])


def moved_away(account: Account, image_id: str) -> list[Template]:
    """The templates that were on that image, as their mark says, and are on another now."""
    on_it = account.ec2.templates_on(image_id)
    return [
        template
        for template in account.ec2.opted_in_templates()
        if template.launch_template_id not in on_it
        and (mark := template.high_water_mark)
        and mark.image_id == image_id
    ]


def clear_marks(account: Account, templates: Iterable[Template]) -> None:
    """Clear the templates' high-water marks, so that they may be moved to that image again."""
    ids = [template.launch_template_id for template in templates]
    writes.untag(account, ids, [HIGH_WATER_MARK_TAG])
