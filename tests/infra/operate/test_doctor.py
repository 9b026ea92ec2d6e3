"""`ami-reactor doctor`, on the embedded AWS."""

import json
from datetime import timedelta
from typing import Any

import pytest
from moto.awslambda.models import lambda_backends
from moto.backup.models import backup_backends
from moto.iam.models import iam_backends

from infra.embedded.stack import transformed
from infra.embedded.world.seed import read_world, seed
from infra.operate.deployment import RULES, TIMER_RULE
from infra.operate.permissions import ACTIONS
from models.events import DETAIL_TYPES, FOLLOW_UPS
from tests.support.builders import (
    ACCOUNT,
    INSTANCE,
    NEW,
    NOON,
    OLD,
    REGION,
    a_template,
    a_version,
    a_world,
    ami_state,
    an_image,
    backup_completed,
    image_arn,
    reconcile,
    tags_changed,
    template_arn,
)
from tests.support.fleets import a_group, default_image, run


def an_ok_world(**more: Any) -> dict[str, Any]:
    return a_world(an_image(OLD), AutoScalingGroups=[a_group()], **more)


def lines() -> dict[str, dict[str, str]]:
    return {line["what"]: line for line in run("doctor", "--json").lines}


def line_with(words: str) -> dict[str, str]:
    [line] = [line for what, line in lines().items() if words in what]
    return line


def test_if_all_is_ok_it_says_so_line_by_line(stage_with):
    staged = stage_with(an_ok_world())
    for event in (backup_completed(OLD), ami_state(OLD), reconcile()):
        staged.delivery.deliver(event)
    staged.delivery.deliver(tags_changed(template_arn("lt-0123456789abcdef0"), "ami-reactor"))

    ran = run("doctor")

    assert ran.status == 0
    assert ran.stdout.startswith("account 111122223333 · Region ap-northeast-2\n")
    for what in (
        "ok the stack ami-reactor is CREATE_COMPLETE since",
        "ok all 7 rules are enabled",
        "ok the function is deployed: code",
        "ok a failed event is tried three times, then kept in the dead-letter queue",
        "ok its role allows what it needs, and denies writes to held templates: IAM says so",
        "ok messages in the dead-letter queue: 0",
        *(f"ok the last {kind}: 20" for kind in DETAIL_TYPES if kind not in FOLLOW_UPS),
        "ok templates OK, with their Auto Scaling groups: 1",
    ):
        assert what in ran.words


def test_an_event_that_never_came_is_a_warning_and_no_failure(stage_with):
    stage_with(an_ok_world())

    assert line_with("no Backup Job State Change in 14 days")["state"] == "warn"
    assert run("doctor").status == 0


def test_without_a_stack_the_templates_are_still_examined(account_with):
    account_with(an_ok_world())

    ran = run("doctor")

    assert ran.status == 1
    assert "fail there is no stack ami-reactor in ap-northeast-2 fix: deploy it" in ran.words
    assert "ok templates OK" in ran.words
    assert "unknown" not in ran.words


def test_a_disabled_rule_is_named_with_the_command_that_enables_it(stage_with):
    staged = stage_with(an_ok_world())
    staged.session.client("events").disable_rule(Name="ami-reactor-backup-completed")

    line = line_with("the rule ami-reactor-backup-completed is disabled")

    assert line["state"] == "fail"
    assert line["fix"] == "aws events enable-rule --name ami-reactor-backup-completed"
    assert run("doctor").status == 1


def test_a_missing_rule_is_named(stage_with):
    staged = stage_with(an_ok_world())
    events = staged.session.client("events")
    targets = events.list_targets_by_rule(Rule="ami-reactor-image-tagged")["Targets"]
    events.remove_targets(Rule="ami-reactor-image-tagged", Ids=[t["Id"] for t in targets])
    events.delete_rule(Name="ami-reactor-image-tagged")

    assert line_with("the rule ami-reactor-image-tagged is missing")["state"] == "fail"


def test_what_the_functions_role_lacks_is_named(stage_with):
    stage_with(an_ok_world())
    for role in iam_backends[ACCOUNT]["aws"].roles.values():
        for name, document in role.policies.items():
            role.policies[name] = document.replace("ec2:ModifyLaunchTemplate", "ec2:Nothing")

    assert line_with("its role lacks ec2:ModifyLaunchTemplate")["state"] == "fail"


def test_messages_in_the_dead_letter_queue_fail_and_lead_on(stage_with):
    stage_with(an_ok_world(DeadLetters=[{"Body": "{}"}]))

    line = line_with("messages in the dead-letter queue: 1")

    assert (line["state"], line["fix"]) == ("fail", "ami-reactor dlq list")


def test_a_warm_pool_is_a_warning_and_no_failure(stage_with):
    stage_with(a_world(AutoScalingGroups=[a_group(WarmPoolConfiguration={"MinSize": 2})]))

    line = line_with("the group web: it has a warm pool")

    assert line["state"] == "warn"
    assert "aws autoscaling delete-warm-pool --auto-scaling-group-name web" in line["fix"]


def test_each_finding_of_a_group_has_its_own_state(stage_with):
    """A warm pool stays a warning, also if the group is pinned to a number."""
    group = a_group(version="1", WarmPoolConfiguration={"MinSize": 2})
    stage_with(a_world(AutoScalingGroups=[group]))

    states = {what: line["state"] for what, line in lines().items() if "the group web" in what}

    assert sorted(states.values()) == ["fail", "warn"]
    assert all((state == "warn") == ("warm pool" in what) for what, state in states.items())


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
            "make version 2 the default, or delete it: aws ec2 modify-launch-template",
            id="latest is not default",
        ),
        pytest.param(
            {"AutoScalingGroups": [a_group(version="1")]},
            "the group web: it launches version 1 for ever",
            "aws autoscaling update-auto-scaling-group",
            id="a group that does not use $Default",
        ),
    ],
)
def test_what_is_wrong_with_a_template_is_one_line_with_its_fix(stage_with, world, what, fix):
    stage_with(an_ok_world() | a_world(an_image(OLD), **world))

    line = line_with(what)

    assert line["state"] == "fail"
    assert line["fix"].startswith(fix)


@pytest.mark.parametrize(
    ("operation", "gap"),
    [
        ("DescribeStacks", "cloudformation:DescribeStacks"),
        ("ListRules", "events:ListRules"),
        ("FilterLogEvents", "logs:FilterLogEvents"),
        ("DescribeAutoScalingGroups", "autoscaling:DescribeAutoScalingGroups"),
    ],
)
def test_what_may_not_be_read_is_named_and_the_rest_is_examined(stage_with, operation, gap):
    staged = stage_with(an_ok_world())
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

    assert {*RULES, TIMER_RULE} == waking
    assert sorted(ACTIONS) == sorted(actions)


# -- the function, and what wakes it ---------------------------------------------------------------

PAUSED = "the function ami-reactor is paused: its reserved concurrency is 0"


def test_a_paused_function_is_told_with_the_command_that_ends_it(stage_with):
    staged = stage_with(an_ok_world())
    functions = staged.session.client("lambda")
    functions.put_function_concurrency(FunctionName="ami-reactor", ReservedConcurrentExecutions=0)

    line = line_with(PAUSED)

    assert (line["state"], line["name"]) == ("fail", "function")
    assert line["fix"] == (
        "aws lambda put-function-concurrency --function-name ami-reactor"
        " --reserved-concurrent-executions 1"
    )
    shown = run("status")
    assert shown.stdout.splitlines()[1].startswith(PAUSED)
    assert "--reserved-concurrent-executions 1\n" in shown.stdout
    assert PAUSED in run("status", "--json").stderr
    functions.put_function_concurrency(FunctionName="ami-reactor", ReservedConcurrentExecutions=1)
    assert PAUSED not in run("status").stdout


@pytest.mark.parametrize(
    ("single_writer", "fix"),
    [
        ("true", "aws lambda put-function-concurrency --function-name ami-reactor"),
        ("false", "aws lambda delete-function-concurrency --function-name ami-reactor"),
    ],
)
def test_a_pause_ends_with_the_concurrency_that_the_stack_gives(stage_with, single_writer, fix):
    staged = stage_with(an_ok_world())
    document = {
        "Parameters": {"SingleWriter": {"Type": "String"}},
        "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
        "Outputs": {
            "FunctionName": {"Value": "ami-reactor"},
            "DeadLetterQueueUrl": {"Value": staged.stack.queue_url},
        },
    }
    staged.session.client("cloudformation").create_stack(
        StackName="another",
        TemplateBody=json.dumps(document),
        Parameters=[{"ParameterKey": "SingleWriter", "ParameterValue": single_writer}],
    )
    staged.session.client("lambda").put_function_concurrency(
        FunctionName="ami-reactor", ReservedConcurrentExecutions=0
    )

    found = run("doctor", "--stack", "another", "--json").lines

    [line] = [line for line in found if line["what"].startswith(PAUSED)]
    assert line["fix"].startswith(fix)
    assert f"fix: {fix}" in run("status", "--stack", "another").words


RULE = "ami-reactor-image-tagged"
ELSEWHERE = "arn:aws:sqs:ap-northeast-2:111122223333:of-another-team"


def _without_its_target(staged: Any) -> None:
    events = staged.session.client("events")
    events.remove_targets(Rule=RULE, Ids=["reactor"])


def _target(**changed: Any) -> Any:
    def change(staged: Any) -> None:
        events = staged.session.client("events")
        targets = {t["Id"]: t for t in events.list_targets_by_rule(Rule=RULE)["Targets"]}
        target = {k: v for k, v in (targets["reactor"] | changed).items() if v}
        events.remove_targets(Rule=RULE, Ids=["reactor"])
        events.put_targets(Rule=RULE, Targets=[target])

    return change


def _without_the_timer(staged: Any) -> None:
    rule = "ami-reactor-promotion-postponed"
    staged.session.client("events").remove_targets(Rule=rule, Ids=["timer"])


def _invoked(**changed: Any) -> Any:
    def change(staged: Any) -> None:
        functions = staged.session.client("lambda")
        functions.delete_function_event_invoke_config(FunctionName="ami-reactor")
        if changed:
            functions.put_function_event_invoke_config(FunctionName="ami-reactor", **changed)

    return change


def _stated(**changed: Any) -> Any:
    """What no request can do here: Lambda itself gives these states."""

    def change(staged: Any) -> None:
        del staged
        [function] = lambda_backends[ACCOUNT][REGION].list_functions()
        configuration = function.get_configuration()
        vars(function)["get_configuration"] = lambda *_, **__: configuration | changed

    return change


QUEUE = "arn:aws:sqs:ap-northeast-2:111122223333:ami-reactor-dead-letters"


@pytest.mark.parametrize(
    ("change", "what", "name"),
    [
        pytest.param(_without_its_target, f"{RULE} does not wake the function", "rules", id="no"),
        pytest.param(
            _target(Arn="arn:aws:lambda:ap-northeast-2:111122223333:function:another"),
            f"{RULE} does not wake the function",
            "rules",
            id="another function",
        ),
        pytest.param(
            _without_the_timer,
            "ami-reactor-promotion-postponed does not start the timer",
            "rules",
            id="no timer",
        ),
        pytest.param(
            _target(DeadLetterConfig=None),
            "has no dead-letter queue: an event that it cannot deliver is lost",
            "rules",
            id="no queue",
        ),
        pytest.param(
            _target(DeadLetterConfig={"Arn": ELSEWHERE}),
            f"deliver to {ELSEWHERE}, which is not the stack's queue",
            "rules",
            id="another queue",
        ),
        pytest.param(
            _target(RetryPolicy={"MaximumRetryAttempts": 3, "MaximumEventAgeInSeconds": 86400}),
            "has MaximumRetryAttempts 3 instead of 185",
            "rules",
            id="a rule's retries",
        ),
        pytest.param(_invoked(), "has no on-failure destination", "failures", id="not configured"),
        pytest.param(
            _invoked(MaximumRetryAttempts=2),
            "has no on-failure destination",
            "failures",
            id="no destination",
        ),
        pytest.param(
            _invoked(DestinationConfig={"OnFailure": {"Destination": ELSEWHERE}}),
            f"fails on to {ELSEWHERE}, which is not the stack's queue",
            "failures",
            id="another destination",
        ),
        pytest.param(
            _invoked(
                MaximumRetryAttempts=0, DestinationConfig={"OnFailure": {"Destination": QUEUE}}
            ),
            "the function has MaximumRetryAttempts 0 instead of 2",
            "failures",
            id="the function's retries",
        ),
        pytest.param(
            _stated(State="Failed", StateReason="no such layer"),
            "the function is Failed: no such layer",
            "function",
            id="failed",
        ),
        pytest.param(
            _stated(LastUpdateStatus="Failed", LastUpdateStatusReason="the key is disabled"),
            "the function's last update failed: the key is disabled",
            "function",
            id="update failed",
        ),
    ],
)
def test_what_keeps_events_from_the_function_is_named(stage_with, change, what, name):
    staged = stage_with(an_ok_world())
    change(staged)

    line = line_with(what)

    assert (line["state"], line["name"]) == ("fail", name)
    assert line["fix"] == "deploy the stack: see infra/README.md"
    assert not [w for w in lines() if w.startswith("all 7 rules")] or name != "rules"


def test_images_of_several_instances_are_named_and_no_failure(stage_with):
    other = "i-0dbdbdbdbdbdbdbdb"
    by_name = {"ami-reactor": "on", "ami-reactor:image-name": "AwsBackup_*"}
    world = a_world(
        an_image(OLD),
        an_image(NEW, -1, SourceInstanceId=other),
        templates=[a_template(tags=by_name)],
        AutoScalingGroups=[a_group()],
    )
    stage_with(world)

    line = line_with(f"were made from 2 instances, {INSTANCE}, {other}")

    assert (line["state"], line["name"]) == ("warn", "templates")
    assert run("doctor").status == 0


# -- temporary images of AWS Backup ----------------------------------------------------------------


def a_recovery_point(image_id: str, hours: float, **fields: Any) -> dict[str, Any]:
    """A backup of the golden instance, as AWS Backup describes it."""
    return {
        "RecoveryPointArn": image_arn(image_id),
        "ResourceArn": f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/{INSTANCE}",
        "CreationDate": (NOON + timedelta(hours=hours)).timestamp(),
        "BackupVaultName": "nightly",
        "VaultType": "BACKUP_VAULT",
        "Lifecycle": {"DeleteAfterDays": 35},
        **fields,
    }


TEMPORARY = {"Lifecycle": {"DeleteAfterEvent": "DELETE_AFTER_COPY"}}
AIR_GAPPED = {
    "VaultType": "LOGICALLY_AIR_GAPPED_BACKUP_VAULT",
    "BackupVaultName": "vault",
    "RecoveryPointArn": "arn:aws:backup:ap-northeast-2:111122223333:recovery-point:1",
}


@pytest.mark.parametrize(
    ("points", "said"),
    [
        pytest.param([], None, id="no backups"),
        pytest.param([a_recovery_point(OLD, 0)], None, id="an image that stays"),
        pytest.param(
            [a_recovery_point(OLD, 0), a_recovery_point(NEW, 1, **TEMPORARY)],
            f"{NEW} of 2026-06-15T13:00:00.000Z, is temporary",
            id="the newest is temporary",
        ),
        pytest.param(
            [a_recovery_point(OLD, 0, **TEMPORARY), a_recovery_point(NEW, 1)],
            None,
            id="an older one is temporary",
        ),
        pytest.param(
            [a_recovery_point(NEW, 1, **AIR_GAPPED)],
            "is in the air-gapped vault vault alone",
            id="deleted already",
        ),
        pytest.param(
            [a_recovery_point(OLD, 0), a_recovery_point(NEW, 1, **AIR_GAPPED)],
            None,
            id="a copy of an image that stays",
        ),
    ],
)
def test_a_golden_instance_whose_images_are_temporary_is_named(stage_with, points, said):
    stage_with(an_ok_world())
    vars(backup_backends[ACCOUNT][REGION])["recovery_points"] = points

    found = [line for line in lines().values() if line["name"] == "backups"]

    assert [line["state"] for line in found] == (["fail"] if said else [])
    if said:
        assert found[0]["what"].startswith(f"{INSTANCE}: its newest ")
        assert said in found[0]["what"]
        assert "no logically air-gapped vault" in found[0]["fix"]


@pytest.mark.parametrize("operation", ["ListRecoveryPointsByResource", "DescribeRecoveryPoint"])
def test_without_permission_for_backups_that_is_said_and_no_failure(stage_with, operation):
    staged = stage_with(an_ok_world())
    vars(backup_backends[ACCOUNT][REGION])["recovery_points"] = [a_recovery_point(OLD, 0)]
    staged.faults.inject(operation, "AccessDeniedException", times=99)

    line = line_with("not looked for temporary images")

    assert line["state"] == "warn"
    assert f"missing permission: backup:{operation} (your credentials)" in line["what"]
    assert run("doctor").status == 0


def test_a_temporary_image_comes_and_goes_and_the_group_ends_where_it_can_launch(stage_with):
    """Available, promoted, deregistered within minutes: as a night with such a plan goes."""
    staged = stage_with(an_ok_world())
    ec2 = staged.session.client("ec2")
    made = []
    for night in range(2):
        image_id = f"ami-{night:017x}"
        more = a_world(an_image(image_id, 24 * night + 1), templates=[], versions=[])
        seed(read_world(json.dumps(more), "more"))
        staged.delivery.deliver(backup_completed(image_id))
        staged.delivery.deliver(ami_state(image_id))
        made.append(default_image())
        ec2.deregister_image(ImageId=image_id)
        staged.delivery.deliver(ami_state(image_id, "deregistered"))
        made.append(default_image())

    assert made == [f"ami-{0:017x}", OLD, f"ami-{1:017x}", OLD]
    scaling = staged.session.client("autoscaling")
    scaling.set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=1)
    assert [r["Instances"][0]["ImageId"] for r in ec2.describe_instances()["Reservations"]] == [OLD]


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def test_the_function_of_a_stack_of_another_name_is_found_from_its_outputs(stage_with):
    staged = stage_with(an_ok_world())
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

    assert "ok the function is deployed: code" in ran.words
