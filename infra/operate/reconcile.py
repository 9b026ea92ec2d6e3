"""The catch-up: ask the function to look at templates now, and watch until it has."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from handlers.bus import Bus
from handlers.ec2 import Ec2
from infra.operate.account import Account
from infra.operate.fleet import clock_now, foreseen
from infra.operate.outcome_log import read_outcomes
from infra.operate.paging import Gaps, Progress
from infra.operate.read_ahead import ReadAhead
from models.base import Place
from models.launch_template import Template
from models.outcome import TemplateOutcome, as_deed

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_events import EventBridgeClient

_SECONDS_BETWEEN_LOOKS = 2
_SETTLED = ("kept", "refused")
"""What a plan says where nothing is left to do. That we could not look is no such thing."""


@dataclass(frozen=True)
class CatchUp:
    """What a catch-up needs.

    Attributes:
        log_group: Where the function logs its outcomes; its failures are read there.
    """

    ec2: "EC2Client"
    events: "EventBridgeClient"
    account: Account
    place: Place
    log_group: str

    def foresee(self, templates: Iterable[Template], progress: Progress) -> list[TemplateOutcome]:
        """What the function would do about those templates, as they are or are supposed to be."""
        ahead = ReadAhead(self.ec2, self.place, templates)
        ahead.read(progress)
        found = foreseen(ahead, clock_now()).values()
        return sorted(found, key=lambda outcome: outcome.launch_template_name)

    def run(self, planned: Iterable[TemplateOutcome], seconds: float) -> Iterator[TemplateOutcome]:
        """Ask for each template, and yield each as soon as the function is done with it.

        One that it is not done with in that many seconds is never yielded.
        """
        bus = Bus(lambda: self.events)
        since = datetime.now(UTC)
        pending = {outcome.launch_template_id: outcome for outcome in planned}
        if refused := bus.request_reconcile(list(pending)):
            raise next(iter(refused.values()))
        until = time.monotonic() + seconds
        while pending:
            for done in self._done(pending, since):
                del pending[done.launch_template_id]
                yield done
            if time.monotonic() >= until:
                return
            if pending:
                time.sleep(min(_SECONDS_BETWEEN_LOOKS, seconds))

    def _done(self, pending: dict[str, TemplateOutcome], since: datetime) -> list[TemplateOutcome]:
        """Those that the world says are done, and those that the function says it failed on."""
        templates = Ec2(self.ec2, self.place).opted_in_templates()
        now = self.foresee([t for t in templates if t.launch_template_id in pending], _silently)
        done = {
            template.launch_template_id: _as_done(pending[template.launch_template_id], template)
            for template in now
            if template.outcome in _SETTLED
        }
        for failure in self._failures(since):
            if failure.launch_template_id in pending:
                done.setdefault(failure.launch_template_id, failure)
        return list(done.values())

    def _failures(self, since: datetime) -> list[TemplateOutcome]:
        """From the function's log; nothing where that may not be read."""
        found: list[TemplateOutcome] = []
        Gaps().unless(
            lambda: found.extend(
                template
                for logged in read_outcomes(self.account, self.log_group, since)
                for template in logged.outcome.templates
                if template.outcome == "failed"
            )
        )
        return found


def _silently(_what: str) -> None:
    """Whoever watches is told of what is done."""


def _as_done(planned: TemplateOutcome, now: TemplateOutcome) -> TemplateOutcome:
    """What was planned, as it came out: with the version in force now."""
    if now.from_image == planned.to_image:
        return as_deed(planned).model_copy(update={"to_version": now.from_version})
    return left_alone(now)


def left_alone(planned: TemplateOutcome) -> TemplateOutcome:
    """A plan to do nothing, as a deed; what was not seen stays a plan."""
    return as_deed(planned) if planned.outcome in _SETTLED else planned
