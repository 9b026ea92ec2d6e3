"""`ami-reactor capture`: write the events that the rules matched, as files."""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from infra.cli.account import account_of
from infra.cli.files import event_files
from infra.cli.options import STACK, KeepAccount, Profile, Region, Stack, To
from infra.cli.render import err, stop
from infra.operate.stack_outputs import output_of
from infra.replay.anonymize import Anonymous
from infra.replay.capture import captured_events
from infra.replay.event_writer import event_filename

_UNITS = {"d": "days", "h": "hours", "m": "minutes"}


def capture(
    to: To,
    since: Annotated[
        str, typer.Option(metavar="TIME", help="How far back: 7d, 12h or 30m.")
    ] = "7d",
    keep_account: KeepAccount = False,
    log_group: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="The log group of captured events; by default, the one of the stack's outputs.",
            show_default=False,
        ),
    ] = None,
    profile: Profile = None,
    region: Region = None,
    stack: Stack = STACK,
) -> None:
    """Write the events that the stack's rules matched, one file each. Read-only.

    A file is named by time, type and image. `ami-reactor replay DIR --world FILE` reads them.

    Example: ami-reactor capture --since 7d --to captured
    """
    begin = datetime.now(UTC) - _duration(since)
    with account_of(profile, region) as account, event_files(to) as files:
        group = log_group or output_of(account, stack, "CapturedEventsLogGroupName", "--log-group")
        anonymous = Anonymous(account.place.account)
        with err.status("reading"):
            for event in captured_events(account.client("logs"), group, begin):
                content = event if keep_account else anonymous.copy_of(event)
                files.write(content, event_filename(event))


def _duration(text: str) -> timedelta:
    found = re.fullmatch(r"([0-9]{1,4})([dhm])", text)
    if not found:
        stop("--since: must be days, hours or minutes, such as 7d, 12h or 30m")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})
