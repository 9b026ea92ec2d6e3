"""`ami-reactor doctor`, on the embedded AWS."""

import json
from typing import Any

import pytest
from moto.iam.models import iam_backends

from infra.embedded.stack import transformed
from infra.operate.doctor import ACTIONS, RULES
from models.events import DETAIL_TYPES
from tests.builders import (
    ACCOUNT,
    OLD,
    a_template,
    a_version,
    a_world,
    ami_state,
    an_image,
    backup_completed,
    reconcile,
    tags_changed,
    template_arn,
)
from tests.fleets import a_group, run


def a_sound_world(**more: Any) -> dict[str, Any]:
    return a_world(an_image(OLD), AutoScalingGroups=[a_group()], **more)


def lines() -> dict[str, dict[str, str]]:
    return {line["what"]: line for line in run("doctor", "--json").lines}


def line_with(words: str) -> dict[str, str]:
    [line] = [line for what, line in lines().items() if words in what]
    return line


def test_where_all_is_well_it_says_so_line_by_line(stage_with):
    staged = stage_with(a_sound_world())
    for event in (backup_completed(OLD), ami_state(OLD), reconcile()):
        staged.delivery.deliver(event)
    staged.delivery.deliver(tags_changed(template_arn("lt-0123456789abcdef0"), "ami-reactor"))

    ran = run("doctor")

    assert ran.status == 0
    assert ran.stdout.startswith("account 111122223333 · Region ap-northeast-2\n")
    for what in (
        "well the stack ami-reactor is CREATE_COMPLETE since",
        "well all 5 rules are enabled",
        "well the function is there: code",
        "well its role allows what it needs",
        "well dead letters: 0",
        *(f"well the last {kind}: 20" for kind in DETAIL_TYPES),
        "well templates that are sound, with their groups: 1",
    ):
        assert what in ran.words


def test_an_event_that_never_came_is_to_be_looked_at_and_no_failure(stage_with):
    stage_with(a_sound_world())

    assert line_with("no Backup Job State Change in 14 days")["state"] == "look"
    assert run("doctor").status == 0


def test_without_a_stack_the_templates_are_examined_all_the_same(account_with):
    account_with(a_sound_world())

    ran = run("doctor")

    assert ran.status == 1
    assert "bad there is no stack ami-reactor in ap-northeast-2 fix: deploy it" in ran.words
    assert "well templates that are sound" in ran.words
    assert "unknown" not in ran.words


def test_a_disabled_rule_is_named_with_the_command_that_enables_it(stage_with):
    staged = stage_with(a_sound_world())
    staged.session.client("events").disable_rule(Name="ami-reactor-backup-completed")

    line = line_with("the rule ami-reactor-backup-completed is disabled")

    assert line["state"] == "bad"
    assert line["fix"] == "aws events enable-rule --name ami-reactor-backup-completed"
    assert run("doctor").status == 1


def test_a_missing_rule_is_named(stage_with):
    staged = stage_with(a_sound_world())
    events = staged.session.client("events")
    targets = events.list_targets_by_rule(Rule="ami-reactor-image-tagged")["Targets"]
    events.remove_targets(Rule="ami-reactor-image-tagged", Ids=[t["Id"] for t in targets])
    events.delete_rule(Name="ami-reactor-image-tagged")

    assert line_with("the rule ami-reactor-image-tagged is missing")["state"] == "bad"


def test_what_the_functions_role_lacks_is_named(stage_with):
    stage_with(a_sound_world())
    for role in iam_backends[ACCOUNT]["aws"].roles.values():
        for name, document in role.policies.items():
            role.policies[name] = document.replace("ec2:ModifyLaunchTemplate", "ec2:Nothing")

    assert line_with("its role lacks ec2:ModifyLaunchTemplate")["state"] == "bad"


def test_dead_letters_are_bad_and_lead_on(stage_with):
    stage_with(a_sound_world(DeadLetters=[{"Body": "{}"}]))

    line = line_with("dead letters: 1")

    assert (line["state"], line["fix"]) == ("bad", "ami-reactor dlq list")


@pytest.mark.parametrize(
    ("world", "what", "fix"),
    [
        pytest.param(
            {"templates": [a_template(tags={"ami-reactor": "on"})]},
            "web: misconfigured: no selector",
            "ami-reactor follow web",
            id="selectors",
        ),
        pytest.param(
            {"versions": [a_version(), a_version(number=2, InstanceType="m5.large")]},
            "web: version 2 is the latest and not the default (1)",
            "make it the default, or delete it: aws ec2 modify-launch-template",
            id="latest is not default",
        ),
        pytest.param(
            {"AutoScalingGroups": [a_group(version="1")]},
            "the group web: it launches version 1 for ever",
            "aws autoscaling update-auto-scaling-group",
            id="a group that does not follow",
        ),
    ],
)
def test_what_is_wrong_with_a_template_is_one_line_with_its_fix(stage_with, world, what, fix):
    stage_with(a_sound_world() | a_world(an_image(OLD), **world))

    line = line_with(what)

    assert line["state"] == "bad"
    assert line["fix"].startswith(fix)


@pytest.mark.parametrize(
    ("operation", "gap"),
    [
        ("DescribeStacks", "cloudformation:DescribeStacks"),
        ("ListRules", "events:ListRules"),
        ("GetRolePolicy", "iam:GetRolePolicy"),
        ("FilterLogEvents", "logs:FilterLogEvents"),
        ("DescribeAutoScalingGroups", "autoscaling:DescribeAutoScalingGroups"),
    ],
)
def test_what_may_not_be_looked_at_is_named_and_the_rest_is_examined(stage_with, operation, gap):
    staged = stage_with(a_sound_world())
    staged.faults.inject(operation, "AccessDenied", times=99)

    ran = run("doctor", "--json")

    assert ran.status == 1
    unknown = [line["what"] for line in ran.lines if line["state"] == "unknown"]
    assert unknown
    assert all(gap in what for what in unknown)
    assert len(ran.lines) > len(unknown)


def test_the_doctor_knows_every_rule_and_action_of_the_stack():
    resources = transformed()["Resources"]
    waking = {
        name
        for name, resource in resources.items()
        if resource["Type"] == "AWS::Events::Rule" and "Condition" not in resource
    }
    statements = resources["Role"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
    actions = [action for one in statements for action in _listed(one["Action"])]

    assert set(RULES) == waking
    assert sorted(ACTIONS) == sorted(actions)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def test_the_function_of_a_stack_of_another_name_is_found_from_its_outputs(stage_with):
    staged = stage_with(a_sound_world())
    document = {
        "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
        "Outputs": {
            "FunctionName": {"Value": "ami-reactor"},
            "DeadLetterQueueUrl": {"Value": staged.stack.queue_url},
        },
    }
    staged.session.client("cloudformation").create_stack(
        StackName="StackSet-ami-reactor-0a1b2c3d", TemplateBody=json.dumps(document)
    )

    ran = run("doctor", "--stack", "StackSet-ami-reactor-0a1b2c3d")

    assert "well the function is there: code" in ran.words
