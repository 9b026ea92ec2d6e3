"""What each group and instance runs, a row each: the page that an auditor asks for.

Nothing is read here: a row says what `status` has read.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Literal, NamedTuple

from infra.operate.fleet import Fleet, TemplateStatus
from infra.operate.instances import Instance
from infra.operate.timeline import Timeline
from models.auto_scaling import Group, Refresh
from models.base import Place, Value, aws_date

MAX_AGE_DAYS = 90
"""CIS AWS Compute Services Benchmark 2.1.4: images are not older than that."""


class ReportLine(Value):
    """A line of `report --json`: an instance; or a group or a template that has none.

    Attributes:
        kind: What the row is about; `not-read`: what could not be read, which `error` tells.
        group: The Auto Scaling group; null if there is none.
        instance_id: The instance's id; null if there is none.
        version: The one that launched the instance; null if AWS does not say.
        image_id: What the instance runs; of a group or a template, what new instances launch.
        image_created: Null if the image is not there any more, or cannot be read.
        image_age_days: Whole days.
        images_behind: How many newer images the reactor could move the template to, whatever a hold
            says; those that it skips, or that have to wait, do not count. Null if it is not known.
        held: Whether the launch template is held.
        held_by: Null if the hold's tag was written by hand.
        held_since: As `held_by`.
        held_until: When the hold ends by itself; null: it does not.
        hold_reason: Why it is held; all that the tag says if it was written by hand.
        last_refresh: The status of the group's last instance refresh, as AWS has it; `none` in the
            six weeks that AWS keeps; `not-asked`: it takes a call for each group, and a group
            without instances is never asked.
        last_refresh_started: When that began.
        last_refresh_ended: When that ended; null if it has not ended.
        error: Why it could not be read.
    """

    kind: Literal["instance", "group", "template", "not-read"]
    account: str | None = None
    region: str | None = None
    launch_template_id: str | None = None
    launch_template_name: str | None = None
    default_version: int | None = None
    group: str | None = None
    instance_id: str | None = None
    version: int | None = None
    image_id: str | None = None
    image_created: str | None = None
    image_age_days: int | None = None
    images_behind: int | None = None
    held: bool | None = None
    held_by: str | None = None
    held_since: str | None = None
    held_until: str | None = None
    hold_reason: str | None = None
    last_refresh: str | None = None
    last_refresh_started: str | None = None
    last_refresh_ended: str | None = None
    error: str | None = None


class Reported(NamedTuple):
    """What is reported of a template.

    Attributes:
        rows: By group and instance.
        timeline: If it was read.
    """

    rows: tuple[ReportLine, ...]
    timeline: Timeline | None = None


class Oldest(NamedTuple):
    """The oldest image that runs; if no instance runs, that new ones launch."""

    days: int
    image_id: str


class Summary(NamedTuple):
    """A report in numbers.

    Attributes:
        too_old: Instances on an image that is older than `MAX_AGE_DAYS`.
        behind: Instances on an image to which a newer one could be taken.
        unknown_age: Instances on an image whose age is not known.
        held: Launch templates that are held.
        not_read: What could not be read.
    """

    templates: int
    groups: int
    instances: int
    oldest: Oldest | None
    too_old: int
    behind: int
    unknown_age: int
    held: int
    not_read: int


def reported(fleet: Fleet, now: datetime) -> Iterator[Reported]:
    """What is reported of one account and Region, by template."""
    for status in fleet.statuses:
        yield Reported(tuple(_Rows(fleet.place, status, now).each()), status.timeline)


def not_read(where: Place | None, target: str, error: str) -> ReportLine:
    """The row of what could not be read.

    Args:
        where: The account and Region; None if not even these are known.
        target: How the command line names it.
        error: Why.
    """
    if where is None:
        return ReportLine(kind="not-read", error=f"{target}: {error}")
    return ReportLine(kind="not-read", account=where.account, region=where.region, error=error)


def summary(rows: Iterable[ReportLine]) -> Summary:
    """The numbers of all rows."""
    listed = list(rows)
    instances = [row for row in listed if row.kind == "instance"]
    templates = {_key(row, row.launch_template_id) for row in listed if row.launch_template_id}
    aged = [row for row in instances or listed if row.image_age_days is not None]
    ages = [Oldest(row.image_age_days or 0, row.image_id or "") for row in aged]
    return Summary(
        templates=len(templates),
        groups=len({_key(row, row.group) for row in listed if row.group}),
        instances=len(instances),
        oldest=max(ages, default=None),
        too_old=sum(is_too_old(row) for row in instances),
        behind=sum(bool(row.images_behind) for row in instances),
        unknown_age=sum(row.image_age_days is None for row in instances),
        held=len({_key(row, row.launch_template_id) for row in listed if row.held}),
        not_read=sum(row.kind == "not-read" for row in listed),
    )


def is_too_old(row: ReportLine) -> bool:
    return row.image_age_days is not None and row.image_age_days > MAX_AGE_DAYS


def _key(row: ReportLine, name: str | None) -> tuple[str | None, ...]:
    return row.account, row.region, name


class _Rows:
    """The rows of one template."""

    def __init__(self, place: Place, status: TemplateStatus, now: datetime) -> None:
        self.place, self.status, self.now = place, status, now
        self.groups = {group.name: group for group in status.groups}

    def each(self) -> Iterator[ReportLine]:
        instances = sorted(self.status.instances, key=lambda one: (one.group, one.instance_id))
        empty = self.groups.keys() - {instance.group for instance in instances}
        yield from (self._of_instance(instance) for instance in instances)
        yield from (self._of_new_ones("group", self.groups[name]) for name in sorted(empty))
        if not instances and not self.groups:
            yield self._of_new_ones("template", None)

    def _of_instance(self, instance: Instance) -> ReportLine:
        group = self.groups.get(instance.group)
        return self._row(
            kind="instance",
            group=instance.group or None,
            instance_id=instance.instance_id,
            version=int(instance.version) if instance.version.isdigit() else None,
            **self._image(instance.image_id),
            **_refresh(group),
        )

    def _of_new_ones(self, kind: str, group: Group | None) -> ReportLine:
        """What has no instance: what it would launch."""
        return self._row(
            kind=kind,
            group=group.name if group else None,
            **self._image(self.status.image_id),
            **_refresh(group),
        )

    def _row(self, **fields: object) -> ReportLine:
        template = self.status.template
        return ReportLine.model_validate(
            {
                "account": self.place.account,
                "region": self.place.region,
                "launch_template_id": template.launch_template_id,
                "launch_template_name": template.launch_template_name,
                "default_version": template.default_version_number,
                **self._hold(),
                **fields,
            }
        )

    def _image(self, image_id: str | None) -> dict[str, object]:
        image = self.status.images.get(image_id or "")
        if image is None:
            return {"image_id": image_id}
        newer = [one for one in self.status.candidates if one.is_newer_than(image)]
        return {
            "image_id": image_id,
            "image_created": aws_date(image.creation_date),
            "image_age_days": (self.now - image.creation_date).days,
            "images_behind": len(newer) if self.status.is_observed else None,
        }

    def _hold(self) -> dict[str, object]:
        hold = self.status.template.hold
        if hold is None:
            return {"held": False}
        return {
            "held": True,
            "held_by": hold.who,
            "held_since": _date(hold.since),
            "held_until": _date(hold.until),
            "hold_reason": hold.why,
        }


def _refresh(group: Group | None) -> dict[str, object]:
    if group is None:
        return {}
    if not group.was_asked:
        return {"last_refresh": "not-asked"}
    last: Refresh | None = group.last_refresh
    if last is None:
        return {"last_refresh": "none"}
    return {
        "last_refresh": last.status,
        "last_refresh_started": _date(last.start_time),
        "last_refresh_ended": _date(last.end_time),
    }


def _date(moment: datetime | None) -> str | None:
    return None if moment is None else aws_date(moment)
