"""The versions of a template, with who made them and why."""

from collections.abc import Iterator

from pydantic import AliasPath, Field
from pydantic.alias_generators import to_pascal

from handlers.paging import each
from infra.operate.account import Account
from models.base import Timestamp, Value, printable
from models.version_description import RollbackOf, read_promotion, read_rollback


class VersionInfo(Value, alias_generator=to_pascal):
    """A version of a launch template: when, by whom and for what it was made."""

    version_number: int
    create_time: Timestamp
    created_by: str = ""
    version_description: str = ""
    image_id: str | None = Field(
        default=None, validation_alias=AliasPath("LaunchTemplateData", "ImageId")
    )

    @property
    def who(self) -> str:
        """Who made it, as EC2 says: `user/jane`, `assumed-role/admin/jane`, or `root`."""
        return printable(self.created_by.rpartition(":")[2]) or "a caller whom EC2 does not name"

    @property
    def is_promotion(self) -> bool:
        """Made by the function, as its description says, which names the image that it has."""
        promotion = read_promotion(self.version_description)
        return promotion is not None and promotion.taken == self.image_id

    @property
    def left_image(self) -> str | None:
        """The image that the function left for this version's, if it made it."""
        promotion = read_promotion(self.version_description)
        return promotion.left if promotion else None

    @property
    def rollback(self) -> RollbackOf | None:
        """Which rollback made it, if one did, as its description says."""
        return read_rollback(self.version_description)


def read_versions(account: Account, template_id: str, **which: object) -> Iterator[VersionInfo]:
    """The versions, a page at a time; EC2 shows the newest first."""
    for described in each(
        account.client("ec2"),
        "describe_launch_template_versions",
        "LaunchTemplateVersions",
        LaunchTemplateId=template_id,
        **which,
    ):
        yield VersionInfo.model_validate(described)
