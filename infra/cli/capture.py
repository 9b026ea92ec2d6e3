"""`ami-reactor capture`: write the events that the rules matched, as files."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from infra.cli.account import account_of
from infra.cli.files import event_files
from infra.cli.render import err, print_json, stop
from infra.operate.stack_outputs import output_of
from infra.replay.anonymize import Anonymous
from infra.replay.capture import captured_events
from infra.replay.event_writer import event_filename
from models.durations import read_duration


def run_capture(
    *,
    to: Path,
    since: str,
    keep_account: bool,
    log_group: str | None,
    profile: str | None,
    region: str | None,
    stack: str,
    as_json: bool,
) -> None:
    begin = datetime.now(UTC) - _duration(since)
    with account_of(profile, region) as account, event_files(to, as_json=as_json) as files:
        group = log_group or output_of(account, stack, "CapturedEventsLogGroupName", "--log-group")
        anonymous = Anonymous(account.place.account)
        with err.status("reading"):
            for event in captured_events(account.client("logs"), group, begin):
                content = event if keep_account else anonymous.copy_of(event)
                line = files.write(content, event_filename(event))
                if as_json:
                    print_json(line)


def _duration(text: str) -> timedelta:
    duration = read_duration(text)
    if duration is None:
        stop("--since: must be days, hours or minutes, such as 7d, 12h or 30m")
    return duration
