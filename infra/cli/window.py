"""`ami-reactor window`: the schedules that open and close a launch template, to be deployed."""

import sys

from infra.cli.account import account_of
from infra.cli.render import print_json, stop
from infra.operate.find import find_template
from infra.operate.window import (
    BadWindow,
    Window,
    WindowLine,
    as_cloudformation,
    as_hcl,
    read_window,
)
from models.base import Place
from models.launch_template import Template


def run_window(
    *,
    template: str,
    opens: str,
    hours: int,
    timezone: str,
    hcl: bool,
    profile: str | None,
    region: str | None,
    as_json: bool,
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
        if as_json:
            print_json(_line(window, found, account.place, text, hcl=hcl))
        else:
            sys.stdout.write(text)


def _line(window: Window, template: Template, place: Place, text: str, *, hcl: bool) -> WindowLine:
    return WindowLine(
        account=place.account,
        region=place.region,
        launch_template_id=template.launch_template_id,
        launch_template_name=template.launch_template_name,
        opens=window.opens,
        closes=window.closes,
        timezone=window.timezone,
        language="hcl" if hcl else "cloudformation",
        text=text,
    )
