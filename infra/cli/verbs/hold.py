"""The parameters and the help of `ami-reactor hold`."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from infra.cli.importing import importing
from infra.cli.options import STACK, OneJson, Profile, Region, Stack, TemplateName, Yes, one_line


def _a_coming_time(value: str | None) -> str | None:
    from infra.cli.render import stop

    if value is None:
        return None
    try:
        until = datetime.fromisoformat(value)
        is_past = until <= datetime.now(UTC)
        until.astimezone(UTC)
    except (ValueError, TypeError, OverflowError):  # no date; no zone; the last day of 9999
        stop("hold: --until must be a time with its zone, such as 2026-12-04T18:00+09:00")
    if is_past:
        stop(f"hold: --until must be in the future: {until:%Y-%m-%d %H:%M%z} is over")
    return value


def hold(
    template: TemplateName,
    reason: Annotated[
        str, typer.Option(help="Why: others see it in status and explain.", callback=one_line)
    ],
    until: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="When the hold ends by itself, with its zone, such as 2026-12-04T18:00+09:00 or"
            " 2026-12-04T09:00Z; by default it stays until it is resumed.",
            callback=_a_coming_time,
            show_default=False,
        ),
    ] = None,
    yes: Yes = False,
    profile: Profile = None,
    region: Region = None,
    stack: Stack = STACK,
    as_json: OneJson = False,
) -> None:
    """Hold a launch template: nothing moves it until it is resumed.

    Writes the tag ami-reactor-state:hold. IAM denies the function a change of a template with it.

    --until makes a one-time schedule of EventBridge Scheduler, which deletes this hold, and no
    newer one, and then itself. It runs with the stack's role EndHoldRole, which you pass to it:
    scheduler:CreateSchedule and iam:PassRole are needed.

    Example: ami-reactor hold web --reason "load test" --until 2026-12-04T18:00+09:00 --yes
    """
    with importing():
        from infra.cli.hold import run_hold

    run_hold(
        template=template,
        reason=reason,
        until=datetime.fromisoformat(until) if until else None,
        yes=yes,
        profile=profile,
        region=region,
        stack=stack,
        as_json=as_json,
    )
