"""Every fault of AWS at every call of a reaction, through Lambda's attempts to the dead letter.

Faults are put where a request leaves botocore, so that its parsers and its own second try are
part of what is tested. The embedded AWS delivers: three attempts, then the dead-letter queue; what
lies there is delivered again once the fault is over.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple
from unittest import mock

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import ConnectionClosedError, ReadTimeoutError
from moto.core.models import botocore_stubber
from moto.ec2.models import ec2_backends

from handlers import reactor
from infra.embedded.delivery import Receipt
from infra.embedded.stage import Stage, stage
from infra.embedded.world.seed import read_world
from models.dead_letter import read_dead_letter
from tests.support.builders import (
    ACCOUNT,
    FOLLOWS_INSTANCE,
    NEW,
    OLD,
    REGION,
    a_version,
    a_world,
    an_image,
    backup_completed,
    tag_list,
)

MARK = "ami-reactor-state:newest-image"

_VERSIONS = 2  # the one that is there, and one more

Answer = Callable[[AWSPreparedRequest], AWSResponse | None]


class Lasting(StrEnum):
    """How long a fault goes on."""

    REQUEST = "one request"
    ATTEMPT = "one attempt"
    ALWAYS = "all attempts"


# -- faults of the wire ----------------------------------------------------------------------------


class _Body:
    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        yield self._content


def _answer(status: int, body: str) -> Answer:
    def respond(request: AWSPreparedRequest) -> AWSResponse:
        return AWSResponse(request.url, status, {}, _Body(body.encode()))

    return respond


def _error(status: int, code: str) -> Answer:
    error = f"<Error><Code>{code}</Code><Message>injected</Message></Error>"
    return _answer(status, f"<Response><Errors>{error}</Errors><RequestID>1</RequestID></Response>")


def _reset(request: AWSPreparedRequest) -> None:
    raise ConnectionClosedError(endpoint_url=request.url)


def _effective(request: AWSPreparedRequest) -> AWSResponse:
    """What the embedded AWS answers: the request takes effect."""
    answer: AWSResponse = botocore_stubber("before-send", request)
    return answer


def _timeout(request: AWSPreparedRequest) -> None:
    _effective(request)
    raise ReadTimeoutError(endpoint_url=request.url)


def _warned(request: AWSPreparedRequest) -> AWSResponse:
    warning = (
        "<warning><errorSet><item><code>InvalidKeyPair.NotFound</code><message>ops</message></item>"
        "</errorSet></warning></CreateLaunchTemplateVersionResponse>"
    )
    body = _effective(request).content.decode()
    end = "</CreateLaunchTemplateVersionResponse>"
    return _answer(200, body.replace(end, warning))(request)


# -- faults of the world ---------------------------------------------------------------------------


def _image_goes(_stage: Stage) -> Callable[[], None]:
    amis = ec2_backends[ACCOUNT][REGION].amis
    ami = amis.pop(NEW, None)
    return lambda: ami and amis.__setitem__(NEW, ami)


def _template_goes(staged: Stage) -> Callable[[], None]:
    for template in _templates(staged):
        _ec2(staged).delete_launch_template(LaunchTemplateId=template["LaunchTemplateId"])
    return lambda: None


class Fault(NamedTuple):
    """Something that AWS does.

    Attributes:
        answer: In place of the answer to a request.
        happens: To the world, just before the call; returns what undoes it.
        only: The one operation that can meet it.
        leaves: What may be current in the end; None: there is no template.
    """

    name: str
    answer: Answer | None = None
    happens: Callable[[Stage], Callable[[], None]] | None = None
    only: str | None = None
    leaves: tuple[str | None, ...] = (NEW,)


FAULTS = (
    Fault("throttled", _error(503, "RequestLimitExceeded")),
    Fault("500", _error(500, "InternalError")),
    Fault("503 without a body of AWS's", _answer(503, "<html>Service Unavailable</html>")),
    Fault("connection reset", _reset),
    Fault("timeout after it took effect", _timeout),
    Fault("access denied", _error(403, "UnauthorizedOperation")),
    Fault("malformed answer", _answer(200, "<Descr\x00 <<")),
    Fault("empty answer", _answer(200, "")),
    Fault("a Warning in a 200 answer", _warned, only="CreateLaunchTemplateVersion"),
    Fault(
        "version limit reached",
        _error(400, "VersionLimitExceeded"),
        only="CreateLaunchTemplateVersion",
    ),
    Fault("the image goes", happens=_image_goes, leaves=(OLD, NEW)),
    Fault("the template goes", happens=_template_goes, leaves=(None,)),
)


# -- one reaction ----------------------------------------------------------------------------------


class Call(NamedTuple):
    """A call of a reaction, after so many others of the same operation."""

    operation: str
    before: int

    def __str__(self) -> str:
        return f"{self.operation} {self.before + 1}" if self.before else self.operation


class Ending(NamedTuple):
    """What became of an event that met a fault.

    Attributes:
        attempts: Of the first delivery.
        outcome: Of that delivery.
        is_dead_lettered: The event waited in the queue, and was delivered again without the fault.
        image: Current in the end; None: there is no template.
        versions: How many there are in the end.
        is_marked: The mark tells of the current image.
        is_settled: A further delivery changed nothing.
    """

    attempts: int
    outcome: str
    is_dead_lettered: bool
    image: str | None
    versions: int
    is_marked: bool
    is_settled: bool

    @property
    def is_right(self) -> bool:
        """As it should be, whatever was met on the way."""
        is_marked = self.is_marked or self.image != NEW
        return self.is_settled and is_marked and self.versions <= _VERSIONS

    def __str__(self) -> str:
        if self.is_dead_lettered:
            return "dead letter"
        return self.outcome if self.attempts == 1 else f"{self.outcome} at retry"


@dataclass
class _Injection:
    """Counts the calls of each attempt, and lets a fault be met at one of them."""

    stage: Stage
    fault: Fault | None
    at_call: Call | None
    lasting: Lasting
    calls: list[str] = field(default_factory=list)
    attempt: int = 0
    sent: int = 0
    undo: list[Callable[[], None]] = field(default_factory=list)

    def count(self, model: Any, params: Any, **_: Any) -> None:
        if "tag-key" in str(params["body"]):  # each reaction begins with this list
            self.calls, self.attempt = [], self.attempt + 1
        self.calls.append(model.name)
        if self.fault and self.fault.happens and self._is_met():
            self.undo.append(self.fault.happens(self.stage))

    def send(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse | None:
        if not (self.fault and self.fault.answer and self._is_met()):
            return None
        self.sent += 1
        if self.lasting is Lasting.REQUEST and self.sent > 1:
            return None
        answer = self.fault.answer(request)
        botocore_stubber.enabled = False  # it would have its effect, though not the last word
        return answer

    @staticmethod
    def resume(**_: Any) -> None:
        botocore_stubber.enabled = True

    def _is_met(self) -> bool:
        if not self.at_call or self.calls[-1:] != [self.at_call.operation]:
            return False
        is_it = self.calls.count(self.at_call.operation) == self.at_call.before + 1
        return is_it and (self.attempt == 1 or self.lasting is Lasting.ALWAYS)


class Theatre:
    """One stage, with a template of its own for each reaction."""

    def __init__(self, staged: Stage) -> None:
        self.stage = staged
        self._clients = [reactor.client(service, REGION) for service in ("ec2", "events")]

    def calls(self) -> list[Call]:
        """The calls of a promotion that meets no fault."""
        nothing = _Injection(self.stage, None, None, Lasting.REQUEST)
        self._react(nothing)
        return [Call(name, nothing.calls[:n].count(name)) for n, name in enumerate(nothing.calls)]

    def endings(self, fault: Fault, lasting: Lasting) -> dict[Call, Ending]:
        """What became of it at each call that can meet it."""
        calls = [call for call in self.calls() if fault.only in (None, call.operation)]
        return {call: self.ending(fault, call, lasting) for call in calls}

    def ending(self, fault: Fault, at_call: Call, lasting: Lasting) -> Ending:
        """React to an event, the fault being met at that call."""
        injection = _Injection(self.stage, fault, at_call, lasting)
        receipt = self._react(injection)
        letters = self._letters()
        for letter in letters:
            self.stage.delivery.deliver(read_dead_letter(letter).event or {})
        outcome = receipt.outcome or {}
        said = [t["outcome"] for t in outcome.get("templates", [])] or [outcome.get("result")]
        before = self._state()
        self.stage.delivery.deliver(backup_completed())
        is_settled = before == self._state()
        for undo in injection.undo:
            undo()
        self._letters()
        return Ending(receipt.attempts, str(said[0]), bool(letters), *before, is_settled)

    def _react(self, injection: "_Injection") -> Receipt:
        self._new_template()
        with self._injected(injection):
            return self.stage.delivery.deliver(backup_completed())

    @contextmanager
    def _injected(self, injection: "_Injection") -> Iterator[None]:
        with ExitStack() as registered:
            for client in self._clients:
                events = client.meta.events
                for name, hook, register in (
                    ("before-call", injection.count, events.register_first),
                    ("before-send", injection.send, events.register_first),
                    ("before-send", injection.resume, events.register_last),
                ):
                    register(name, hook)
                    registered.callback(events.unregister, name, hook)
            registered.enter_context(mock.patch("time.sleep"))  # botocore's before it tries again
            yield

    # -- the world -----------------------------------------------------------------------------

    def _new_template(self) -> None:
        ec2 = _ec2(self.stage)
        for template in _templates(self.stage):
            ec2.delete_launch_template(LaunchTemplateId=template["LaunchTemplateId"])
        tags = {"ResourceType": "launch-template", "Tags": tag_list(FOLLOWS_INSTANCE)}
        ec2.create_launch_template(
            LaunchTemplateName="web",
            LaunchTemplateData=a_version(OLD)["LaunchTemplateData"],
            TagSpecifications=[tags],
        )

    def _state(self) -> tuple[str | None, int, bool]:
        found = _templates(self.stage)
        if not found:
            return None, 0, False
        id_, number = found[0]["LaunchTemplateId"], found[0]["DefaultVersionNumber"]
        described = _ec2(self.stage).describe_launch_template_versions(LaunchTemplateId=id_)
        versions = described["LaunchTemplateVersions"]
        [image] = [
            v["LaunchTemplateData"]["ImageId"] for v in versions if v["VersionNumber"] == number
        ]
        tags = {tag["Key"]: tag["Value"] for tag in found[0].get("Tags", [])}
        return image, len(versions), tags.get(MARK, "").startswith(image)

    def _letters(self) -> list[dict[str, Any]]:
        letters = self.stage.dead_letters()
        for letter in letters:
            self.stage.session.client("sqs").delete_message(
                QueueUrl=self.stage.stack.queue_url, ReceiptHandle=letter["ReceiptHandle"]
            )
        return letters


def _ec2(staged: Stage) -> Any:
    return staged.session.client("ec2")


def _templates(staged: Stage) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = _ec2(staged).describe_launch_templates()["LaunchTemplates"]
    return found


@contextmanager
def theatre() -> Iterator[Theatre]:
    world = a_world(an_image(OLD), an_image(NEW, 1), templates=[], versions=[])
    with stage(read_world(json.dumps(world), "world")) as staged:
        # the calls of one reaction are counted: neither of that to the new template, nor of what
        # the promotion itself wakes
        for rule in ("ami-reactor-template-tagged", "ami-reactor-launch-template-promoted"):
            staged.session.client("events").disable_rule(Name=rule)
        yield Theatre(staged)
