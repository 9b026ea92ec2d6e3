"""What a rollback writes: tags, and copies of versions. Operators and the guard use it.

The reactor's own gateway is `handlers/ec2.py`; nothing that the reactor imports may import this.
"""

from collections.abc import Mapping
from typing import Any

from handlers.aws_errors import translated
from handlers.ec2 import Ec2
from models.errors import AwsRefused
from models.launch_template import Template, Version


def tag(ec2: Ec2, resource_id: str, tags: Mapping[str, str]) -> None:
    """Write tags on a launch template or an image.

    Raises:
        AwsRefused, AwsUnavailable: They may have been written nevertheless, if no answer came.
    """
    with translated(f"tagging {resource_id}"):
        ec2.client.create_tags(
            Resources=[resource_id], Tags=[{"Key": k, "Value": v} for k, v in tags.items()]
        )


def copy_version(
    ec2: Ec2, template: Template, source: Version, description: str, token: str | None = None
) -> Version:
    """Make a new version that equals an older one.

    The snapshots of its block devices are named anew: EC2 drops those that are inherited.

    Args:
        ec2: Where the template is.
        template: The template.
        source: The version to copy.
        description: Of the new version.
        token: Asked again with the same one, EC2 makes no second version.

    Raises:
        AwsRefused: Also if EC2 made the version with a warning, or with other data.
    """
    data: Any = {"ImageId": source.image_id}
    if "BlockDeviceMappings" in source.data:
        data["BlockDeviceMappings"] = source.data["BlockDeviceMappings"]
    once: Any = {"ClientToken": token} if token else {}
    doing = f"copying version {source.version_number} of {template.launch_template_id}"
    with translated(doing):
        answer = ec2.client.create_launch_template_version(
            LaunchTemplateId=template.launch_template_id,
            SourceVersion=str(source.version_number),
            LaunchTemplateData=data,  # as DescribeLaunch... printed it
            VersionDescription=description,
            **once,
        )
        made = Version.model_validate(answer["LaunchTemplateVersion"])
    warnings = answer.get("Warning", {}).get("Errors", [])
    if warnings or not made.equals(source):
        codes = ", ".join(warning.get("Code", "no code") for warning in warnings)
        raise AwsRefused(
            f"{doing}: version {made.version_number} is no faithful copy"
            + (f": EC2 warned: {codes}" if codes else "")
        )
    return made
