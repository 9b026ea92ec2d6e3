"""The plain script with SourceVersion, which saves it one call."""

import json
import os

import boto3

ec2 = boto3.client("ec2")


def lambda_handler(event, _context):
    print(json.dumps(event))  # noqa: T201 as people do
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
    print(f"version {created['VersionNumber']} has {newest}")  # noqa: T201 as people do
    return {"version": created["VersionNumber"], "image": newest}
