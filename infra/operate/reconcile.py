"""Reconcile: ask the function to look at templates now, and watch until it has."""

import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from handlers.bus import Bus
from infra.operate.account import Account
from infra.operate.find import find_template
from infra.operate.fleet import clock_now, foreseen
from infra.operate.outcome_log import log_group_of, read_outcomes
from infra.operate.paging import Gaps, Progress
from infra.operate.read_ahead import ReadAhead
from models.launch_template import Template
from models.outcome import TemplateOutcome, as_deed

_SECONDS_BETWEEN_READS = 2
_SETTLED = ("kept", "refused")
"""What a plan says if nothing is left to do. A plan that is unknown was not read: not settled."""


def plan_by_name(account: Account, name: str | None, progress: Progress) -> list[TemplateOutcome]:
    """What the function would do about the template with that name or id; None: about all."""
    named = [find_template(account, name)] if name else account.ec2.opted_in_templates()
    return plan_reconcile(account, named, progress)


def plan_reconcile(
    account: Account, templates: Iterable[Template], progress: Progress
) -> list[TemplateOutcome]:
    """What the function would do about those templates, as they are or are supposed to be."""
    ahead = ReadAhead(account.client("ec2"), account.place, templates)
    ahead.read(progress)
    found = foreseen(ahead, clock_now()).values()
    return sorted(found, key=lambda outcome: outcome.launch_template_name)


def run_reconcile(
    account: Account, stack: str, planned: Iterable[TemplateOutcome], seconds: float
) -> Iterator[TemplateOutcome]:
    """Ask for each template, and yield each as soon as the function is done with it.

    One that it is not done with in that many seconds is never yielded.

    Args:
        account: Where the templates and the function are.
        stack: The function's. Its failures are read in its log, if that may be read.
        planned: One for each template to ask for.
        seconds: How long to watch.
    """
    bus = Bus(lambda: account.client("events"))
    since = datetime.now(UTC)
    pending = {outcome.launch_template_id: outcome for outcome in planned}
    if refused := bus.request_reconcile(list(pending)):
        raise next(iter(refused.values()))
    until = time.monotonic() + seconds
    while pending:
        for done in _done(account, stack, pending, since):
            del pending[done.launch_template_id]
            yield done
        if time.monotonic() >= until:
            return
        if pending:
            time.sleep(min(_SECONDS_BETWEEN_READS, seconds))


def _done(
    account: Account, stack: str, pending: dict[str, TemplateOutcome], since: datetime
) -> list[TemplateOutcome]:
    """Those that are where they should be, and those that the function says it failed on."""
    templates = account.ec2.opted_in_templates()
    asked = [template for template in templates if template.launch_template_id in pending]
    done = {
        now.launch_template_id: _as_done(pending[now.launch_template_id], now)
        for now in plan_reconcile(account, asked, lambda _what: None)
        if now.outcome in _SETTLED
    }
    for failure in _failures(account, stack, since):
        if failure.launch_template_id in pending:
            done.setdefault(failure.launch_template_id, failure)
    return list(done.values())


def _failures(account: Account, stack: str, since: datetime) -> list[TemplateOutcome]:
    """From the function's log; none if that may not be read."""
    return Gaps().read(
        lambda: [
            template
            for logged in read_outcomes(account, log_group_of(stack), since)
            for template in logged.outcome.templates
            if template.outcome == "failed"
        ],
        [],
    )


def _as_done(planned: TemplateOutcome, now: TemplateOutcome) -> TemplateOutcome:
    """What was planned, as it came out: with the version that is the default now."""
    if now.from_image == planned.to_image:
        return as_deed(planned).model_copy(update={"to_version": now.from_version})
    return left_alone(now)


def left_alone(planned: TemplateOutcome) -> TemplateOutcome:
    """A plan to do nothing, as a deed; what could not be read stays a plan."""
    return as_deed(planned) if planned.outcome in _SETTLED else planned


def is_ok(outcome: TemplateOutcome) -> bool:
    """Whether it was, or would be, neither refused nor failed, and could be read."""
    return outcome.outcome not in ("refused", "failed", "unknown")
