"""The parameters and the help of `ami-reactor doctor`."""

from infra.cli.importing import importing
from infra.cli.options import STACK, AsJson, Profile, Region, Stack


def doctor(
    profile: Profile = None,
    region: Region = None,
    stack: Stack = STACK,
    as_json: AsJson = False,
) -> None:
    """Examine the stack, the events and every followed template, and say how to fix what is wrong.

    Read-only. What the role may do is asked of IAM, or else read from its policies.

    Example: ami-reactor doctor

    Exit status: 1 if a check fails, or could not be made.
    """
    with importing():
        from infra.cli.doctor import run_doctor

    run_doctor(profile=profile, region=region, stack=stack, as_json=as_json)
