"""Facts about events, queues and log groups, checked with temporary ones.

The rules select what this run puts, and changes of launch templates' tags; they wake no function.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from handlers.paging import each
from infra.operate.verify.asking import ask
from infra.operate.verify.bench import Bench
from infra.operate.verify.fact import Answer, CannotTell
from infra.operate.verify.facts import facts
from infra.operate.verify.running import Check, is_embedded
from infra.operate.verify.templates import make_template
from infra.operate.verify.things import LOG_GROUP, LOG_GROUPS, QUEUE, RULE, TAG, Thing

_FIELDS = [
    "account",
    "detail",
    "detail-type",
    "id",
    "region",
    "resources",
    "source",
    "time",
    "version",
]
_ATTRIBUTES = ("RULE_ARN", "TARGET_ARN", "ERROR_CODE", "ERROR_MESSAGE", "RETRY_ATTEMPTS")
_FOR_GOOD = ("NO_PERMISSIONS", "NO_RESOURCE")
_SECOND = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_POLL = 10.0  # seconds that one ReceiveMessage waits
_KEPT = 3600  # seconds that a message stays in a queue that was not removed
_METRICS_LATE = 3  # times the wait
_PERIOD = 60  # seconds; of a metric of AWS's own
_STATEMENT = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}}


@dataclass
class _Queue:
    """One queue, and what it was seen to hold."""

    bench: Bench
    url: str
    arn: str
    messages: list[dict[str, Any]] = field(default_factory=list)

    def receive(self, **how: Any) -> list[dict[str, Any]]:
        """What can be received now, or within one poll."""
        received: list[dict[str, Any]] = ask(
            self.bench.account.client("sqs").receive_message,
            QueueUrl=self.url,
            MaxNumberOfMessages=10,
            MessageAttributeNames=["All"],
            WaitTimeSeconds=int(min(_POLL, self.bench.wait)),
            **how,
        ).get("Messages", [])
        self.messages += received
        return received

    def events(self) -> list[dict[str, Any]]:
        """What has arrived so far, each body read as an event."""
        self.receive()
        return [json.loads(message["Body"]) for message in self.messages]


@dataclass(frozen=True)
class _Bus:
    """The default bus."""

    bench: Bench

    def put(self, source: str = TAG) -> dict[str, Any]:
        """PutEvents' answer for one event that only rules of this run select."""
        entry = {"Source": source, "DetailType": self.bench.run, "Detail": "{}"}
        [answer] = ask(self._client.put_events, Entries=[entry])["Entries"]
        return dict(answer)

    def make_rule(self, word: str, pattern: dict[str, Any], *targets: dict[str, Any]) -> None:
        """A rule that selects events like that.

        Raises:
            CannotTell: EventBridge does not take one of the targets.
        """
        name = f"{self.bench.run}-{word}"
        tags = [{"Key": TAG, "Value": self.bench.run}]
        ask(self._client.put_rule, Name=name, EventPattern=json.dumps(pattern), Tags=tags)
        self.bench.made.append(Thing(kind=RULE, name=name, id=name))
        answer = ask(self._client.put_targets, Rule=name, Targets=list(targets))
        for failed in answer.get("FailedEntries", []):
            raise CannotTell(f"a rule with that target: {failed['ErrorCode']}")

    @property
    def pattern(self) -> dict[str, Any]:
        return {"source": [TAG], "detail-type": [self.bench.run]}

    @cached_property
    def _client(self) -> Any:
        return self.bench.account.client("events")


def _make_queue(bench: Bench, word: str, rule: str) -> _Queue:
    """A queue that one rule may write to."""
    name = f"{bench.run}-{word}"
    arn = bench.arn("sqs", name)
    allowed = {
        **_STATEMENT,
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": bench.arn("events", f"rule/{rule}")}},
    }
    url = ask(
        bench.account.client("sqs").create_queue,
        QueueName=name,
        Attributes={
            "MessageRetentionPeriod": str(_KEPT),
            "Policy": json.dumps({"Version": "2012-10-17", "Statement": [allowed]}),
            "SqsManagedSseEnabled": "true",
        },
        tags={TAG: bench.run},
    )["QueueUrl"]
    bench.made.append(Thing(kind=QUEUE, name=name, id=url))
    return _Queue(bench, url, arn)


# -- delivery and its failure ----------------------------------------------------------------------


def _delivery(bench: Bench) -> Iterator[Answer | CannotTell]:
    bus = _Bus(bench)
    yield _refusal(bench, bus.put("aws.ec2").get("ErrorCode", "accepted"))
    queue = _make_queue(bench, "queue", f"{bench.run}-delivered")
    bus.make_rule("delivered", bus.pattern, {"Id": "queue", "Arn": queue.arn})
    bench.eventually(lambda: _arrives(bus, queue), True)
    if not queue.messages:
        raise CannotTell(f"an event in the queue within {bench.wait:.0f} s: --wait 300")
    event = queue.events()[0]
    yield Answer(_FIELDS, sorted(event))
    yield Answer(True, bool(_SECOND.fullmatch(event["time"])))
    yield _visibility(bench, queue)


def _arrives(bus: _Bus, queue: _Queue) -> bool:
    """Put one more event, because a new rule takes a while; whether any is there."""
    bus.put()
    return bool(queue.events())


def _refusal(bench: Bench, code: str) -> Answer | CannotTell:
    if code == "accepted" and is_embedded(bench.account):
        return CannotTell("AWS itself: `ami-reactor local` takes such events on purpose")
    return Answer("NotAuthorizedForSourceException", code)


def _visibility(bench: Bench, queue: _Queue) -> Answer:
    """Whether a message is received again once its visibility is reset."""
    message = queue.messages[-1]
    ask(
        bench.account.client("sqs").change_message_visibility,
        QueueUrl=queue.url,
        ReceiptHandle=message["ReceiptHandle"],
        VisibilityTimeout=0,
    )
    again = [one["MessageId"] for one in queue.receive()]
    return Answer(True, message["MessageId"] in again)


def _failure(bench: Bench) -> Iterator[Answer | CannotTell]:
    bus = _Bus(bench)
    dead_letters = _make_queue(bench, "dlq", f"{bench.run}-undelivered")
    missing = {
        "Id": "missing",
        "Arn": bench.arn("lambda", f"function:{bench.run}-missing"),
        "DeadLetterConfig": {"Arn": dead_letters.arn},
        "RetryPolicy": {"MaximumRetryAttempts": 185, "MaximumEventAgeInSeconds": 86400},
    }
    bus.make_rule("undelivered", bus.pattern, missing)
    bench.eventually(lambda: _arrives(bus, dead_letters), True)
    if not dead_letters.messages:
        yield Answer("in the dead-letter queue", f"not there after {bench.wait:.0f} s")
        raise CannotTell("a message in the dead-letter queue")
    message = dead_letters.messages[0]
    yield Answer(_FIELDS, sorted(json.loads(message["Body"])))
    attributes = {k: v["StringValue"] for k, v in message.get("MessageAttributes", {}).items()}
    yield Answer([], [name for name in _ATTRIBUTES if name not in attributes])
    code = attributes.get("ERROR_CODE", "no ERROR_CODE")
    yield Answer(code if code in _FOR_GOOD else " or ".join(_FOR_GOOD), code)


# -- tags ------------------------------------------------------------------------------------------

_TAG_CHANGE = {
    "source": ["aws.tag"],
    "detail-type": ["Tag Change on Resource"],
    "detail": {"service": ["ec2"], "resource-type": ["launch-template"]},
}


def _tag_changes(bench: Bench) -> Iterator[Answer | CannotTell]:
    bus, rule, key = _Bus(bench), f"{bench.run}-tags", f"{TAG}-changed"
    queue = _make_queue(bench, "tags", rule)
    bus.make_rule("tags", _TAG_CHANGE, {"Id": "queue", "Arn": queue.arn})
    template = make_template(bench, "tagged", {"InstanceType": "t3.micro"})
    wanted = {"service": "ec2", "resource-type": "launch-template", "changed-tag-keys": [key]}

    def changed() -> list[dict[str, Any]]:
        return [event for event in _about(queue, template.id) if key in _keys(event)]

    def change_and_look() -> bool:  # a new rule takes a while
        template.tag(key, datetime.now(UTC).isoformat())
        return bool(changed())

    bench.eventually(change_and_look, True)
    event = next(iter(changed()), None)
    if event is None:
        yield Answer(wanted, f"no event within {bench.wait:.0f} s")
        raise CannotTell("an event of a changed tag")
    yield Answer(wanted, {name: event["detail"].get(name) for name in wanted})
    other = make_template(bench, "created", {"InstanceType": "t3.micro"})
    yield bench.eventually(lambda: any(TAG in _keys(e) for e in _about(queue, other.id)), True)
    before = len(_about(queue, other.id))
    ask(other.ec2.delete_launch_template, LaunchTemplateId=other.id)
    seen = bench.eventually(lambda: len(_about(queue, other.id)) > before, True).seen
    yield Answer(False, seen)


def _about(queue: _Queue, template_id: str) -> list[dict[str, Any]]:
    """The events about that template, each once."""
    arrived = {event["id"]: event for event in queue.events()}
    return [e for e in arrived.values() if str(e["resources"]).endswith(f"/{template_id}']")]


def _keys(event: dict[str, Any]) -> list[str]:
    keys: list[str] = event["detail"].get("changed-tag-keys", [])
    return keys


# -- log groups ------------------------------------------------------------------------------------


def _log_groups(bench: Bench) -> Iterator[Answer | CannotTell]:
    """Two groups, each with a policy of its own; the second names the rule for its stream too."""
    bus, rule = _Bus(bench), bench.arn("events", f"rule/{bench.run}-logs")
    named = {"Condition": {"ArnEquals": {"aws:SourceArn": rule}}}
    open_group = _make_log_group(bench, "open", {}, named)
    closed_group = _make_log_group(bench, "closed", named, named)
    targets = [{"Id": arn[-6:], "Arn": arn} for arn in (open_group, closed_group)]
    bus.make_rule("logs", bus.pattern, *targets)

    def put_and_look() -> bool:
        bus.put()
        return _logged(bench, open_group) > 0

    answer = bench.eventually(put_and_look, True)
    yield answer
    if not answer.seen:
        raise CannotTell("an event in a log group")
    yield Answer(0, _logged(bench, closed_group))


def _make_log_group(
    bench: Bench, word: str, of_stream: dict[str, Any], of_events: dict[str, Any]
) -> str:
    """A log group with a policy that lets EventBridge write to it; returns its ARN."""
    name, logs = f"{bench.run}-{word}", bench.account.client("logs")
    arn = bench.arn("logs", f"log-group:{LOG_GROUPS}{name}")
    ask(logs.create_log_group, logGroupName=f"{LOG_GROUPS}{name}", tags={TAG: bench.run})
    bench.made.append(Thing(kind=LOG_GROUP, name=name, id=arn))
    statements = [
        {**_STATEMENT, "Action": action, "Resource": f"{arn}:*", **condition}
        for action, condition in (
            ("logs:CreateLogStream", of_stream),
            ("logs:PutLogEvents", of_events),
        )
    ]
    document = json.dumps({"Version": "2012-10-17", "Statement": statements})
    ask(logs.put_resource_policy, policyName=name, policyDocument=document, resourceArn=arn)
    return arn


def _logged(bench: Bench, arn: str) -> int:
    group = arn.rpartition(":")[2]
    logs = bench.account.client("logs")
    return sum(1 for _ in each(logs, "filter_log_events", "events", logGroupName=group))


# -- metrics ---------------------------------------------------------------------------------------


def _metrics(bench: Bench) -> Iterator[Answer | CannotTell]:
    bus, name = _Bus(bench), f"{bench.run}-metrics"
    queue = _make_queue(bench, "metrics", name)
    bus.make_rule("metrics", bus.pattern, {"Id": "queue", "Arn": queue.arn})

    def put_and_look() -> bool:
        bus.put()
        queue.receive()
        return bool(_values(bench, name)["matched"] or _dimensions(bench, name))

    bench.eventually(put_and_look, True, times=_METRICS_LATE)
    values = _values(bench, name)
    others = [names for names in _dimensions(bench, name) if names != ["RuleName"]]
    if not values["matched"] and not others:
        raise CannotTell("a metric of the rule; they are late at times: --wait 300")
    yield Answer(["RuleName"], ["RuleName"] if values["matched"] else others[0])
    yield Answer(sum(values["matched"]), sum(values["total"]))


def _dimensions(bench: Bench, rule: str) -> list[list[str]]:
    """The dimensions of that rule's metrics, as far as they are listed yet."""
    found = ask(
        bench.account.client("cloudwatch").list_metrics,
        Namespace="AWS/Events",
        MetricName="MatchedEvents",
        Dimensions=[{"Name": "RuleName", "Value": rule}],
    )["Metrics"]
    return [sorted(one["Name"] for one in metric["Dimensions"]) for metric in found]


def _values(bench: Bench, rule: str) -> dict[str, list[float]]:
    """What a rule matched, and its sum with a metric that has no data: the values by minute."""
    now = datetime.now(UTC)
    queries = [
        {"Id": "matched", "MetricStat": _metric("MatchedEvents", rule)},
        {"Id": "failed", "MetricStat": _metric("FailedInvocations", rule)},
        {"Id": "total", "Expression": "SUM(FILL(METRICS(), 0))"},
    ]
    answer = ask(
        bench.account.client("cloudwatch").get_metric_data,
        MetricDataQueries=queries,
        StartTime=now - timedelta(hours=1),
        EndTime=now + timedelta(minutes=1),
    )
    return {result["Id"]: result["Values"] for result in answer["MetricDataResults"]}


def _metric(name: str, rule: str) -> dict[str, Any]:
    dimensions = [{"Name": "RuleName", "Value": rule}]
    metric = {"Namespace": "AWS/Events", "MetricName": name, "Dimensions": dimensions}
    return {"Metric": metric, "Period": _PERIOD, "Stat": "Sum"}


CHECKS = (
    Check(
        facts(
            "aws-source-refused",
            "event-has-nine-fields",
            "event-time-in-seconds",
            "visibility-reset",
        ),
        _delivery,
    ),
    Check(facts("undelivered-event-kept", "dead-letter-attributes", "dead-letter-code"), _failure),
    Check(facts("tag-change-sent", "tags-at-creation-sent", "deletion-sends-none"), _tag_changes),
    Check(facts("policy-on-log-group", "stream-without-rule"), _log_groups),
    Check(facts("rule-metrics-by-name", "sum-of-missing-metrics"), _metrics),
)
