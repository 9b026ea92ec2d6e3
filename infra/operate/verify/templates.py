"""Facts about launch templates and images, checked with throw-away launch templates.

No instance, image, snapshot or group is made: EC2 does not fully validate what a launch template
names, so groups and snapshots that are not there will do.
"""

import base64
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from handlers.ec2 import IMAGES_PAGE
from handlers.paging import each
from infra.operate.verify.asking import ask, outcome_of
from infra.operate.verify.bench import NO_SUCH_IMAGE, Bench
from infra.operate.verify.fact import Answer, CannotTell
from infra.operate.verify.facts import facts
from infra.operate.verify.running import Check
from infra.operate.verify.things import TAG, TEMPLATE, Thing
from models.aws_limits import FILTER_VALUES, VERSIONS_AT_ONCE
from models.errors import AwsRefused
from models.image import Image
from models.launch_template import Version
from models.tags import BACKUP_SOURCE_TAG, HIGH_WATER_MARK_TAG, tags_of

_PARAMETER = "resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
_GLOB_TAG = f"{TAG}-glob"
_MARK = f"{NO_SUCH_IMAGE} 2026-06-15T17:00:31.000Z"
_VERSIONS = "LaunchTemplateVersions"
_VERSION = "LaunchTemplateVersion"
_SHOWN = 5  # of what differs, at most

_DATA: dict[str, Any] = {
    "InstanceType": "t3.micro",
    "UserData": base64.b64encode(b"#!/bin/true").decode(),
    "BlockDeviceMappings": [
        {"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 8, "VolumeType": "gp3"}},
        {
            "DeviceName": "/dev/sdf",
            "Ebs": {"SnapshotId": "snap-00000000000000000", "DeleteOnTermination": True},
        },
    ],
    "MetadataOptions": {"HttpTokens": "required"},
    "SecurityGroupIds": ["sg-00000000000000002", "sg-00000000000000001"],
    "TagSpecifications": [
        {"ResourceType": kind, "Tags": [{"Key": "b", "Value": "2"}, {"Key": "a", "Value": "1"}]}
        for kind in ("volume", "instance")
    ],
}
"""What a version of a real fleet has, its lists not in alphabetical order."""


@dataclass(frozen=True)
class ThrowAway:
    """One throw-away launch template."""

    bench: Bench
    id: str

    @cached_property
    def ec2(self) -> Any:
        return self.bench.account.client("ec2")

    def create(self, image_id: str, token: str, source: str | None = "1", text: str = "") -> Any:
        """CreateLaunchTemplateVersion's answer."""
        inherited = {} if source is None else {"SourceVersion": source}
        return ask(
            self.ec2.create_launch_template_version,
            LaunchTemplateId=self.id,
            LaunchTemplateData={"ImageId": image_id},
            VersionDescription=f"{self.bench.run}{text}",
            ClientToken=hashlib.sha256(f"{self.id} {token}".encode()).hexdigest(),
            **inherited,
        )

    def versions(self, **which: Any) -> list[dict[str, Any]]:
        call = self.ec2.describe_launch_template_versions
        found: list[dict[str, Any]] = ask(call, LaunchTemplateId=self.id, **which)[_VERSIONS]
        return found

    def set_default(self, number: str) -> Any:
        return ask(self.ec2.modify_launch_template, LaunchTemplateId=self.id, DefaultVersion=number)

    def delete(self, number: str) -> Any:
        call = self.ec2.delete_launch_template_versions
        return ask(call, LaunchTemplateId=self.id, Versions=[number])

    def found_by(self, key: str, *values: str) -> bool:
        """Whether a filter finds it: one on a tag's value, or on its key."""
        by_value = {"Name": f"tag:{key}", "Values": list(values)}
        by_key = {"Name": "tag-key", "Values": [key]}
        found = each(
            self.ec2,
            "describe_launch_templates",
            "LaunchTemplates",
            Filters=[by_value if values else by_key],
        )
        return self.id in [one["LaunchTemplateId"] for one in found]

    def tags(self) -> dict[str, str]:
        call = self.ec2.describe_launch_templates
        [found] = ask(call, LaunchTemplateIds=[self.id])["LaunchTemplates"]
        return tags_of(found.get("Tags", []))

    def tag(self, key: str, value: str) -> None:
        ask(self.ec2.create_tags, Resources=[self.id], Tags=[{"Key": key, "Value": value}])


def make_template(bench: Bench, word: str, data: dict[str, Any]) -> ThrowAway:
    """Make one; its tag is there from the moment that it is."""
    name = f"{bench.run}-{word}"
    made = ask(
        bench.account.client("ec2").create_launch_template,
        LaunchTemplateName=name,
        LaunchTemplateData=data,
        TagSpecifications=[
            {"ResourceType": "launch-template", "Tags": [{"Key": TAG, "Value": bench.run}]}
        ],
    )["LaunchTemplate"]
    bench.made.append(Thing(kind=TEMPLATE, name=name, id=made["LaunchTemplateId"]))
    template = ThrowAway(bench, made["LaunchTemplateId"])
    bench.eventually(lambda: template.tags()[TAG], bench.run)  # EC2 shows it a little later
    return template


# -- what is asked, and how ------------------------------------------------------------------------


def _reads(bench: Bench) -> Iterator[Answer | CannotTell]:
    image_id, _ = bench.images
    template = make_template(bench, "reads", {"ImageId": image_id})
    describe = template.ec2.describe_launch_templates
    yield Answer(
        "accepted",
        outcome_of(describe, LaunchTemplateIds=[template.id], MaxResults=VERSIONS_AT_ONCE),
    )
    yield bench.eventually(lambda: template.id in _on_default(template, image_id), True)
    dry = outcome_of(template.ec2.delete_tags, Resources=[template.id], DryRun=True)
    yield Answer("DryRunOperation", dry)
    template.tag(_GLOB_TAG, "a*b")
    globs = (r"a\*b", "a*", r"a\*")
    yield bench.eventually(
        lambda: [template.found_by(_GLOB_TAG, glob) for glob in globs], [True, True, False]
    )
    template.tag(HIGH_WATER_MARK_TAG, _MARK)
    yield bench.eventually(
        lambda: [template.tags().get(HIGH_WATER_MARK_TAG), template.found_by(HIGH_WATER_MARK_TAG)],
        [_MARK, True],
    )


def _on_default(template: ThrowAway, image_id: str) -> list[str]:
    found = each(
        template.ec2,
        "describe_launch_template_versions",
        _VERSIONS,
        Versions=["$Default"],
        Filters=[{"Name": "image-id", "Values": [image_id]}],
    )
    return [one["LaunchTemplateId"] for one in found]


def _copies(bench: Bench) -> Iterator[Answer | CannotTell]:
    first_image, other_image = bench.images
    template = make_template(bench, "copies", {"ImageId": first_image, **_DATA})
    [source] = template.versions(Versions=["1"])
    made = template.create(other_image, "two")[_VERSION]
    yield Answer([], _other_settings(source, made))
    yield Answer([], _other_order(source["LaunchTemplateData"], made["LaunchTemplateData"]))
    yield Answer([], _snapshots(made))
    yield bench.eventually(lambda: _unlike(made, template.versions(Versions=["2"])), [])
    yield Answer(2, template.create(other_image, "two")[_VERSION]["VersionNumber"])
    yield Answer("IdempotentParameterMismatch", _refusal_of_other_wish(template, other_image))


def _refusal_of_other_wish(template: ThrowAway, image_id: str) -> str:
    try:
        template.create(image_id, "two", text=", another wish")
    except AwsRefused as error:
        return error.code or str(error)
    return "accepted"


def _other_settings(source: dict[str, Any], made: dict[str, Any]) -> list[str]:
    """The settings in which a copy differs, as the function compares them; not the image."""
    before, after = Version.model_validate(source), Version.model_validate(made)
    if after.differs_in_image_alone(before):
        return []
    return sorted(k for k in before.data | after.data if before.data.get(k) != after.data.get(k))


def _other_order(source: dict[str, Any], made: dict[str, Any]) -> list[str]:
    """The lists whose items stand in another order."""
    keys = ("SecurityGroupIds", "TagSpecifications", "BlockDeviceMappings")
    return [key for key in keys if _items(source, key) != _items(made, key)]


def _items(data: dict[str, Any], key: str) -> list[Any]:
    """Its items; of a mapping, the device alone, because its snapshot may be dropped."""
    items: list[Any] = data.get(key, [])
    return [one["DeviceName"] for one in items] if key == "BlockDeviceMappings" else items


def _snapshots(version: dict[str, Any]) -> list[str]:
    mappings = version["LaunchTemplateData"]["BlockDeviceMappings"]
    return [m["Ebs"]["SnapshotId"] for m in mappings if "SnapshotId" in m.get("Ebs", {})]


def _unlike(answer: dict[str, Any], read: list[dict[str, Any]]) -> list[str]:
    """The settings that are read otherwise than they were answered."""
    [version] = read
    one, other = answer["LaunchTemplateData"], version["LaunchTemplateData"]
    return sorted(key for key in one | other if one.get(key) != other.get(key))


def _warnings(bench: Bench) -> Iterator[Answer | CannotTell]:
    image_id, _ = bench.images
    template = make_template(bench, "warnings", {"ImageId": image_id})
    made = template.create(NO_SUCH_IMAGE, "no such image", source=None)
    yield Answer([2, ["InvalidAMIID.NotFound"]], [made[_VERSION]["VersionNumber"], _codes(made)])
    if image_id == NO_SUCH_IMAGE:
        yield CannotTell("an image that this account can see")
    else:
        yield Answer([], _codes(template.create(image_id, "an image", source=None)))
    made = template.create(_PARAMETER, "parameter", source=None)
    yield Answer(_PARAMETER, made[_VERSION]["LaunchTemplateData"]["ImageId"])


def _codes(answer: dict[str, Any]) -> list[str]:
    return [error["Code"] for error in answer.get("Warning", {}).get("Errors", [])]


def _numbers(bench: Bench) -> Iterator[Answer | CannotTell]:
    image_id, _ = bench.images
    template = make_template(bench, "numbers", {"ImageId": image_id})
    template.create(image_id, "two")
    template.create(image_id, "three")
    yield bench.eventually(lambda: _numbers_of(template.versions(MinVersion="2")), [2, 3])
    answer = template.set_default("2")["LaunchTemplate"]
    yield Answer([2, 3], [answer["DefaultVersionNumber"], answer["LatestVersionNumber"]])
    missing = {"LaunchTemplateId": template.id, "DefaultVersion": "99"}
    refusal = outcome_of(template.ec2.modify_launch_template, **missing)
    yield Answer("InvalidLaunchTemplateId.VersionNotFound", refusal)
    kept = template.delete("2")["UnsuccessfullyDeletedLaunchTemplateVersions"]
    yield Answer([2], _numbers_of(kept))
    template.delete("3")
    yield Answer(4, template.create(image_id, "four")[_VERSION]["VersionNumber"])
    yield Answer(3, template.create(image_id, "three")[_VERSION]["VersionNumber"])


def _numbers_of(versions: Iterable[dict[str, Any]]) -> list[int]:
    return sorted(version["VersionNumber"] for version in versions)


def _own_images(bench: Bench) -> Iterator[Answer | CannotTell]:
    ec2 = bench.account.client("ec2")
    which = {
        "Owners": ["self"],
        "Filters": [{"Name": "image-id", "Values": [NO_SUCH_IMAGE]}],
        "IncludeDisabled": True,
        "IncludeDeprecated": True,
        "MaxResults": IMAGES_PAGE,
    }
    found = ask(ec2.describe_images, **which)["Images"]
    yield Answer([], [one["ImageId"] for one in found])
    yield _proofs(bench)
    yield _boots(bench)


def _proofs(bench: Bench) -> Answer | CannotTell:
    """The tag and the field beside each other, of all images that AWS Backup made here."""
    tagged = [{"Name": "tag-key", "Values": [BACKUP_SOURCE_TAG]}]
    images = [i for i in _read_images(bench, tagged, Owners=["self"]) if not _is_a_copy(i, bench)]
    if not images:
        return CannotTell("an image that AWS Backup made of an instance of this account")
    odd = [
        f"{one.image_id}: {one.source_instance_id or 'no SourceInstanceId'}"
        for one in images
        if len(one.source_instances) != 1 or one.source_instance_id is None
    ]
    return Answer([], odd[:_SHOWN])


def _is_a_copy(image: Image, bench: Bench) -> bool:
    """A copy of another Region's, which keeps the tag and has no source instance."""
    return image.source_image_region not in (None, bench.account.place.region)


def _boots(bench: Bench) -> Answer | CannotTell:
    """How own images boot, beside those that their instances were started from."""
    own = [i for i in _read_images(bench, [], Owners=["self"]) if i.source_image_id]
    ids = sorted({str(i.source_image_id) for i in own})[:FILTER_VALUES]
    named = [{"Name": "image-id", "Values": ids}]
    parents = {i.image_id: i for i in _read_images(bench, named)} if ids else {}
    pairs = [(i, parents[str(i.source_image_id)]) for i in own if i.source_image_id in parents]
    if not pairs:
        return CannotTell("an own image, and the image that its instance was started from")
    odd = [
        f"{image.image_id}: {image.boot_mode}, {parent.image_id}: {parent.boot_mode}"
        for image, parent in pairs
        if not image.starts_where(parent)
    ]
    return Answer([], odd[:_SHOWN])


def _read_images(bench: Bench, filters: list[dict[str, Any]], **owners: Any) -> Iterator[Image]:
    found = bench.describe_images(Filters=filters, IncludeDeprecated=True, **owners)
    return map(Image.model_validate, found)


CHECKS = (
    Check(
        facts(
            "ids-beside-page-size",
            "defaults-by-image",
            "all-tags-at-once",
            "filter-escapes",
            "high-water-mark-is-a-tag",
        ),
        _reads,
    ),
    Check(
        facts(
            "copy-differs-in-image",
            "lists-keep-order",
            "snapshots-dropped",
            "read-as-answered",
            "same-token-same-version",
            "same-token-other-wish",
        ),
        _copies,
    ),
    Check(
        facts("missing-image-warned", "image-not-warned", "parameter-kept"),
        _warnings,
    ),
    Check(
        facts(
            "min-version",
            "latest-in-answer",
            "missing-version-refused",
            "default-not-deleted",
            "numbers-not-reused",
            "token-outlives-version",
        ),
        _numbers,
    ),
    Check(facts("image-id-as-filter", "backup-proved-twice", "boot-mode-inherited"), _own_images),
)
