"""Whether EC2 launches what a launch template's default version names."""

from typing import Any

from moto.ec2.models import ec2_backends

from models.outcome import Outcome
from tests.support.builders import ACCOUNT, REGION


def refusal(ec2: Any, template_id: str) -> str | None:
    """Why EC2 refuses to launch the default version; None: it launches, and nothing stays of it."""
    backend = ec2_backends[ACCOUNT][REGION]
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
