"""The stack: a contract that linters do not know, and the damage that it must notice."""

import json
import re
from copy import deepcopy
from importlib.metadata import version
from itertools import chain

import pytest
import typer.main
from moto.events.models import EventPattern

from handlers.metrics import measured
from infra.cli import app
from infra.deploy.template import TEMPLATE
from infra.embedded.aws import embedded_aws
from infra.embedded.stack import transformed
from infra.embedded.stage import stage
from infra.embedded.world.seed import World, read_world
from models.outcome import Result
from tests.handlers.test_metrics import a_promotion, an_outcome
from tests.support.builders import (
    ACCOUNT,
    NEW,
    NOON,
    OTHER_TEMPLATE,
    REGION,
    a_template,
    a_version,
    a_world,
    ami_state,
    backup_completed,
    image_arn,
    reconcile,
    tags_changed,
    template_arn,
)
from tests.support.builders import TEMPLATE as TEMPLATE_ID
from tests.support.cloudformation import as_text, resources_of
from tests.support.paths import ROOT

README = (TEMPLATE.parent / "README.md").read_text()
OWN_ACCOUNT = [{"Ref": "AWS::AccountId"}]
DEAD_LETTERS = {"Fn::GetAtt": ["DeadLetters", "Arn"]}
FUNCTION, TIMER = {"Fn::GetAtt": ["Reactor", "Arn"]}, {"Ref": "Timer"}
MARK = "ami-reactor-state:newest-image"
TEMPLATE_BODY_BYTES = 51_200  # the most that CloudFormation takes in a request, without a bucket

WAKING_KEYS = (
    "ami-reactor",
    "ami-reactor:source-instance",
    "ami-reactor:image-name",
    "ami-reactor:copied-images",
    "ami-reactor:image-tag:Name",
    "ami-reactor:soak",
    "ami-reactor:after",
    "ami-reactor:gate:qa",
    "ami-reactor-state:hold",
    "ami-reactor-state:window",
)
PROMOTED = reconcile() | {"detail-type": "Launch Template Promoted"}
POSTPONED = reconcile() | {"detail-type": "Promotion Postponed"}
WAKING = {
    "backup": backup_completed(),
    **{f"image {state}": ami_state(state=state) for state in ("available", "deregistered")},
    "image disabled": ami_state(state="disabled"),
    "image tagged": tags_changed(image_arn(NEW), "Name"),
    "reconcile": reconcile(),
    "promoted": PROMOTED,
    **{key: tags_changed(template_arn(TEMPLATE_ID), key) for key in WAKING_KEYS},
}
QUIET = {
    "mark": tags_changed(template_arn(TEMPLATE_ID), MARK),
    "other tag": tags_changed(template_arn(TEMPLATE_ID), "Name"),
    "image failed": ami_state(state="failed"),
    "failed": reconcile() | {"detail-type": "Promotion Failed"},
    "postponed": POSTPONED,
}
RULES_THAT_WAKE = (
    "BackupCompleted",
    "AmiStateChanged",
    "TemplateTagged",
    "ImageTagged",
    "ReconcileRequested",
    "LaunchTemplatePromoted",
)
RULES_ON_OUR_OWN = ("LaunchTemplatePromoted", "PromotionPostponed")
"""A replay of what was captured makes these events again, so no copy of them is kept."""
ALL_RULES = (*RULES_THAT_WAKE, "PromotionPostponed")
LOST = "InvocationsFailedToBeSentToDlq"
DOCUMENTED = {
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", "${DeadLetters.QueueName}"),
    ("AWS/States", "ExecutionsFailed", "StateMachineArn", "${Timer}"),
    *(("AWS/Events", LOST, "RuleName", f"${{{rule}}}") for rule in ALL_RULES),
    *(
        ("AWS/Lambda", metric, "FunctionName", "${Reactor}")
        for metric in (
            "Errors",
            "Duration",
            "AsyncEventAge",
            "AsyncEventsDropped",
            "DestinationDeliveryFailures",
        )
    ),
}
"""AWS's own metrics of what this stack has: namespace, metric, and its one dimension.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-monitoring.html: RuleName alone is of
the default bus
https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
https://docs.aws.amazon.com/step-functions/latest/dg/procedure-cw-metrics.html
"""
WATCHED = {
    "DeadLetterWaits": {
        ("AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", "${DeadLetters.QueueName}")
    },
    "TemplateRefused": {("AmiReactor", "Templates", "outcome", "refused")},
    "ReactionFailed": {("AWS/Lambda", "Errors", "FunctionName", "${Reactor}")},
    "EventsWaitLong": {("AWS/Lambda", "AsyncEventAge", "FunctionName", "${Reactor}")},
    "DeadLetterLost": {
        *(("AWS/Events", LOST, "RuleName", f"${{{rule}}}") for rule in ALL_RULES),
        ("AWS/Lambda", "DestinationDeliveryFailures", "FunctionName", "${Reactor}"),
    },
    "TimerFailed": {("AWS/States", "ExecutionsFailed", "StateMachineArn", "${Timer}")},
    "NothingPromoted": {("AmiReactor", "Templates", "outcome", "promoted")},
    "TemplateBehind": {("AmiReactor", "Behind")},
    "ImageOld": {("AmiReactor", "ImageAge")},
}
OFF_BY_DEFAULT = {"NothingPromoted", "TemplateBehind", "ImageOld"}
TOLD_BY = {
    "DeadLetterLost": "SUM(FILL(METRICS(), 0))",
    "TemplateBehind": "seconds / 3600",
    "ImageOld": "seconds / 86400",
}
"""Of alarms about more than one plain metric: the expression that they compare."""
NO_DATA = {
    "DeadLetterWaits": "ignore",
    "NothingPromoted": "breaching",
    "TemplateBehind": "ignore",
    "ImageOld": "ignore",
}
"""What alarms take no data for, if it is not for good news."""


# -- the contract ----------------------------------------------------------------------------------


def faults(resources):
    """What is wrong with a stack, each in a few words; nothing if it is sound."""
    checks = (
        _rules,
        _selection,
        _timer,
        _permissions,
        _queue,
        _queue_policy,
        _asynchronous_invocation,
        _captured_events,
        _alarms,
    )
    return [fault for check in checks for fault in check(without_the_guard(resources))]


def without_the_guard(resources):
    """What there is without Guard=true; tests/stack/test_guard_stack.py has the rest."""
    return {name: r for name, r in resources.items() if r.get("Condition") != "HasGuard"}


def _of(resources, kind):
    return {n: r["Properties"] for n, r in resources.items() if r["Type"] == f"AWS::{kind}"}


def _waking_rules(resources):
    """The rules that have the function as target, and that target."""
    return _rules_to(resources, FUNCTION)


def _rules_that_may_lose_nothing(resources):
    return _rules_to(resources, FUNCTION, TIMER)


def _rules_to(resources, *arns):
    return {
        name: (rule, target)
        for name, rule in _of(resources, "Events::Rule").items()
        for target in rule["Targets"]
        if target["Arn"] in arns
    }


def _rules(resources):
    for name, (rule, target) in _rules_that_may_lose_nothing(resources).items():
        if rule["EventPattern"].get("account") != OWN_ACCOUNT:
            yield f"{name}: listens to other accounts"
        if target.get("DeadLetterConfig") != {"Arn": DEAD_LETTERS}:
            yield f"{name}: has no dead letter"
        policy = {"MaximumRetryAttempts": 185, "MaximumEventAgeInSeconds": 86400}
        if target.get("RetryPolicy") != policy:
            yield f"{name}: gives up early"
        if rule.get("State", "ENABLED") != "ENABLED":
            yield f"{name}: is off"


def _selection(resources):
    for title, event in WAKING.items():
        if len(_selecting(resources, event)) != 1:
            yield f"{title}: selected by {_selecting(resources, event) or 'no rule'}"
    for title, event in QUIET.items():
        if woken := _selecting(resources, event):
            yield f"{title}: wakes the function through {woken}"
    for title, event in WAKING.items():
        if _selecting(resources, event | {"account": "999988887777"}):
            yield f"{title}: of another account is selected"


def _selecting(resources, event):
    """Asked of moto's engine: tests/stack/test_rules.py says how far that may be trusted."""
    return _selected_by(_waking_rules(resources), event)


def _selected_by(rules, event):
    return [
        name
        for name, (rule, _) in rules.items()
        if EventPattern.load(
            json.dumps(rule["EventPattern"]).replace('{"Ref": "AWS::AccountId"}', f'"{ACCOUNT}"')
        ).matches_event(event)
    ]


def _timer(resources):
    """What is postponed starts the timer, and nothing else does; the timer then asks for it."""
    starting = _rules_to(resources, TIMER)
    if len(_selected_by(starting, POSTPONED)) != 1:
        yield "what is postponed does not start the timer once"
    if _selected_by(starting, POSTPONED | {"account": "999988887777"}):
        yield "what another account postponed starts the timer"
    if others := [title for title in WAKING if _selected_by(starting, WAKING[title])]:
        yield f"the timer is started by {', '.join(others)}"
    for name, (_, target) in starting.items():
        if target.get("RoleArn") != {"Fn::GetAtt": ["StartTimerRole", "Arn"]}:
            yield f"{name}: may not start the timer"


def _permissions(resources):
    allowed = [
        p["SourceArn"]
        for p in _of(resources, "Lambda::Permission").values()
        if p["Principal"] == "events.amazonaws.com"
        and p["Action"] == "lambda:InvokeFunction"
        and p["FunctionName"] == {"Ref": "Reactor"}
    ]
    if sorted(map(str, allowed)) != sorted(map(str, _arns(_waking_rules(resources)))):
        yield "the function may not be invoked by each rule, and by these alone"


def _arns(names):
    return [{"Fn::GetAtt": [name, "Arn"]} for name in names]


def _queue(resources):
    queue = resources["DeadLetters"]
    properties = queue["Properties"]
    if properties.get("MessageRetentionPeriod") != 1_209_600:
        yield "dead letters are not kept for 14 days"
    if properties.get("SqsManagedSseEnabled") is not True or "KmsMasterKeyId" in properties:
        yield "the queue is not encrypted by SQS itself"
    for when in ("DeletionPolicy", "UpdateReplacePolicy"):
        if not str(queue.get(when)).startswith("Retain"):
            yield f"dead letters go with the stack: {when}"


def _queue_policy(resources):
    policies = list(_of(resources, "SQS::QueuePolicy").values())
    if not policies or policies[0]["Queues"] != [{"Ref": "DeadLetters"}]:
        yield "the queue has no policy: EventBridge may write no dead letter"
        return
    arns = [f"${{{name}.Arn}}" for name in _rules_that_may_lose_nothing(resources)]
    statements = as_text(policies[0]["PolicyDocument"]["Statement"])
    found = {statement.pop("Sid"): statement for statement in statements}
    if found.pop("EveryRuleOfThisStack", None) != {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": "${DeadLetters.Arn}",
        "Condition": {"ArnEquals": {"aws:SourceArn": arns}},
    }:
        yield "the queue's policy does not name each rule"
    writers = {"aws:SourceArn": arns, "aws:PrincipalArn": ["${Role.Arn}"]}
    everybody = {"Effect": "Deny", "Principal": "*", "Resource": "${DeadLetters.Arn}"}
    if found.pop("NoOtherSender", None) != everybody | {
        "Action": "sqs:SendMessage",
        "Condition": {"ArnNotEquals": writers},
    }:
        yield "others may write to the queue"
    if found.pop("TlsOnly", None) != everybody | {
        "Action": "sqs:*",
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }:
        yield "the queue may be used without TLS"
    if found:
        yield f"the queue's policy says more: {', '.join(found)}"


def _asynchronous_invocation(resources):
    [config] = _of(resources, "Lambda::EventInvokeConfig").values() or [{}]
    failure = config.get("DestinationConfig", {}).get("OnFailure", {})
    if (config.get("FunctionName"), config.get("Qualifier")) != ({"Ref": "Reactor"}, "$LATEST"):
        yield "the invoke config is not of what the rules invoke"
    if failure.get("Destination") != DEAD_LETTERS:
        yield "what the handler fails on is lost: no on-failure destination"
    tries = (config.get("MaximumRetryAttempts"), config.get("MaximumEventAgeInSeconds"))
    if tries != (2, 21_600):
        yield "Lambda gives up early"


def _captured_events(resources):
    policy = str([p["PolicyDocument"] for p in _of(resources, "Logs::ResourcePolicy").values()])
    for name, (rule, _) in _waking_rules(resources).items():
        keeps = any("log-group:${CapturedEvents}" in str(t["Arn"]) for t in rule["Targets"])
        if keeps is (name in RULES_ON_OUR_OWN):
            yield f"{name}: keeps {'a' if keeps else 'no'} copy"
        if keeps and f'"${{{name}.Arn}}"' not in policy:
            yield f"{name}: may not keep its copy"


def _alarms(resources):
    alarms = _of(resources, "CloudWatch::Alarm")
    yield from (f"no alarm {name}" for name in WATCHED if name not in alarms)
    yield from (f"{name}: nobody knows why" for name in alarms if name not in WATCHED)
    for name, alarm in alarms.items():
        yield from (f"{name}: {fault}" for fault in _alarm(name, alarm))


def _alarm(name, alarm):
    watched = list(_metrics(alarm))
    if sorted(watched) != sorted(WATCHED.get(name, ())):
        yield f"watches {watched}"
    if "Metrics" in alarm and _told(alarm["Metrics"]) != [TOLD_BY.get(name)]:
        yield "compares another number"
    if alarm["AlarmActions"] != {
        "Fn::If": ["HasTopic", [{"Ref": "AlarmTopicArn"}], {"Ref": "AWS::NoValue"}]
    }:
        yield "tells nobody"
    if "Type: ami-reactor " not in alarm["AlarmDescription"]["Fn::Sub"]:
        yield "does not say what to type"
    if alarm["TreatMissingData"] != NO_DATA.get(name, "notBreaching"):
        yield "takes no data wrongly"


def _metrics(alarm):
    """What an alarm watches: namespace, metric, and its dimension with its value."""
    single = {key: alarm.get(key) for key in ("Namespace", "MetricName", "Dimensions")}
    in_a_sum = [m["MetricStat"]["Metric"] for m in alarm.get("Metrics", []) if "MetricStat" in m]
    for metric in in_a_sum or [single]:
        dimensions = [(d["Name"], as_text(d["Value"])) for d in metric.get("Dimensions", [])]
        yield metric["Namespace"], metric["MetricName"], *sum(dimensions, ())


def _told(metrics):
    """The expressions of which an alarm's state is told: CloudWatch takes one."""
    return [m.get("Expression", m["Id"]) for m in metrics if m.get("ReturnData", True)]


def test_the_stack_keeps_the_contract():
    assert faults(transformed()["Resources"]) == []


@pytest.mark.parametrize(
    ("name", "rings"),
    [
        ("DeadLetterWaits", ("GreaterThanThreshold", 0, 1, 60, "Maximum", "ignore")),
        ("TemplateRefused", ("GreaterThanThreshold", 0, 1, 300, "Sum", "notBreaching")),
        ("ReactionFailed", ("GreaterThanThreshold", 0, 1, 300, "Sum", "notBreaching")),
        (
            "EventsWaitLong",
            ("GreaterThanThreshold", 15 * 60_000, 1, 300, "Maximum", "notBreaching"),
        ),
        ("DeadLetterLost", ("GreaterThanThreshold", 0, 1, None, None, "notBreaching")),
        ("TimerFailed", ("GreaterThanThreshold", 0, 1, 300, "Sum", "notBreaching")),
        (
            "NothingPromoted",
            ("LessThanThreshold", 1, {"Ref": "NoPromotionHours"}, 3600, "Sum", "breaching"),
        ),
        (
            "TemplateBehind",
            ("GreaterThanThreshold", {"Ref": "MaxBehindHours"}, 1, None, None, "ignore"),
        ),
        (
            "ImageOld",
            ("GreaterThanThreshold", {"Ref": "MaxImageAgeDays"}, 1, None, None, "ignore"),
        ),
    ],
)
def test_an_alarm_rings_at_the_first_of_what_it_watches(name, rings):
    alarm = transformed()["Resources"][name]["Properties"]
    keys = (
        "ComparisonOperator",
        "Threshold",
        "EvaluationPeriods",
        "Period",
        "Statistic",
        "TreatMissingData",
    )

    assert tuple(alarm.get(key) for key in keys) == rings


@pytest.fixture(scope="module")
def emitted():
    """The metrics that the real handler logs, of a promotion and of a refusal."""
    misconfigured = a_template(OTHER_TEMPLATE, "api", tags={"ami-reactor": "on"})
    world = a_world(
        templates=[a_template(), misconfigured],
        versions=[a_version(), a_version(template_id=OTHER_TEMPLATE)],
    )
    with stage(read_world(json.dumps(world), "world")) as raised:
        raised.delivery.deliver(reconcile())
        logged = raised.session.client("logs").filter_log_events(
            logGroupName="/aws/lambda/ami-reactor"
        )["events"]
    lines = [json.loads(event["message"]) for event in logged]
    return {
        (directive["Namespace"], metric["Name"], *chain.from_iterable((d, line[d]) for d in keys))
        for line in lines
        for directive in line.get("_aws", {}).get("CloudWatchMetrics", [])
        for metric in directive["Metrics"]
        for keys in directive["Dimensions"]
    }


def test_an_alarm_watches_only_what_the_function_logs_or_aws_documents(emitted):
    assert ("AmiReactor", "Events", "result", "handled") in emitted
    assert set().union(*WATCHED.values()) <= emitted | DOCUMENTED


def test_the_dashboard_draws_only_what_the_function_logs_or_aws_documents(emitted):
    known = {metric[:3] for metric in emitted} | DOCUMENTED
    drawn = {
        tuple(as_text(part) for part in metric)
        for widget in dashboard()["widgets"]
        for metric in _drawn(widget["properties"].get("metrics", []))
    }

    assert drawn
    assert {metric[:3] if metric[0] == "AmiReactor" else metric for metric in drawn} <= known


def _drawn(metrics):
    """A widget's metrics, with `...` and `.` spelled out as the console does."""
    last = []
    for metric in metrics:
        parts = [part for part in metric if not isinstance(part, dict)]
        if parts[:1] == ["..."]:
            parts = last[: len(last) - len(parts) + 1] + parts[1:]
        last = [
            old if part == "." else part for old, part in zip(last or parts, parts, strict=True)
        ]
        if last:
            yield tuple(last)


# -- the damage ------------------------------------------------------------------------------------

RULES = sorted(_waking_rules(transformed()["Resources"]))
RULES_WITH_DEAD_LETTERS = sorted(_rules_that_may_lose_nothing(transformed()["Resources"]))
ALARMS = sorted(_of(without_the_guard(transformed()["Resources"]), "CloudWatch::Alarm"))
GUARDS_ALARMS = sorted(_of(transformed()["Resources"], "CloudWatch::Alarm").keys() - {*ALARMS})
RULE, TARGET = "BackupCompleted", ("Properties", "Targets", 0)


def without(*path):
    def damage(resources):
        del _at(resources, path[:-1])[path[-1]]

    return damage


def with_(value, *path):
    def damage(resources):
        _at(resources, path[:-1])[path[-1]] = value

    return damage


def _at(resources, path):
    for key in path:
        resources = resources[key]
    return resources


def rename_state(resources):
    detail = resources["AmiStateChanged"]["Properties"]["EventPattern"]["detail"]
    detail["state"] = detail.pop("State")


def wake_on_the_mark(resources):
    detail = resources["TemplateTagged"]["Properties"]["EventPattern"]["detail"]
    detail["changed-tag-keys"].append({"prefix": "ami-reactor-state:"})


DIMENSION_NAME, DIMENSION_VALUE = ("Dimensions", 0, "Name"), ("Dimensions", 0, "Value")
OF_RULE_1 = ("Metrics", 1, "MetricStat", "Metric", *DIMENSION_VALUE)
OF_FUNCTION = ("Metrics", 8, "MetricStat", "Metric", *DIMENSION_VALUE)
NO_DATA_IS = ("TreatMissingData",)
QUEUE_URL, FUNCTION_ARN = {"Ref": "DeadLetters"}, {"Fn::GetAtt": ["Reactor", "Arn"]}
SENDERS = ("DeadLettersPolicy", "Properties", "PolicyDocument", "Statement")

DAMAGE = [
    pytest.param(without("DeadLettersPolicy"), "the queue has no policy", id="no queue policy"),
    *(
        pytest.param(
            without(rule, *TARGET, "DeadLetterConfig"),
            f"{rule}: has no",
            id=f"{rule}: no dead letter",
        )
        for rule in RULES_WITH_DEAD_LETTERS
    ),
    *(
        pytest.param(
            without(rule, "Properties", "EventPattern", "account"),
            f"{rule}: listens to",
            id=f"{rule}: any account",
        )
        for rule in RULES_WITH_DEAD_LETTERS
    ),
    *(pytest.param(without(a), f"no alarm {a}", id=f"no alarm {a}") for a in ALARMS),
    *(
        pytest.param(with_(value, alarm, "Properties", *path), f"{alarm}: {fault}", id=title)
        for title, alarm, path, value, fault in (
            ("the queue by its URL", "DeadLetterWaits", DIMENSION_VALUE, QUEUE_URL, "watches"),
            ("the function by its ARN", "ReactionFailed", DIMENSION_VALUE, FUNCTION_ARN, "watches"),
            ("another function", "EventsWaitLong", DIMENSION_VALUE, "other", "watches"),
            ("the dimension Function", "EventsWaitLong", DIMENSION_NAME, "Function", "watches"),
            ("the dimension Resource", "ReactionFailed", DIMENSION_NAME, "Resource", "watches"),
            ("another namespace", "TemplateRefused", ("Namespace",), "AMIReactor", "watches"),
            ("another metric", "ReactionFailed", ("MetricName",), "Error", "watches"),
            ("an outcome that is none", "TemplateRefused", DIMENSION_VALUE, "refuse", "watches"),
            ("a rule by its ARN", "DeadLetterLost", OF_RULE_1, {"Fn::GetAtt": [RULE, "Arn"]}, ""),
            ("another function's", "DeadLetterLost", OF_FUNCTION, "other", "watches"),
            (
                "one rule",
                "DeadLetterLost",
                ("Metrics", 0, "Expression"),
                "rule1",
                "compares another",
            ),
            ("a gap", "DeadLetterLost", ("Metrics", 0, "Expression"), "SUM(METRICS())", "compares"),
            ("a second answer", "DeadLetterLost", ("Metrics", 1, "ReturnData"), True, "compares"),
            ("no topic", "ReactionFailed", ("AlarmActions", "Fn::If", 1), [], "tells nobody"),
            (
                "hours for days",
                "ImageOld",
                ("Metrics", 0, "Expression"),
                "seconds / 3600",
                "compares",
            ),
            ("another timer", "TimerFailed", DIMENSION_VALUE, "other", "watches"),
            ("a queue fallen idle", "DeadLetterWaits", NO_DATA_IS, "notBreaching", "takes no data"),
        )
    ),
    *(
        pytest.param(
            without(f"{rule}Permission"), "may not be invoked", id=f"{rule}: no permission"
        )
        for rule in RULES
    ),
    *(
        pytest.param(
            with_("DISABLED", rule, "Properties", "State"),
            f"{rule}: is off",
            id=f"{rule}: disabled",
        )
        for rule in RULES_WITH_DEAD_LETTERS
    ),
    pytest.param(
        with_(60, "DeadLetters", "Properties", "MessageRetentionPeriod"),
        "14 days",
        id="retention of 60 s",
    ),
    pytest.param(rename_state, "image available: selected by no rule", id="state for State"),
    pytest.param(
        with_(_arns([RULE]), *SENDERS, 0, "Condition", "ArnEquals", "aws:SourceArn"),
        "does not name each rule",
        id="the queue's policy names one rule only",
    ),
    pytest.param(
        with_(_arns([RULE]), *SENDERS, 1, "Condition", "ArnNotEquals", "aws:SourceArn"),
        "others may write",
        id="the queue's policy denies all rules but one",
    ),
    pytest.param(
        without(*SENDERS, 1, "Condition", "ArnNotEquals", "aws:PrincipalArn"),
        "others may write",
        id="the queue's policy denies the function itself",
    ),
    pytest.param(with_("Allow", *SENDERS, 2, "Effect"), "without TLS", id="the queue without TLS"),
    pytest.param(
        with_("sqs:SendMessage", *SENDERS, 2, "Action"), "without TLS", id="TLS for writing only"
    ),
    pytest.param(
        with_({"AWS": {"Ref": "AWS::AccountId"}}, *SENDERS, 1, "Principal"),
        "others may write",
        id="the queue's policy denies some principals only",
    ),
    pytest.param(
        with_({"AWS": {"Ref": "AWS::AccountId"}}, *SENDERS, 2, "Principal"),
        "without TLS",
        id="TLS for some principals only",
    ),
    pytest.param(
        with_("*", *SENDERS, 0, "Principal"), "does not name each rule", id="any principal writes"
    ),
    pytest.param(
        with_("alias/aws/sqs", "DeadLetters", "Properties", "KmsMasterKeyId"),
        "not encrypted by SQS itself",
        id="KmsMasterKeyId: alias/aws/sqs",
    ),
    pytest.param(
        without("DeadLetters", "Properties", "SqsManagedSseEnabled"),
        "not encrypted",
        id="no encryption",
    ),
    pytest.param(without("DeadLetters", "DeletionPolicy"), "go with the stack", id="not retained"),
    pytest.param(
        without("ReactorEventInvokeConfig", "Properties", "DestinationConfig"),
        "no on-failure destination",
        id="no on-failure destination",
    ),
    pytest.param(
        without("ReactorEventInvokeConfig"), "no on-failure destination", id="no invoke config"
    ),
    pytest.param(
        with_("live", "ReactorEventInvokeConfig", "Properties", "Qualifier"),
        "the invoke config is not of what",
        id="an invoke config of an alias",
    ),
    pytest.param(
        with_(0, "ReactorEventInvokeConfig", "Properties", "MaximumRetryAttempts"),
        "Lambda gives up early",
        id="no second attempt",
    ),
    pytest.param(
        with_(0, RULE, *TARGET, "RetryPolicy", "MaximumRetryAttempts"),
        f"{RULE}: gives up early",
        id="a retry policy of 0",
    ),
    pytest.param(without(RULE, *TARGET, "RetryPolicy"), "gives up early", id="no retry policy"),
    pytest.param(
        without("PromotionPostponed"), "does not start the timer", id="no rule for the timer"
    ),
    pytest.param(
        without("PromotionPostponed", *TARGET, "RoleArn"),
        "may not start the timer",
        id="no role to start the timer",
    ),
    pytest.param(
        without("PromotionPostponed", "Properties", "EventPattern", "detail-type"),
        "the timer is started by reconcile",
        id="a timer that any of our events starts",
    ),
    pytest.param(wake_on_the_mark, "mark: wakes the function", id="a rule that the mark wakes"),
    pytest.param(without(RULE), "backup: selected by no rule", id="a rule removed"),
    pytest.param(
        without(RULE, "Properties", "Targets", 1), f"{RULE}: keeps no copy", id="nothing captured"
    ),
    pytest.param(without("CapturedEventsPolicy"), "may not keep", id="no policy for the copies"),
    pytest.param(
        without("DeadLetterLost", "Properties", "Metrics", 1),
        "DeadLetterLost: watches",
        id="the lost letters of one rule are not watched",
    ),
    pytest.param(
        with_("breaching", "ReactionFailed", "Properties", "TreatMissingData"),
        "takes no data wrongly",
        id="an alarm that rings when nothing happens",
    ),
]


@pytest.mark.parametrize(("damage", "fault"), DAMAGE)
def test_damage_to_the_stack_is_named(damage, fault):
    resources = deepcopy(transformed()["Resources"])
    damage(resources)

    assert [named for named in faults(resources) if fault in named]


# -- what people read ------------------------------------------------------------------------------


@pytest.mark.parametrize("alarm", [*ALARMS, *GUARDS_ALARMS])
def test_what_an_alarm_tells_to_type_is_a_command(alarm):
    properties = transformed()["Resources"][alarm]["Properties"]
    text = properties["AlarmDescription"]["Fn::Sub"]

    for command in re.findall(r"ami-reactor ([a-z ]+) --stack \S+ --region \S+", text):
        found = typer.main.get_command(app)
        for word in command.split():
            found = found.commands[word]
        verb = found.callback()  # the list of verbs has only what loads it
        assert {"--stack", "--region"} <= {flag for option in verb.params for flag in option.opts}
    assert text.count("ami-reactor") == text.count(" --stack ${AWS::StackName} --region ")


def test_cdk_can_include_the_template():
    """CfnInclude wants OnSuccess too in SAM's own EventInvokeConfig (aws-cdk-lib 2.276)."""
    template = TEMPLATE.read_text()

    assert not re.search(r"^ +EventInvokeConfig:", template, re.MULTILINE)
    assert "Type: AWS::Lambda::EventInvokeConfig" in template


def test_the_serverless_application_has_the_version_of_the_program():
    metadata = transformed()["Metadata"]["AWS::ServerlessRepo::Application"]

    assert metadata["SemanticVersion"] == version("ami-reactor")
    assert {"Name", "Description", "Author", "SpdxLicenseId"} <= metadata.keys()
    assert len(metadata["Description"]) <= 256  # the most that the repository takes
    assert len(metadata["Labels"]) <= 10


def test_the_alarms_cost_no_more_than_is_said():
    alarms = _of(without_the_guard(transformed()["Resources"]), "CloudWatch::Alarm")

    watched = [metric for alarm in alarms.values() for metric in _metrics(alarm)]
    by_default = len(watched) - sum(len(list(_metrics(alarms[name]))) for name in OFF_BY_DEFAULT)
    assert by_default == 13  # 0.10 USD each
    assert f"the alarms watch {by_default} metrics at 0.10 each" in README


def test_the_readme_lists_every_alarm_and_no_other():
    named = {
        r["Properties"]["AlarmName"]
        for r in resources_of(transformed(), **EVERYTHING).values()
        if _is_alarm(r)
    }

    listed = re.findall(r"^\| `…-([a-z-]+)` \|", README, re.MULTILINE)
    assert {f"ami-reactor-{name}" for name in listed} == named


def test_what_the_readme_has_jq_write_is_taken_without_a_bucket():
    processed = json.dumps(transformed(), separators=(",", ":"), ensure_ascii=False)

    assert "jq -c '.Resources.Reactor.Properties.Code.S3Bucket" in README
    assert len(processed.encode()) < TEMPLATE_BODY_BYTES * 0.95


def dashboard(**parameters):
    return json.loads(resources_of(transformed(), **parameters)["Overview"]["Properties"][BODY])


BODY = "DashboardBody"


@pytest.mark.parametrize(
    ("guard", "alarms"), [("false", ALARMS), ("true", [*ALARMS, *GUARDS_ALARMS])]
)
def test_the_dashboard_shows_every_alarm_but_those_that_are_off_by_default(guard, alarms):
    [shown, *_] = dashboard(Guard=guard)["widgets"]

    assert {*shown["properties"]["alarms"]} == {
        f"${{{alarm}.Arn}}" for alarm in {*alarms} - OFF_BY_DEFAULT
    }
    assert ("uard" in json.dumps(dashboard(Guard=guard))) is (guard == "true")


def test_with_the_guard_the_dashboard_draws_what_it_does_and_how_it_fails():
    without, with_it = (
        {
            metric
            for widget in dashboard(Guard=guard)["widgets"]
            for metric in _drawn(widget["properties"].get("metrics", []))
        }
        for guard in ("false", "true")
    )

    of_the_reactor = {metric[:3] for metric in without if metric[-1] == "${Reactor}"}
    assert with_it - without == {
        *(("AmiReactor", "Templates", "outcome", o) for o in ("moved-back", "held", "quarantined")),
        *((*metric, "${GuardFunction}") for metric in of_the_reactor),
    }


def test_the_dashboard_draws_and_asks_only_for_what_the_function_logs():
    lines = list(measured(an_outcome(a_promotion()), NOON))
    counted = {m["Name"] for line in lines for m in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]}
    widgets = [widget["properties"] for widget in dashboard()["widgets"]]
    drawn = {
        metric[1]
        for widget in widgets
        for metric in widget.get("metrics", [])
        if metric[0] == "AmiReactor"
    }
    queries = " ".join(widget["query"] for widget in widgets if "query" in widget)
    asked = set(re.findall(r"(?:by|fields|filter|,) ([a-z_]+)\b(?!\()", queries))

    assert drawn <= counted
    assert "AmiReactor" in str([widget for widget in widgets if "SEARCH" in str(widget)])
    assert asked <= {*lines[1], "last"}
    assert "why" in asked


def test_the_widgets_of_the_dashboard_do_not_overlap():
    taken = [
        (x, y)
        for widget in dashboard()["widgets"]
        for x in range(widget["x"], widget["x"] + widget["width"])
        for y in range(widget["y"], widget["y"] + widget["height"])
    ]

    assert len(taken) == len(set(taken))
    assert max(x for x, _ in taken) < 24


def test_results_that_the_function_logs_are_all_drawn():
    results = [r.value for r in Result if r is not Result.UNMATCHED]  # no rule, no invocation

    assert all(f'"{result}"' in json.dumps(dashboard()) for result in results)


def test_every_parameter_says_what_it_means_and_what_it_takes():
    for name, parameter in transformed()["Parameters"].items():
        assert len(parameter["Description"]) > 20, name
        assert parameter.keys() & {"AllowedValues", "AllowedPattern", "MaxValue"}, name
        assert "Default" in parameter, name


NAMES = [
    "a",
    "ami-reactor",
    "ami-reactor-of-the-platform-team-eu1",
    "n" * 64,
    "Z" + "9" * 127,
    "StackSet-ami-reactor-0a1b2c3d-1111-2222-3333-444455556666",
    f"StackSet-{'s' * 82}-0a1b2c3d-1111-2222-3333-444455556666",
]
LONGEST = {
    ("Lambda::Function", "FunctionName"): 64,
    ("Events::Rule", "Name"): 64,
    ("StepFunctions::StateMachine", "StateMachineName"): 80,
    ("SQS::Queue", "QueueName"): 80,
    ("CloudWatch::Alarm", "AlarmName"): 255,
    ("CloudWatch::Dashboard", "DashboardName"): 255,
    ("Logs::LogGroup", "LogGroupName"): 512,
    ("Logs::ResourcePolicy", "PolicyName"): 255,
}
EVERYTHING = {
    "NoPromotionHours": "24",
    "MaxBehindHours": "48",
    "MaxImageAgeDays": "30",
    "ReconcileSchedule": "rate(1 day)",
    "Guard": "true",
    "CentralBusArn": "arn:aws:events:eu-west-1:444455556666:event-bus/outcomes",
    "AlarmTopicArn": "arn:aws:sns:eu-west-1:444455556666:ops",
}


@pytest.mark.parametrize("name", NAMES)
def test_a_stack_may_have_any_name_that_a_stack_may_have(name):
    assert re.fullmatch("[a-zA-Z][-a-zA-Z0-9]{0,127}", name)
    resources = resources_of(transformed(), name, **EVERYTHING)

    names = [
        (resource["Type"].removeprefix("AWS::"), key, value)
        for resource in resources.values()
        for key, value in resource.get("Properties", {}).items()
        if key.endswith("Name") and not str(value).startswith("${") and key != "MetricName"
    ]
    assert {(kind, key) for kind, key, _ in names} <= LONGEST.keys()
    assert [name for *kind, name in names if len(name) > LONGEST[tuple(kind)]] == []
    texts = [r["Properties"]["AlarmDescription"] for r in resources.values() if _is_alarm(r)]
    assert max(map(len, texts)) <= 1024


def _is_alarm(resource):
    return resource["Type"] == "AWS::CloudWatch::Alarm"


def test_a_stack_of_the_name_that_the_readme_gives_has_plain_names():
    resources = resources_of(transformed(), **EVERYTHING)
    rules = [r for r in resources.values() if r["Type"] == "AWS::Events::Rule"]

    assert resources["Reactor"]["Properties"]["FunctionName"] == "ami-reactor"
    assert resources["DeadLetters"]["Properties"]["QueueName"] == "ami-reactor-dead-letters"
    assert all(r["Properties"]["Name"].startswith("ami-reactor-") for r in rules)


def test_no_two_stacks_want_the_same_name():
    one, other = (
        {v for r in resources_of(transformed(), name).values() for v in _named(r)}
        for name in ("a", "b")
    )

    assert not one & other


def _named(resource):
    keys = {key for _, key in LONGEST}
    found = {k: v for k, v in resource.get("Properties", {}).items() if k in keys}
    return {v for v in found.values() if not v.startswith("${")}


def test_an_alarm_tells_the_topic_that_is_given_and_nothing_without_one():
    with_a_topic = resources_of(transformed(), **EVERYTHING)
    silent = resources_of(transformed())

    alarms = {name: r["Properties"] for name, r in with_a_topic.items() if _is_alarm(r)}
    assert alarms.keys() == {*WATCHED, *GUARDS_ALARMS}
    assert {str(a["AlarmActions"]) for a in alarms.values()} == {str([EVERYTHING["AlarmTopicArn"]])}
    assert not [r for r in silent.values() if "AlarmActions" in r.get("Properties", {})]


def test_a_parameter_turns_on_what_it_names_and_nothing_else():
    def brings(**parameters):
        return resources_of(transformed(), **parameters).keys() - resources_of(transformed()).keys()

    assert brings(NoPromotionHours="24") == {"NothingPromoted"}
    assert brings(MaxBehindHours="48") == {"TemplateBehind"}
    assert brings(MaxImageAgeDays="30") == {"ImageOld"}
    assert brings(ReconcileSchedule="rate(1 day)") == {
        "ScheduledReconcile",
        "ScheduledReconcileRole",
    }
    assert brings(CentralBusArn=EVERYTHING["CentralBusArn"]) == {"OutcomesForwarded", "ForwardRole"}
    assert "Overview" in resources_of(transformed())
    assert "Overview" not in resources_of(transformed(), Dashboard="false")
    for is_single in ("true", "false"):
        function = resources_of(transformed(), SingleWriter=is_single)["Reactor"]["Properties"]
        assert ("ReservedConcurrentExecutions" in function) is (is_single == "true")


@pytest.mark.parametrize("manual", ["README.md", "infra/README.md"])
def test_the_template_is_deployed_through_a_bucket_as_it_is_too_large_for_a_request(manual):
    text = (ROOT / manual).read_text()
    deploying = re.findall(r"^\$ aws cloudformation deploy .*packaged.yaml.*$", text, re.MULTILINE)

    assert len(TEMPLATE.read_bytes()) > TEMPLATE_BODY_BYTES
    assert deploying
    assert all("--s3-bucket " in command for command in deploying)


# -- read back through the API ---------------------------------------------------------------------


def role_of(staged, resource):
    """The ARN of a role of the stack, by its name in the template."""
    roles = staged.session.client("iam").list_roles()["Roles"]
    [arn] = [role["Arn"] for role in roles if f"-{resource}-" in role["Arn"]]
    return arn


@pytest.fixture
def staged(stage_with):
    return stage_with({"Account": ACCOUNT, "Region": REGION})


def test_the_deployed_rules_target_the_function_and_the_log_with_the_texts_settings(staged):
    events = staged.session.client("events")
    arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:ami-reactor"
    queue = f"arn:aws:sqs:{REGION}:{ACCOUNT}:ami-reactor-dead-letters"

    rules = {rule["Name"]: rule for rule in events.list_rules()["Rules"]}

    assert {name.removeprefix("ami-reactor-") for name in rules} == {
        "backup-completed",
        "ami-state-changed",
        "template-tagged",
        "image-tagged",
        "reconcile-requested",
        "launch-template-promoted",
        "promotion-postponed",
    }
    postponed = rules.pop("ami-reactor-promotion-postponed")
    [timer] = events.list_targets_by_rule(Rule=postponed["Name"])["Targets"]
    assert timer["Arn"].endswith(":stateMachine:ami-reactor-timer")
    assert timer["DeadLetterConfig"] == {"Arn": queue}
    for name, rule in rules.items():
        assert rule["State"] == "ENABLED"
        assert json.loads(rule["EventPattern"])["account"] == [ACCOUNT]
        function, *logs = events.list_targets_by_rule(Rule=name)["Targets"]
        assert function == {
            "Id": "reactor",
            "Arn": arn,
            "DeadLetterConfig": {"Arn": queue},
            "RetryPolicy": {"MaximumRetryAttempts": 185, "MaximumEventAgeInSeconds": 86400},
        }
        if name == "ami-reactor-launch-template-promoted":
            assert logs == []
            continue
        [log] = logs
        assert log["Arn"] == f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/events/ami-reactor"


def test_the_deployed_queue_keeps_encrypts_and_lets_the_rules_in(staged):
    attributes = staged.session.client("sqs").get_queue_attributes(
        QueueUrl=staged.stack.queue_url, AttributeNames=["All"]
    )["Attributes"]

    assert attributes["MessageRetentionPeriod"] == "1209600"
    assert attributes["SqsManagedSseEnabled"] == "true"
    assert "KmsMasterKeyId" not in attributes
    allow, *_ = json.loads(attributes["Policy"])["Statement"]
    sources = allow["Condition"]["ArnEquals"]["aws:SourceArn"]
    assert sorted(sources) == sorted(
        rule["Arn"] for rule in staged.session.client("events").list_rules()["Rules"]
    )


def test_the_deployed_function_runs_alone_and_hands_failures_to_the_queue(staged):
    functions = staged.session.client("lambda")

    function = functions.get_function_configuration(FunctionName="ami-reactor")
    invocation = functions.get_function_event_invoke_config(FunctionName="ami-reactor")
    alone = functions.get_function_concurrency(FunctionName="ami-reactor")

    assert (function["Runtime"], function["Timeout"]) == ("python3.13", 120)
    assert function["Handler"] == "handlers.reactor.lambda_handler"
    assert alone["ReservedConcurrentExecutions"] == 1
    assert invocation["DestinationConfig"]["OnFailure"]["Destination"].endswith("-dead-letters")
    # moto's CloudFormation does not read it
    declared = transformed()["Resources"]["Reactor"]["Properties"]
    assert declared["Architectures"] == [{"Ref": "Architecture"}]
    assert transformed()["Parameters"]["Architecture"]["Default"] == "arm64"


def test_the_deployed_log_groups_forget_and_eventbridge_may_write_to_one(staged):
    logs = staged.session.client("logs")

    groups = {
        g["logGroupName"]: g["retentionInDays"] for g in logs.describe_log_groups()["logGroups"]
    }
    [policy] = logs.describe_resource_policies()["resourcePolicies"]

    assert groups == {"/aws/lambda/ami-reactor": 90, "/aws/events/ami-reactor": 90}
    statements = json.loads(policy["policyDocument"])["Statement"]
    assert [s["Action"] for s in statements] == ["logs:CreateLogStream", "logs:PutLogEvents"]
    assert all("/aws/events/ami-reactor" in s["Resource"] for s in statements)


def test_the_outputs_are_what_the_command_line_asks_for(staged):
    [stack] = staged.session.client("cloudformation").describe_stacks()["Stacks"]

    assert {o["OutputKey"]: o["OutputValue"] for o in stack["Outputs"]} == {
        "FunctionName": "ami-reactor",
        "DeadLetterQueueUrl": staged.stack.queue_url,
        "LogGroupName": "/aws/lambda/ami-reactor",
        "CapturedEventsLogGroupName": "/aws/events/ami-reactor",
        "EndHoldRoleArn": role_of(staged, "EndHoldRole"),
    }


@pytest.fixture
def created():
    """Create the stack with parameters; its resources by logical id."""

    def create(**parameters):
        with embedded_aws(World(account=ACCOUNT, region=REGION)) as session:
            document = deepcopy(transformed())
            cannot = ("CloudWatch::", "SQS::QueuePolicy", "EventInvokeConfig", "Scheduler")
            document["Resources"] = {
                name: resource
                for name, resource in document["Resources"].items()
                if not any(kind in resource["Type"] for kind in cannot)
            }
            client = session.client("cloudformation")
            client.create_stack(
                StackName="another",
                TemplateBody=json.dumps(document),
                Parameters=[
                    {"ParameterKey": key, "ParameterValue": value}
                    for key, value in parameters.items()
                ],
                Capabilities=["CAPABILITY_IAM"],
            )
            found = client.describe_stack_resources(StackName="another")["StackResources"]
            [stack] = client.describe_stacks(StackName="another")["Stacks"]
            outputs = {o["OutputKey"]: o["OutputValue"] for o in stack["Outputs"]}
            concurrency = session.client("lambda").get_function_concurrency(
                FunctionName=outputs["FunctionName"]
            )
            return {r.get("LogicalResourceId") for r in found}, concurrency

    return create


def test_what_is_off_by_default_is_not_there(created):
    names, _ = created()

    assert not names & {"ScheduledReconcileRole", "OutcomesForwarded", "ForwardRole"}


def test_each_parameter_brings_what_it_names(created):
    names, concurrency = created(
        SingleWriter="false",
        ReconcileSchedule="rate(12 hours)",
        CentralBusArn=f"arn:aws:events:{REGION}:999988887777:event-bus/outcomes",
    )

    assert names >= {"ScheduledReconcileRole", "OutcomesForwarded", "ForwardRole"}
    assert "ReservedConcurrentExecutions" not in concurrency


def test_the_schedule_puts_the_event_that_the_reactor_knows():
    target = transformed()["Resources"]["ScheduledReconcile"]["Properties"]["Target"]
    put = reconcile() | {
        "source": target["EventBridgeParameters"]["Source"],
        "detail-type": target["EventBridgeParameters"]["DetailType"],
        "detail": json.loads(target["Input"]),
    }

    assert put == reconcile()
    assert _selecting(transformed()["Resources"], put) == ["ReconcileRequested"]


def test_each_conditional_resource_has_a_parameter_that_turns_it_on():
    document = transformed()
    conditions = {r["Condition"] for r in document["Resources"].values() if "Condition" in r}

    assert conditions == {
        "WatchesForPromotions",
        "WatchesBehind",
        "WatchesImageAge",
        "HasDashboard",
        "HasSchedule",
        "HasCentralBus",
        "HasGuard",
    }
    used = set(
        chain.from_iterable(
            re.findall(r"'Ref': '(\w+)'", str(c)) for c in document["Conditions"].values()
        )
    )
    assert used <= document["Parameters"].keys()
