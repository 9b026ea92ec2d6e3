"""The tiny EC2 answers as the embedded AWS does, or the searches on it would prove nothing."""

import json
import random
from datetime import datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto.ec2.models import ec2_backends

from infra.embedded.aws import embedded_aws
from infra.embedded.world.seed import read_world
from models.base import aws_date
from tests.support.builders import (
    ACCOUNT,
    FOLLOWS_INSTANCE,
    HELD,
    INSTANCE,
    NEW,
    NEWER,
    OLD,
    OTHER_TEMPLATE,
    REGION,
    TEMPLATE,
    a_template,
    a_version,
    a_world,
    an_image,
    tag_list,
)
from tests.survival.scenarios import IMAGES, TWO_RUNS
from tests.survival.scheduler import Schedules
from tests.survival.tiny_ec2 import Refused, Shape, World, is_read, perform, world_of

STRANGER = "999988887777"
UNTOLD = {"CreateTime", "CreatedBy", "ResponseMetadata", "Message"}
WORLD = a_world(
    an_image(OLD, tags={"role": "we*b", "aws:backup:source-resource": f"instance/{INSTANCE}"}),
    an_image(NEW, 1, State="disabled", Name="web?1"),
    an_image(NEWER, 2, OwnerId=STRANGER, Name="we*b"),
    templates=[
        a_template(default=2),
        a_template(OTHER_TEMPLATE, "api", tags={"ami-reactor": "on", "x": "y"}),
    ],
    versions=[
        a_version(),
        a_version(NEW, 2, KeyName="other"),
        a_version(OLD, 3, BlockDeviceMappings=[{"DeviceName": "sdf", "Ebs": {"SnapshotId": "s"}}]),
        a_version(template_id=OTHER_TEMPLATE),
    ],
)


EVERYTHING = a_world(*(IMAGES[id_] for id_ in (OLD, NEW, NEWER)))


class Twins:
    """The same requests to both."""

    def __init__(self, ec2: Any, world: World) -> None:
        self.ec2 = ec2
        self.world = world

    def ask(self, operation: str, asked: Shape) -> tuple[Shape, Shape]:
        try:
            self.world, tiny = perform(self.world, operation, asked)
        except Refused as refusal:
            tiny = {"error": str(refusal)}
        return _told(_only_ours(tiny)), _told(_only_ours(self._embedded(operation, asked)))

    def _embedded(self, operation: str, asked: Shape) -> Shape:
        try:
            if is_read(operation):
                return self.ec2.get_paginator(operation).paginate(**asked).build_full_result()
            return getattr(self.ec2, operation)(**asked)
        except ClientError as error:
            return {"error": error.response["Error"]["Code"]}


def _told(answer: Any) -> Any:
    """What the reactor reads of an answer; lists in an order of their own."""
    if isinstance(answer, dict):
        return {
            k: _told(v)
            for k, v in answer.items()
            if k not in UNTOLD and v not in ([], {}, "", None)
        }
    if isinstance(answer, list):
        return sorted(
            (_told(one) for one in answer), key=lambda one: json.dumps(one, sort_keys=True)
        )
    return aws_date(answer) if isinstance(answer, datetime) else answer


def _only_ours(answer: Any) -> Any:
    """Of images only the fields that the world was given."""
    if "Images" in answer:
        keys = set(an_image(OLD))
        return {"Images": [{k: v for k, v in i.items() if k in keys} for i in answer["Images"]]}
    return answer


def _a_request(chance: random.Random) -> tuple[str, Shape]:
    template = chance.choice([TEMPLATE, OTHER_TEMPLATE, "lt-0badbadbadbadbad0"])
    image = chance.choice([OLD, NEW, NEWER, "ami-0badbadbadbadbad0"])
    number = str(chance.randint(1, 6))
    mark = f"{image} 2026-06-15T12:00:00.000Z"
    value = chance.choice(["we*b", r"we\*b", "we?b", "web?1", f"*{INSTANCE}", "y", ""])
    name = chance.choice(["tag:role", "name", "tag:aws:backup:source-resource", "image-id"])
    images = {"IncludeDisabled": True, "Filters": [{"Name": name, "Values": [value, image]}]}
    return chance.choice(
        [
            ("describe_launch_templates", {"LaunchTemplateIds": [template]}),
            (
                "describe_launch_templates",
                {"Filters": [{"Name": "tag-key", "Values": [chance.choice(["ami-reactor", "x"])]}]},
            ),
            (
                "describe_launch_template_versions",
                {"LaunchTemplateId": template, "MinVersion": number},
            ),
            (
                "describe_launch_template_versions",
                {"Versions": ["$Default"], "Filters": [{"Name": "image-id", "Values": [image]}]},
            ),
            ("describe_images", images),
            ("describe_images", {**images, "Owners": ["self"]}),
            (
                "create_launch_template_version",
                {
                    "LaunchTemplateId": template,
                    "SourceVersion": number,
                    "LaunchTemplateData": {"ImageId": image},
                    "VersionDescription": f"from {number}",
                    "ClientToken": f"{template} {number} {chance.choice([image, NEW])}",
                },
            ),
            ("modify_launch_template", {"LaunchTemplateId": template, "DefaultVersion": number}),
            (
                "create_tags",
                {"Resources": [TEMPLATE], "Tags": [{"Key": chance.choice("ab"), "Value": mark}]},
            ),
        ]
    )


@pytest.mark.parametrize("seed", range(4))
def test_every_request_is_answered_alike(seed):
    chance = random.Random(seed)
    with embedded_aws(read_world(json.dumps(WORLD), "world")) as session:
        twins = Twins(session.client("ec2"), world_of(WORLD))
        for _ in range(120):
            operation, asked = _a_request(chance)

            tiny, embedded = twins.ask(operation, asked)

            assert tiny == embedded, (operation, asked)


def test_a_hold_and_a_missing_on_take_the_permission_to_write_away():
    """IAM's part, which moto has not."""
    for tags in (FOLLOWS_INSTANCE | HELD, FOLLOWS_INSTANCE | {"ami-reactor": "observe"}, {}):
        world = world_of(a_world(templates=[a_template(tags=tags)]))
        for operation, asked in (
            ("modify_launch_template", {"LaunchTemplateId": TEMPLATE, "DefaultVersion": "1"}),
            ("create_tags", {"Resources": [TEMPLATE], "Tags": tag_list({"a": "b"})}),
        ):
            with pytest.raises(Refused, match="UnauthorizedOperation"):
                perform(world, operation, asked)


@pytest.mark.parametrize("seed", range(12))
def test_whole_schedules_are_answered_alike(seed):
    """Runs of the real code, in some order, whose every call goes to both."""
    chance = random.Random(seed)
    schedules = Schedules(TWO_RUNS[seed % 2])
    with embedded_aws(read_world(json.dumps(EVERYTHING), "world")) as session:
        twins = Twins(session.client("ec2"), schedules.scenario.world)
        amis = ec2_backends[ACCOUNT][REGION].amis
        unborn = {f"{id_[-4:]} appears": amis.pop(id_) for id_ in (NEW, NEWER)}
        state = schedules.start()
        while steps := list(schedules.steps(state)):
            step = chance.choice(steps)
            state = step.state
            if step.name in unborn:
                ami = unborn[step.name]
                amis[ami.id] = ami
                twins.world = twins.world.with_image(IMAGES[ami.id])
            elif step.request:
                tiny, embedded = twins.ask(step.request.operation, step.request.parameters)

                assert tiny == embedded, step.name
