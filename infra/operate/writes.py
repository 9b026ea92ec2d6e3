"""What operators take away, with their own credentials: tags, and old versions.

Neither function may do any of this. What operators write is in `handlers/writes.py`.
"""

from collections.abc import Iterable

from handlers.aws_errors import translated
from handlers.paging import batches
from infra.operate.account import Account
from models.aws_limits import VERSIONS_AT_ONCE
from models.launch_template import Template


def untag(account: Account, resource_ids: Iterable[str], keys: Iterable[str]) -> None:
    listed = list(resource_ids)
    with translated(f"untagging {', '.join(listed)}"):
        account.client("ec2").delete_tags(Resources=listed, Tags=[{"Key": key} for key in keys])


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
