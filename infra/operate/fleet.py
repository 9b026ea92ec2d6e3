"""The fleet as people see it: each followed template, what it launches, and what runs."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, NamedTuple

from handlers.clock import Clock
from handlers.observation import observe
from handlers.reaction import plan
from infra.operate.account import Account
from infra.operate.chains import Chain, read_chains
from infra.operate.groups import Finding, findings
from infra.operate.instances import Instance, mark_deleted, read_groups, read_running
from infra.operate.paging import Gaps, Progress
from infra.operate.read_ahead import ReadAhead
from models.auto_scaling import Group
from models.base import Place
from models.decision import UNRIPE, Skipped, sift
from models.errors import AwsRefused, AwsUnavailable
from models.image import Image, amis
from models.launch_template import Template
from models.outcome import TemplateOutcome
from models.selectors import Selectors, read_selectors
from models.tags import SOURCE_INSTANCE

if TYPE_CHECKING:
    from infra.operate.timeline import Timeline

ASKED = 50
"""If the whole fleet is read, so many groups are asked for a refresh: each takes a call."""

_NAMED = 5
"""Of any number of instances, so many are named."""


class Problem(NamedTuple):
    """What is wrong with a template, and how to fix it."""

    what: str
    fix: str


@dataclass(frozen=True)
class TemplateStatus:
    """One template: what it is on, what it could be on, and what the reactor would do next.

    Attributes:
        template: With its versions from the default on, if they could be read.
        next: What the reactor would do at the next event.
        instances: Those that run now.
        images: All that were read for it, by id.
        candidates: What it may be moved to, newest first, whatever a hold or the high-water mark
            says.
        skipped: Why the other images that its tags select are no candidates.
        is_observed: Whether the images that its tags select were read.
        chains: What follows a promotion; to be read apart.
        timeline: What became of it; to be read apart.
    """

    template: Template
    next: TemplateOutcome
    groups: tuple[Group, ...]
    instances: tuple[Instance, ...]
    images: dict[str, Image] = field(default_factory=dict)
    candidates: tuple[Image, ...] = ()
    skipped: dict[str, Skipped] = field(default_factory=dict)
    is_observed: bool = False
    chains: tuple[Chain, ...] = ()
    timeline: "Timeline | None" = None

    @cached_property
    def running(self) -> Counter[str]:
        """Image id to the number of instances that run it now."""
        return Counter(instance.image_id for instance in self.instances)

    @property
    def image_id(self) -> str | None:
        """What new instances launch, as far as the version could be read."""
        return self.template.default.image_id if self.template.versions else None

    @property
    def image(self) -> Image | None:
        return self.images.get(self.image_id or "")

    @property
    def waiting(self) -> list[Skipped]:
        """The images that are newer than the current one and may be taken later, newest first."""
        on = self.image
        newer = (one for one in self.skipped.values() if on is None or one.image.is_newer_than(on))
        unripe = [one for one in newer if one.skip in UNRIPE]
        return sorted(unripe, key=lambda one: one.image.order, reverse=True)

    @property
    def running_others(self) -> Counter[str]:
        """Of the instances, those that run something else than new ones would."""
        others = {i: n for i, n in self.running.items() if i != self.image_id}
        return Counter(others)

    @property
    def sources(self) -> list[str]:
        """The instances that the images which its tags select were made from."""
        selected = {image.image_id for image in self.candidates} | self.skipped.keys()
        images = (self.images[image_id] for image_id in selected if image_id in self.images)
        return sorted({instance for image in images for instance in image.source_instances})

    @property
    def mixed_sources(self) -> list[str]:
        """The same, if they are several and its tags name none of them."""
        named = self.template.tags.get(SOURCE_INSTANCE)
        return self.sources if named is None and len(self.sources) > 1 else []

    @property
    def latest_not_default(self) -> Problem | None:
        """That the latest version is not the default, if it is not."""
        template = self.template
        latest, default = template.latest_version_number, template.default_version_number
        if latest == default:
            return None
        return Problem(
            f"version {latest} is the latest and not the default ({default})",
            f"make version {latest} the default, or delete it: aws ec2 modify-launch-template"
            f" --launch-template-id {template.launch_template_id} --default-version {latest}",
        )

    def findings(self) -> list[tuple[Group, list[Finding]]]:
        return [(group, findings(group, self.template)) for group in self.groups]


@dataclass(frozen=True)
class Fleet:
    """Templates of one account and Region, by name.

    Attributes:
        gaps: What could not be read, one line each.
        notes: What was not read on purpose, one line each: no failure.
    """

    place: Place
    statuses: tuple[TemplateStatus, ...]
    gaps: tuple[str, ...]
    notes: tuple[str, ...] = ()


def clock_now() -> Clock:
    """An operator's clock: no timeout cuts the command off."""
    return Clock(datetime.now(UTC), lambda: 3600.0)


def reconcile_event(place: Place, template_id: str | None = None) -> dict[str, Any]:
    """The event that asks to reconcile, as EventBridge would deliver it."""
    return {
        "id": "asked-by-an-operator",
        "source": "ami-reactor",
        "detail-type": "Reconcile Requested",
        "account": place.account,
        "region": place.region,
        "time": None,
        "detail": {"launch_template_id": template_id} if template_id else {},
    }


def foreseen(ahead: ReadAhead, clock: Clock) -> dict[str, TemplateOutcome]:
    """What the function would do at the next event, by template id: its own code says so."""
    outcome = plan(reconcile_event(ahead.place), ahead, clock)
    return {template.launch_template_id: template for template in outcome.templates}


def read_fleet(
    account: Account,
    progress: Progress,
    templates: Iterable[Template] | None = None,
    *,
    asked: int | None = None,
) -> Fleet:
    """Read what `status` shows, in few calls.

    Args:
        account: Where to read.
        progress: Told what is being read.
        templates: Those to look at; by default all that opted in.
        asked: So many groups at most are asked for a refresh; by default all groups of templates
            that are named, and 50 of the whole fleet's.

    Raises:
        AwsRefused: The templates may not be read: there is nothing to show.
        AwsUnavailable: AWS does not answer now.
    """
    progress("launch templates")
    wanted = account.ec2.opted_in_templates() if templates is None else list(templates)
    gaps = Gaps()
    ahead = ReadAhead(account.client("ec2"), account.place, wanted)
    gaps.read(lambda: ahead.read(progress), None)
    if templates is None and asked is None:
        asked = ASKED
    groups = read_groups(account, wanted, gaps, progress, asked=asked)
    groups = gaps.read(partial(mark_deleted, account, wanted, groups, asked), groups)
    progress("instances")
    running: dict[str, list[Instance]] = gaps.read(
        lambda: read_running(account, wanted, groups), {}
    )
    clock = clock_now()
    named = {instance.image_id for listed in running.values() for instance in listed}
    gaps.read(lambda: ahead.images(named), None)
    outcomes = foreseen(ahead, clock)
    unknown = (one.message for one in outcomes.values() if one.outcome == "unknown")
    gaps.extend(dict.fromkeys(unknown))
    statuses = [
        TemplateStatus(
            template,
            next=outcomes[template.launch_template_id],
            groups=tuple(groups[template.launch_template_id]),
            instances=tuple(running.get(template.launch_template_id, ())),
        )
        for template in sorted(wanted, key=lambda template: template.launch_template_name)
    ]
    read = tuple(_with_images(ahead, status, clock) for status in statuses)
    return Fleet(account.place, read, tuple(gaps), tuple(_notes(gaps)))


def with_chains(account: Account, fleet: Fleet, progress: Progress) -> Fleet:
    """The same, with what follows a promotion of each; AWS is not asked if there is no template."""
    progress("stacks")
    gaps = Gaps(fleet.gaps)
    chains: list[Chain] = gaps.read(lambda: read_chains(account), []) if fleet.statuses else []
    statuses = (
        replace(one, chains=tuple(chain for chain in chains if chain.follows(one.template)))
        for one in fleet.statuses
    )
    return replace(fleet, statuses=tuple(statuses), gaps=tuple(gaps))


def several(sources: list[str]) -> str:
    """That images are of several instances, a few of them named."""
    few = ", ".join(sources[:_NAMED])
    more = f" and {len(sources) - _NAMED} others" if len(sources) > _NAMED else ""
    return (
        f"the images that its tags select were made from {len(sources)} instances, {few}{more}:"
        " the newest of them all is taken"
    )


def _notes(gaps: Gaps) -> Iterator[str]:
    if gaps.unasked:
        yield (
            f"{gaps.unasked} groups whose instances are not what the group names were not asked"
            " for an instance refresh in flight, a call for each; ami-reactor explain GROUP asks"
        )


def _with_images(ahead: ReadAhead, status: TemplateStatus, clock: Clock) -> TemplateStatus:
    """The same, with the template's versions and the images that matter to it.

    What cannot be read is left out here: what the reactor would do says why.
    """
    selectors = read_selectors(status.template.tags, ahead.place)
    try:
        versions = ahead.versions(status.template)
        status = replace(status, template=status.template.model_copy(update={"versions": versions}))
        current_id = status.template.default.image_id
        named = ahead.images(amis((current_id, *status.running)))
        images = {image.image_id: image for image in named}
        if not isinstance(selectors, Selectors):
            return replace(status, images=images)
        seen = observe(ahead, status.template, selectors, clock)
    except (AwsRefused, AwsUnavailable):
        return status
    current = images.get(current_id or "")
    candidates, skipped = sift(selectors, current, seen.images.values(), clock.now, seen.proofs)
    candidates.sort(key=lambda image: image.order, reverse=True)
    return replace(
        status,
        images=seen.images | images,
        candidates=tuple(candidates),
        skipped=skipped,
        is_observed=True,
    )
