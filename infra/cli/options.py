"""The options that several verbs share."""

import unicodedata
from pathlib import Path
from typing import Annotated, Any

import typer

from infra.cli.completion import offer_templates

Profile = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="The AWS profile to use.",
        envvar="AMI_REACTOR_PROFILE",
        show_default=False,
    ),
]
Region = Annotated[
    str | None,
    typer.Option(
        metavar="REGION",
        help="The AWS Region to use.",
        envvar="AMI_REACTOR_REGION",
        show_default=False,
    ),
]
TemplateNames = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="TEMPLATE",
        help="Only these: names, ids or how an id begins; * and ? stand for any characters.",
        show_default=False,
        autocompletion=offer_templates,
    ),
]
Profiles = Annotated[
    str | None,
    typer.Option(
        metavar="A,B,C",
        envvar="AMI_REACTOR_PROFILE",
        help="AWS profiles, read side by side.",
        show_default=False,
    ),
]
RoleArns = Annotated[
    list[str] | None,
    typer.Option(
        metavar="ARN",
        help="Take this role with the profile's credentials; may be repeated.",
        show_default=False,
    ),
]
Regions = Annotated[
    str | None,
    typer.Option(
        metavar="A,B,C",
        envvar="AMI_REACTOR_REGION",
        help="AWS Regions, read side by side.",
        show_default=False,
    ),
]
STACK = "ami-reactor"
Stack = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="The CloudFormation stack that was deployed.",
        envvar="AMI_REACTOR_STACK",
    ),
]
TemplateName = Annotated[
    str,
    typer.Argument(
        metavar="TEMPLATE",
        help="Its name, its id or how that begins.",
        autocompletion=offer_templates,
    ),
]
ImageId = Annotated[str, typer.Argument(metavar="IMAGE", help="The image's id, or how it begins.")]
JsonPlan = Annotated[
    bool, typer.Option("--json", help="Print JSON Lines; a plan has planned: true.")
]
Yes = Annotated[bool, typer.Option("--yes", help="Apply without asking.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON Lines.")]
OneJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Wait = Annotated[
    float,
    typer.Option(
        metavar="SECONDS", min=0, help="How long to watch the function at work; 0: not at all."
    ),
]
WAIT = 210.0  # seconds; Lambda's own second try comes after one minute, its third after two more
Force = Annotated[bool, typer.Option("--force", help="Replace the file if it exists already.")]
To = Annotated[Path, typer.Option("--to", metavar="DIR", help="The folder to write into.")]
KeepAccount = Annotated[
    bool,
    typer.Option("--keep-account", help="Write account ids as they are, not as 111122223333."),
]


def one_line(context: typer.Context, reason: str) -> str:
    """A reason becomes a tag that others read: a wrong one ends the command."""
    if context.resilient_parsing:  # a shell's completion
        return reason
    from infra.cli.render import stop

    if not reason.strip():
        stop(f"{context.info_name}: --reason must say why")
    _refuse_controls(context, "--reason", reason, "C")
    return reason


def without_controls(context: typer.Context, param: typer.CallbackParam, value: Any) -> Any:
    """What becomes a tag is compared with images: a line break would match none."""
    if not context.resilient_parsing:
        for text in [value] if isinstance(value, str) else value or []:
            _refuse_controls(context, param.opts[0], text, "Cc")
    return value


def _refuse_controls(context: typer.Context, flag: str, text: str, category: str) -> None:
    """End the command if the text has a character of that Unicode category."""
    if any(unicodedata.category(char).startswith(category) for char in text):
        from infra.cli.render import stop

        stop(f"{context.info_name}: {flag} must be one line without control characters")
