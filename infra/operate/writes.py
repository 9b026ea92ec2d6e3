"""What operators write, with their own credentials: tags, and versions of launch templates.

The function may do none of this; its gateway is `handlers/ec2.py`.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from handlers.aws_errors import translated
from handlers.paging import batches
from infra.operate.account import Account
from models.aws_limits import VERSIONS_AT_ONCE
from models.errors import AwsRefused
from models.launch_template import Template, Version


def tag(account: Account, resource_id: str, tags: Mapping[str, str]) -> None:
    with translated(f"tagging {resource_id}"):
        account.client("ec2").create_tags(
            Resources=[resource_id], Tags=[{"Key": k, "Value": v} for k, v in tags.items()]
        )


def untag(account: Account, resource_ids: Iterable[str], keys: Iterable[str]) -> None:
    listed = list(resource_ids)
    with translated(f"untagging {', '.join(listed)}"):
        account.client("ec2").delete_tags(Resources=listed, Tags=[{"Key": key} for key in keys])


def copy_version(
    account: Account, template: Template, source: Version, description: str
) -> Version:
    """Make a new version that equals an older one.

    The snapshots of its block devices are named anew: EC2 drops those that are inherited.

    Raises:
        AwsRefused: Also if EC2 made the version with a warning, or with other data.
    """
    data: dict[str, Any] = {"ImageId": source.image_id}
    if "BlockDeviceMappings" in source.data:
        data["BlockDeviceMappings"] = source.data["BlockDeviceMappings"]
    doing = f"copying version {source.version_number} of {template.launch_template_id}"
    with translated(doing):
        answer = account.client("ec2").create_launch_template_version(
            LaunchTemplateId=template.launch_template_id,
            SourceVersion=str(source.version_number),
            LaunchTemplateData=data,  # as DescribeLaunch... printed it
            VersionDescription=description,
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


def delete_versions(
    account: Account, template: Template, numbers: Iterable[int]
) -> tuple[list[int], dict[int, str]]:
    """Delete those versions; what was deleted, and by number why the others were not."""
    deleted: list[int] = []
    kept: dict[int, str] = {}
    for batch in batches(numbers, VERSIONS_AT_ONCE):
        with translated(f"deleting versions of {template.launch_template_id}"):
            answer = account.client("ec2").delete_launch_template_versions(
                LaunchTemplateId=template.launch_template_id, Versions=[str(n) for n in batch]
            )
        deleted += [
            gone["VersionNumber"]
            for gone in answer.get("SuccessfullyDeletedLaunchTemplateVersions", [])
        ]
        for failure in answer.get("UnsuccessfullyDeletedLaunchTemplateVersions", []):
            error = failure.get("ResponseError", {})
            kept[failure["VersionNumber"]] = f"{error.get('Code')}: {error.get('Message')}"
    return deleted, kept
