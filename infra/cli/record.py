"""`ami-reactor record`: write an account's world to a file, for replay."""

import json
from pathlib import Path

from infra.cli.account import account_of
from infra.cli.render import counted, err, out, outside, progress_line, stop
from infra.operate.account import Account
from infra.operate.find import find_template
from infra.operate.paging import Progress
from infra.replay.anonymize import Anonymous, user_data_in
from infra.replay.atomic_write import PRIVATE, CannotWrite, check_can_write, write_file
from infra.replay.record import Described, record_world


def run_record(
    *,
    to: Path,
    template: list[str] | None,
    keep_account: bool,
    force: bool,
    profile: str | None,
    region: str | None,
) -> None:
    try:
        check_can_write(to, force=force)
    except CannotWrite as error:
        stop(str(error))
    # the embedded AWS takes a second to import, and most verbs do not need it
    from infra.embedded.world.seed import BadWorld, read_world

    with account_of(profile, region) as account:
        with progress_line() as progress:
            world, left_out = _record(account, template or [], progress)
        for line in left_out:
            err.print(line, markup=False, highlight=False, soft_wrap=True)
        if not keep_account:
            world = Anonymous(account.place.account).copy_of(world)
        text = json.dumps(world, indent=2, ensure_ascii=False) + "\n"
        try:
            read_world(text, "what was read")
            write_file(to, text, mode=PRIVATE, force=force)
        except (BadWorld, CannotWrite) as error:
            stop(str(error), status=1)
        found = ", ".join(
            counted(len(world[key]), what)
            for key, what in (
                ("LaunchTemplates", "launch template"),
                ("LaunchTemplateVersions", "version"),
                ("Images", "image"),
                ("AutoScalingGroups", "group"),
            )
        )
        out.print(outside(f"{to}: {found}"), soft_wrap=True)
        _print_user_data(world)


def _record(account: Account, names: list[str], progress: Progress) -> tuple[Described, list[str]]:
    client = account.client("ec2")
    if names:
        templates = [find_template(account, name) for name in names]
    else:
        templates = account.ec2.opted_in_templates()
    if not templates:
        stop("no launch template has the tag ami-reactor: name one with --template", status=1)
    ids = list(dict.fromkeys(template.launch_template_id for template in templates))
    return record_world(client, account.client("autoscaling"), account.place, ids, progress)


def _print_user_data(world: Described) -> None:
    """Account ids are replaced in text; a person must look at what else user data holds."""
    versions, opaque = user_data_in(world)
    if versions:
        compressed = f", of which {opaque} is compressed or not text" if opaque else ""
        held = f"user data of {counted(versions, 'version')} is in it{compressed}"
        err.print(f"{held}: look before you share the file", highlight=False, soft_wrap=True)
