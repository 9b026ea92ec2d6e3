"""The parameters and the help of `ami-reactor follow`."""

from typing import Annotated

import typer

from infra.cli.completion import offer_templates
from infra.cli.importing import importing
from infra.cli.options import (
    STACK,
    WAIT,
    JsonPlan,
    Profile,
    Region,
    Stack,
    TemplateName,
    Wait,
    Yes,
    without_controls,
)


def follow(
    template: TemplateName,
    source_instance: Annotated[
        list[str] | None,
        typer.Option(metavar="ID", help="Images made from this instance, or one of these."),
    ] = None,
    image_tag: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="Images with this tag.", callback=without_controls),
    ] = None,
    image_name: Annotated[
        str | None,
        typer.Option(
            metavar="GLOB",
            help="Images whose name matches: * and ? are wild.",
            callback=without_controls,
        ),
    ] = None,
    copied_images: Annotated[
        bool, typer.Option("--copied-images", help="Images made by CopyImage may be taken too.")
    ] = False,
    soak: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Only once an image is that old: 45m, 36h, 3d."),
    ] = None,
    after: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TEMPLATE",
            help="Only once the reactor moved this launch template to the image.",
            autocompletion=offer_templates,
        ),
    ] = None,
    gate: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUE",
            help="Only once the image has this tag.",
            callback=without_controls,
        ),
    ] = None,
    on_trouble: Annotated[
        str | None,
        typer.Option(
            metavar="hold|go-back",
            help="If the image fails, the guard holds the template, or also goes back.",
        ),
    ] = None,
    observe: Annotated[
        bool, typer.Option("--observe", help="Decide and report only, never write.")
    ] = False,
    hcl: Annotated[bool, typer.Option("--hcl", help="Print it as Terraform.")] = False,
    cloudformation: Annotated[
        bool, typer.Option("--cloudformation", help="Print it as CloudFormation.")
    ] = False,
    yes: Yes = False,
    wait: Wait = WAIT,
    profile: Profile = None,
    region: Region = None,
    stack: Stack = STACK,
    as_json: JsonPlan = False,
) -> None:
    """Have a launch template follow images: shows what that would match and move.

    With --yes the tags are written, in place of its earlier selectors, and the function
    reconciles it. With --soak, --after or --gate an image that matches waits before it is taken.

    Example: ami-reactor follow web --source-instance i-0b2e25be910fac823 --yes
    """
    with importing():
        from infra.cli.follow import run_follow

    run_follow(
        template=template,
        source_instance=source_instance,
        image_tag=image_tag,
        image_name=image_name,
        copied_images=copied_images,
        soak=soak,
        after=after,
        gate=gate,
        on_trouble=on_trouble,
        observe=observe,
        hcl=hcl,
        cloudformation=cloudformation,
        yes=yes,
        wait=wait,
        profile=profile,
        region=region,
        stack=stack,
        as_json=as_json,
    )
