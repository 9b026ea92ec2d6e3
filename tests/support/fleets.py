"""Fleets for the tests of operating: groups, instances, and the command line run in-process."""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from botocore.client import BaseClient
from moto.autoscaling.models import autoscaling_backends
from moto.core.responses import BaseResponse
from typer.testing import CliRunner

from infra.cli import app
from tests.support.builders import (
    ACCOUNT,
    REGION,
    TEMPLATE,
    a_template,
    a_version,
    a_world,
    an_image,
)


@dataclass(frozen=True)
class Ran:
    """What a command printed, and how it ended."""

    stdout: str
    stderr: str
    status: int

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.stdout.splitlines()]

    @property
    def words(self) -> str:
        """What was printed for people, however it was folded."""
        return " ".join(self.stdout.split())


def run(*arguments: str, answer: str | None = None) -> Ran:
    """Run a verb against the embedded AWS at hand, folded as on a terminal of 80 columns."""
    columns = {"COLUMNS": os.environ.get("COLUMNS", "80")}
    result = CliRunner(env=columns).invoke(app, arguments, input=answer, catch_exceptions=False)
    return Ran(result.stdout, result.stderr, result.exit_code)


def a_group(
    name: str = "web",
    version: str = "$Default",
    *,
    template_id: str = TEMPLATE,
    instances: dict[str, str] | None = None,
    **fields: Any,
) -> dict[str, Any]:
    """A group; its instances: id to the version that they were launched with."""
    members = [
        {"InstanceId": instance_id, "LaunchTemplate": {"Version": number}}
        for instance_id, number in (instances or {}).items()
    ]
    return {
        "AutoScalingGroupName": name,
        "LaunchTemplate": {"LaunchTemplateId": template_id, "Version": version},
        "MaxSize": 9,
        "DesiredCapacity": len(members),
        "Instances": members,
        **fields,
    }


def a_mixed_group(name: str = "web", *overrides: dict[str, Any], **fields: Any) -> dict[str, Any]:
    specification = {"LaunchTemplateId": TEMPLATE, "Version": "$Default"}
    mixed = {"LaunchTemplateSpecification": specification, "Overrides": list(overrides)}
    group = a_group(name, MixedInstancesPolicy={"LaunchTemplate": mixed}, **fields)
    del group["LaunchTemplate"]
    return group


def start_refresh(group: str, **desired: Any) -> None:
    """What no request can do here: a refresh of that group is in flight."""
    refresh = {"InstanceRefreshId": "refresh-1", "Status": "InProgress", "PercentageComplete": 40}
    if desired:
        refresh["DesiredConfiguration"] = desired
    refreshes = vars(autoscaling_backends[ACCOUNT][REGION]).setdefault("instance_refreshes", {})
    refreshes[group] = [refresh]


def requests(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The operations that the embedded AWS is asked for, from now on."""
    asked: list[str] = []
    answer = BaseResponse.call_action

    def recorded(response: BaseResponse) -> Any:
        asked.append(response._get_action())
        return answer(response)

    monkeypatch.setattr(BaseResponse, "call_action", recorded)
    return asked


def before(monkeypatch: pytest.MonkeyPatch, operation: str, action: Callable[[], Any]) -> None:
    """Do something just before the embedded AWS answers the next call of that operation."""
    answer = BaseResponse.call_action
    waiting = [action]

    def call_action(response: BaseResponse) -> Any:
        if response._get_action() == operation and waiting:
            waiting.pop()()
        return answer(response)

    monkeypatch.setattr(BaseResponse, "call_action", call_action)


def after(monkeypatch: pytest.MonkeyPatch, operation: str, action: Callable[[], Any]) -> None:
    """Do something just after the embedded AWS answered the next call of that operation."""
    answer = BaseResponse.call_action
    waiting = [action]

    def call_action(response: BaseResponse) -> Any:
        answered = answer(response)
        if response._get_action() == operation and waiting:
            waiting.pop()()
        return answered

    monkeypatch.setattr(BaseResponse, "call_action", call_action)


def calls(
    monkeypatch: pytest.MonkeyPatch, **answers: Callable[[dict[str, Any]], None]
) -> list[tuple[str, dict[str, Any]]]:
    """Each call of any boto3 client from now on: the operation and its parameters.

    Args:
        monkeypatch: Pytest's.
        answers: By operation, what changes AWS's answer in its place.
    """
    made: list[tuple[str, dict[str, Any]]] = []
    call = BaseClient._make_api_call

    def recorded(client: BaseClient, operation: str, parameters: dict[str, Any]) -> Any:
        made.append((operation, parameters))
        answer = call(client, operation, parameters)
        if operation in answers:
            answers[operation](answer)
        return answer

    monkeypatch.setattr(BaseClient, "_make_api_call", recorded)
    return made


def writes(made: list[tuple[str, dict[str, Any]]]) -> list[tuple[str, ...]]:
    """Of calls, those that write to EC2, in their order: operation, resources and tag keys."""
    return [
        (
            operation,
            *parameters.get("Resources", [parameters.get("LaunchTemplateId")]),
            *(tag["Key"] for tag in parameters.get("Tags", [])),
        )
        for operation, parameters in made
        if operation
        in ("CreateTags", "DeleteTags", "CreateLaunchTemplateVersion", "ModifyLaunchTemplate")
    ]


def default_image(template_id: str = TEMPLATE) -> str:
    """The image that new instances launch."""
    number = template_of(template_id)["DefaultVersionNumber"]
    image_id: str = versions_of(template_id)[number]["ImageId"]
    return image_id


def template_of(template_id: str = TEMPLATE) -> dict[str, Any]:
    answer = _ec2().describe_launch_templates(LaunchTemplateIds=[template_id])
    found: dict[str, Any] = answer["LaunchTemplates"][0]
    return found


def versions_of(template_id: str = TEMPLATE) -> dict[int, dict[str, Any]]:
    """The data of each version, by number."""
    pages = _ec2().get_paginator("describe_launch_template_versions")
    return {
        version["VersionNumber"]: version["LaunchTemplateData"]
        for page in pages.paginate(LaunchTemplateId=template_id)
        for version in page["LaunchTemplateVersions"]
    }


def tags_of(resource_id: str = TEMPLATE) -> dict[str, str]:
    found = _ec2().describe_tags(Filters=[{"Name": "resource-id", "Values": [resource_id]}])
    return {tag["Key"]: tag["Value"] for tag in found["Tags"]}


def _ec2() -> Any:
    return boto3.client("ec2")


def many_templates(count: int, images_each: int = 5, *, launched: bool = False) -> dict[str, Any]:
    """Each with a golden instance of its own, and a group; on the oldest of its images.

    Args:
        count: How many.
        images_each: Of each golden instance.
        launched: Each group has an instance, which is none of the golden ones.
    """
    ids = [f"lt-{n:017x}" for n in range(count)]
    golden = [f"i-{n:017x}" for n in range(count)]
    running = [{f"i-0aaaaaaaa{n:08x}": "1"} if launched else {} for n in range(count)]
    images = [f"ami-{n:017x}" for n in range(count * images_each)]
    return a_world(
        *[
            an_image(image, n // count, SourceInstanceId=golden[n % count])
            for n, image in enumerate(images)
        ],
        templates=[
            a_template(
                id_,
                f"web-{n:04}",
                tags={"ami-reactor": "on", "ami-reactor:source-instance": golden[n]},
            )
            for n, id_ in enumerate(ids)
        ],
        versions=[a_version(images[n], template_id=id_) for n, id_ in enumerate(ids)],
        AutoScalingGroups=[
            a_group(f"web-{n}", template_id=id_, instances=running[n]) for n, id_ in enumerate(ids)
        ],
    )
