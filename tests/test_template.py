"""The stack: a contract that linters do not know, and the damage that it must notice."""

import json
import re
from copy import deepcopy
from itertools import chain

import pytest
import typer.main
from moto.events.models import EventPattern

from handlers.metrics import measured
from infra.cli import app
from infra.embedded.aws import embedded_aws
from infra.embedded.stack import TEMPLATE, transformed
from infra.embedded.world import World
from models.outcome import Result
from tests.builders import (
    ACCOUNT,
    NEW,
    NOON,
    REGION,
    ami_state,
    backup_completed,
    image_arn,
    reconcile,
    tags_changed,
    template_arn,
)
from tests.builders import TEMPLATE as TEMPLATE_ID
from tests.test_metrics import a_promotion, an_outcome

OWN_ACCOUNT = [{"Ref": "AWS::AccountId"}]
DEAD_LETTERS = {"Fn::GetAtt": ["DeadLetters", "Arn"]}
MARK = "ami-reactor-state:newest-image"
TEMPLATE_BODY_BYTES = 51_200  # the most that CloudFormation takes in a request, without a bucket

WAKING_KEYS = (
    "ami-reactor",
    "ami-reactor:source-instance",
    "ami-reactor:image-name",
    "ami-reactor:copied-images",
    "ami-reactor:image-tag:Name",
    "ami-reactor-state:hold",
)
WAKING = {
    "backup": backup_completed(),
    **{f"image {state}": ami_state(state=state) for state in ("available", "deregistered")},
    "image disabled": ami_state(state="disabled"),
    "image tagged": tags_changed(image_arn(NEW), "Name"),
    "catch-up": reconcile(),
    **{key: tags_changed(template_arn(TEMPLATE_ID), key) for key in WAKING_KEYS},
}
QUIET = {
    "mark": tags_changed(template_arn(TEMPLATE_ID), MARK),
    "other tag": tags_changed(template_arn(TEMPLATE_ID), "Name"),
    "image failed": ami_state(state="failed"),
    "outcome": reconcile() | {"detail-type": "Launch Template Promoted"},
}
ALARMED = {
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible"),
    ("AmiReactor", "Templates refused"),
    ("AmiReactor", "Templates promoted"),
    ("AWS/Lambda", "Errors"),
    ("AWS/Lambda", "AsyncEventAge"),
    ("AWS/Lambda", "AsyncEventsDropped"),
    ("AWS/Lambda", "DestinationDeliveryFailures"),
}


# -- the contract ----------------------------------------------------------------------------------


def faults(resources):
    """What is wrong with a stack, each in a few words; nothing where it is sound."""
    checks = (
        _rules,
        _selection,
        _permissions,
        _queue,
        _queue_policy,
        _asynchronous_invocation,
        _captured_events,
        _alarms,
    )
    return [fault for check in checks for fault in check(resources)]


def _of(resources, kind):
    return {n: r["Properties"] for n, r in resources.items() if r["Type"] == f"AWS::{kind}"}


def _waking_rules(resources):
    """The rules that have the function as target, and that target."""
    return {
        name: (rule, target)
        for name, rule in _of(resources, "Events::Rule").items()
        for target in rule["Targets"]
        if target["Arn"] == {"Fn::GetAtt": ["Reactor", "Arn"]}
    }


def _rules(resources):
    for name, (rule, target) in _waking_rules(resources).items():
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
    """Asked of moto's engine: tests/test_rules.py says how far that may be trusted."""
    return [
        name
        for name, (rule, _) in _waking_rules(resources).items()
        if EventPattern.load(
            json.dumps(rule["EventPattern"]).replace('{"Ref": "AWS::AccountId"}', f'"{ACCOUNT}"')
        ).matches_event(event)
    ]


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
    allow, others, tls = policies[0]["PolicyDocument"]["Statement"]
    rules = _arns(_waking_rules(resources))
    if allow["Condition"] != {"ArnEquals": {"aws:SourceArn": rules}}:
        yield "the queue's policy does not name each rule"
    writers = {"aws:SourceArn": rules, "aws:PrincipalArn": {"Fn::GetAtt": ["Role", "Arn"]}}
    if (others["Effect"], others["Condition"]) != ("Deny", {"ArnNotEquals": writers}):
        yield "others may write to the queue"
    if (tls["Effect"], tls["Condition"]) != ("Deny", {"Bool": {"aws:SecureTransport": "false"}}):
        yield "the queue may be used without TLS"


def _asynchronous_invocation(resources):
    [config] = _of(resources, "Lambda::EventInvokeConfig").values() or [{}]
    failure = config.get("DestinationConfig", {}).get("OnFailure", {})
    if failure.get("Destination") != DEAD_LETTERS:
        yield "what the handler fails on is lost: no on-failure destination"
    tries = (config.get("MaximumRetryAttempts"), config.get("MaximumEventAgeInSeconds"))
    if tries != (2, 21_600):
        yield "Lambda gives up early"


def _captured_events(resources):
    policy = str([p["PolicyDocument"] for p in _of(resources, "Logs::ResourcePolicy").values()])
    for name, (rule, _) in _waking_rules(resources).items():
        if not any("log-group:${CapturedEvents}" in str(t["Arn"]) for t in rule["Targets"]):
            yield f"{name}: keeps no copy"
        if f'"${{{name}.Arn}}"' not in policy:
            yield f"{name}: may not keep its copy"


def _alarms(resources):
    alarms = _of(resources, "CloudWatch::Alarm")
    watched = {metric for alarm in alarms.values() for metric in _metrics(alarm)}
    lost = {("AWS/Events", rule) for rule in _waking_rules(resources)}
    for _, what in sorted((ALARMED | lost) - watched):
        yield f"no alarm watches {what}"
    for name, alarm in alarms.items():
        if alarm["AlarmActions"] != {
            "Fn::If": ["HasTopic", [{"Ref": "AlarmTopicArn"}], {"Ref": "AWS::NoValue"}]
        }:
            yield f"{name}: tells nobody"
        if "Type: ami-reactor " not in alarm["AlarmDescription"]["Fn::Sub"]:
            yield f"{name}: does not say what to type"
        missing = "breaching" if name == "NothingPromoted" else "notBreaching"
        if alarm["TreatMissingData"] != missing:
            yield f"{name}: takes no data wrongly"


def _metrics(alarm):
    """What an alarm watches; the outcome, or the rule, where that is what tells metrics apart."""
    single = {key: alarm.get(key) for key in ("Namespace", "MetricName", "Dimensions")}
    in_a_sum = [m["MetricStat"]["Metric"] for m in alarm.get("Metrics", []) if "MetricStat" in m]
    for metric in in_a_sum or [single]:
        values = {d["Name"]: d["Value"] for d in metric["Dimensions"]}
        if metric["Namespace"] == "AmiReactor":
            yield "AmiReactor", f"{metric['MetricName']} {values['outcome']}"
        elif metric["MetricName"] == "InvocationsFailedToBeSentToDlq":
            yield "AWS/Events", values["RuleName"]["Ref"]
        else:
            yield metric["Namespace"], metric["MetricName"]


def test_the_stack_keeps_the_contract():
    assert faults(transformed()["Resources"]) == []


@pytest.mark.parametrize(
    ("name", "rings"),
    [
        ("DeadLetterWaits", ("GreaterThanThreshold", 0, 1, 60, "Maximum", "notBreaching")),
        ("TemplateRefused", ("GreaterThanThreshold", 0, 1, 300, "Sum", "notBreaching")),
        ("ReactionFailed", ("GreaterThanThreshold", 0, 1, 300, "Sum", "notBreaching")),
        (
            "EventsWaitLong",
            ("GreaterThanThreshold", 15 * 60_000, 1, 300, "Maximum", "notBreaching"),
        ),
        ("EventDropped", ("GreaterThanThreshold", 0, 1, 300, "Sum", "notBreaching")),
        ("DeadLetterLost", ("GreaterThanThreshold", 0, 1, None, None, "notBreaching")),
        (
            "NothingPromoted",
            ("LessThanThreshold", 1, {"Ref": "NoPromotionHours"}, 3600, "Sum", "breaching"),
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


# -- the damage ------------------------------------------------------------------------------------

RULES = sorted(_waking_rules(transformed()["Resources"]))
ALARMS = sorted(_of(transformed()["Resources"], "CloudWatch::Alarm"))
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


SENDERS = ("DeadLettersPolicy", "Properties", "PolicyDocument", "Statement")

DAMAGE = [
    pytest.param(without("DeadLettersPolicy"), "the queue has no policy", id="no queue policy"),
    *(
        pytest.param(
            without(rule, *TARGET, "DeadLetterConfig"),
            f"{rule}: has no",
            id=f"{rule}: no dead letter",
        )
        for rule in RULES
    ),
    *(
        pytest.param(
            without(rule, "Properties", "EventPattern", "account"),
            f"{rule}: listens to",
            id=f"{rule}: any account",
        )
        for rule in RULES
    ),
    *(pytest.param(without(alarm), "no alarm watches", id=f"no alarm {alarm}") for alarm in ALARMS),
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
        for rule in RULES
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
    pytest.param(wake_on_the_mark, "mark: wakes the function", id="a rule that the mark wakes"),
    pytest.param(without(RULE), "backup: selected by no rule", id="a rule removed"),
    pytest.param(
        without(RULE, "Properties", "Targets", 1), f"{RULE}: keeps no copy", id="nothing captured"
    ),
    pytest.param(without("CapturedEventsPolicy"), "may not keep", id="no policy for the copies"),
    pytest.param(
        without("DeadLetterLost", "Properties", "Metrics", 1),
        "no alarm watches BackupCompleted",
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


@pytest.mark.parametrize("alarm", ALARMS)
def test_what_an_alarm_tells_to_type_is_a_command(alarm):
    properties = transformed()["Resources"][alarm]["Properties"]
    text = properties["AlarmDescription"]["Fn::Sub"]

    for command in re.findall(r"ami-reactor ([a-z ]+) --stack \S+ --region \S+", text):
        found = typer.main.get_command(app)
        for word in command.split():
            found = found.commands[word]
        assert {"--stack", "--region"} <= {flag for option in found.params for flag in option.opts}
    assert text.count("ami-reactor") == text.count(" --stack ${AWS::StackName} --region ")


def test_the_alarms_cost_no_more_than_is_said():
    alarms = _of(transformed()["Resources"], "CloudWatch::Alarm")

    watched = [metric for alarm in alarms.values() for metric in _metrics(alarm)]
    assert len(watched) - len(list(_metrics(alarms["NothingPromoted"]))) == 11  # 0.10 USD each


def dashboard():
    sub = transformed()["Resources"]["Overview"]["Properties"]["DashboardBody"]["Fn::Sub"]
    return json.loads(re.sub(r"\$\{[^!][^}]*\}", "x", sub))


def test_the_dashboard_shows_every_alarm_but_the_one_that_is_off_by_default():
    sub = transformed()["Resources"]["Overview"]["Properties"]["DashboardBody"]["Fn::Sub"]

    assert {alarm for alarm in ALARMS if f'"${{{alarm}.Arn}}"' in sub} == {
        *ALARMS,
    } - {"NothingPromoted"}


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


STACK_OF_A_SET = "StackSet-ami-reactor-0a1b2c3d-1111-2222-3333-444455556666"
LONGEST = {"FunctionName": 64, "Name": 64, "QueueName": 80, "AlarmName": 255}


@pytest.mark.parametrize(("key", "longest"), LONGEST.items())
def test_every_name_is_short_enough_for_a_stack_of_a_stack_set(key, longest):
    resources = transformed()["Resources"].values()
    names = [_in_the_set(r["Properties"][key]) for r in resources if key in r["Properties"]]

    assert names
    assert max(len(name) for name in names) <= longest


def _in_the_set(name):
    match name:
        case {"Fn::If": ["IsOfStackSet", of_a_set, _]}:
            return _in_the_set(of_a_set)
        case {"Ref": "AWS::StackName"}:
            return STACK_OF_A_SET
        case {"Fn::Sub": text}:
            return text.replace("${AWS::StackName}", STACK_OF_A_SET)
        case _:
            return ""  # none, so that CloudFormation makes one that fits; or another resource's


def test_the_template_can_be_deployed_without_a_bucket_for_it():
    assert len(TEMPLATE.read_bytes()) < TEMPLATE_BODY_BYTES


# -- read back through the API ---------------------------------------------------------------------


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
    }
    for name, rule in rules.items():
        assert rule["State"] == "ENABLED"
        assert json.loads(rule["EventPattern"])["account"] == [ACCOUNT]
        function, log = events.list_targets_by_rule(Rule=name)["Targets"]
        assert function == {
            "Id": "reactor",
            "Arn": arn,
            "DeadLetterConfig": {"Arn": queue},
            "RetryPolicy": {"MaximumRetryAttempts": 185, "MaximumEventAgeInSeconds": 86400},
        }
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
            concurrency = session.client("lambda").get_function_concurrency(FunctionName="another")
            return {r.get("LogicalResourceId") for r in found}, concurrency

    return create


def test_what_is_off_by_default_is_not_there(created):
    names, _ = created()

    assert not names & {"CatchUpRole", "OutcomesForwarded", "ForwardRole"}


def test_each_parameter_brings_what_it_names(created):
    names, concurrency = created(
        SingleWriter="false",
        CatchUpSchedule="rate(12 hours)",
        CentralBusArn=f"arn:aws:events:{REGION}:999988887777:event-bus/outcomes",
    )

    assert names >= {"CatchUpRole", "OutcomesForwarded", "ForwardRole"}
    assert "ReservedConcurrentExecutions" not in concurrency


def test_the_catch_up_puts_the_event_that_the_reactor_knows():
    target = transformed()["Resources"]["CatchUp"]["Properties"]["Target"]
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

    assert conditions == {"WatchesForPromotions", "HasDashboard", "CatchesUp", "HasCentralBus"}
    used = set(
        chain.from_iterable(
            re.findall(r"'Ref': '(\w+)'", str(c)) for c in document["Conditions"].values()
        )
    )
    assert used <= document["Parameters"].keys()
