"""A captured tag change, made in the world: from then on it has the tags that the event says."""

from typing import Any

from moto.ec2.models import ec2_backends

from models.base import Place


def write_tags(event: dict[str, Any], place: Place) -> None:
    """Write the tags that a `Tag Change on Resource` says were changed; nothing for other events.

    Each of `changed-tag-keys` gets the value that it has in `tags`, or is deleted. What is no
    resource of the world, or of another shape, is left to the function, which reads it anew.
    https://docs.aws.amazon.com/tag-editor/latest/userguide/monitor-tag-changes-rule-test.html
    """
    match event:
        case {
            "source": "aws.tag",
            "account": place.account,
            "region": place.region,
            "resources": [str(arn)],
            "detail": {"changed-tag-keys": list(changed), "tags": dict(tags)},
        }:
            ec2 = ec2_backends[place.account][place.region]
            resource_id = arn.rpartition("/")[2]
            if resource_id not in ec2.amis and resource_id not in ec2.launch_templates:
                return
            for key in filter(lambda key: isinstance(key, str), changed):
                if isinstance(value := tags.get(key), str):
                    ec2.tags[resource_id][key] = value
                else:
                    ec2.tags[resource_id].pop(key, None)
