"""`ami-reactor doctor`: is everything there for events to become versions?"""

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

import typer
from rich.table import Table
from rich.text import Text

from infra.cli.account import account_of
from infra.cli.options import STACK, AsJson, Profile, Region, Stack
from infra.cli.render import out, outside, print_json
from infra.cli.status import count_dead_letters, fleet_of
from infra.operate import doctor as examining
from infra.operate.account import Account
from infra.operate.doctor import NOT_DEPLOYED, Check, Deployment, State, examined
from infra.operate.outcome_log import log_group_of, read_outcomes

if TYPE_CHECKING:
    from infra.operate.fleet import Fleet

_STYLES = {
    State.WELL: "green",
    State.LOOK: "yellow",
    State.BAD: "bold red",
    State.UNKNOWN: "bold yellow",
}


def doctor(
    profile: Profile = None,
    region: Region = None,
    stack: Stack = STACK,
    as_json: AsJson = False,
) -> None:
    """Examine the stack, the events and every followed template; say how to mend what is wrong.

    Read-only. What the role may do is asked of IAM, or else read from its policies.

    Example: ami-reactor doctor

    Exit status: 1 if something is bad, or may not be looked at.
    """
    with account_of(profile, region) as account:
        if not as_json:
            out.print(Text(str(account), "bold"))
        is_well = True
        for check in _checks(account, stack):
            is_well &= check.state in (State.WELL, State.LOOK)
            if as_json:
                print_json(check.model_dump(mode="json"))
            else:
                _show(check)
        raise typer.Exit(0 if is_well else 1)


def _show(check: Check) -> None:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(min_width=7)
    table.add_column(overflow="fold")
    table.add_row(Text(check.state, _STYLES[check.state]), outside(check.what))
    out.print(table)
    if check.fix:  # never folded: it is there to be copied
        out.print(outside(f"{'':9}fix: {check.fix}", "italic"), soft_wrap=True)


def _checks(account: Account, stack: str) -> Iterator[Check]:
    deployment = Deployment(
        stack,
        account.client("cloudformation"),
        account.client("events"),
        account.client("lambda"),
        account.client("iam"),
    )
    of_the_stack = list(examined(deployment.stack_is_there, "stack", "the stack"))
    yield from of_the_stack
    if not any(check.fix == NOT_DEPLOYED for check in of_the_stack):
        yield from _deployed(account, stack, deployment)
    yield from _templates(account)


def _deployed(account: Account, stack: str, deployment: Deployment) -> Iterator[Check]:
    yield from examined(deployment.rules_wake_the_function, "rules", "the rules")
    yield from examined(deployment.function_can_run, "function", "the function")
    yield from examined(deployment.failures_are_kept, "failures", "its on-failure destination")
    yield from examined(deployment.function_may_act, "permissions", "what its role may do")
    yield from examined(lambda: _queue(account, stack), "dead-letters", "the dead-letter queue")
    yield from examined(lambda: _events(account, stack), "events", "the function's log")


def _queue(account: Account, stack: str) -> Iterator[Check]:
    return examining.queue_is_empty(count_dead_letters(account, stack))


def _events(account: Account, stack: str) -> Iterator[Check]:
    since = datetime.now(UTC) - examining.EVENTS_WITHIN
    logged = read_outcomes(account, log_group_of(stack), since)
    return examining.events_arrive(logged)


def _templates(account: Account) -> Iterator[Check]:
    fleets: list[Fleet] = []  # read once, for two checks

    def sound() -> Iterator[Check]:
        fleet = fleet_of(account)
        fleets.append(fleet)
        yield from examining.fleet_is_sound(fleet)
        for gap in fleet.gaps:
            yield Check(state=State.UNKNOWN, what=gap)
        for note in fleet.notes:
            yield Check(state=State.LOOK, what=note)

    yield from examined(sound, "templates", "the templates")
    for fleet in fleets:
        last = partial(examining.backups_last, account, fleet)
        yield from examined(last, "backups", "the backups of golden instances")
