"""The parameters and the help of `ami-reactor resume`."""

from infra.cli.importing import importing
from infra.cli.options import (
    STACK,
    WAIT,
    OneJson,
    Profile,
    Region,
    Stack,
    TemplateName,
    Wait,
    Yes,
)


def resume(
    template: TemplateName,
    yes: Yes = False,
    wait: Wait = WAIT,
    profile: Profile = None,
    region: Region = None,
    stack: Stack = STACK,
    as_json: OneJson = False,
) -> None:
    """End the hold of a launch template, and reconcile it at once.

    Shows first what the reactor would do.

    Example: ami-reactor resume web --yes

    Exit status: 1 if the template is refused or failed, or is not done in time.
    """
    with importing():
        from infra.cli.hold import run_resume

    run_resume(
        template=template,
        yes=yes,
        wait=wait,
        profile=profile,
        region=region,
        stack=stack,
        as_json=as_json,
    )
