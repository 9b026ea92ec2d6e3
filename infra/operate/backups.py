"""Whether AWS Backup keeps the images of a golden instance, or deletes them once they are copied.

A plan whose target is a logically air-gapped vault makes a temporary image of an EC2 instance: an
ordinary image with ordinary events, deleted when the copy in that vault is done.
https://docs.aws.amazon.com/aws-backup/latest/devguide/lag-vault-primary-backup.html
"""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any

from handlers.aws_errors import translated
from handlers.paging import each
from infra.operate.account import Account
from infra.operate.fleet import Fleet
from models.aws_limits import RECOVERY_POINTS_AT_ONCE
from models.base import Timestamp, Value, aws_date, printable
from models.selectors import Selectors, read_selectors
from models.tags import BACKUP_SOURCE_TAG

TEMPORARY = "DELETE_AFTER_COPY"
AIR_GAPPED = "LOGICALLY_AIR_GAPPED_BACKUP_VAULT"
MOST = 20
"""So many instances are looked at: each takes two calls."""

_SAME_NIGHT = timedelta(days=1)


class RecoveryPoint(Value):
    """A backup, as ListRecoveryPointsByResource reports it."""

    arn: str
    created: Timestamp
    vault: str
    is_air_gapped: bool

    @classmethod
    def of(cls, described: dict[str, Any]) -> "RecoveryPoint":
        return cls(
            arn=described["RecoveryPointArn"],
            created=described["CreationDate"],
            vault=described.get("BackupVaultName", ""),
            is_air_gapped=described.get("VaultType") == AIR_GAPPED,
        )


def golden_instances(fleet: Fleet) -> list[str]:
    """The instances whose images are followed: those that tags name, then those of backups."""
    named: list[str] = []
    backed_up: list[str] = []
    for status in fleet.statuses:
        selectors = read_selectors(status.template.tags, fleet.place)
        if isinstance(selectors, Selectors):
            named += sorted(selectors.source_instances)
        for image in status.candidates:
            if BACKUP_SOURCE_TAG in image.tags:
                backed_up += sorted(image.source_instances)
    return list(dict.fromkeys(named + backed_up))


def read_fate(account: Account, instance_id: str) -> str | None:
    """What is wrong with that instance's backups, in a sentence's end; None: nothing.

    Raises:
        AwsRefused: A permission is missing, for example.
        AwsUnavailable: AWS does not answer now.
    """
    client, place = account.client("backup"), account.place
    arn = f"arn:{client.meta.partition}:ec2:{place.region}:{place.account}:instance/{instance_id}"
    points = list(_points(client, arn))
    images = [point for point in points if not point.is_air_gapped]
    newest = _newest(images)
    if newest and _is_temporary(client, newest):
        image = printable(newest.arn.rpartition("/")[2])
        return f"its newest image, {image} of {aws_date(newest.created)}, is temporary"
    copy = _newest(point for point in points if point.is_air_gapped)
    if copy and (newest is None or newest.created + _SAME_NIGHT < copy.created):
        return (
            f"its newest backup, of {aws_date(copy.created)}, is in the air-gapped vault"
            f" {printable(copy.vault)} alone"
        )
    return None


def _points(client: Any, arn: str) -> Iterator[RecoveryPoint]:
    for described in each(
        client,
        "list_recovery_points_by_resource",
        "RecoveryPoints",
        ResourceArn=arn,
        PaginationConfig={"PageSize": RECOVERY_POINTS_AT_ONCE},
    ):
        yield RecoveryPoint.of(described)


def _newest(points: Iterable[RecoveryPoint]) -> RecoveryPoint | None:
    return max(points, key=lambda point: (point.created, point.arn), default=None)


def _is_temporary(client: Any, point: RecoveryPoint) -> bool:
    with translated("describing a recovery point", service="backup"):
        described = client.describe_recovery_point(
            BackupVaultName=point.vault, RecoveryPointArn=point.arn
        )
        event: object = described.get("Lifecycle", {}).get("DeleteAfterEvent")
    return event == TEMPORARY
