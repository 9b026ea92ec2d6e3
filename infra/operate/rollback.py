"""Rollback: what it would do to one template or to all on its image, and doing it.

The steps, and why they are safe in this order, are in `handlers/rollback.py`.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from handlers import rollback as steps
from handlers.rollback import NoTarget, Rollback, plan_rollback
from infra.operate.account import Account
from infra.operate.find import find_template, is_whole, whole_id
from infra.operate.instances import count_running, read_groups
from infra.operate.paging import Gaps, Progress
from infra.operate.quarantine import Concerned, concerned
from infra.operate.versions import read_versions
from models.auto_scaling import Group
from models.base import Value
from models.launch_template import Template

__all__ = ["NoTarget", "Plan", "Rollback", "plan_rollbacks", "run_rollbacks"]


class RollbackLine(Value):
    """A launch template that was rolled back, as `rollback --json` prints it; a public interface.

    Attributes:
        from_version: The default version's number before.
        from_image: The image of that version; null if it names none.
        to_version: The default version's number now.
        to_image: The image that new instances launch now.
        copy_of_version: The older version of which it is a copy.
    """

    launch_template_id: str
    launch_template_name: str
    from_version: int
    from_image: str | None
    to_version: int
    to_image: str
    copy_of_version: int


def rollback_line(done: Rollback, number: int) -> RollbackLine:
    """The line of what was done; its new version has that number."""
    template = done.template
    return RollbackLine(
        launch_template_id=template.launch_template_id,
        launch_template_name=template.launch_template_name,
        from_version=template.default_version_number,
        from_image=template.default.image_id,
        to_version=number,
        to_image=done.image.image_id,
        copy_of_version=done.target.version_number,
    )


@dataclass(frozen=True)
class Plan:
    """What a rollback of one template, or of all that are on its image, would do and leave.

    Attributes:
        others: The other templates that the first one's bad image concerns.
        groups: All that use the templates, with any instance refresh in flight.
        running: How many instances run each bad image, by its id, as far as that may be read.
        gaps: What could not be read, one line each.
    """

    rollbacks: list[Rollback]
    others: Concerned
    groups: list[Group]
    running: dict[str, int]
    gaps: Gaps


def plan_rollbacks(
    account: Account, name: str, to: str | None, progress: Progress, *, everywhere: bool
) -> Plan:
    """Plan to roll back the template with that name or id.

    Args:
        account: Where the template is.
        name: The template's name or id.
        to: As for `plan_rollback`, or how the image's id begins. A version's number goes for this
            template alone.
        progress: Told what is being read.
        everywhere: Also the other templates whose current image it is.

    Raises:
        NoTarget: One of them has no version to go back to.
    """
    template = find_template(account, name)
    if to and to.startswith("ami-"):
        to = _whole_image_id(account, template, to)
    first = plan_rollback(account.ec2, template, to)
    others = concerned(account, first.bad, but=first.template) if first.bad else Concerned()
    image = to if to and to.startswith("ami-") else None
    rest = others.current_of if everywhere else ()
    rollbacks = [first, *(plan_rollback(account.ec2, one, image) for one in rest)]
    gaps = Gaps()
    templates = [one.template for one in rollbacks]
    found = read_groups(account, templates, gaps, progress)
    groups = {group.name: group for listed in found.values() for group in listed}
    bad = {one.bad.image_id for one in rollbacks if one.bad}
    running: dict[str, int] = gaps.read(
        lambda: {image_id: count_running(account, image_id) for image_id in bad}, {}
    )
    return Plan(rollbacks, others, list(groups.values()), running, gaps)


def _whole_image_id(account: Account, template: Template, beginning: str) -> str:
    """That of one of the template's versions; they may be a vendor's images."""
    if is_whole(beginning):
        return beginning
    versions = read_versions(account, template.launch_template_id)
    return whole_id(beginning, filter(None, (version.image_id for version in versions)))


def run_rollbacks(
    account: Account, rollbacks: Iterable[Rollback], value: str, *, follow_newer: bool
) -> Iterator[tuple[Rollback, int]]:
    """Do it; yield each template, as soon as it is moved, with its new default version.

    A hold or a quarantine that exists already keeps who, when and why.

    Args:
        account: Where the templates are.
        rollbacks: Of one template, or of several that are on the same image.
        value: For the tags of the hold and the quarantine: who does it, when and why.
        follow_newer: Do not hold: the next newer image is taken.

    Raises:
        AwsRefused: EC2 refused one of the writes, or the default moved meanwhile. What was written
            before is safe as it is, and the same rollback can be asked for again.
    """
    ec2 = account.ec2
    wanted = list(rollbacks)
    if not follow_newer:
        for rollback in wanted:
            steps.hold_template(ec2, rollback.template, value)
    written = "nothing was written" if follow_newer else "it is held, and nothing else was written"
    seen = [steps.as_planned(ec2, rollback, written) for rollback in wanted]
    for rollback, template in zip(wanted, seen, strict=True):
        steps.remember(ec2, template, rollback.bad)
    for bad in {one.bad.image_id: one.bad for one in wanted if one.bad}.values():
        steps.quarantine(ec2, bad, value)
    for rollback in wanted:
        version = steps.copy_of_target(ec2, rollback)
        steps.make_default(ec2, rollback, version)
        yield rollback, version.version_number
