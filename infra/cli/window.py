"""`ami-reactor window`: the schedules that open and close a launch template, to be deployed."""

import sys

from infra.cli.account import account_of
from infra.cli.render import stop
from infra.operate.find import find_template
from infra.operate.window import BadWindow, as_cloudformation, as_hcl, read_window


def run_window(
    *,
    template: str,
    opens: str,
    hours: int,
    timezone: str,
    hcl: bool,
    profile: str | None,
    region: str | None,
) -> None:
    try:
        window = read_window(opens, hours, timezone)
    except BadWindow as error:
        stop(f"window: {error}")
    with account_of(profile, region) as account:
        found = find_template(account, template)
        if hcl:
            partition = account.client("ec2").meta.partition
            text = as_hcl(window, found, account.place, partition)
        else:
            text = as_cloudformation(window, found, account.place)
    sys.stdout.write(text)
