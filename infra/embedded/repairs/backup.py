"""AWS Backup: the recovery points of a resource, which moto does not know."""

import json
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import unquote

from moto.backup import urls
from moto.backup.responses import BackupResponse

if TYPE_CHECKING:
    from infra.embedded.repairs.answers import Repair

POINTS = "recovery_points"
"""The attribute of moto's backend that holds them; only tests make any."""


def list_recovery_points_by_resource(self: BackupResponse) -> str:
    """The recovery points of the resource. Source: API model."""
    arn = unquote(self.path.removeprefix("/resources/").rpartition("/recovery-points")[0])
    listed = [point for point in _points(self) if point["ResourceArn"] == arn]
    return json.dumps({"RecoveryPoints": listed})


def describe_recovery_point(self: BackupResponse) -> str:
    arn = unquote(self.path.partition("/recovery-points/")[2])
    found = [point for point in _points(self) if point["RecoveryPointArn"] == arn]
    return json.dumps(found[0] if found else {})


def _points(response: BackupResponse) -> list[dict[str, Any]]:
    points: list[dict[str, Any]] = vars(response.backup_backend).get(POINTS, [])
    return points


_PATHS = {
    "{0}/resources/(?P<arn>.+)/recovery-points/$": urls.response.dispatch,
    "{0}/backup-vaults/(?P<name>[^/]+)/recovery-points/(?P<arn>.+)$": urls.response.dispatch,
}

REPAIRS: "tuple[Repair, ...]" = (
    (BackupResponse, "list_recovery_points_by_resource", list_recovery_points_by_resource),
    (BackupResponse, "describe_recovery_point", describe_recovery_point),
    (cast("type", urls), "url_paths", {**_PATHS, **urls.url_paths}),
)
