"""The timeline of each template of a fleet."""

from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

from infra.operate.account import Account
from infra.operate.fleet import Fleet
from infra.operate.history import read_history, read_log
from infra.operate.paging import Gaps, Progress
from infra.operate.timeline import Timeline, timeline_of
from models.launch_template import Template

_VERSIONS = 20  # the newest of each template


def with_timelines(
    account: Account, fleet: Fleet, progress: Progress, *, stack: str, now: datetime
) -> Fleet:
    """The same, with what became of each template: the calls of `history`, a few for each."""
    gaps = Gaps(fleet.gaps)
    statuses = []
    for number, status in enumerate(fleet.statuses, start=1):
        progress(f"timelines, template {number} of {len(fleet.statuses)}")
        read = partial(_timeline, account, status.template, stack, now, gaps)
        statuses.append(replace(status, timeline=gaps.read(read, None)))
    return replace(fleet, statuses=tuple(statuses), gaps=tuple(dict.fromkeys(gaps)))


def _timeline(
    account: Account, template: Template, stack: str, now: datetime, gaps: Gaps
) -> Timeline:
    since = datetime.fromtimestamp(0, UTC)  # as far back as the log goes
    log = read_log(account, stack, template, since, gaps)
    return timeline_of(template, read_history(account, template, _VERSIONS, log), log, now)
