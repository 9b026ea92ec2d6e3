"""The same with what the guides recommend: Pydantic, and Powertools' Logger, Tracer and Metrics."""

import os
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.parser import BaseModel, event_parser
from aws_lambda_powertools.utilities.parser.models import EventBridgeModel
from aws_lambda_powertools.utilities.typing import LambdaContext

logger = Logger(service="images")
tracer = Tracer(service="images")
metrics = Metrics(namespace="Images", service="images")
ec2 = boto3.client("ec2")


class Detail(BaseModel):
    """The part of a backup job that is read."""

    state: str


class BackupEvent(EventBridgeModel):
    """A backup job went on."""

    detail: Detail


@logger.inject_lambda_context
@tracer.capture_lambda_handler
@metrics.log_metrics(capture_cold_start_metric=True)
@event_parser(model=BackupEvent)
def lambda_handler(event: BackupEvent, _context: LambdaContext) -> dict[str, Any]:
    logger.info("backup job", state=event.detail.state)
    images = ec2.describe_images(
        Owners=["self"],
        Filters=[
            {"Name": "name", "Values": [os.environ["IMAGE_NAME"]]},
            {"Name": "state", "Values": ["available"]},
        ],
    )["Images"]
    newest = max(images, key=lambda image: image["CreationDate"])["ImageId"]
    template_id = os.environ["LAUNCH_TEMPLATE_ID"]
    created = ec2.create_launch_template_version(
        LaunchTemplateId=template_id,
        SourceVersion="$Latest",
        VersionDescription=f"image {newest}",
        LaunchTemplateData={"ImageId": newest},
    )["LaunchTemplateVersion"]
    ec2.modify_launch_template(
        LaunchTemplateId=template_id, DefaultVersion=str(created["VersionNumber"])
    )
    metrics.add_metric(name="Updated", unit=MetricUnit.Count, value=1)
    return {"version": created["VersionNumber"], "image": newest}
