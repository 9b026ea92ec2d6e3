"""What the dead-letter queue holds: events that could not be delivered or handled.

Shapes: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html and
https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, NamedTuple

import pydantic_core
from pydantic import AliasChoices, AliasPath, BeforeValidator, Field

from models.base import Value, aws_date, date_or_none
from models.failure_text import TemplateFailure, read_failures
from models.wrappings import DEEPEST, RECORD, found_in, wrapping_of


class Shape(StrEnum):
    """Which AWS service sent the message, and in which form. Part of the public interface."""

    RULE_TARGET = "rule-target"
    ON_FAILURE = "on-failure"
    ON_SUCCESS = "on-success"
    FUNCTION_DLQ = "function-dlq"
    UNREADABLE = "unreadable"


def _text_or_none(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _text_or_empty(value: object) -> str:
    return _text_or_none(value) or ""


def _count_or_none(value: object) -> int | None:
    try:
        return int(value) if isinstance(value, int | str) else None
    except ValueError:
        return None


def _attempts(retries: object) -> int | None:
    count = _count_or_none(retries)
    return None if count is None else count + 1


def _lines(value: object) -> tuple[str, ...]:
    """Python's `stackTrace` and Node's `trace` are lists; an entry may be more than one line."""
    entries = value if isinstance(value, list) else []
    return tuple(line for entry in entries for line in str(entry).splitlines())


def _moment(milliseconds: object) -> datetime | None:
    count = _count_or_none(milliseconds)
    try:
        return None if count is None else datetime.fromtimestamp(count / 1000, UTC)
    except (OverflowError, OSError, ValueError):
        return None


_Text = Annotated[str | None, BeforeValidator(_text_or_none)]
_Count = Annotated[int | None, BeforeValidator(_count_or_none)]
_Lines = Annotated[tuple[str, ...], BeforeValidator(_lines)]
_Date = Annotated[datetime | None, BeforeValidator(date_or_none)]


class Failure(Value):
    """What AWS recorded about a failure. Each shape knows only some of it.

    Attributes:
        error_code: EventBridge's code, the type of the function's error, or an HTTP status.
        stack: The function's stack, by line.
        condition: Why AWS gave up: `RetriesExhausted`, `MaximumEventAgeInSeconds`, ...
        attempts: How often the function was invoked, or delivery to it was tried.
        gave_up: When Lambda gave up.
        rule: The ARN of the rule that could not deliver.
        function: The ARN of the function.
        request_id: Lambda's id of the invocation, the same for all its attempts.
    """

    error_code: _Text = None
    error_message: _Text = None
    stack: _Lines = ()
    condition: _Text = None
    attempts: _Count = None
    gave_up: _Date = None
    rule: _Text = None
    function: _Text = None
    request_id: _Text = None

    @property
    def of_templates(self) -> list[TemplateFailure]:
        """What the function's error says of each template; nothing if it is no such error."""
        return read_failures(self.error_message or "")


class _RuleTarget(Failure):
    """EventBridge's message attributes. Without a retry, no condition was exhausted."""

    error_code: _Text = Field(default=None, alias="ERROR_CODE")
    error_message: _Text = Field(default=None, alias="ERROR_MESSAGE")
    condition: _Text = Field(default=None, alias="EXHAUSTED_RETRY_CONDITION")
    attempts: Annotated[int | None, BeforeValidator(_attempts)] = Field(
        default=None, alias="RETRY_ATTEMPTS"
    )
    rule: _Text = Field(default=None, alias="RULE_ARN")
    function: _Text = Field(default=None, alias="TARGET_ARN")


class _FunctionDlq(Failure):
    """The message attributes of a function's own dead-letter queue, Lambda's older form."""

    error_code: _Text = Field(default=None, alias="ErrorCode")
    error_message: _Text = Field(default=None, alias="ErrorMessage")
    request_id: _Text = Field(default=None, alias="RequestID")


def _path(*names: str) -> Any:
    return Field(default=None, validation_alias=AliasPath(*names))


class _OnFailure(Failure):
    """Lambda's record. A function that gave no answer left no `responsePayload`."""

    error_code: _Text = _path("responsePayload", "errorType")
    error_message: _Text = _path("responsePayload", "errorMessage")
    stack: _Lines = Field(
        default=(),
        validation_alias=AliasChoices(
            AliasPath("responsePayload", "stackTrace"), AliasPath("responsePayload", "trace")
        ),
    )
    condition: _Text = _path("requestContext", "condition")
    attempts: _Count = _path("requestContext", "approximateInvokeCount")
    gave_up: _Date = _path("timestamp")
    function: _Text = _path("requestContext", "functionArn")
    request_id: _Text = _path("requestContext", "requestId")


class DeadLetter(Value):
    """An event that could not be delivered or handled, and what is known about that.

    Attributes:
        shape: `unreadable` if there is no event in it; `on-success` is no failure at all.
        event: As it was, the innermost; whether it is valid is another question.
        event_count: How many are in it; of several, none is handled by itself.
        chain: What the event is wrapped in beside what the shape says, the outermost first: a
            message that was given to the function as it was came back inside another message.
        fault: Why there is no event in it.
        sent: When it came into the queue.
        receive_count: How often it was received (SQS's ApproximateReceiveCount).
    """

    message_id: str
    shape: Shape
    event: dict[str, Any] | None
    event_count: int = 0
    chain: tuple[str, ...] = ()
    fault: str | None
    failure: Failure
    sent: datetime | None
    receive_count: int | None


def _attribute(name: str) -> Any:
    paths = AliasPath("Attributes", name), AliasPath("attributes", name)
    return Field(default=None, validation_alias=AliasChoices(*paths))


def _strings(attributes: object) -> dict[str, str]:
    """`{"NAME": {"StringValue": TEXT}}`, or `stringValue` in a Lambda batch, without the wrapping.

    Binary attributes are left out: no shape has one.
    """
    found: dict[str, str] = {}
    for name, value in attributes.items() if isinstance(attributes, Mapping) else ():
        text = (
            value.get("StringValue", value.get("stringValue")) if isinstance(value, dict) else None
        )
        if isinstance(text, str):
            found[name] = text
    return found


class _SqsMessage(Value):
    """An SQS message, as ReceiveMessage answers it or, in camelCase, a Lambda batch has it."""

    message_id: Annotated[str, BeforeValidator(_text_or_empty)] = Field(
        default="", validation_alias=AliasChoices("MessageId", "messageId")
    )
    body: str = Field(validation_alias=AliasChoices("Body", "body"))
    sent: Annotated[datetime | None, BeforeValidator(_moment)] = _attribute("SentTimestamp")
    receive_count: _Count = _attribute("ApproximateReceiveCount")
    attributes: Annotated[dict[str, str], BeforeValidator(_strings)] = Field(
        default={}, validation_alias=AliasChoices("MessageAttributes", "messageAttributes")
    )


def read_dead_letter(item: Mapping[str, Any]) -> DeadLetter:
    """Read any message of a dead-letter queue, whatever is in it.

    Args:
        item: A message, of ReceiveMessage or of a Lambda batch.
    """
    message = _SqsMessage.model_validate(item)
    body, fault = _parsed(message.body)
    layers, inside = _opened(body)
    shape, failure = _recorded(message.attributes, layers)
    event = inside if _is_taken_for_an_event(inside, shape, message.attributes) else None
    count = sum(found.payload is not None for found in found_in(inside))
    if event is None:
        shape, fault = Shape.UNREADABLE, fault or _why_unreadable(count)
    return DeadLetter(
        message_id=message.message_id,
        shape=shape,
        event=event,
        event_count=count,
        chain=_described(layers),
        fault=fault,
        failure=failure,
        sent=message.sent,
        receive_count=message.receive_count,
    )


def _parsed(body: str) -> tuple[dict[str, Any], str | None]:
    try:
        # unlike json.loads, this refuses NaN and answers deep nesting with a ValueError
        content = pydantic_core.from_json(body.encode(errors="surrogatepass"), allow_inf_nan=False)
    except ValueError as error:
        return {}, f"not JSON: {error}"
    return (content, None) if isinstance(content, dict) else ({}, "not a JSON object")


class _Layer(NamedTuple):
    """Something that holds one thing alone."""

    name: str
    content: dict[str, Any] | list[Any]

    @property
    def record(self) -> _OnFailure | None:
        """What Lambda recorded, if it is a record."""
        return _OnFailure.model_validate(self.content) if self.name == RECORD else None


def _opened(body: dict[str, Any]) -> tuple[list[_Layer], Any]:
    """What the event is wrapped in, the outermost first; and what is inside all of it."""
    layers: list[_Layer] = []
    inside: Any = body
    while (wrapping := wrapping_of(inside)) and len(wrapping.held) == 1 and len(layers) < DEEPEST:
        layers.append(_Layer(wrapping.name, inside))
        [inside] = wrapping.held
    return layers, inside


def _recorded(attributes: dict[str, str], layers: list[_Layer]) -> tuple[Shape, Failure]:
    """The shape, and what was recorded: the outermost record is the last failure."""
    if record := next(filter(None, (layer.record for layer in layers)), None):
        succeeded = record.condition == "Success"  # an on-success destination, of Lambda too
        return Shape.ON_SUCCESS if succeeded else Shape.ON_FAILURE, record
    if "RULE_ARN" in attributes or "ERROR_CODE" in attributes:
        return Shape.RULE_TARGET, _RuleTarget.model_validate(attributes)
    return Shape.FUNCTION_DLQ, _FunctionDlq.model_validate(attributes)


def _is_taken_for_an_event(inside: object, shape: Shape, attributes: dict[str, str]) -> bool:
    """Whether it is what was to be handled: AWS says so, or it looks like one."""
    if not isinstance(inside, dict) or wrapping_of(inside) is not None:
        return False
    if shape in (Shape.ON_FAILURE, Shape.ON_SUCCESS):
        return True
    says_aws = shape is Shape.RULE_TARGET or not attributes.keys().isdisjoint(_LAMBDAS)
    return "detail-type" in inside or (says_aws and bool(inside))


_LAMBDAS = {"RequestID", "ErrorCode", "ErrorMessage"}


def _why_unreadable(count: int) -> str:
    if count > 1:
        return f"there are {count} events in it: dlq save it, and replay what was saved"
    return "there is no event in it"


def _described(layers: list[_Layer]) -> tuple[str, ...]:
    beside = layers[1:] if layers and layers[0].record else layers
    return tuple(_words_of(layer) for layer in beside)


def _words_of(layer: _Layer) -> str:
    if (record := layer.record) is None:
        return layer.name
    when = f" of {aws_date(record.gave_up)}" if record.gave_up else ""
    what = filter(None, (record.condition, record.error_code, record.error_message))
    return ": ".join((f"{layer.name}{when}", *what))
