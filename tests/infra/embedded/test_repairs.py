"""Where moto and AWS differ: AWS's answer, moto's own, and the repair between them.

Each case asks one question through boto3. It is asked of moto with all repairs (AWS's answer), of
moto with all repairs but its own (anything else), and of bare moto (moto's answer as it is today).
If the last one fails, moto has changed: if it does right now, delete the repair that is named.
"""

import json
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any
from unittest import mock

import boto3
import pytest
from moto import mock_aws
from moto.backup.models import backup_backends
from moto.ec2.models import amis, ec2_backends

from infra.embedded import repairs
from infra.embedded.repairs import images

ACCOUNT, REGION = "111122223333", "ap-northeast-2"
OLD, NEW = "ami-0123456789abcdef0", "ami-0123456789abcdef1"
VENDOR = "999988887777"
UNKNOWN = "lt-0fedcba9876543210"
USER_DATA = "aGVsbG8="
DATA = {
    "ImageId": OLD,
    "InstanceType": "t3.micro",
    "BlockDeviceMappings": [
        {"DeviceName": "/dev/sdb", "Ebs": {"SnapshotId": "snap-0123456789abcdef0"}}
    ],
}


ONE_DAY_IN_JUNE = datetime(2026, 6, 15, 17, 0, 31, 125000)  # noqa: DTZ001  # as moto keeps it


class Aws:
    """Clients that are made once: moto answers them whenever it is on."""

    def __init__(self) -> None:
        session = boto3.Session("embedded", "embedded", region_name=REGION)
        self.ec2: Any = session.client("ec2")
        self.auto_scaling: Any = session.client("autoscaling")
        self.events: Any = session.client("events")
        self.backup: Any = session.client("backup")
        self.iam: Any = session.client("iam")
        self.cloudformation: Any = session.client("cloudformation")

    @property
    def backend(self) -> Any:
        return ec2_backends[ACCOUNT][REGION]

    def template(self, **data: Any) -> str:
        made = self.ec2.create_launch_template(
            LaunchTemplateName="web", LaunchTemplateData=data or DATA
        )
        return made["LaunchTemplate"]["LaunchTemplateId"]

    def version(self, template: str, **asked: Any) -> dict[str, Any]:
        asked.setdefault("LaunchTemplateData", {"ImageId": NEW})
        made = self.ec2.create_launch_template_version(LaunchTemplateId=template, **asked)
        return made["LaunchTemplateVersion"]

    def numbers(self, template: str, **asked: Any) -> list[int]:
        pages = self.ec2.get_paginator("describe_launch_template_versions").paginate(
            LaunchTemplateId=template, **asked
        )
        return [v["VersionNumber"] for page in pages for v in page["LaunchTemplateVersions"]]

    def there_are(self, *image_ids: str, **fields: Any) -> None:
        """Images of a vendor's."""
        for image_id in image_ids:
            ami = amis.Ami(self.backend, image_id, name=image_id, owner_id=VENDOR)
            if fields:
                images.describe(ami, {"ImageId": image_id, "OwnerId": VENDOR, **fields})
            self.backend.amis[image_id] = ami

    def instance(self, image_id: str = OLD) -> str:
        """Of an image that is gone afterwards: what is listed is what a test made."""
        self.there_are(image_id)
        made = self.ec2.run_instances(ImageId=image_id, MinCount=1, MaxCount=1)
        del self.backend.amis[image_id]
        return made["Instances"][0]["InstanceId"]

    def image(self, name: str, **asked: Any) -> str:
        asked.setdefault("InstanceId", self.instance())
        return self.ec2.create_image(Name=name, **asked)["ImageId"]

    def names(self, **asked: Any) -> list[str]:
        return [image["Name"] for image in self.ec2.describe_images(**asked)["Images"]]

    def group(self, template: str, version: str = "$Default", **asked: Any) -> None:
        self.auto_scaling.create_auto_scaling_group(
            AutoScalingGroupName="web",
            MinSize=1,
            MaxSize=3,
            LaunchTemplate={"LaunchTemplateId": template, "Version": version},
            **{"AvailabilityZones": [f"{REGION}a"], **asked},
        )

    def members(self) -> list[dict[str, Any]]:
        groups = self.auto_scaling.describe_auto_scaling_groups()["AutoScalingGroups"]
        return groups[0]["Instances"]

    def activities(self) -> list[dict[str, Any]]:
        answered = self.auto_scaling.describe_scaling_activities(AutoScalingGroupName="web")
        return answered["Activities"]

    def volumes(self, **asked: Any) -> list[int]:
        """The sizes, in GiB, of what an instance starts with."""
        made = self.ec2.run_instances(MinCount=1, MaxCount=1, **asked)["Instances"][0]
        attached = [{"Name": "attachment.instance-id", "Values": [made["InstanceId"]]}]
        return sorted(v["Size"] for v in self.ec2.describe_volumes(Filters=attached)["Volumes"])

    def sizes(self, image_id: str) -> dict[str, int]:
        """The size, in GiB, of each device of an image."""
        (image,) = self.ec2.describe_images(ImageIds=[image_id])["Images"]
        return {m["DeviceName"]: m["Ebs"]["VolumeSize"] for m in image["BlockDeviceMappings"]}

    def running(self) -> list[str]:
        reservations = self.ec2.describe_instances()["Reservations"]
        return [i["ImageId"] for r in reservations for i in r["Instances"]]


aws_clients = cache(Aws)


OF_MOTO = {"MOTO_ACCOUNT_ID": ACCOUNT, "MOTO_EC2_LOAD_DEFAULT_AMIS": "false"}


@contextmanager
def moto_with(repairs_on: tuple[Any, ...]) -> Iterator[Aws]:
    with (
        mock.patch.dict("os.environ", OF_MOTO),
        mock.patch.object(repairs, "REPAIRS", repairs_on),
        repairs.repaired(),
        mock_aws(),
    ):
        yield aws_clients()


def answer(ask: Callable[[Aws], Any], aws: Aws) -> Any:
    """What came back: the answer, an AWS error's code, or the name of the exception."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # moto's own, on EC2's errors in Auto Scaling
            return ask(aws)
    except Exception as exc:  # noqa: BLE001  # bare moto raises whatever it likes
        return getattr(exc, "response", {}).get("Error", {}).get("Code") or type(exc).__name__


@dataclass
class Difference:
    behaviour: str
    repair: str
    ask: Callable[[Aws], Any]
    aws: Any
    moto: Any


DIFFERENCES: list[Difference] = []


def difference(behaviour: str, repair: str, *, aws: Any, moto: Any) -> Callable[..., None]:
    def add(ask: Callable[[Aws], Any]) -> None:
        DIFFERENCES.append(Difference(behaviour, repair, ask, aws, moto))

    return add


def by_behaviour(case: object) -> str:
    return case.behaviour if isinstance(case, Difference) else ""


# ---- CreateLaunchTemplate ------------------------------------------------------------------------


@difference(
    "a template's own tags are not in its first version",
    "LaunchTemplates.create_launch_template",
    aws=["ImageId"],
    moto=["ImageId", "TagSpecifications"],
)
def _(aws: Aws) -> Any:
    aws.ec2.create_launch_template(
        LaunchTemplateName="web",
        LaunchTemplateData={"ImageId": OLD},
        TagSpecifications=[
            {"ResourceType": "launch-template", "Tags": [{"Key": "team", "Value": "web"}]}
        ],
    )
    found = aws.ec2.describe_launch_template_versions(LaunchTemplateName="web", Versions=["1"])
    return sorted(found["LaunchTemplateVersions"][0]["LaunchTemplateData"])


# ---- CreateLaunchTemplateVersion -----------------------------------------------------------------


@difference(
    "a new version inherits from its source version",
    "LaunchTemplates.create_launch_template_version",
    aws=("t3.micro", NEW),
    moto=(None, NEW),
)
def _(aws: Aws) -> Any:
    data = aws.version(aws.template(), SourceVersion="$Default")["LaunchTemplateData"]
    return data.get("InstanceType"), data["ImageId"]


@difference(
    "snapshots of inherited block device mappings are dropped",
    "LaunchTemplates.create_launch_template_version",
    aws=[{"DeviceName": "/dev/sdb", "Ebs": {}}],
    moto=None,
)
def _(aws: Aws) -> Any:
    data = aws.version(aws.template(), SourceVersion="1")["LaunchTemplateData"]
    return data.get("BlockDeviceMappings")


@difference(
    "the source version must exist",
    "LaunchTemplates.create_launch_template_version",
    aws="InvalidLaunchTemplateId.VersionNotFound",
    moto=2,
)
def _(aws: Aws) -> Any:
    return aws.version(aws.template(), SourceVersion="99")["VersionNumber"]


@difference(
    "the same client token gives the same version",
    "LaunchTemplates.create_launch_template_version",
    aws=(2, 2),
    moto=(2, 3),
)
def _(aws: Aws) -> Any:
    template = aws.template()
    first = aws.version(template, ClientToken="token")["VersionNumber"]
    return first, aws.version(template, ClientToken="token")["VersionNumber"]


@difference(
    "the same client token with other parameters is refused",
    "LaunchTemplates.create_launch_template_version",
    aws="IdempotentParameterMismatch",
    moto=3,
)
def _(aws: Aws) -> Any:
    template = aws.template()
    aws.version(template, ClientToken="token")
    return aws.version(template, ClientToken="token", SourceVersion="1")["VersionNumber"]


@difference(
    "a client token has at most 64 characters",
    "LaunchTemplates.create_launch_template_version",
    aws="InvalidParameterValue",
    moto=2,
)
def _(aws: Aws) -> Any:
    return aws.version(aws.template(), ClientToken="x" * 65)["VersionNumber"]


@difference(
    "a version's description has at most 255 characters",
    "LaunchTemplates.create_launch_template_version",
    aws="InvalidParameterValue",
    moto=2,
)
def _(aws: Aws) -> Any:
    return aws.version(aws.template(), VersionDescription="x" * 256)["VersionNumber"]


@difference(
    "a template is given by id or by name, not by both",
    "LaunchTemplates.create_launch_template_version",
    aws="InvalidParameterCombination",
    moto=2,
)
def _(aws: Aws) -> Any:
    return aws.version(aws.template(), LaunchTemplateName="web")["VersionNumber"]


@difference(
    "a template is given by id or by name",
    "LaunchTemplates.create_launch_template_version",
    aws="MissingParameter",
    moto="UnboundLocalError",
)
def _(aws: Aws) -> Any:
    return aws.ec2.create_launch_template_version(LaunchTemplateData={"ImageId": NEW})


@difference(
    "a template has at most 10,000 versions",
    "LaunchTemplates.create_launch_template_version",
    aws="VersionLimitExceeded",
    moto=10_001,
)
def _(aws: Aws) -> Any:
    template = aws.template()
    aws.backend.launch_templates[template].versions *= 10_000
    return aws.version(template)["VersionNumber"]


@difference(
    "an image that does not exist is a warning, and the version is made",
    "LaunchTemplates.create_launch_template_version",
    aws=(["InvalidAMIID.NotFound"], 2),
    moto=([], 2),
)
def _(aws: Aws) -> Any:
    made = aws.ec2.create_launch_template_version(
        LaunchTemplateId=aws.template(), LaunchTemplateData={"ImageId": NEW}
    )
    errors = made.get("Warning", {}).get("Errors", [])
    return [error["Code"] for error in errors], made["LaunchTemplateVersion"]["VersionNumber"]


@difference(
    "a group launches from a version with user data",
    "LaunchTemplate.create_version",
    aws=[NEW],
    moto="AssertionError",
)
def _(aws: Aws) -> Any:
    aws.there_are(OLD, NEW)
    template = aws.template()
    aws.version(template, LaunchTemplateData={"ImageId": NEW, "UserData": USER_DATA})
    aws.group(template, "2")
    return aws.running()


# ---- versions after deletions --------------------------------------------------------------------


def deleted(aws: Aws, template: str, *numbers: str) -> list[tuple[int, str | None]]:
    answer = aws.ec2.delete_launch_template_versions(
        LaunchTemplateId=template, Versions=list(numbers)
    )
    return [
        (version["VersionNumber"], version.get("ResponseError", {}).get("Code"))
        for outcome in ("Successfully", "Unsuccessfully")
        for version in answer[f"{outcome}DeletedLaunchTemplateVersions"]
    ]


def versions_removed(aws: Aws, template: str, *numbers: int) -> None:
    found = aws.backend.launch_templates[template]
    found.versions = [v for v in found.versions if v.number not in numbers]


@difference(
    "versions that cannot be deleted are listed in a successful answer",
    "LaunchTemplates.delete_launch_template_versions",
    aws=[(2, None), (1, "unexpectedError"), (9, "launchTemplateVersionDoesNotExist")],
    moto="NotImplementedError",
)
def _(aws: Aws) -> Any:
    template = aws.template()
    aws.version(template)
    return deleted(aws, template, "1", "2", "9")


@difference(
    "at most 200 versions are deleted in one request",
    "LaunchTemplates.delete_launch_template_versions",
    aws="InvalidParameterValue",
    moto="NotImplementedError",
)
def _(aws: Aws) -> Any:
    return deleted(aws, aws.template(), *map(str, range(2, 203)))


@difference(
    "a deleted version's number is never given again",
    "LaunchTemplate.create_version",
    aws=4,
    moto=2,
)
def _(aws: Aws) -> Any:
    template = aws.template()
    aws.version(template)
    aws.version(template)
    versions_removed(aws, template, 2, 3)
    return aws.version(template)["VersionNumber"]


@difference(
    "a version keeps its number when older ones are deleted",
    "LaunchTemplate.get_version",
    aws=[3],
    moto="InvalidLaunchTemplateId.VersionNotFound",
)
def _(aws: Aws) -> Any:
    template = aws.template()
    aws.version(template)
    aws.version(template)
    versions_removed(aws, template, 2)
    return aws.numbers(template, Versions=["3"])


# ---- ModifyLaunchTemplate ------------------------------------------------------------------------


@difference(
    "the default of an unknown template cannot be set",
    "LaunchTemplates.modify_launch_template",
    aws="InvalidLaunchTemplateId.NotFound",
    moto="InvalidLaunchTemplateName.NotFoundException",
)
def _(aws: Aws) -> Any:
    return aws.ec2.modify_launch_template(LaunchTemplateId=UNKNOWN, DefaultVersion="1")


# ---- DescribeLaunchTemplateVersions --------------------------------------------------------------


@difference(
    "versions are listed newest first",
    "LaunchTemplates.describe_launch_template_versions",
    aws=[3, 2, 1],
    moto=[1, 2, 3],
)
def _(aws: Aws) -> Any:
    template = aws.template()
    aws.version(template)
    aws.version(template)
    return aws.numbers(template)


@difference(
    "versions are listed in pages that leave none out",
    "LaunchTemplates.describe_launch_template_versions",
    aws=(20, 20),
    moto=(15, 6),
)
def _(aws: Aws) -> Any:
    template = aws.template()
    for _ in range(19):
        aws.version(template)
    return len(aws.numbers(template)), len(aws.numbers(template, PaginationConfig={"PageSize": 6}))


@difference(
    "versions are filtered",
    "LaunchTemplates.describe_launch_template_versions",
    aws=([2], [1]),
    moto=([1, 2], [1, 2]),
)
def _(aws: Aws) -> Any:
    template = aws.template()
    aws.version(template)
    by_image = aws.numbers(template, Filters=[{"Name": "image-id", "Values": [NEW]}])
    default = [{"Name": "is-default-version", "Values": ["true"]}]
    return by_image, aws.numbers(template, Filters=default)


@difference(
    "a range of versions ends where it says",
    "LaunchTemplates.describe_launch_template_versions",
    aws=([3, 2], [3]),
    moto=([2, 3], [3]),
)
def _(aws: Aws) -> Any:
    template = aws.template()
    aws.version(template)
    aws.version(template)
    between = aws.numbers(template, MinVersion="2", MaxVersion="3")
    return between, aws.numbers(template, MinVersion="3")


@difference(
    "there is no version 0",
    "LaunchTemplate.get_version",
    aws="InvalidLaunchTemplateId.VersionNotFound",
    moto=[1],
)
def _(aws: Aws) -> Any:
    return aws.numbers(aws.template(), Versions=["0"])


@difference(
    "without a template, versions can only be aliases",
    "LaunchTemplates.describe_launch_template_versions",
    aws="InvalidParameterValue",
    moto=1,
)
def _(aws: Aws) -> Any:
    aws.template()
    found = aws.ec2.describe_launch_template_versions(Versions=["$Latest", "1"])
    return len(found["LaunchTemplateVersions"])


# ---- DescribeLaunchTemplates ---------------------------------------------------------------------


@difference(
    "templates are listed in pages that leave none out",
    "LaunchTemplates.describe_launch_templates",
    aws=20,
    moto=15,
)
def _(aws: Aws) -> Any:
    for number in range(20):
        aws.ec2.create_launch_template(
            LaunchTemplateName=f"web-{number}", LaunchTemplateData={"ImageId": OLD}
        )
    pages = aws.ec2.get_paginator("describe_launch_templates").paginate()
    return sum(len(page["LaunchTemplates"]) for page in pages)


@difference(
    "an unknown template id is an error",
    "LaunchTemplateBackend.describe_launch_templates",
    aws="InvalidLaunchTemplateId.NotFound",
    moto=[],
)
def _(aws: Aws) -> Any:
    return aws.ec2.describe_launch_templates(LaunchTemplateIds=[UNKNOWN])["LaunchTemplates"]


def tagged(aws: Aws, **tags: str) -> str:
    template = aws.template()
    aws.ec2.create_tags(
        Resources=[template], Tags=[{"Key": key, "Value": value} for key, value in tags.items()]
    )
    return template


def tags_shown(aws: Aws, *filters: tuple[str, str]) -> list[list[str]]:
    found = aws.ec2.describe_launch_templates(
        Filters=[{"Name": name, "Values": [value]} for name, value in filters]
    )
    return [[tag["Key"] for tag in t.get("Tags", [])] for t in found["LaunchTemplates"]]


@difference(
    "a template shows the tags that it has now",
    "LaunchTemplates.describe_launch_templates",
    aws=[["team"]],
    moto=[[]],
)
def _(aws: Aws) -> Any:
    template = tagged(aws, team="web", owner="me")
    aws.ec2.delete_tags(Resources=[template], Tags=[{"Key": "owner"}])
    return tags_shown(aws)


@difference(
    "only * and ? are wildcards in a filter, and a backslash takes their meaning away",
    "LaunchTemplates.describe_launch_templates",
    aws=[1, 1, 1, 1, 0],
    moto=[1, 1, 0, 0, 0],
)
def _(aws: Aws) -> Any:
    tagged(aws, team="[w]*b")
    wanted = ("tag-key", "te?m"), ("tag:team", "*b"), ("tag:team", "[w]?b")
    escaped = ("tag:team", r"[w]\*b"), ("tag:team", r"[w]\?b")
    return [len(tags_shown(aws, one)) for one in (*wanted, *escaped)]


# ---- images --------------------------------------------------------------------------------------


@difference(
    "image ids and owners hold together",
    "AmisResponse.describe_images",
    aws=[[], ["one"]],
    moto=[["one"]] * 2,
)
def _(aws: Aws) -> Any:
    image = aws.image("one")
    return [aws.names(ImageIds=[image], Owners=[o]) for o in ("999988887777", "self")]


@difference(
    "image ids and filters hold together",
    "AmisResponse.describe_images",
    aws=[[], ["one"]],
    moto=[["one"]] * 2,
)
def _(aws: Aws) -> Any:
    image = aws.image("one")
    filters = [[{"Name": "name", "Values": [name]}] for name in ("two", "one")]
    return [aws.names(ImageIds=[image], Filters=one) for one in filters]


@difference(
    "one image id that does not exist fails the request",
    "AmisResponse.describe_images",
    aws="InvalidAMIID.NotFound",
    moto=["one"],
)
def _(aws: Aws) -> Any:
    return aws.names(ImageIds=[aws.image("one"), NEW])


@difference(
    "a deregistered image is gone",
    "AmisResponse.describe_images",
    aws="InvalidAMIID.NotFound",
    moto=[],
)
def _(aws: Aws) -> Any:
    image = aws.image("one")
    aws.ec2.deregister_image(ImageId=image)
    return aws.names(ImageIds=[image])


@difference(
    "a disabled image is shown to who asks for disabled ones",
    "AmisResponse.describe_images",
    aws=([], ["one"], ["one"]),
    moto=(["one"], ["one"], ["one"]),
)
def _(aws: Aws) -> Any:
    image = aws.image("one")
    aws.ec2.disable_image(ImageId=image)
    hidden, shown = aws.names(), aws.names(IncludeDisabled=True)
    aws.ec2.enable_image(ImageId=image)
    return hidden, shown, aws.names()


@difference(
    "images are listed in pages",
    "AmisResponse.describe_images",
    aws=[["one", "two"], ["three"]],
    moto=[["one", "two", "three"]],
)
def _(aws: Aws) -> Any:
    for name in ("one", "two", "three"):
        aws.image(name)
    pages = aws.ec2.get_paginator("describe_images").paginate(PaginationConfig={"PageSize": 2})
    return [[image["Name"] for image in page["Images"]] for page in pages]


@difference(
    "images are filtered by their date, to the millisecond",
    "AmisResponse.describe_images",
    aws=["one"],
    moto=[],
)
def _(aws: Aws) -> Any:
    with mock.patch.object(amis, "utcnow", lambda: ONE_DAY_IN_JUNE):
        aws.image("one")
    aws.image("two")
    return aws.names(Filters=[{"Name": "creation-date", "Values": ["2026-06-15T17:*.125Z"]}])


@difference(
    "a deprecated image of another owner is shown to who asks for it",
    "AmisResponse.describe_images",
    aws=[[], ["vendors"]],
    moto=[["vendors"], ["vendors"]],
)
def _(aws: Aws) -> Any:
    image_id = aws.image("vendors")
    ami = aws.backend.amis[image_id]
    ami.owner_id = "999988887777"
    images.describe(
        ami,
        {
            **images.described(ami),
            "OwnerId": ami.owner_id,
            "DeprecationTime": "2026-06-15T17:00:00.000Z",
        },
    )
    return [aws.names(), aws.names(IncludeDeprecated=True)]


@difference(
    "a wildcard in a name or tag can be meant as it is",
    "AmisResponse.describe_images",
    aws=[["a*b"], ["a*b"]],
    moto=[[], []],
)
def _(aws: Aws) -> Any:
    tags = [{"ResourceType": "image", "Tags": [{"Key": "path", "Value": "a*b"}]}]
    aws.image("a*b", TagSpecifications=tags)
    aws.image("axb")
    names = "name", "tag:path"
    return [aws.names(Filters=[{"Name": name, "Values": [r"a\*b"]}]) for name in names]


@difference(
    "an image's name is used once",
    "AmiBackend.create_image",
    aws="InvalidAMIName.Duplicate",
    moto="accepted",
)
def _(aws: Aws) -> Any:
    aws.image("one")
    aws.image("one")
    return "accepted"


@difference(
    "an image made from an instance names the instance and its image",
    "AmiBackend.create_image",
    aws=(True, OLD, REGION, None),
    moto=(True, None, None, "uefi"),
)
def _(aws: Aws) -> Any:
    instance = aws.instance()
    aws.image("one", InstanceId=instance)
    (image,) = aws.ec2.describe_images()["Images"]
    source = image.get("SourceImageId"), image.get("SourceImageRegion")
    return image["SourceInstanceId"] == instance, *source, image.get("BootMode")


@difference(
    "a copied image names its source image, and no instance",
    "AmiBackend.copy_image",
    aws=(True, REGION, None),
    moto=(False, None, None),
)
def _(aws: Aws) -> Any:
    source = aws.image("one")
    aws.ec2.copy_image(Name="two", SourceImageId=source, SourceRegion=REGION)
    copied = aws.ec2.describe_images()["Images"][1]
    region = copied.get("SourceImageRegion")
    return copied.get("SourceImageId") == source, region, copied.get("SourceInstanceId")


@difference(
    "an image's root device is in EBS, on a snapshot",
    "AmisResponse.describe_images",
    aws=("ebs", True),
    moto=("standard", True),
)
def _(aws: Aws) -> Any:
    aws.image("one")
    (image,) = aws.ec2.describe_images()["Images"]
    (mapping,) = image["BlockDeviceMappings"]
    return image["RootDeviceType"], mapping["Ebs"]["SnapshotId"].startswith("snap-")


@difference(
    "an image made from an instance has all its volumes, and what the request says of them",
    "AmisResponse.create_image",
    aws={"/dev/xvda": 50, "/dev/sdf": 9, "/dev/sdg": 4},
    moto={"/dev/sda1": 15},
)
def _(aws: Aws) -> Any:
    aws.there_are(OLD, **OF_INSTANCE)
    data_volume = {"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 9}}
    made = aws.ec2.run_instances(
        ImageId=OLD, MinCount=1, MaxCount=1, BlockDeviceMappings=[data_volume]
    )
    extra = [{"DeviceName": "/dev/sdg", "Ebs": {"VolumeSize": 4}}]
    return aws.sizes(
        aws.image("one", InstanceId=made["Instances"][0]["InstanceId"], BlockDeviceMappings=extra)
    )


@difference(
    "a registered image has what was asked for",
    "AmisResponse.register_image",
    aws=("arm64", "uefi", {"/dev/xvda": 50}, [{"Key": "team", "Value": "web"}]),
    moto="KeyError",
)
def _(aws: Aws) -> Any:
    made = aws.ec2.register_image(
        Name="one",
        Architecture="arm64",
        BootMode="uefi",
        RootDeviceName="/dev/xvda",
        BlockDeviceMappings=[a_mapping(50)],
        TagSpecifications=[
            {"ResourceType": "image", "Tags": [{"Key": "team", "Value": "web"}]},
        ],
    )["ImageId"]
    (image,) = aws.ec2.describe_images(ImageIds=[made])["Images"]
    return image["Architecture"], image.get("BootMode"), aws.sizes(made), image.get("Tags")


@difference(
    "a copied image has the tags where that is asked for",
    "AmisResponse.copy_image",
    aws=[None, [{"Key": "team", "Value": "web"}]],
    moto=[[], []],
)
def _(aws: Aws) -> Any:
    source = aws.image("one")
    aws.backend.tags[source] = {"team": "web", "aws:backup:source-resource": "instance/i-0"}
    copies = [
        aws.ec2.copy_image(
            Name=f"copy {wanted}", SourceImageId=source, SourceRegion=REGION, CopyImageTags=wanted
        )["ImageId"]
        for wanted in (False, True)
    ]
    found = aws.ec2.describe_images(ImageIds=copies)["Images"]
    return [image.get("Tags") for image in sorted(found, key=lambda image: image["Name"])]


@difference(
    "a copied image has all the volumes, on snapshots of its own",
    "AmiBackend.copy_image",
    aws=({"/dev/xvda": 50, "/dev/sdf": 9}, False),
    moto=({"/dev/sda1": 15}, False),
)
def _(aws: Aws) -> Any:
    both = [a_mapping(50), a_mapping(9, "/dev/sdf", "snap-0e")]
    aws.there_are(OLD, BlockDeviceMappings=both, CreationDate="2026-06-15T17:00:31.000Z")
    copy = aws.ec2.copy_image(Name="copy", SourceImageId=OLD, SourceRegion=REGION)["ImageId"]
    (image,) = aws.ec2.describe_images(ImageIds=[copy])["Images"]
    snapshots = {mapping["Ebs"]["SnapshotId"] for mapping in image["BlockDeviceMappings"]}
    return aws.sizes(copy), bool(snapshots & {"snap-0f", "snap-0e"})


# ---- tags ----------------------------------------------------------------------------------------


@difference(
    "DeleteTags without tags deletes all but AWS's own",
    "TagBackend.delete_tags",
    aws={"aws:cloudformation:stack-name": "web"},
    moto={"team": "web", "aws:cloudformation:stack-name": "web"},
)
def _(aws: Aws) -> Any:
    template = tagged(aws, team="web")
    aws.backend.tags[template]["aws:cloudformation:stack-name"] = "web"
    aws.ec2.delete_tags(Resources=[template])
    (found,) = aws.ec2.describe_launch_templates()["LaunchTemplates"]
    if "Tags" not in found or len(found["Tags"]) != 1:  # bare moto shows none of them there
        return dict(aws.backend.tags[template])
    return {tag["Key"]: tag["Value"] for tag in found["Tags"]}


# ---- RunInstances --------------------------------------------------------------------------------


def a_mapping(size: int | None, device: str = "/dev/xvda", snapshot: str = "snap-0f") -> Any:
    sized = {} if size is None else {"VolumeSize": size}
    return {
        "DeviceName": device,
        "Ebs": {**({"SnapshotId": snapshot} if snapshot else {}), **sized},
    }


OF_INSTANCE = {"SourceInstanceId": "i-0123456789abcdef0", "BlockDeviceMappings": [a_mapping(50)]}


@difference(
    "a volume is no smaller than its snapshot",
    "InstanceBackend.run_instances",
    aws=["InvalidBlockDeviceMapping", "InvalidBlockDeviceMapping", [50], [80]],
    moto=[[22], "InvalidSnapshot.NotFound", [50], [80]],
)
def _(aws: Aws) -> Any:
    aws.there_are(OLD, **OF_INSTANCE)
    asked = [a_mapping(22, snapshot=""), a_mapping(22), a_mapping(50, snapshot="")]
    asked.append(a_mapping(80, snapshot=""))
    return [
        answer(lambda aws, one=one: aws.volumes(ImageId=OLD, BlockDeviceMappings=[one]), aws)
        for one in asked
    ]


@difference(
    "the mapping of a registered image may be larger than its snapshot",
    "InstanceBackend.run_instances",
    aws=[22, 100],
    moto=[22],
)
def _(aws: Aws) -> Any:
    own = [a_mapping(50), a_mapping(100, "/dev/sdf", "snap-0e")]
    aws.there_are(OLD, BlockDeviceMappings=own)
    return aws.volumes(ImageId=OLD, BlockDeviceMappings=[a_mapping(22, snapshot="")])


@difference(
    "a volume has a size, or a snapshot of its own or of the image's",
    "InstanceBackend.run_instances",
    aws=["MissingParameter", [50]],
    moto=["MissingParameter", "MissingParameter"],
)
def _(aws: Aws) -> Any:
    aws.there_are(OLD, **OF_INSTANCE)
    found = []
    for number, device in enumerate(("/dev/sdf", "/dev/xvda")):
        mapping = {"DeviceName": device, "Ebs": {"Encrypted": True}}
        name = f"web-{number}"
        aws.ec2.create_launch_template(
            LaunchTemplateName=name,
            LaunchTemplateData={"ImageId": OLD, "BlockDeviceMappings": [mapping]},
        )
        named = {"LaunchTemplateName": name}
        found.append(answer(lambda aws, named=named: aws.volumes(LaunchTemplate=named), aws))
    return found


@difference(
    "a request's mapping may have the image's snapshot too",
    "InstanceResponse._parse_block_device_mapping",
    aws=[50],
    moto="MissingParameter",
)
def _(aws: Aws) -> Any:
    aws.there_are(OLD, **OF_INSTANCE)
    asked = {"DeviceName": "/dev/xvda", "Ebs": {"VolumeType": "gp3"}}
    return aws.volumes(ImageId=OLD, BlockDeviceMappings=[asked])


@difference(
    "only an available image can be launched",
    "InstanceBackend.run_instances",
    aws=["InvalidAMIID.NotFound", "InvalidAMIID.Unavailable", "InvalidAMIID.Unavailable"],
    moto=[[8], [8], [8]],
)
def _(aws: Aws) -> Any:
    aws.there_are(OLD, NEW)
    aws.ec2.disable_image(ImageId=OLD)
    aws.ec2.deregister_image(ImageId=NEW)
    images_asked = ("ami-0fedcba9876543210", OLD, NEW)
    return [answer(lambda aws, id_=id_: aws.volumes(ImageId=id_), aws) for id_ in images_asked]


@difference(
    "the instance type and the image fit together",
    "InstanceBackend.run_instances",
    aws=["InvalidParameterValue", "InvalidParameterCombination", "started"],
    moto=["started"] * 3,
)
def _(aws: Aws) -> Any:
    aws.there_are(OLD, Architecture="x86_64", EnaSupport=False)

    def start(aws: Aws, type_: str) -> str:
        aws.ec2.run_instances(ImageId=OLD, MinCount=1, MaxCount=1, InstanceType=type_)
        return "started"

    types = ("c7g.large", "t3.micro", "t2.micro")
    return [answer(lambda aws, type_=type_: start(aws, type_), aws) for type_ in types]


@difference(
    "an image may say which instance types it supports",
    "InstanceBackend.run_instances",
    aws=["InvalidParameterCombination", "InvalidParameterCombination", "started"],
    moto=["started"] * 3,
)
def _(aws: Aws) -> Any:
    allowed = (
        {"SupportedInstanceTypes": [{"InstanceType": "t3.micro"}]},
        {"UnsupportedInstanceTypes": [{"InstanceType": "t3.nano"}]},
    )
    aws.there_are(OLD, InstanceTypeSpecification=allowed[0])
    aws.there_are(NEW, InstanceTypeSpecification=allowed[1])

    def start(aws: Aws, image: str, type_: str) -> str:
        aws.ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1, InstanceType=type_)
        return "started"

    asked = (OLD, "t3.nano"), (NEW, "t3.nano"), (OLD, "t3.micro")
    return [answer(lambda aws, one=one: start(aws, *one), aws) for one in asked]


@difference(
    "a template's security groups need not be part of the world",
    "InstanceBackend._get_template_from_args",
    aws=[OLD],
    moto="InvalidGroup.NotFound",
)
def _(aws: Aws) -> Any:
    aws.there_are(OLD)
    data = {"ImageId": OLD, "SecurityGroupIds": ["sg-0123456789abcdef0"], "KeyName": "ops"}
    named = {"LaunchTemplateId": aws.template(**data)}
    aws.ec2.run_instances(LaunchTemplate=named, MinCount=1, MaxCount=1)
    return aws.running()


# ---- Auto Scaling --------------------------------------------------------------------------------


@difference(
    "a group's instance tells the version that it was launched with",
    "InstanceState.launch_template",
    aws=["1", "2"],
    moto=["2", "2"],
)
def _(aws: Aws) -> Any:
    aws.there_are(OLD, NEW)
    template = aws.template(ImageId=OLD)
    aws.group(template)
    aws.version(template)
    aws.ec2.modify_launch_template(LaunchTemplateId=template, DefaultVersion="2")
    aws.auto_scaling.set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=2)
    return [member["LaunchTemplate"]["Version"] for member in aws.members()]


@difference(
    "a group that was never refreshed has no instance refreshes",
    "AutoScalingResponse.describe_instance_refreshes",
    aws=[],
    moto="NotImplementedError",
)
def _(aws: Aws) -> Any:
    answered = aws.auto_scaling.describe_instance_refreshes(AutoScalingGroupName="web")
    return answered["InstanceRefreshes"]


@difference(
    "an instance refresh is started, one at a time in a group",
    "AutoScalingResponse.start_instance_refresh",
    aws="InstanceRefreshInProgress",
    moto="NotImplementedError",
)
def _(aws: Aws) -> Any:
    aws.there_are(OLD)
    aws.group(aws.template(ImageId=OLD))
    for _ in range(2):
        aws.auto_scaling.start_instance_refresh(AutoScalingGroupName="web")


@difference(
    "an instance refresh is cancelled, if one is in progress",
    "AutoScalingResponse.cancel_instance_refresh",
    aws="ActiveInstanceRefreshNotFound",
    moto="NotImplementedError",
)
def _(aws: Aws) -> Any:
    aws.there_are(OLD)
    aws.group(aws.template(ImageId=OLD))
    aws.auto_scaling.cancel_instance_refresh(AutoScalingGroupName="web")


TRUST = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:*"}


@difference(
    "IAM simulates what a role may do",
    "IamResponse.simulate_principal_policy",
    aws=[("ec2:CreateTags", "implicitDeny"), ("ec2:DescribeImages", "allowed")],
    moto="NotImplementedError",
)
def _(aws: Aws) -> Any:
    role = aws.iam.create_role(
        RoleName="reactor", AssumeRolePolicyDocument=json.dumps({"Statement": [TRUST]})
    )["Role"]["Arn"]
    may = {"Effect": "Allow", "Action": "ec2:Describe*", "Resource": "*"}
    aws.iam.put_role_policy(
        RoleName="reactor",
        PolicyName="look",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [may]}),
    )
    answered = aws.iam.simulate_principal_policy(
        PolicySourceArn=role, ActionNames=["ec2:CreateTags", "ec2:DescribeImages"]
    )
    return [(one["EvalActionName"], one["EvalDecision"]) for one in answered["EvaluationResults"]]


@difference(
    "the ARN of a log group in a stack is that of its streams",
    "LogGroup.get_cfn_attribute",
    aws=f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:outcomes:*",
    moto=f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:outcomes",
)
def _(aws: Aws) -> Any:
    template = {
        "Resources": {
            "Log": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": "outcomes"}}
        },
        "Outputs": {"Arn": {"Value": {"Fn::GetAtt": ["Log", "Arn"]}}},
    }
    aws.cloudformation.create_stack(StackName="log", TemplateBody=json.dumps(template))
    [stack] = aws.cloudformation.describe_stacks(StackName="log")["Stacks"]
    return stack["Outputs"][0]["OutputValue"]


@difference(
    "a stack shows a list as it was given",
    "Stack.parameter_list",
    aws="web,api",
    moto="['web', 'api']",
)
def _(aws: Aws) -> Any:
    template = {"Parameters": {"Names": {"Type": "CommaDelimitedList"}}, "Resources": {}}
    given = {"ParameterKey": "Names", "ParameterValue": "web,api"}
    aws.cloudformation.create_stack(
        StackName="web", TemplateBody=json.dumps(template), Parameters=[given]
    )
    [stack] = aws.cloudformation.describe_stacks(StackName="web")["Stacks"]
    return stack["Parameters"][0]["ParameterValue"]


@difference(
    "an instance of which there is no backup has no recovery points",
    "BackupResponse.list_recovery_points_by_resource",
    aws=[],
    moto="404",
)
def _(aws: Aws) -> Any:
    arn = f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/i-0b2e25be910fac823"
    return aws.backup.list_recovery_points_by_resource(ResourceArn=arn)["RecoveryPoints"]


@difference(
    "recovery points are found where the API model says",
    "moto.backup.urls.url_paths",
    aws=[],
    moto="404",
)
def _(aws: Aws) -> Any:
    arn = f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/i-0aaaaaaaaaaaaaaa1"
    return aws.backup.list_recovery_points_by_resource(ResourceArn=arn)["RecoveryPoints"]


@difference(
    "a recovery point tells when AWS Backup deletes it",
    "BackupResponse.describe_recovery_point",
    aws="DELETE_AFTER_COPY",
    moto="404",
)
def _(aws: Aws) -> Any:
    arn = f"arn:aws:ec2:{REGION}::image/{OLD}"
    vars(backup_backends[ACCOUNT][REGION])["recovery_points"] = [
        {"RecoveryPointArn": arn, "Lifecycle": {"DeleteAfterEvent": "DELETE_AFTER_COPY"}}
    ]
    point = aws.backup.describe_recovery_point(BackupVaultName="nightly", RecoveryPointArn=arn)
    return point["Lifecycle"]["DeleteAfterEvent"]


@difference(
    "what EC2 refuses to launch is a failed activity, and no instance",
    "FakeAutoScalingGroup.replace_autoscaling_group_instances",
    aws=([], ["Failed"]),
    moto="InvalidLaunchTemplateId.VersionNotFound",
)
def _(aws: Aws) -> Any:
    aws.group(aws.template(), "9")
    return aws.running(), [activity["StatusCode"] for activity in aws.activities()]


@difference(
    "scaling activities are listed, newest first",
    "AutoScalingResponse.describe_scaling_activities",
    aws=["Failed", "Successful"],
    moto=[],
)
def _(aws: Aws) -> Any:
    aws.there_are(OLD)
    aws.group(aws.template(ImageId=OLD))
    del aws.backend.amis[OLD]
    aws.auto_scaling.set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=2)
    return [activity["StatusCode"] for activity in aws.activities()]


@difference(
    "a group launches its desired capacity, however that is divided",
    "FakeAutoScalingGroup.set_desired_capacity",
    aws=3,
    moto=2,
)
def _(aws: Aws) -> Any:
    aws.there_are(OLD)
    specification = {"LaunchTemplateId": aws.template(ImageId=OLD), "Version": "$Default"}
    aws.auto_scaling.create_auto_scaling_group(
        AutoScalingGroupName="web",
        MinSize=3,
        MaxSize=3,
        AvailabilityZones=[f"{REGION}a"],
        MixedInstancesPolicy={
            "LaunchTemplate": {
                "LaunchTemplateSpecification": specification,
                "Overrides": [{"InstanceType": "t3.micro"}],
            },
            "InstancesDistribution": {"OnDemandPercentageAboveBaseCapacity": 50},
        },
    )
    return len(aws.members())


@difference(
    "an instance of a group on $Latest tells the latest version",
    "FakeAutoScalingGroup.replace_autoscaling_group_instances",
    aws=["2"],
    moto=["1"],
)
def _(aws: Aws) -> Any:
    aws.there_are(OLD, NEW)
    template = aws.template(ImageId=OLD)
    aws.version(template)
    aws.group(template, "$Latest")
    return [member["LaunchTemplate"]["Version"] for member in aws.members()]


# ---- EventBridge ---------------------------------------------------------------------------------


def put(aws: Aws, *sources: str, detail: str = "{}") -> list[str | None]:
    entries = [{"Source": s, "DetailType": "Test", "Detail": detail} for s in sources]
    return [entry.get("ErrorCode") for entry in aws.events.put_events(Entries=entries)["Entries"]]


@difference(
    "sources of AWS's own are refused one by one",
    "EventsBackend.put_events",
    aws=[None, "NotAuthorizedForSourceException", None],
    moto=[None, None, None],
)
def _(aws: Aws) -> Any:
    return put(aws, "one", "aws.backup", "two")


@difference(
    "events of a megabyte in one request are refused",
    "EventsBackend.put_events",
    aws="ValidationException",
    moto=[None, None],
)
def _(aws: Aws) -> Any:
    return put(aws, "one", "two", detail=json.dumps({"text": "x" * 600_000}))


# ---- the three questions -------------------------------------------------------------------------


def name_of(repair: tuple[type, str, object]) -> str:
    owner, attribute, _ = repair
    return f"{owner.__name__}.{attribute}"


@pytest.mark.parametrize("case", DIFFERENCES, ids=by_behaviour)
def test_the_embedded_aws_answers_as_aws(case):
    with moto_with(repairs.REPAIRS) as aws:
        assert answer(case.ask, aws) == case.aws


@pytest.mark.parametrize("case", DIFFERENCES, ids=by_behaviour)
def test_without_its_repair_the_answer_is_another(case):
    others = tuple(repair for repair in repairs.REPAIRS if name_of(repair) != case.repair)
    with moto_with(others) as aws:
        assert answer(case.ask, aws) != case.aws


@pytest.mark.parametrize("case", DIFFERENCES, ids=by_behaviour)
def test_bare_moto_answers_as_it_did(case):
    with moto_with(()) as aws:
        assert answer(case.ask, aws) == case.moto, (
            f"moto has changed; if it does right now, delete the repair {case.repair}"
        )


def test_every_repair_has_its_difference():
    assert {name_of(repair) for repair in repairs.REPAIRS} == {d.repair for d in DIFFERENCES}


# ---- what moto has right too, and a repair must not break ----------------------------------------


@pytest.fixture
def aws() -> Iterator[Aws]:
    with moto_with(repairs.REPAIRS) as clients:
        yield clients


def test_a_block_device_mapping_that_is_given_keeps_its_snapshot(aws):
    given = [{"DeviceName": "/dev/sdb", "Ebs": {"SnapshotId": "snap-0fedcba9876543210"}}]
    data = {"ImageId": NEW, "BlockDeviceMappings": given}

    made = aws.version(aws.template(), SourceVersion="1", LaunchTemplateData=data)

    assert made["LaunchTemplateData"]["BlockDeviceMappings"] == given


def a_value_of(shape: Any, name: str = "") -> Any:
    match shape.type_name:
        case "structure":
            return {key: a_value_of(member, key) for key, member in shape.members.items()}
        case "list":
            return [a_value_of(shape.member)]
        case "string":
            return USER_DATA if name == "UserData" else (shape.enum or ["text"])[0]
        case "timestamp":
            return datetime(2026, 6, 15, 17, 0, 31, tzinfo=UTC)
        case kind:
            return {"boolean": True, "integer": 1, "long": 1, "double": 1.5, "float": 1.5}[kind]


def test_launch_template_data_reads_back_as_it_was_given(aws):
    """Every field that the API has."""
    request = aws.ec2.meta.service_model.operation_model("CreateLaunchTemplate").input_shape
    data = a_value_of(request.members["LaunchTemplateData"])

    template = aws.template(**data)

    inherited = aws.version(template, SourceVersion="1", LaunchTemplateData={"KernelId": "text"})
    found = aws.ec2.describe_launch_template_versions(LaunchTemplateId=template, Versions=["1"])
    assert found["LaunchTemplateVersions"][0]["LaunchTemplateData"] == data
    data["BlockDeviceMappings"][0]["Ebs"].pop("SnapshotId")
    assert inherited["LaunchTemplateData"] == data


def test_without_a_template_the_aliases_list_the_versions_of_all(aws):
    first = aws.template()
    aws.version(first)
    aws.ec2.create_launch_template(LaunchTemplateName="two", LaunchTemplateData={"ImageId": OLD})

    found = aws.ec2.describe_launch_template_versions(Versions=["$Default", "$Latest"])

    versions = found["LaunchTemplateVersions"]
    assert [(v["LaunchTemplateName"], v["VersionNumber"]) for v in versions] == [
        ("web", 2),
        ("web", 1),
        ("two", 1),
    ]


def test_deleting_versions_leaves_default_and_latest_as_they_are(aws):
    template = aws.template()
    for _ in range(3):
        aws.version(template)
    aws.ec2.modify_launch_template(LaunchTemplateId=template, DefaultVersion="3")

    deleted(aws, template, "1", "2", "4")

    aws.version(template)
    assert aws.numbers(template) == [5, 3]
    assert aws.numbers(template, Versions=["$Default"]) == [3]
    assert aws.numbers(template, Versions=["$Latest"]) == [5]


@pytest.mark.parametrize("alias", ["$Latest", "$Default", "4", "latest"])
def test_only_a_version_that_exists_becomes_the_default(aws, alias):
    template = aws.template()

    def set_default(aws: Aws) -> Any:
        return aws.ec2.modify_launch_template(LaunchTemplateId=template, DefaultVersion=alias)

    assert answer(set_default, aws) == "InvalidLaunchTemplateId.VersionNotFound"


def test_an_image_name_filter_is_case_sensitive(aws):
    aws.image("Golden")

    assert aws.names(Filters=[{"Name": "name", "Values": ["golden*"]}]) == []
    assert aws.names(Filters=[{"Name": "name", "Values": ["G?lden"]}]) == ["Golden"]


def test_a_filter_that_is_not_known_here_is_no_silent_match(aws):
    def ask(aws: Aws) -> Any:
        return aws.names(Filters=[{"Name": "free-tier-eligible", "Values": ["true"]}])

    assert answer(ask, aws) == "InvalidParameterValue"


def test_a_token_of_no_page_is_refused(aws):
    def ask(aws: Aws) -> Any:
        return aws.ec2.describe_images(NextToken="nonsense")

    assert answer(ask, aws) == "InvalidNextToken"


def test_a_failed_launch_has_the_message_of_aws(aws):
    aws.there_are(OLD, **OF_INSTANCE)
    aws.group(aws.template(ImageId=OLD, BlockDeviceMappings=[a_mapping(22, snapshot="")]))

    [activity] = aws.activities()

    why = "Volume of size 22GB is smaller than snapshot 'snap-0f', expect size >= 50GB"
    assert aws.members() == []
    assert activity["StatusMessage"] == f"{why}. Launching EC2 instance failed."
    assert activity["Description"].endswith(f"Status Reason: {activity['StatusMessage']}")


def test_a_group_starts_the_first_of_its_types_that_can_start(aws):
    aws.there_are(OLD, Architecture="x86_64")
    specification = {"LaunchTemplateId": aws.template(ImageId=OLD), "Version": "$Default"}
    overrides = [{"InstanceType": "c7g.large"}, {"InstanceType": "c7i.large"}]
    mixed = {"LaunchTemplateSpecification": specification, "Overrides": overrides}
    aws.auto_scaling.create_auto_scaling_group(
        AutoScalingGroupName="web",
        MinSize=1,
        MaxSize=1,
        AvailabilityZones=[f"{REGION}a"],
        MixedInstancesPolicy={"LaunchTemplate": mixed},
    )

    assert [member["InstanceType"] for member in aws.members()] == ["c7i.large"]


def test_events_of_aws_itself_are_accepted_where_that_is_asked_for():
    with (
        mock.patch.dict("os.environ", OF_MOTO),
        repairs.repaired(aws_sources=True),
        mock_aws(),
    ):
        assert put(aws_clients(), "aws.backup", "mine") == [None, None]


def test_nothing_stays_repaired():
    before = [vars(owner).get(name) for owner, name, _ in repairs.REPAIRS]
    with repairs.repaired():
        during = [vars(owner)[name] for owner, name, _ in repairs.REPAIRS]

    assert during == [replacement for _, _, replacement in repairs.REPAIRS]
    assert [vars(owner).get(name) for owner, name, _ in repairs.REPAIRS] == before
