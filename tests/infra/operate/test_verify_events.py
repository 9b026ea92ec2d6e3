"""`ami-reactor verify --events`, on the embedded AWS and on one that answers as AWS might."""

import json
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from infra.embedded.stage import Stage as Staged
from infra.embedded.stage import stage
from infra.embedded.world.seed import read_world
from infra.operate.account import Account, open_account
from infra.operate.iam import Asked, decide
from infra.operate.paging import Gaps
from infra.operate.verify import events
from infra.operate.verify.fact import Stage, Verdict
from infra.operate.verify.facts import FACTS
from infra.operate.verify.permissions import policy
from infra.operate.verify.things import KINDS, find, remove
from tests.support.builders import (
    ACCOUNT,
    REGION,
    a_template,
    a_version,
    a_world,
    tags_changed,
    template_arn,
)
from tests.support.fleets import calls, run
from tests.support.verifying import (
    Change,
    When,
    always,
    answered,
    change_answers,
    findings,
    interrupted,
    refused,
)

FACTS_OF_EVENTS = [fact for check in events.CHECKS for fact in check.facts]
Answered = tuple[str, When, Change]
SOMEBODY = f"arn:aws:sts::{ACCOUNT}:assumed-role/Admin/jane"
RUN = "ami-reactor-verify-0123456789ab"


@pytest.fixture(scope="module")
def staged() -> Iterator[Staged]:
    """One stage for all: what a test makes in it, it has to remove."""
    template = a_template(name=f"{RUN}-tagged", tags={})
    world = a_world(templates=[template], versions=[a_version()])
    with stage(read_world(json.dumps(world), "world")) as raised:
        make_lookalikes(raised)
        yield raised


def make_lookalikes(staged: Staged) -> None:
    """What other people made: the name without the tag, and the tag without the name."""
    make = staged.session.client
    rule = {"EventPattern": json.dumps({"source": ["mine"]})}
    tag = {"ami-reactor-verify": RUN}
    make("events").put_rule(Name=f"{RUN}-delivered", **rule)
    make("events").put_rule(Name="mine", **rule, Tags=[{"Key": k, "Value": tag[k]} for k in tag])
    make("sqs").create_queue(QueueName=f"{RUN}-queue")
    make("sqs").create_queue(QueueName="mine", tags=tag)
    make("logs").create_log_group(logGroupName=f"/aws/events/{RUN}-open")
    make("logs").create_log_group(logGroupName="/aws/events/mine", tags=tag)


@pytest.fixture
def account(staged) -> Iterator[Account]:  # noqa: ARG001 it is the AWS that answers
    opened = open_account(None, None)
    before = everything(opened)
    yield opened
    assert everything(opened) == before


def everything(account: Account) -> dict[str, Any]:
    """The names of all that is there."""
    logs, sqs = account.client("logs"), account.client("sqs")
    rules = account.client("events").list_rules()["Rules"]
    targets = {
        rule["Name"]: account.client("events").list_targets_by_rule(Rule=rule["Name"])["Targets"]
        for rule in rules
    }
    templates = account.client("ec2").describe_launch_templates()["LaunchTemplates"]
    policies = logs.describe_resource_policies()["resourcePolicies"]
    return {
        "rules": targets,
        "queues": sorted(sqs.list_queues()["QueueUrls"]),
        "groups": [group["logGroupName"] for group in logs.describe_log_groups()["logGroups"]],
        "policies": sorted(one["policyName"] for one in policies),
        "templates": [(one["LaunchTemplateName"], one.get("Tags")) for one in templates],
    }


# -- AWS itself, as it is believed to answer -------------------------------------------------------


@contextmanager
def aws_itself(monkeypatch, account: Account, **otherwise: Answered | None) -> Iterator[Account]:
    """An account of AWS's: it answers what the embedded AWS cannot.

    Args:
        monkeypatch: Pytest's.
        account: Its account.
        otherwise: What it answers in the place of those of `believed`, or besides; None: nothing.
    """
    with monkeypatch.context() as patched:
        for change in (believed() | otherwise).values():
            if change:
                change_answers(patched, *change)
        yield replace(account, caller=SOMEBODY)


def is_closed(parameters: dict[str, Any]) -> bool:
    return parameters["logGroupName"].endswith("-closed")


def metrics(matched: list[float], total: list[float]) -> Change:
    found = {"matched": matched, "failed": [], "total": total}
    return lambda _call, _parameters: {
        "MetricDataResults": [{"Id": id_, "Values": values} for id_, values in found.items()]
    }


def listed(*names: str) -> Change:
    dimensions = [{"Name": name, "Value": "x"} for name in names]
    return lambda _call, _parameters: {"Metrics": [{"Dimensions": dimensions}] if names else []}


NOTHING_LOGGED = answered(lambda answer: answer.update(events=[]))


def believed() -> dict[str, Answered]:
    return {
        "closed": ("FilterLogEvents", is_closed, NOTHING_LOGGED),
        "metrics": ("GetMetricData", always, metrics([1.0, 2.0], [3.0])),
        "listed": ("ListMetrics", always, listed("RuleName")),
    }


# -- the facts -------------------------------------------------------------------------------------


def test_every_fact_that_the_embedded_aws_can_know_is_as_believed(account):
    found = findings(account, *events.CHECKS)

    assert {id_: one.verdict for id_, one in found.items()} == {
        fact.id: Verdict.UNKNOWN if fact.only_aws else Verdict.AS_BELIEVED
        for fact in FACTS_OF_EVENTS
    }
    assert all(
        one.missing == f"AWS itself: {one.fact.only_aws}"
        for one in found.values()
        if one.verdict is Verdict.UNKNOWN
    )


def test_an_embedded_aws_that_takes_events_of_aws_on_purpose_does_not_differ(account, monkeypatch):
    accepted = ("PutEvents", always, answered(lambda answer: answer.update(Entries=[{}])))
    with monkeypatch.context() as patched:
        change_answers(patched, *accepted)
        found = findings(account, events.CHECKS[0])

    assert found["aws-source-refused"].verdict is Verdict.UNKNOWN
    assert found["visibility-reset"].verdict is Verdict.AS_BELIEVED


def test_a_check_is_of_facts_that_the_embedded_aws_can_know_or_of_others():
    for check in events.CHECKS:
        assert len({bool(fact.only_aws) for fact in check.facts}) == 1


def test_every_fact_of_the_part_has_a_check():
    assert {fact.id for fact in FACTS_OF_EVENTS} == {
        fact.id for fact in FACTS.values() if fact.stage is Stage.EVENTS
    }


def test_an_aws_that_does_as_is_believed_is_told_so(account, monkeypatch):
    with aws_itself(monkeypatch, account) as aws:
        found = findings(aws, *events.CHECKS)

    assert {id_: one.verdict for id_, one in found.items()} == {
        fact.id: Verdict.AS_BELIEVED for fact in FACTS_OF_EVENTS
    }


def body(change: Callable[[dict[str, Any]], object]) -> Change:
    """Each message's event is changed."""

    def change_bodies(answer: dict[str, Any]) -> None:
        for message in answer.get("Messages", []):
            event = json.loads(message["Body"])
            change(event)
            message["Body"] = json.dumps(event)

    return answered(change_bodies)


def from_queue(word: str) -> When:
    return lambda parameters: parameters["QueueUrl"].endswith(f"-{word}")


def attributes(change: Callable[[dict[str, Any]], object]) -> Change:
    """Each message's attributes are changed."""
    return answered(
        lambda answer: [change(one["MessageAttributes"]) for one in answer.get("Messages", [])]
    )


NO_MESSAGE = answered(lambda answer: answer.pop("Messages", None))
RECEIVE = "ReceiveMessage"


def lose_what_creations_sent(answer: dict[str, Any]) -> None:
    messages = answer.get("Messages", [])
    keys = [json.loads(one["Body"])["detail"]["changed-tag-keys"] for one in messages]
    answer["Messages"] = [
        one for one, of in zip(messages, keys, strict=True) if of != ["ami-reactor-verify"]
    ]


def sends_on_deletion(staged: Staged) -> Change:
    def change(call: Callable[..., Any], parameters: dict[str, Any]) -> Any:
        event = tags_changed(template_arn(parameters["LaunchTemplateId"]), "ami-reactor-verify")
        staged.delivery.deliver(event | {"id": secrets.token_hex(8)})
        return call(parameters)

    return change


FALSE: dict[str, Callable[[Staged], dict[str, Answered | None]]] = {
    "aws-source-refused": lambda _: {
        "put": (
            "PutEvents",
            lambda parameters: parameters["Entries"][0]["Source"] == "aws.ec2",
            answered(lambda answer: answer.update(Entries=[{"EventId": "1"}])),
        )
    },
    "event-has-nine-fields": lambda _: {
        "queue": (RECEIVE, from_queue("queue"), body(lambda event: event.pop("account")))
    },
    "event-time-in-seconds": lambda _: {
        "queue": (
            RECEIVE,
            from_queue("queue"),
            body(lambda event: event.update(time="2026-06-15T17:00:31.123Z")),
        )
    },
    "visibility-reset": lambda _: {
        "visibility": ("ChangeMessageVisibility", always, lambda _call, _parameters: {})
    },
    "undelivered-event-kept": lambda _: {"dlq": (RECEIVE, from_queue("dlq"), NO_MESSAGE)},
    "dead-letter-attributes": lambda _: {
        "dlq": (RECEIVE, from_queue("dlq"), attributes(lambda named: named.pop("RULE_ARN")))
    },
    "dead-letter-code": lambda _: {
        "dlq": (
            RECEIVE,
            from_queue("dlq"),
            attributes(lambda named: named["ERROR_CODE"].update(StringValue="THROTTLING")),
        )
    },
    "tag-change-sent": lambda _: {"tags": (RECEIVE, from_queue("tags"), NO_MESSAGE)},
    "tags-at-creation-sent": lambda _: {
        "tags": (RECEIVE, from_queue("tags"), answered(lose_what_creations_sent))
    },
    "deletion-sends-none": lambda staged: {
        "deletion": ("DeleteLaunchTemplate", always, sends_on_deletion(staged))
    },
    "policy-on-log-group": lambda _: {"closed": ("FilterLogEvents", always, NOTHING_LOGGED)},
    "stream-without-rule": lambda _: {"closed": None},
    "rule-metrics-by-name": lambda _: {
        "metrics": ("GetMetricData", always, metrics([], [])),
        "listed": ("ListMetrics", always, listed("EventBusName", "RuleName")),
    },
    "sum-of-missing-metrics": lambda _: {"metrics": ("GetMetricData", always, metrics([3.0], []))},
}


@pytest.mark.parametrize("fact", FACTS_OF_EVENTS, ids=lambda fact: fact.id)
def test_a_fact_that_is_false_differs(account, staged, monkeypatch, fact):
    check = next(check for check in events.CHECKS if fact in check.facts)
    with aws_itself(monkeypatch, account, **FALSE[fact.id](staged)) as aws:
        finding = findings(aws, check)[fact.id]

    assert finding.verdict is Verdict.DIFFERS
    assert finding.believed != finding.seen


def test_what_has_not_arrived_in_time_is_unknown(account, monkeypatch):
    late: dict[str, Answered] = {"queue": (RECEIVE, from_queue("queue"), NO_MESSAGE)}
    with aws_itself(monkeypatch, account, **late) as aws:
        found = findings(aws, events.CHECKS[0])

    assert found["event-has-nine-fields"].verdict is Verdict.UNKNOWN
    assert "--wait" in found["event-has-nine-fields"].missing


def test_a_target_that_eventbridge_does_not_take_is_missing_and_no_difference(account, monkeypatch):
    failed = {"FailedEntryCount": 1, "FailedEntries": [{"ErrorCode": "NoSuchTarget"}]}
    with monkeypatch.context() as patched:
        change_answers(
            patched, "PutTargets", always, answered(lambda answer: answer.update(failed))
        )
        found = findings(account, events.CHECKS[1])

    assert {one.verdict for one in found.values()} == {Verdict.UNKNOWN}
    assert found["undelivered-event-kept"].missing == "a rule with that target: NoSuchTarget"


# -- interrupted, anywhere -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "how",
    [
        # before the next call is sent, the account is as it is here
        pytest.param({"late": True, "dead": True}, id="killed"),
        pytest.param({"late": True, "dead": False}, id="interrupted"),
    ],
)
@pytest.mark.parametrize("check", events.CHECKS, ids=lambda check: check.facts[0].id)
def test_stopped_at_any_call_clean_finds_all_that_is_left(account, monkeypatch, check, how):
    at = 1
    with aws_itself(monkeypatch, account) as aws:
        while interrupted(monkeypatch, aws, check, at, **how):
            assert remove(account, find(account, KINDS, Gaps())) == {}
            at += 1
    assert at > 1


# -- what is not ours ------------------------------------------------------------------------------


def test_the_policy_allows_each_call_and_no_write_to_anything_else(account, monkeypatch):
    with aws_itself(monkeypatch, account) as aws, monkeypatch.context() as patched:
        made = calls(patched)
        findings(aws, *events.CHECKS)
    allowed = policy([Stage.TEMPLATES, Stage.EVENTS])

    for operation, parameters in made:
        for action, resource, context in requests(operation, parameters):
            assert decide([allowed], Asked(action, resource, context)) == "allowed", operation


SERVICES = {
    "sqs": ("Queue", "Message"),
    "logs": ("Log", "ResourcePolic"),
    "cloudwatch": ("Metric",),
    "ec2": ("LaunchTemplate", "CreateTags", "Image"),
    "events": ("Rule", "Target", "Events"),
}


def requests(operation: str, parameters: dict[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """As IAM sees it: the action, the resource and the context."""
    arn = str(parameters.get("ResourceARN", parameters.get("resourceArn", "")))
    service = arn.split(":")[2] if operation == "ListTagsForResource" else service_of(operation)
    yield (
        f"{service}:{operation}",
        resource_of(service, operation, parameters),
        context_of(service, operation, parameters),
    )


def service_of(operation: str) -> str:
    return next(s for s, words in SERVICES.items() if any(word in operation for word in words))


def resource_of(service: str, operation: str, parameters: dict[str, Any]) -> str:
    place = f"arn:aws:{service}:{REGION}:{ACCOUNT}"
    queue = parameters.get("QueueName") or parameters.get("QueueUrl", "").rpartition("/")[2]
    rule = parameters.get("Name") or parameters.get("Rule")
    group = parameters.get("logGroupName")
    if operation == "PutEvents":
        return f"{place}:event-bus/default"
    if operation == "ListTagsForResource":
        return str(parameters.get("ResourceARN") or parameters["resourceArn"])
    if service == "ec2" and not operation.startswith("Describe"):
        return f"{place}:launch-template/lt-0123456789abcdef0"
    named = {
        "sqs": queue,
        "events": rule and f"rule/{rule}",
        "logs": group and f"log-group:{group}",
    }
    name = named.get(service)
    return f"{place}:{name}" if name and "Polic" not in operation else "*"


def context_of(service: str, operation: str, parameters: dict[str, Any]) -> dict[str, list[str]]:
    if operation == "PutEvents":
        return {"events:source": [entry["Source"] for entry in parameters["Entries"]]}
    if service != "ec2":
        return {}
    kind = "RequestTag" if operation == "CreateLaunchTemplate" else "ResourceTag"
    return {f"aws:{kind}/ami-reactor-verify": [RUN]}


# -- the command -----------------------------------------------------------------------------------


def test_the_command_asks_both_parts_and_marks_what_only_aws_can_tell(account):
    ran = run("verify", "--events", "--yes", "--wait", "0", "--json")

    told = {line["fact"]: line for line in ran.lines}
    assert ran.status == 0
    assert told.keys() == {
        fact.id for fact in FACTS.values() if fact.stage in (Stage.TEMPLATES, Stage.EVENTS)
    }
    assert told["policy-on-log-group"]["missing"].startswith("AWS itself: ")
    assert account


def test_the_plan_names_what_is_made_and_what_it_costs(account):
    ran = run("verify", "--events")

    assert ran.status == 2
    shown = " ".join(ran.stderr.split())
    for what in ("4 queues, 5 rules, 2 log groups", "under 0.01 USD", "sqs:CreateQueue"):
        assert what in shown
    assert account


def test_a_kind_that_may_not_be_listed_is_said_and_is_a_failure(account, monkeypatch):
    with monkeypatch.context() as patched:
        change_answers(patched, "ListQueues", always, refused("AccessDenied"))
        ran = run("verify", "--clean")

    assert ran.status == 1
    assert "not read: " in ran.stderr
    assert "sqs:Operation" in ran.stderr
    assert account
