"""Lifting a quarantine, and the mark that keeps templates from the image all the same."""

from typing import TYPE_CHECKING

from handlers.ec2 import Ec2
from infra.operate import writes
from models.launch_template import Template
from models.tags import HIGH_WATER_MARK_TAG, QUARANTINE_TAG

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mypy_boto3_ec2 import EC2Client


def moved_away(ec2: Ec2, image_id: str) -> list[Template]:
    """The templates that were on that image, as their mark says, and are on another now."""
    on_it = ec2.templates_on(image_id)
    return [
        template
        for template in ec2.opted_in_templates()
        if template.launch_template_id not in on_it
        and (mark := template.high_water_mark)
        and mark.image_id == image_id
    ]


def lift_quarantine(client: "EC2Client", image_id: str) -> None:
    writes.untag(client, [image_id], [QUARANTINE_TAG])


def clear_marks(client: "EC2Client", templates: "Iterable[Template]") -> None:
    ids = [template.launch_template_id for template in templates]
    writes.untag(client, ids, [HIGH_WATER_MARK_TAG])
