"""`ami-reactor hold` and `resume`: nothing moves the template meanwhile."""

import re
import unicodedata
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.text import Text

from infra.cli.account import account_of, agreed
from infra.cli.options import STACK, WAIT, Profile, Region, Stack, TemplateName, Wait, Yes
from infra.cli.reconcile import carry_out, catch_up_of, is_bad
from infra.cli.render import err, out, outside, print_json, progress_line, show_outcomes, stop
from infra.operate import writes
from infra.operate.account import Account
from infra.operate.find import find_template
from infra.operate.reconcile import left_alone
from models.base import printable
from models.launch_template import Template
from models.tags import HOLD_TAG, read_stamp, stamp


def hold(
    template: TemplateName,
    reason: Annotated[str, typer.Option(help="Why, for whoever finds it held.")],
    yes: Yes = False,
    profile: Profile = None,
    region: Region = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one object.")] = False,
) -> None:
    """Hold a launch template: nothing moves it until it is resumed.

    Writes the tag ami-reactor-state:hold, which the function's role cannot get past.

    Example: ami-reactor hold web --reason "load test until Friday" --yes
    """
    check_reason("hold", reason)
    with account_of(profile, region) as account:
        client = account.client("ec2")
        found = find_template(account, template)
        value = found.tags.get(HOLD_TAG)
        if value is not None:
            err.print("it was held already; to give another reason, resume it first")
        else:
            name = printable(found.launch_template_name)
            if not agreed(account, f"Hold {name} until somebody resumes it?", yes=yes):
                raise typer.Exit(1)
            value = stamp(who_am_i(account), reason, datetime.now(UTC))
            writes.tag(client, found.launch_template_id, {HOLD_TAG: value})
        _show(found, value, as_json=as_json)


def resume(
    template: TemplateName,
    yes: Yes = False,
    wait: Wait = WAIT,
    profile: Profile = None,
    region: Region = None,
    stack: Stack = STACK,
    as_json: Annotated[bool, typer.Option("--json", help="Print one object.")] = False,
) -> None:
    """End the hold of a launch template, and catch up at once with what was missed.

    Shows before what the reactor would do then.

    Example: ami-reactor resume web --yes

    Exit status: 1 if the template is refused or failed, or is not done in time.
    """
    with account_of(profile, region) as account:
        catch_up = catch_up_of(account, stack)
        found = find_template(account, template)
        if found.hold is None:
            _show(found, None, as_json=as_json)
            return
        tags = {key: value for key, value in found.tags.items() if key != HOLD_TAG}
        with progress_line() as progress:
            planned = catch_up.foresee([found.model_copy(update={"tags": tags})], progress)
        wanted = [outcome for outcome in planned if outcome.outcome == "promoted"]
        if not as_json:  # there, one object: what was done
            _show(found, found.tags[HOLD_TAG], as_json=False)
            show_outcomes(planned, as_json=False)
        if not agreed(account, "End the hold, so that this is done?", yes=yes):
            raise typer.Exit(1)
        writes.untag(catch_up.ec2, [found.launch_template_id], [HOLD_TAG])
        if as_json and not wanted:
            show_outcomes(map(left_alone, planned), as_json=True)
        elif not wanted:
            _show(found, None, as_json=False)
        is_well = not any(map(is_bad, planned))
        if wanted:
            is_well &= carry_out(account, catch_up, wanted, wait, as_json=as_json)
        raise typer.Exit(0 if is_well else 1)


def _show(template: Template, value: str | None, *, as_json: bool) -> None:
    held = read_stamp(value) if value is not None else None
    if as_json:
        print_json(
            {
                "launch_template_id": template.launch_template_id,
                "launch_template_name": template.launch_template_name,
                "hold": held and held.model_dump(mode="json"),
            }
        )
        return
    name = outside(template.launch_template_name, "bold")
    out.print(Text.assemble(name, " is held: " if held else " is not held", str(held or "")))


def check_reason(verb: str, reason: str) -> None:
    """A reason becomes a tag that others read: wrong ones end the command."""
    if not reason.strip():
        stop(f"{verb}: --reason must say why, for whoever finds it held")
    if any(unicodedata.category(char).startswith("C") for char in reason):
        stop(f"{verb}: --reason must be one line without control characters")


def who_am_i(account: Account) -> str:
    """The name of the user or the session, for others to ask."""
    return re.split("[/:]", account.caller)[-1]
