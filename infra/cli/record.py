"""`ami-reactor record`: write an account's world to a file, for replay."""

import json
from pathlib import Path

import typer

from infra.cli.account import account_of
from infra.cli.render import counted, err, out, outside, print_json, progress_line, stop
from infra.operate.account import Account
from infra.operate.find import find_template, with_canaries
from infra.operate.paging import Progress
from infra.replay.anonymize import Anonymous
from infra.replay.atomic_write import PRIVATE, CannotWrite, check_can_write, write_file
from infra.replay.pasted import BadPaste, read_pasted
from infra.replay.record import (
    Described,
    RecordLine,
    record_chains,
    record_line,
    record_world,
)
from models.base import printable


def run_record(
    *,
    to: Path,
    from_files: Path | None,
    template: list[str] | None,
    keep_account: bool,
    force: bool,
    profile: str | None,
    region: str | None,
    as_json: bool,
) -> None:
    try:
        check_can_write(to, force=force)
    except CannotWrite as error:
        stop(str(error))
    if from_files is not None:
        try:
            world, notes = read_pasted(from_files, template or [], region)
        except BadPaste as error:
            for line in str(error).splitlines():
                err.print(
                    f"ami-reactor: {printable(line)}", markup=False, highlight=False, soft_wrap=True
                )
            raise typer.Exit(2) from None
    else:
        with account_of(profile, region) as account, progress_line() as progress:
            world, notes = _record(account, template or [], progress)
    for line in notes:
        err.print(line, markup=False, highlight=False, soft_wrap=True)
    _write(to, world, keep_account=keep_account, force=force, as_json=as_json)


def _write(to: Path, world: Described, *, keep_account: bool, force: bool, as_json: bool) -> None:
    # the embedded AWS takes a second to import, and most verbs do not need it
    from infra.embedded.world.seed import BadWorld, read_world
    from infra.embedded.world.stacks import is_unchanged

    for stack in [one for one in world.get("Stacks", []) if not is_unchanged(one)]:
        world["Stacks"].remove(stack)
        why = "its parameters are not those of infra/chains"
        err.print(outside(f"left out, the chain {stack['StackName']}: {why}"), soft_wrap=True)
    if not keep_account:
        world = Anonymous(world["Account"]).copy_of(world)
    text = json.dumps(world, indent=2, ensure_ascii=False) + "\n"
    try:
        left_out = read_world(text, "what was read").left_out
        write_file(to, text, mode=PRIVATE, force=force)
    except (BadWorld, CannotWrite) as error:
        stop(str(error), status=1)
    for left in left_out:
        err.print(left, markup=False, highlight=False, soft_wrap=True)
    line = record_line(str(to), world)
    if as_json:
        print_json(line)
    else:
        counts = (
            (line.launch_templates, "launch template"),
            (line.versions, "version"),
            (line.images, "image"),
            (line.groups, "group"),
        )
        found = ", ".join(counted(number, what) for number, what in counts)
        out.print(outside(f"{to}: {found}"), soft_wrap=True)
    _print_user_data(line)


def _record(account: Account, names: list[str], progress: Progress) -> tuple[Described, list[str]]:
    client = account.client("ec2")
    if names:
        templates = with_canaries(account, [find_template(account, name) for name in names])
    else:
        templates = account.ec2.opted_in_templates()
    if not templates:
        stop("no launch template has the tag ami-reactor: name one with --template", status=1)
    ids = list(dict.fromkeys(template.launch_template_id for template in templates))
    world, notes = record_world(client, account.client("autoscaling"), account.place, ids, progress)
    progress("the stacks of chains")
    world["Stacks"], left_out = record_chains(account.client("cloudformation"), world)
    return world, notes + left_out


def _print_user_data(line: RecordLine) -> None:
    """Account ids are replaced in text; a person must look at what else user data holds."""
    if line.user_data:
        opaque = line.opaque_user_data
        compressed = f", of which {opaque} is compressed or not text" if opaque else ""
        held = f"user data of {counted(line.user_data, 'version')} is in it{compressed}"
        err.print(f"{held}: look before you share the file", highlight=False, soft_wrap=True)
