"""AWS Backup, as far as it makes an image: one on-demand job, with its events in AWS's order.

The image has Backup's own name and tags, and is a recovery point. The events' fields are those of
`tests/events/`. Sources: https://docs.aws.amazon.com/aws-backup/latest/devguide/eventbridge.html
and https://docs.aws.amazon.com/aws-backup/latest/devguide/tags-on-backups.html
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from moto.backup.models import backup_backends
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models import ec2_backends
from moto.ec2.models.amis import Ami
from moto.moto_api._internal import mock_random
from moto.utilities.utils import get_partition
from werkzeug.wrappers import Request, Response

from infra.embedded.bodies import BadRequest, json_of, with_keys
from infra.embedded.repairs.backup import POINTS
from infra.embedded.repairs.images import described
from infra.embedded.stage import Stage
from models.base import Place, aws_date, printable

_STATE_CHANGE = "Backup Job State Change"
_VAULT = "Default"  # which AWS Backup makes in each account
_SHAPE = 'must be {"instance_id": "i-0b2e25be910fac823"}'
_GIB = 1024**3  # bytes


def answer_of_backups(request: Request, staged: Stage) -> Any:
    """POST backs an instance up; the answer is the job and its image."""
    if request.method != "POST":
        return Response("the method must be POST\n", status=405)
    instance_id = with_keys(json_of(request, _SHAPE), _SHAPE, {"instance_id"})["instance_id"]
    if not isinstance(instance_id, str):
        raise BadRequest(f"instance_id: must be an instance's id; {_SHAPE}")
    try:
        return back_up(staged, instance_id)
    except EC2ClientError:
        named = printable(instance_id[:100])
        raise BadRequest(f"instance_id: must be that of an instance: there is no {named}") from None


def back_up(staged: Stage, instance_id: str) -> dict[str, str]:
    """Make an image of the instance, as a job of AWS Backup does.

    Raises:
        EC2ClientError: There is no such instance.
    """
    ec2_backends[staged.place.account][staged.place.region].get_instance(instance_id)
    job = _Job(staged.place, instance_id, str(mock_random.uuid4()), staged.clock.now())
    _put(staged, job.created)
    _put(staged, job.running)
    with staged.emitter.gathered():
        image = job.make_image()
    _put(staged, job.completed(image, staged.clock.now()), f"{job.arn('ec2', '')}:image/{image.id}")
    return {"backup_job_id": job.id, "image_id": image.id}


def _put(staged: Stage, detail: dict[str, Any], *arns: str) -> None:
    staged.emitter.put_event("aws.backup", _STATE_CHANGE, detail, *arns)


@dataclass(frozen=True)
class _Job:
    place: Place
    instance_id: str
    id: str
    begun: datetime

    def arn(self, service: str, account: str | None = None, region: str | None = None) -> str:
        """The beginning of an ARN, up to the account."""
        place = self.place
        account = place.account if account is None else account
        region = place.region if region is None else region
        return f"arn:{get_partition(place.region)}:{service}:{region}:{account}"

    @property
    def instance_arn(self) -> str:
        return f"{self.arn('ec2')}:instance/{self.instance_id}"

    @property
    def created(self) -> dict[str, Any]:
        """AWS's own example has these three fields."""
        begun = aws_date(self.begun)
        return {"backupJobId": self.id, "state": "CREATED", "creationDate": begun}

    @property
    def running(self) -> dict[str, Any]:
        return self.created | {
            "state": "RUNNING",
            "backupVaultArn": f"{self.arn('backup')}:backup-vault:{_VAULT}",
            "backupVaultName": _VAULT,
            "bytesTransferred": "0",
            "iamRoleArn": f"{self.arn('iam', region='')}:role/service-role/{_ROLE}",
            "resourceArn": self.instance_arn,
            "resourceType": "EC2",
            "startBy": aws_date(self.begun + timedelta(hours=8)),
            "percentDone": 0,
        }

    def completed(self, image: Ami, now: datetime) -> dict[str, Any]:
        mappings = described(image).get("BlockDeviceMappings", [])
        size = sum(int(mapping.get("Ebs", {}).get("VolumeSize", 0)) for mapping in mappings)
        return self.running | {
            "state": "COMPLETED",
            "backupSizeInBytes": str(size * _GIB),
            "bytesTransferred": str(size * _GIB),
            "completionDate": aws_date(now),
            "percentDone": 100,
        }

    def make_image(self) -> Ami:
        """The image, with the instance's tags and Backup's own, kept as a recovery point."""
        ec2 = ec2_backends[self.place.account][self.place.region]
        name = f"AwsBackup_{self.instance_id}_{self.id}"
        image = ec2.create_image(self.instance_id, name, _DESCRIPTION, [])
        own = ec2.tags.get(self.instance_id, {})
        copied = {key: value for key, value in own.items() if not key.startswith("aws:")}
        image.add_tags({**copied, "aws:backup:source-resource": self.instance_arn})
        point = {
            "RecoveryPointArn": f"{self.arn('ec2', '')}:image/{image.id}",
            "ResourceArn": self.instance_arn,
            "CreationDate": self.begun.timestamp(),
            "BackupVaultName": _VAULT,
            "VaultType": "BACKUP_VAULT",
        }
        backend = backup_backends[self.place.account][self.place.region]
        vars(backend).setdefault(POINTS, []).append(point)
        return image


_DESCRIPTION = "This image is created by the AWS Backup service."
_ROLE = "AWSBackupDefaultServiceRole"
