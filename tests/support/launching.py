"""Whether EC2 launches what a launch template's default version names."""

from typing import Any

from moto.ec2.models import ec2_backends

from infra.embedded.stage import Stage
from models.outcome import Outcome
from models.version_description import read_promotion
from tests.support.builders import ACCOUNT, REGION


def refusal(ec2: Any, template_id: str, account: str = ACCOUNT, region: str = REGION) -> str | None:
    """Why EC2 refuses to launch the default version; None: it launches, and nothing stays of it."""
    backend = ec2_backends[account][region]
    kept = {name: dict(getattr(backend, name)) for name in ("reservations", "volumes", "enis")}
    try:
        ec2.run_instances(
            LaunchTemplate={"LaunchTemplateId": template_id, "Version": "$Default"},
            MinCount=1,
            MaxCount=1,
        )
    except ec2.exceptions.ClientError as error:
        return str(error)
    finally:
        for name, before in kept.items():
            made = getattr(backend, name)
            for new in made.keys() - before.keys():
                del made[new]
    return None


def refusals(ec2: Any, outcome: Outcome) -> dict[str, str]:
    """Of the templates that were promoted, those from which nothing starts, and why."""
    promoted = [t.launch_template_id for t in outcome.templates if t.outcome == "promoted"]
    asked = {template_id: refusal(ec2, template_id) for template_id in promoted}
    return {template_id: why for template_id, why in asked.items() if why}


def refusals_at_the_end(staged: Stage) -> dict[str, str]:
    """Of the templates that the reactor moved last, those from which nothing starts, and why.

    What happened to the image since is not the promotion's fault: a lost image does not count.
    """
    staged.faults.clear()
    place, ec2 = staged.place, staged.session.client("ec2")
    images = ec2_backends[place.account][place.region].amis
    asked = {
        version["LaunchTemplateId"]: refusal(
            ec2, version["LaunchTemplateId"], place.account, place.region
        )
        for version in _defaults(ec2)
        if read_promotion(version.get("VersionDescription", ""))
        and (image := images.get(version["LaunchTemplateData"]["ImageId"]))
        and image.state == "available"
    }
    return {template_id: why for template_id, why in asked.items() if why}


def _defaults(ec2: Any) -> list[dict[str, Any]]:
    pages = ec2.get_paginator("describe_launch_template_versions").paginate(Versions=["$Default"])
    return [version for page in pages for version in page["LaunchTemplateVersions"]]
