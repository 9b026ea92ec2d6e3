"""What events come wrapped in: answers of AWS's APIs, messages, notifications, log lines, records.

Shapes: https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html,
https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html,
https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html, and the answers
of FilterLogEvents, GetQueryResults, ReceiveMessage and PutEvents' request in AWS's API models.
"""

import base64
import binascii
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import pydantic_core

MESSAGE = "an SQS message"
RECORD = "Lambda's record of an invocation"

AN_EVENT_HAS = "an event of EventBridge has source, detail-type and detail"

DEEPEST = 50  # wrappings in each other
_MOST_BYTES = 64 * 1024 * 1024  # of what was compressed
_GZIP = 31  # zlib's wbits for a gzip header


class Wrapping(NamedTuple):
    """Something that is not an event, and may contain events.

    Attributes:
        name: What it is, with its article.
        held: What is in it, one step inside: JSON, or text that is not JSON.
    """

    name: str
    held: list[Any]


class Found(NamedTuple):
    """What is innermost.

    Attributes:
        payload: The event; None if there is none.
        chain: The names of what was opened, the outermost first.
        fault: Why it is not an event; one line.
        made_up: The event's fields that what was found does not have, and that have yet to be given
            a value: of an entry for PutEvents, id, account, region and time.
    """

    payload: dict[str, Any] | None
    chain: tuple[str, ...] = ()
    fault: str | None = None
    made_up: tuple[str, ...] = ()


def found_in(item: object, chain: tuple[str, ...] = ()) -> Iterator[Found]:
    """All that is innermost in it, in its order."""
    wrapping = wrapping_of(item)
    if wrapping is None:
        yield _innermost(item)._replace(chain=chain)
    elif not wrapping.held:
        yield Found(None, chain, f"is {wrapping.name}, and nothing is in it")
    elif len(chain) >= DEEPEST:
        yield Found(None, chain, f"is wrapped more than {DEEPEST} times")
    else:
        for inner in wrapping.held:
            yield from found_in(inner, (*chain, wrapping.name))


def wrapping_of(item: object) -> Wrapping | None:
    """What it is and holds; None if it is an event, or nothing that can be opened."""
    if isinstance(item, list):
        return Wrapping(*_row_of_insights(item)) if _is_row(item) else Wrapping("an array", item)
    if not isinstance(item, dict) or looks_like_an_event(item):
        return None
    for name, fields, held in _WRAPPINGS:
        if all(key in item and isinstance(item[key], kind) for key, kind in fields.items()):
            return Wrapping(name, [_parsed(inner) for inner in held(item)])
    return None


def looks_like_an_event(item: Mapping[str, Any]) -> bool:
    """Whether it is meant to be an event of EventBridge, valid or not."""
    return sum(key in item for key in ("source", "detail-type", "detail")) > 1


def fault_of(event: Mapping[str, Any]) -> str | None:
    """What is missing that EventBridge puts into every event; None if nothing is."""
    for key in ("source", "detail-type"):
        if not isinstance(event.get(key), str):
            return f"{key}: {'must be a string' if key in event else 'is required'}"
    return None if "detail" in event else "detail: is required"


# ---- what cannot be opened -----------------------------------------------------------------------


def _innermost(item: object) -> Found:
    if isinstance(item, str):
        return Found(None, fault=f"is text that is not JSON: {AN_EVENT_HAS}")
    if not isinstance(item, dict):
        return Found(None, fault=f"must be a JSON object: {AN_EVENT_HAS}")
    if looks_like_an_event(item):
        return Found(item)
    if item.keys() >= {"Source", "DetailType"}:
        return _of_an_entry(item)
    for keys, what in _NO_EVENTS:
        if not keys.isdisjoint(item):
            return Found(None, fault=f"is {what}; {AN_EVENT_HAS}")
    return Found(None, fault=f"is no event: {AN_EVENT_HAS}")


_NO_EVENTS = (
    (
        frozenset({"Images", "LaunchTemplates", "LaunchTemplateVersions", "AutoScalingGroups"}),
        "a world: pass it with --world",
    ),
    (
        frozenset({"eventName", "CloudTrailEvent"}),
        "a record of CloudTrail, which is an API call",
    ),
    (frozenset({"Events"}), "an answer of CloudTrail, which lists API calls"),
    (frozenset({"queryId"}), "a query's id: aws logs get-query-results gives its answer"),
    (
        frozenset({"ArchiveName", "Archives"}),
        "about an archive, which cannot be read: what the stack's rules matched is in its log"
        " group (ami-reactor capture)",
    ),
    (frozenset({"EventPattern", "Rules"}), "a rule"),
    (frozenset({"templates", "launch_template_id"}), "an outcome of the reactor"),
)


def _of_an_entry(entry: Mapping[str, Any]) -> Found:
    """One entry of PutEvents' request, as the event that EventBridge makes of it."""
    detail = _parsed(entry.get("Detail"))
    if not isinstance(detail, dict):
        return Found(None, fault="is an entry for PutEvents whose Detail is no JSON object as text")
    event = {
        "version": "0",
        "detail-type": entry["DetailType"],
        "source": entry["Source"],
        "resources": entry.get("Resources") or [],
        "detail": detail,
    }
    made_up = ("id", "account", "region")
    if "Time" in entry:
        return Found({**event, "time": entry["Time"]}, made_up=made_up)
    return Found(event, made_up=(*made_up, "time"))


# ---- what can be opened --------------------------------------------------------------------------


def _parsed(inner: object) -> object:
    """JSON in a text; anything else unchanged."""
    while isinstance(inner, str):  # some tools quote JSON as a JSON string
        try:
            # unlike json.loads, this refuses NaN and answers deep nesting with a ValueError
            text = inner.encode(errors="surrogatepass")
            inner = pydantic_core.from_json(text, allow_inf_nan=False)
        except ValueError:
            return inner
    return inner


def _decoded(data: object) -> str:
    """Text in base64, perhaps compressed with gzip; empty if it is neither."""
    try:
        plain = base64.b64decode(data, validate=True) if isinstance(data, str) else b""
        if plain.startswith(b"\x1f\x8b"):
            plain = zlib.decompressobj(_GZIP).decompress(plain, _MOST_BYTES)
        return plain.decode()
    except (binascii.Error, ValueError, zlib.error):
        return ""


def _is_row(item: list[Any]) -> bool:
    return bool(item) and all(isinstance(c, dict) and {"field", "value"} <= c.keys() for c in item)


def _row_of_insights(cells: list[dict[str, Any]]) -> Wrapping:
    messages = [_parsed(cell["value"]) for cell in cells if cell["field"] == "@message"]
    return Wrapping("a row of Logs Insights", messages)


Held = Callable[[dict[str, Any]], Iterable[Any]]


def _all_of(key: str) -> Held:
    def held(item: dict[str, Any]) -> Iterable[Any]:
        inner: Iterable[Any] = item[key]
        return inner

    return held


def _the(key: str) -> Held:
    return lambda item: [item[key]]


_WRAPPINGS: tuple[tuple[str, dict[str, type | tuple[type, ...]], Held], ...] = (
    ("an answer of ReceiveMessage", {"Messages": list}, _all_of("Messages")),
    ("a batch of Lambda", {"Records": list}, _all_of("Records")),
    (RECORD, {"requestPayload": object}, _the("requestPayload")),
    (MESSAGE, {"Body": str}, _the("Body")),
    (MESSAGE, {"body": str}, _the("body")),  # as Lambda's batches and EventBridge Pipes have it
    ("an SNS notification", {"Message": str}, _the("Message")),
    ("a record of SNS", {"Sns": dict}, _the("Sns")),
    (
        "a record of Kinesis",
        {"kinesis": dict},
        lambda item: [_decoded(item["kinesis"].get("data"))],
    ),
    ("a batch of Firehose", {"records": list}, _all_of("records")),
    ("a record of Firehose", {"data": str}, lambda item: [_decoded(item["data"])]),
    ("an answer of FilterLogEvents", {"events": list}, _all_of("events")),
    (
        "subscription data of CloudWatch Logs",
        {"awslogs": dict},
        lambda item: [_decoded(item["awslogs"].get("data"))],
    ),
    ("subscription data of CloudWatch Logs", {"logEvents": list}, _all_of("logEvents")),
    ("a line of a log", {"message": (str, dict)}, _the("message")),
    ("an answer of Logs Insights", {"results": list}, _all_of("results")),
    ("a row of Logs Insights", {"@message": (str, dict)}, _the("@message")),
    ("a request of PutEvents", {"Entries": list}, _all_of("Entries")),
    ("a request of TestEventPattern", {"Event": str}, _the("Event")),
)
