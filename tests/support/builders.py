"""Builders with a default for everything: a test says only what it is about."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from models.base import aws_date

ACCOUNT = "111122223333"
REGION = "ap-northeast-2"
INSTANCE = "i-0b2e25be910fac823"
TEMPLATE = "lt-0123456789abcdef0"
OTHER_TEMPLATE = "lt-0fedcba9876543210"

OLD = "ami-04555b9b3720fcb7f"
NEW = "ami-0a1b2c3d4e5f60718"
NEWER = "ami-0f00d00000000000a"

NOON = datetime(2026, 6, 15, 12, tzinfo=UTC)
FOLLOWS_INSTANCE = {"ami-reactor": "on", "ami-reactor:source-instance": INSTANCE}
HELD = {"ami-reactor-state:hold": "jane: load test"}
QUARANTINED = {"ami-reactor-state:quarantine": "kernel panic"}


def at(hours: float) -> str:
    """A date of AWS's, so many hours after noon of 2026-06-15."""
    return aws_date(NOON + timedelta(hours=hours))


def tag_list(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def an_image(
    image_id: str, hours: float = 0, *, tags: dict[str, str] | None = None, **fields: Any
) -> dict[str, Any]:
    """An available image of the golden instance, made so many hours after noon."""
    return {
        "ImageId": image_id,
        "Name": f"AwsBackup_{INSTANCE}_{image_id}",
        "CreationDate": at(hours),
        "State": "available",
        "OwnerId": ACCOUNT,
        "SourceInstanceId": INSTANCE,
        "Tags": tag_list(tags or {}),
        **fields,
    }


def a_volume(device: str, size: int | None = None, snapshot: str | None = None) -> dict[str, Any]:
    """A block device mapping, of an image or of a version."""
    ebs = {"VolumeSize": size, "SnapshotId": snapshot}
    return {"DeviceName": device, "Ebs": {k: v for k, v in ebs.items() if v is not None}}


def a_template(
    template_id: str = TEMPLATE,
    name: str = "web",
    *,
    default: int = 1,
    tags: dict[str, str] | None = None,
) -> dict[str, Any]:
    return {
        "LaunchTemplateId": template_id,
        "LaunchTemplateName": name,
        "DefaultVersionNumber": default,
        "Tags": tag_list(FOLLOWS_INSTANCE if tags is None else tags),
    }


def a_version(
    image_id: str | None = OLD,
    number: int = 1,
    *,
    template_id: str = TEMPLATE,
    hours: float = -24,
    **data: Any,
) -> dict[str, Any]:
    image = {"ImageId": image_id} if image_id else {}
    return {
        "LaunchTemplateId": template_id,
        "VersionNumber": number,
        "CreateTime": at(hours),
        "LaunchTemplateData": {"InstanceType": "t3.micro", "KeyName": "ops", **image, **data},
    }


def a_world(
    *images: dict[str, Any],
    templates: list[dict[str, Any]] | None = None,
    versions: list[dict[str, Any]] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """One template that follows the golden instance and is on OLD; by default NEW is there too."""
    return {
        "Account": ACCOUNT,
        "Region": REGION,
        "Images": list(images) or [an_image(OLD), an_image(NEW, hours=1)],
        "LaunchTemplates": [a_template()] if templates is None else templates,
        "LaunchTemplateVersions": [a_version()] if versions is None else versions,
        **more,
    }


def a_chain(name: str = "refresh", **parameters: str) -> dict[str, Any]:
    """The stack of a chain, which by default refreshes the group web."""
    given = {"LaunchTemplateId": TEMPLATE, "AutoScalingGroupNames": "web"} | parameters
    return {
        "StackName": f"web-{name}",
        "Parameters": [{"ParameterKey": k, "ParameterValue": v} for k, v in given.items()],
        "Outputs": [{"OutputKey": "AmiReactorChain", "OutputValue": f"{name} {TEMPLATE} web"}],
    }


def an_event(source: str, detail_type: str, arn: str | None, **detail: Any) -> dict[str, Any]:
    return {
        "version": "0",
        "id": "dafac799-9b88-0134-26b7-fef4d54a134f",
        "detail-type": detail_type,
        "source": source,
        "account": ACCOUNT,
        "time": at(1).replace(".000", ""),
        "region": REGION,
        "resources": [arn] if arn else [],
        "detail": detail,
    }


def image_arn(image_id: str) -> str:
    return f"arn:aws:ec2:{REGION}::image/{image_id}"


def template_arn(template_id: str) -> str:
    return f"arn:aws:ec2:{REGION}:{ACCOUNT}:launch-template/{template_id}"


def backup_completed(image_id: str | None = NEW, instance_id: str = INSTANCE) -> dict[str, Any]:
    return an_event(
        "aws.backup",
        "Backup Job State Change",
        image_arn(image_id) if image_id else None,
        state="COMPLETED",
        resourceType="EC2",
        resourceArn=f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/{instance_id}",
    )


def ami_state(image_id: str = NEW, state: str = "available") -> dict[str, Any]:
    arn = image_arn(image_id)
    detail = {"RequestId": "9dcc0001", "ImageId": image_id, "State": state, "ErrorMessage": ""}
    return an_event("aws.ec2", "EC2 AMI State Change", arn, **detail)


def tags_changed(arn: str, *keys: str) -> dict[str, Any]:
    kind = "image" if ":image/" in arn else "launch-template"
    detail = {"service": "ec2", "resource-type": kind, "version": 4.0, "tags": {}}
    return an_event(
        "aws.tag", "Tag Change on Resource", arn, **detail, **{"changed-tag-keys": list(keys)}
    )


def reconcile(template_id: str | None = None) -> dict[str, Any]:
    detail = {"launch_template_id": template_id} if template_id else {}
    return an_event("ami-reactor", "Reconcile Requested", None, **detail)


EC2_META = SimpleNamespace(service_model=SimpleNamespace(endpoint_prefix="ec2"))
"""What the pager asks a client of botocore's: which service it is of."""
