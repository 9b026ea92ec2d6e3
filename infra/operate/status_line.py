"""A launch template, as `status --json` prints it; a public interface."""

from datetime import datetime

from infra.operate.fleet import TemplateStatus
from infra.operate.groups import Finding, UsesDefault, verdict
from infra.operate.hold import trouble_with
from models.base import Place, Value, aws_date
from models.decision import SECONDS, Skip
from models.outcome import TemplateOutcome
from models.tags import Stamp


class WaitingImage(Value):
    """An image that is newer than the current one and may be taken later.

    Attributes:
        reason: Why it waits.
        until: When it may be taken, if that is known.
    """

    image_id: str
    reason: Skip
    message: str
    until: str | None


class GroupFinding(Value):
    """Why a group does not use `$Default`, or not for all it launches.

    Attributes:
        follows: What that makes of the group.
        what: The cause, in words.
        fix: How to fix it; empty if there is no command for it.
    """

    follows: UsesDefault
    what: str
    fix: str


class GroupLine(Value):
    """An Auto Scaling group that names the template.

    Attributes:
        name: The group's name.
        instances: How many instances it has.
        follows: Whether it launches what the template's default version names.
        findings: Why not.
    """

    name: str
    instances: int
    follows: UsesDefault
    findings: tuple[GroupFinding, ...]


class ChainLine(Value):
    """A stack that does something when the template is promoted or moved back.

    Attributes:
        stack: Its name.
        kind: As `ami-reactor template` takes it, or what a stack of your own says.
        targets: The groups, the node group or the parameter that it changes.
        status: The stack's, as CloudFormation has it.
    """

    stack: str
    kind: str
    targets: tuple[str, ...]
    status: str


class StatusLine(Value):
    """A template that follows images: what it launches, what runs, what would happen next.

    Attributes:
        image_id: What new instances launch; null if the version could not be read, or names none.
        image_created: That image's CreationDate; null if it cannot be seen.
        newest_candidate: The newest image that it may be moved to, whatever a hold or the
            high-water mark says; it may be the current one.
        instances: Image ids, and how many instances run each.
        hold: Who holds it, since when, until when and why; null if it is not held.
        hold_trouble: What makes the hold look forgotten; null if nothing does.
        next: What the reactor would do at the next event.
        waiting: The newer images that may be taken later, the newest first.
        groups: The Auto Scaling groups that name it.
        chains: What follows a promotion.
    """

    account: str
    region: str
    launch_template_id: str
    launch_template_name: str
    default_version: int
    latest_version: int
    image_id: str | None
    image_created: str | None
    newest_candidate: str | None
    instances: dict[str, int]
    hold: Stamp | None
    hold_trouble: str | None
    next: TemplateOutcome
    waiting: tuple[WaitingImage, ...]
    groups: tuple[GroupLine, ...]
    chains: tuple[ChainLine, ...]


def status_line(place: Place, status: TemplateStatus, now: datetime) -> StatusLine:
    """The line of a template that was read there, at that time."""
    template, image, hold = status.template, status.image, status.template.hold
    return StatusLine(
        account=place.account,
        region=place.region,
        launch_template_id=template.launch_template_id,
        launch_template_name=template.launch_template_name,
        default_version=template.default_version_number,
        latest_version=template.latest_version_number,
        image_id=status.image_id,
        image_created=aws_date(image.creation_date) if image else None,
        newest_candidate=status.candidates[0].image_id if status.candidates else None,
        instances=dict(status.running),
        hold=hold,
        hold_trouble=hold and trouble_with(hold, now),
        next=status.next,
        waiting=tuple(
            WaitingImage(
                image_id=one.image.image_id,
                reason=one.skip,
                message=str(one),
                until=f"{one.until:{SECONDS}}" if one.until else None,
            )
            for one in status.waiting
        ),
        groups=tuple(
            GroupLine(
                name=group.name,
                instances=group.size,
                follows=verdict(found),
                findings=tuple(map(_finding, found)),
            )
            for group, found in status.findings()
        ),
        chains=tuple(
            ChainLine(stack=one.stack, kind=one.kind, targets=one.targets, status=one.status)
            for one in status.chains
        ),
    )


def _finding(finding: Finding) -> GroupFinding:
    return GroupFinding(follows=finding.uses_default, what=finding.what, fix=finding.fix)
