"""The part of AWS that moto lacks: an event reaches the handler, or the dead-letter queue.

EventBridge matches an event with its rules (moto's own engine) and hands it to Lambda's queue for
asynchronous invocations, which tries three times. An event that EventBridge cannot deliver becomes
the rule's message in the dead-letter queue; one that the handler fails on becomes Lambda's
on-failure record there. Both also write logs, which moto's do not.

Nothing here waits: on a clock that stands, Lambda's attempts are one and two minutes apart; on the
real one, they follow each other at once.
Sources: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html,
https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
"""

import io
import json
import traceback
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Any, NamedTuple
from unittest import mock

from aws_lambda_powertools.utilities.typing import LambdaContext
from moto.awslambda.exceptions import LambdaClientError
from moto.awslambda.models import LambdaFunction, lambda_backends
from moto.awslambda.responses import LambdaResponse
from moto.core.responses import BaseResponse
from moto.events.models import Rule, events_backends
from moto.logs.models import logs_backends
from moto.sqs.models import sqs_backends
from moto.utilities.arns import parse_arn

from handlers import guard, reactor
from infra.embedded.clock import StageClock
from infra.embedded.faults import Faults
from infra.embedded.policies import lets_eventbridge
from infra.embedded.refreshes import images_of
from infra.embedded.state_machines import StateMachines, machine_of
from models.base import Place, aws_date
from models.errors import EventRejected
from models.outcome import rejected

_SERVICES = {"lambda", "logs", "sqs", "states"}  # whose targets are served here
_SECONDS_LEFT = 120  # nothing here takes time, so no invocation ever runs short of it
_LOG_STREAM = "embedded"
_GUARD = "handlers.guard.lambda_handler"
_ZERO = "ZeroReservedConcurrency"

_RETRIED_AFTER = (timedelta(minutes=1), timedelta(minutes=2))
"""https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html"""


@dataclass
class Receipt:
    """What became of one event.

    Attributes:
        is_matched: A rule of the stack selected it.
        attempts: How often the handler was invoked with it.
        outcome: The handler's outcome of the last attempt.
        error: Why it was dead-lettered or lost; one line.
        is_dead_lettered: It is in the dead-letter queue.
        is_lost: It is in no queue, and would be lost on AWS too.
        has_started: It started a state machine.
        instances: Of an event about an instance refresh: by group, how many instances ran which
            image when it was settled.
        waiting: How many of its invocations wait to be tried again.
    """

    is_matched: bool = False
    attempts: int = 0
    outcome: dict[str, Any] | None = None
    error: str | None = None
    is_dead_lettered: bool = False
    is_lost: bool = False
    has_started: bool = False
    instances: dict[str, dict[str, int]] = field(default_factory=dict)
    waiting: int = 0


class Delivered(NamedTuple):
    """An event that a rule handed to the function, or that could not be; or one of a refresh."""

    moment: datetime
    event: dict[str, Any]
    receipt: Receipt


@dataclass(frozen=True)
class Invocation:
    """An entry of Lambda's asynchronous queue; all its attempts have one request id."""

    function: LambdaFunction
    event: Any
    receipt: Receipt
    request_id: str


class Undeliverable(Exception):
    """EventBridge cannot hand the event to its target.

    Attributes:
        code: The message's ERROR_CODE in the dead-letter queue.
        retries: How often EventBridge tried again before it gave up.
    """

    def __init__(self, code: str, message: str, *, retries: int = 0) -> None:
        super().__init__(message)
        self.code = code
        self.retries = retries


class TooManyRequests(LambdaClientError):
    """What Invoke answers while the function's reserved concurrency is 0."""

    code = 429

    def __init__(self) -> None:
        super().__init__("TooManyRequestsException", "Rate Exceeded.")


class Context(LambdaContext):
    """What Lambda tells the handler about the invocation."""

    def __init__(self, function: LambdaFunction, request_id: str) -> None:
        self._function_name = function.function_name
        self._memory_limit_in_mb = function.memory_size
        self._invoked_function_arn = function.function_arn
        self._aws_request_id = request_id

    @staticmethod
    def get_remaining_time_in_millis() -> int:
        return _SECONDS_LEFT * 1000


@dataclass
class Delivery:
    """EventBridge's and Lambda's queues for one account and Region."""

    place: Place
    faults: Faults
    clock: StageClock
    _machines: StateMachines = field(init=False)
    _waiting: deque[Callable[[], None]] = field(default_factory=deque)
    _is_running: Lock = field(default_factory=Lock)
    _watchers: list[list[Delivered]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._machines = StateMachines(self.place, self.clock)

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Every PutEvents and Invoke call comes through here."""
        moto_sends = Rule.send_to_targets

        def send_to_targets(rule: Rule, event: Any, *how: bool) -> None:
            if {parse_arn(target["Arn"]).service for target in rule.targets} <= _SERVICES:
                self._later(lambda: self._send(rule, _as_delivered(event, self.place), Receipt()))
            else:  # archives and other buses, which moto knows how to feed
                moto_sends(rule, event, *how)

        def invoke(function: LambdaFunction, body: Any, headers: Any, answer: Any) -> str:
            return self._invoke(function, json.loads(body or "{}"), headers, answer)

        with (
            mock.patch.object(Rule, "send_to_targets", send_to_targets),
            mock.patch.object(LambdaFunction, "invoke", invoke),
            mock.patch.object(
                LambdaResponse, "_enrich_response", staticmethod(_with_its_request_id)
            ),
        ):
            yield

    def deliver(self, event: dict[str, Any]) -> Receipt:
        """Hand one event to the rules of the default bus, its id, time and account kept.

        On a clock that stands, what is due before its last attempt is delivered before that.
        """
        receipt = Receipt()
        self.hand_to_rules(event, receipt)
        while receipt.waiting and self.clock.run_next():
            pass
        return receipt

    def deliver_at(self, moment: datetime, event: dict[str, Any]) -> None:
        """Hand one event to the rules when that moment comes."""
        self.clock.at(moment, lambda: self.hand_to_rules(event))

    @contextmanager
    def watched(self) -> Iterator[list[Delivered]]:
        """Yield a list that gets every event that reaches the function, once it is settled."""
        seen: list[Delivered] = []
        self._watchers.append(seen)
        try:
            yield seen
        finally:
            self._watchers.remove(seen)

    def _settled(self, event: dict[str, Any], receipt: Receipt) -> None:
        receipt.instances = images_of(event, self.place)
        for seen in self._watchers:
            seen.append(Delivered(self.clock.now(), event, receipt))

    def hand_to_rules(self, event: dict[str, Any], receipt: Receipt | None = None) -> None:
        """The same without waiting for the last attempt."""
        self._later(self._sending(event, receipt or Receipt()))

    def hand_all_to_rules(self, events: Iterable[dict[str, Any]]) -> None:
        """Hand events to the rules, in order; what they cause comes after all of them."""
        self._later(*(self._sending(event, Receipt()) for event in events))

    def _sending(self, event: dict[str, Any], receipt: Receipt) -> Callable[[], None]:
        bus = events_backends[self.place.account][self.place.region].event_buses["default"]

        def send() -> None:
            for rule in list(bus.rules.values()):
                self._send(rule, event, receipt)
            if not (receipt.attempts or receipt.error) and images_of(event, self.place):
                self._settled(event, receipt)

        return send

    def _later(self, *jobs: Callable[[], None]) -> None:
        """One job after the other, as with a reserved concurrency of 1.

        An event that the handler itself puts waits until the handler is done.
        """
        self._waiting.extend(jobs)
        while self._waiting and self._is_running.acquire(blocking=False):
            try:
                while self._waiting:
                    self._waiting.popleft()()
            finally:
                self._is_running.release()

    # -- EventBridge -----------------------------------------------------------------------------

    def _send(self, rule: Rule, event: Any, receipt: Receipt) -> None:
        selects_events = rule.state == "ENABLED" and rule.event_pattern.get_pattern()
        if not selects_events or not rule.event_pattern.matches_event(event):
            return
        receipt.is_matched = True
        for target in rule.targets:
            match parse_arn(target["Arn"]).service:
                case "lambda":
                    self._to_function(rule, target, event, receipt)
                case "states":
                    self._to_machine(rule, target, event, receipt)
                case "sqs" if queue := self._queue(target["Arn"]):
                    self._message(queue, event, {})
                case "logs":
                    self._to_log_group(rule, target["Arn"], event)

    def _to_function(
        self, rule: Rule, target: dict[str, Any], event: dict[str, Any], receipt: Receipt
    ) -> None:
        try:
            function = self._target(rule, target["Arn"])
        except Undeliverable as failure:
            self._dead_letter_of_rule(rule, target, event, failure, receipt)
            self._settled(event, receipt)
        else:
            self._run(Invocation(function, event, receipt, str(uuid.uuid4())))

    def _to_machine(
        self, rule: Rule, target: dict[str, Any], event: dict[str, Any], receipt: Receipt
    ) -> None:
        machine = machine_of(target["Arn"], self.place)
        if machine is None:
            failure = Undeliverable("NO_RESOURCE", "The target does not exist.")
            self._dead_letter_of_rule(rule, target, event, failure, receipt)
            self._settled(event, receipt)
        else:
            receipt.has_started = True
            self._machines.start(machine, event)

    def _target(self, rule: Rule, arn: str) -> LambdaFunction:
        name = arn.rpartition(":")[2]
        functions = lambda_backends[self.place.account][self.place.region]
        if arn not in {f.function_arn for f in functions.list_functions()}:
            raise Undeliverable("NO_RESOURCE", "The target does not exist.")
        function = functions.get_function(name)
        policy = json.dumps({"Statement": function.policy.statements})
        if not lets_eventbridge(policy, "lambda:InvokeFunction", arn, rule.arn):
            message = "The permissions attached to the target do not allow delivery."
            raise Undeliverable("NO_PERMISSIONS", message)
        if self.faults.take("Invoke"):
            # EventBridge tries for 24 hours; no test waits for that
            raise Undeliverable("THROTTLING", "Rate Exceeded.", retries=185)
        return function

    def _dead_letter_of_rule(
        self,
        rule: Rule,
        target: dict[str, Any],
        event: dict[str, Any],
        failure: Undeliverable,
        receipt: Receipt,
    ) -> None:
        receipt.error = f"{failure.code}: {failure}"
        attributes = {
            "RULE_ARN": rule.arn,
            "TARGET_ARN": target["Arn"],
            "ERROR_CODE": failure.code,
            "ERROR_MESSAGE": str(failure),
            "RETRY_ATTEMPTS": str(failure.retries),
        }
        if failure.retries:
            attributes["EXHAUSTED_RETRY_CONDITION"] = "MaximumRetryAttempts"
        queue_arn = target.get("DeadLetterConfig", {}).get("Arn")
        queue = self._queue(queue_arn)
        policy = (queue and queue.policy) or "{}"
        if not lets_eventbridge(policy, "sqs:SendMessage", str(queue_arn), rule.arn):
            receipt.is_lost = True
            receipt.error += f"; lost: the dead-letter queue's policy does not name {rule.name}"
            return
        self._put(queue_arn, event, receipt, attributes)

    def _to_log_group(self, rule: Rule, arn: str, event: dict[str, Any]) -> None:
        """Write the event, if a policy of the account lets EventBridge do so."""
        group_name = arn.partition("log-group:")[2]
        stream = f"{arn}:log-stream:{_LOG_STREAM}"
        policies = logs_backends[self.place.account][self.place.region].resource_policies.values()
        if any(
            lets_eventbridge(policy.policy_document, "logs:PutLogEvents", stream, rule.arn)
            for policy in policies
        ):
            self._log(group_name, [json.dumps(event)])

    # -- Lambda ----------------------------------------------------------------------------------

    def _invoke(self, function: LambdaFunction, event: Any, headers: Any, answer: Any) -> str:
        """Lambda's Invoke: the invocation type `Event` goes to the asynchronous queue."""
        if headers.get("X-Amz-Invocation-Type") == "Event":
            request_id = answer["x-amzn-requestid"] = str(uuid.uuid4())
            asked = Invocation(function, event, Receipt(), request_id)
            self._later(lambda: self._run(asked))
            return ""
        if _is_paused(function):
            raise TooManyRequests
        try:
            return json.dumps(self._handle(function, event, str(uuid.uuid4())))
        except Exception as error:  # noqa: BLE001 whatever the handler raises is Lambda's answer
            answer["x-amz-function-error"] = "Unhandled"
            return json.dumps(_error_document(error, ""))

    def _run(self, asked: Invocation, waits: Sequence[timedelta] | None = None) -> None:
        """Invoke the handler as the asynchronous queue does.

        Args:
            asked: What is invoked.
            waits: How long it waits before each attempt that may still follow; None: this is the
                first.
        """
        config = _config(asked.function)
        if waits is None:
            waits = _RETRIED_AFTER[: config.get("MaximumRetryAttempts", 2)]
        answer: dict[str, Any] = {}
        if _is_paused(asked.function):
            asked.receipt.error = f"{_ZERO}: the function's reserved concurrency is 0"
            condition = _ZERO
        elif not (error := self._attempt(asked)):
            self._settled(asked.event, asked.receipt)
            return
        elif waits:
            self._run_again(asked, waits)
            return
        else:
            condition, answer = "RetriesExhausted", _answer_of_failure(error, asked.request_id)
        record = _record(asked, condition, self.clock.now()) | answer
        destination = config.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination")
        self._put(destination, record, asked.receipt, {})
        self._settled(asked.event, asked.receipt)

    def _attempt(self, asked: Invocation) -> Exception | None:
        """Invoke the handler once; what it raised."""
        receipt = asked.receipt
        receipt.attempts += 1
        try:
            receipt.outcome = self._handle(asked.function, asked.event, asked.request_id)
        except Exception as error:  # noqa: BLE001 whatever the handler raises is retried
            receipt.error = f"{type(error).__name__}: {error}"
            receipt.outcome = _outcome_of(error, asked.event)
            return error
        receipt.error = None
        return None

    def _run_again(self, asked: Invocation, waits: Sequence[timedelta]) -> None:
        def again() -> None:
            asked.receipt.waiting -= 1
            self._run(asked, waits[1:])

        asked.receipt.waiting += 1
        if self.clock.stands:
            self.clock.at(self.clock.after(waits[0]), lambda: self._later(again))
        else:
            again()

    def _handle(self, function: LambdaFunction, event: Any, request_id: str) -> dict[str, Any]:
        """Call the real handler, with a copy of the event: three attempts must not share state."""
        entry: Any = guard if function.handler == _GUARD else reactor
        lines = io.StringIO()  # stdout belongs to the results
        entry.logger.registered_handler.setStream(lines)
        try:
            outcome: dict[str, Any] = entry.lambda_handler(
                json.loads(json.dumps(event)), Context(function, request_id)
            )
        finally:
            # moto keeps no LoggingConfig: both functions log to the group of the stack's name
            name = function.function_name.removesuffix("-guard")
            self._log(f"/aws/lambda/{name}", lines.getvalue().splitlines())
        return outcome

    def _log(self, group_name: str, messages: Iterable[str]) -> None:
        """Put messages into a log group, if it exists."""
        group = logs_backends[self.place.account][self.place.region].groups.get(group_name)
        if group is None:
            return
        if _LOG_STREAM not in group.streams:
            group.create_log_stream(_LOG_STREAM)
        now = round(self.clock.now().timestamp() * 1000)
        events = [{"timestamp": now, "message": message} for message in messages]
        group.put_log_events(_LOG_STREAM, events)

    # -- the dead-letter queue -------------------------------------------------------------------

    def _queue(self, arn: str | None) -> Any:
        queues = sqs_backends[self.place.account][self.place.region].queues
        return queues.get(arn.rpartition(":")[2]) if arn else None

    def _put(
        self, queue_arn: str | None, body: Any, receipt: Receipt, attributes: dict[str, str]
    ) -> None:
        queue = self._queue(queue_arn)
        if queue is None:
            receipt.is_lost = True
            receipt.error = f"{receipt.error}; lost: there is no dead-letter queue"
            return
        self._message(queue, body, attributes)
        receipt.is_dead_lettered = True

    def _message(self, queue: Any, body: Any, attributes: dict[str, str]) -> None:
        sqs_backends[self.place.account][self.place.region].send_message(
            queue.name,
            json.dumps(body),
            message_attributes={
                name: {"DataType": "String", "StringValue": value}
                for name, value in attributes.items()
            },
        )


def _is_paused(function: LambdaFunction) -> bool:
    """With a reserved concurrency of 0, Lambda tries no event: all go to the destination.

    "Lambda begins sending new events to the configured dead-letter queue or the on-failure event
    destination, without any retries."
    https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
    """
    return str(function.reserved_concurrency) == "0"


def _config(function: LambdaFunction) -> dict[str, Any]:
    config: dict[str, Any] = (
        function.event_invoke_config[-1].config if function.event_invoke_config else {}
    )
    return config


def _record(asked: Invocation, condition: str, now: datetime) -> dict[str, Any]:
    """Lambda's on-failure record, without the function's answer."""
    return {
        "version": "1.0",
        "timestamp": aws_date(now),
        "requestContext": {
            "requestId": asked.request_id,
            "functionArn": f"{asked.function.function_arn}:$LATEST",
            "condition": condition,
            "approximateInvokeCount": asked.receipt.attempts,
        },
        "requestPayload": asked.event,
    }


def _answer_of_failure(error: Exception, request_id: str) -> dict[str, Any]:
    return {
        "responseContext": {
            "statusCode": 200,
            "executedVersion": "$LATEST",
            "functionError": "Unhandled",
        },
        "responsePayload": _error_document(error, request_id),
    }


def _with_its_request_id(headers: dict[str, str], body: Any) -> tuple[dict[str, str], Any]:
    """An invocation's id is in Lambda's answer, its logs and its on-failure record alike."""
    own = {key: value for key, value in headers.items() if key == "x-amzn-requestid"}
    headers, body = BaseResponse._enrich_response(headers, body)
    return headers | own, body


def _outcome_of(error: Exception, event: Any) -> dict[str, Any] | None:
    if isinstance(error, reactor.ReactionFailed | guard.GuardFailed):
        return error.outcome.model_dump(mode="json")
    if isinstance(error, EventRejected):
        return rejected(event, str(error)).model_dump(mode="json")
    return None


def _error_document(error: Exception, request_id: str) -> dict[str, Any]:
    return {
        "errorMessage": str(error),
        "errorType": type(error).__name__,
        "requestId": request_id,
        "stackTrace": traceback.format_tb(error.__traceback__),
    }


def _as_delivered(event: dict[str, Any], place: Place) -> dict[str, Any]:
    """All nine fields of an event: moto leaves out the account, and gives the time in seconds."""
    seconds = event["time"]
    if isinstance(seconds, int | float):
        seconds = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    rest = {key: value for key, value in event.items() if key != "ingestion-time"}
    return rest | {"time": seconds, "account": place.account}
