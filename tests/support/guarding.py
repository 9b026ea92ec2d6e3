"""A template that the reactor promoted to a bad image, and how Auto Scaling tells of it."""

import json
from datetime import datetime, timedelta
from typing import Any

import boto3
from moto.autoscaling.models import autoscaling_backends

from handlers.auto_scaling import AutoScaling
from handlers.clock import Clock
from handlers.ec2 import Ec2
from handlers.guarding import Guarded, guard
from models.base import Place
from models.version_description import Promotion
from tests.support.builders import (
    ACCOUNT,
    FOLLOWS_INSTANCE,
    NEW,
    NOON,
    OLD,
    REGION,
    TEMPLATE,
    a_template,
    a_version,
    a_world,
    an_event,
    an_image,
    at,
    image_arn,
)
from tests.support.fleets import a_group

ON_TROUBLE = "ami-reactor:on-trouble"
HOLD = "ami-reactor-state:hold"
MARK = "ami-reactor-state:newest-image"
QUARANTINE = "ami-reactor-state:quarantine"
GO_BACK = FOLLOWS_INSTANCE | {ON_TROUBLE: "go-back"}

REFRESH = "08b91cf7-8fa6-48af-b6a6-d227f40f1b9b"
ACTIVITY = "f9f2d65b-f1f2-43e7-b46d-d86756459699"
RANG = "Instance refresh failed because the alarm web-5xx is in ALARM state."
CAPACITY = "We currently do not have sufficient t3.micro capacity in the Availability Zone."
NO_IMAGE = f"The image id '[{NEW}]' does not exist. Launching EC2 instance failed."
_GROUP = f"arn:aws:autoscaling:{REGION}:{ACCOUNT}:autoScalingGroup:1:autoScalingGroupName/web"

LATER = NOON + timedelta(hours=5)


def promoted(number: int = 2, *, template_id: str = TEMPLATE, **data: Any) -> dict[str, Any]:
    """The version by which the reactor took NEW, two hours after noon."""
    made = a_version(NEW, number, template_id=template_id, hours=2, **data)
    return made | {"VersionDescription": str(Promotion(OLD, NEW))}


def guarded_world(
    *images: dict[str, Any], tags: dict[str, str] = GO_BACK, **more: Any
) -> dict[str, Any]:
    """Promoted from OLD to NEW, which turned out to be bad; the group `web` uses `$Default`."""
    return a_world(
        *(images or (an_image(OLD), an_image(NEW, 1))),
        **{
            "templates": [a_template(default=2, tags=tags)],
            "versions": [a_version(), promoted()],
            "AutoScalingGroups": [a_group()],
            **more,
        },
    )


def end_refresh(
    status: str = "Failed",
    reason: str = RANG,
    *,
    group: str = "web",
    began: str = at(3),
    **more: Any,
) -> None:
    """An instance refresh of the group ended like that."""
    refresh = {
        "InstanceRefreshId": REFRESH,
        "AutoScalingGroupName": group,
        "Status": status,
        "StatusReason": reason,
        "StartTime": datetime.fromisoformat(began),
        "PercentageComplete": 10,
        "Preferences": {"AlarmSpecification": {"Alarms": ["web-5xx"]}},
        **more,
    }
    refreshes = vars(autoscaling_backends[ACCOUNT][REGION]).setdefault("instance_refreshes", {})
    refreshes[group] = [refresh]


def fail_launch(message: str = NO_IMAGE, *, group: str = "web", began: str = at(3)) -> None:
    """The group could not start an instance."""
    activity = {
        "ActivityId": ACTIVITY,
        "AutoScalingGroupName": group,
        "Cause": "an instance was started",
        "StartTime": datetime.fromisoformat(began),
        "StatusCode": "Failed",
        "StatusMessage": message,
    }
    found = autoscaling_backends[ACCOUNT][REGION].autoscaling_groups[group]
    vars(found).setdefault("activities", []).insert(0, activity)


def refresh_failed(
    detail_type: str = "EC2 Auto Scaling Instance Refresh Failed", *, group: str = "web"
) -> dict[str, Any]:
    detail = {"InstanceRefreshId": REFRESH, "AutoScalingGroupName": group}
    return an_event("aws.autoscaling", detail_type, _GROUP, **detail)


def launch_failed(*, group: str = "web") -> dict[str, Any]:
    detail = {"ActivityId": ACTIVITY, "AutoScalingGroupName": group, "StatusCode": "Failed"}
    return an_event("aws.autoscaling", "EC2 Instance Launch Unsuccessful", _GROUP, **detail)


def threats_found(image_id: str = NEW, status: str = "THREATS_FOUND") -> dict[str, Any]:
    return an_event(
        "aws.backup",
        "Scan Job State Change",
        image_arn(image_id),
        state="COMPLETED",
        resourceType="EC2",
        scanResult={"scanResultStatus": status},
    )


def another(event: dict[str, Any]) -> dict[str, Any]:
    """An event that tells the same and is not the same."""
    return event | {"id": "b0b0b0b0-0000-0000-0000-000000000000"}


def run_guard(event: object, *, seconds_left: float = 120) -> Guarded:
    """The guard's own code, on the embedded AWS at hand."""
    place = Place(account=ACCOUNT, region=REGION)
    clock = Clock(LATER, lambda: seconds_left)
    auto_scaling = AutoScaling(boto3.client("autoscaling"))
    return guard(event, Ec2(boto3.client("ec2"), place), auto_scaling, clock)


def tag(resource: str, **tags: str) -> None:
    """As a person does."""
    listed = [{"Key": key, "Value": value} for key, value in tags.items()]
    boto3.client("ec2").create_tags(Resources=[resource], Tags=listed)


def ec2_now() -> str:
    """Templates, versions and tags of the world at hand, to be compared."""
    ec2 = boto3.client("ec2")
    return json.dumps(
        [
            ec2.describe_launch_templates()["LaunchTemplates"],
            ec2.describe_launch_template_versions(LaunchTemplateId=TEMPLATE)[
                "LaunchTemplateVersions"
            ],
            ec2.describe_tags()["Tags"],
        ],
        default=str,
        sort_keys=True,
    )
