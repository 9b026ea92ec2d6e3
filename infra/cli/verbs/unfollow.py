"""The parameters and the help of `ami-reactor unfollow`."""

from infra.cli.importing import importing
from infra.cli.options import JsonPlan, Profile, Region, TemplateName, Yes


def unfollow(
    template: TemplateName,
    yes: Yes = False,
    profile: Profile = None,
    region: Region = None,
    as_json: JsonPlan = False,
) -> None:
    """Have a launch template follow no images any more: shows which tags that removes.

    These are the tag ami-reactor and all that begin with ami-reactor: and say what to follow. What
    begins with ami-reactor-state: stays, so that a later follow keeps a hold and never goes back
    behind the high-water mark. Versions, groups and instances stay as they are. Tags that Terraform
    writes come back with its next apply: remove them there too.

    Example: ami-reactor unfollow web --yes
    """
    with importing():
        from infra.cli.unfollow import run_unfollow

    run_unfollow(template=template, yes=yes, profile=profile, region=region, as_json=as_json)
