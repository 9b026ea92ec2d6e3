"""The stack's template, deployed to the embedded AWS, and those of the world's chains."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

from moto.awslambda.models import EventInvokeConfig
from moto.cloudformation.models import Stack as MotoStack
from moto.cloudformation.models import cloudformation_backends
from moto.cloudformation.parsing import ResourceMap, clean_json, get_model_map
from moto.iam.models import Role

from infra.embedded.world.alarm_change import Alarm, write_alarm
from infra.embedded.world.seed import World
from models.base import Place
from models.tags import ON_TROUBLE

if TYPE_CHECKING:
    import boto3

_TRANSFORMED = Path(__file__).with_name("template.json")
STACK_NAME = "ami-reactor"


@dataclass(frozen=True)
class Stack:
    """The outputs of the deployed stack that are used here."""

    function_name: str
    queue_url: str


@cache
def transformed() -> dict[str, Any]:
    """The stack's template as CloudFormation sees it, after the SAM transform.

    `.ci/infra --transform` makes the file of `infra/template.yaml`. The code in it is a
    placeholder: the embedded Lambda calls the handler that is there.
    """
    template: dict[str, Any] = json.loads(_TRANSFORMED.read_text())["Template"]
    return template


def deploy(
    session: "boto3.Session",
    world: World,
    template: dict[str, Any],
    chain: Callable[[str], dict[str, Any]],
) -> Stack:
    """Create the stack, and one by one the resources that moto's CloudFormation leaves out.

    The guard is there if a launch template of the world asks for one; then come the world's chains.
    """
    guard = {"ParameterKey": "Guard", "ParameterValue": "true"}
    given = [guard] if _asks_for_a_guard(world, template) else []
    stack = _create(session, world, STACK_NAME, template, given)
    decided = stack.resource_map.lazy_condition_map
    for resource in template["Resources"].values():
        is_there = "Condition" not in resource or decided[resource["Condition"]]
        if resource["Type"] in _BY_HAND and is_there:
            _BY_HAND[resource["Type"]](session, _resolved(resource, stack.resource_map))
    for asked in world.stacks:
        given = [one.model_dump(by_alias=True) for one in asked.parameters]
        _create(session, world, asked.stack_name, chain(asked.chain), given)
        for alarm in filter(
            None, asked.given("AlarmNames")
        ):  # a refresh takes no alarm that does not exist
            write_alarm(Alarm(alarm, "OK"), Place(account=world.account, region=world.region))
    described = session.client("cloudformation").describe_stacks(StackName=STACK_NAME)["Stacks"][0]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in described["Outputs"]}
    return Stack(outputs["FunctionName"], outputs["DeadLetterQueueUrl"])


def _create(
    session: "boto3.Session", world: World, name: str, template: dict[str, Any], given: Any
) -> MotoStack:
    """Create a stack of what moto's CloudFormation has."""
    resources = template["Resources"]
    supported = {name: r for name, r in resources.items() if r["Type"] in _supported()}
    # moto parses YAML, which takes longer than all the rest; this is JSON
    with mock.patch.object(MotoStack, "parse_template", staticmethod(json.loads)):
        session.client("cloudformation").create_stack(
            StackName=name,
            TemplateBody=json.dumps({**template, "Resources": supported}),
            Capabilities=["CAPABILITY_IAM"],
            Parameters=given,
        )
    stack: MotoStack = cloudformation_backends[world.account][world.region].get_stack(name)
    for resource in stack.resource_map.values():
        if isinstance(resource, Role):
            _write_policies_as_json(resource)
    return stack


def _supported() -> set[str]:
    """The types that moto can create. No dashboard: it names alarms that moto cannot create."""
    return get_model_map().keys() - {"AWS::CloudWatch::Dashboard"}


def _asks_for_a_guard(world: World, template: dict[str, Any]) -> bool:
    return "Guard" in template["Parameters"] and any(
        tag.key == ON_TROUBLE for one in world.launch_templates for tag in one.tags
    )


def _resolved(resource: dict[str, Any], resource_map: ResourceMap) -> dict[str, Any]:
    properties: dict[str, Any] = _without_nothing(clean_json(resource["Properties"], resource_map))
    return properties


def _without_nothing(value: Any) -> Any:
    """Without AWS::NoValue in lists, for which moto leaves None."""
    if isinstance(value, dict):
        return {key: _without_nothing(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_without_nothing(one) for one in value if one is not None]
    return value


def _write_policies_as_json(role: Role) -> None:
    """As GetRolePolicy shows them; moto's CloudFormation keeps them as Python prints them."""
    for name, document in role.policies.items():
        role.policies[name] = json.dumps(document)


def _put_queue_policy(session: "boto3.Session", properties: dict[str, Any]) -> None:
    for url in properties["Queues"]:
        session.client("sqs").set_queue_attributes(
            QueueUrl=url, Attributes={"Policy": json.dumps(properties["PolicyDocument"])}
        )


def _put_invoke_config(session: "boto3.Session", properties: dict[str, Any]) -> None:
    # moto knows no Region of some partitions, and looks at the destination's
    with mock.patch.object(EventInvokeConfig, "validate", lambda _: None):
        session.client("lambda").put_function_event_invoke_config(**properties)


_BY_HAND = {
    "AWS::SQS::QueuePolicy": _put_queue_policy,
    "AWS::Lambda::EventInvokeConfig": _put_invoke_config,
}
