"""The events that AWS's own services put: what is done on the stage wakes the reactor.

Of EC2: `EC2 AMI State Change` and, for each resource whose tags changed, `Tag Change on Resource`;
of Auto Scaling: each launch. They come once the call that caused them has been done.
Shapes: `tests/events/`, https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/monitor-ami-events.html
and https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-event-reference.html
"""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from unittest import mock
from uuid import NAMESPACE_OID, uuid4, uuid5

from moto.autoscaling.models import FakeAutoScalingGroup
from moto.core.responses import BaseResponse
from moto.ec2.models import ec2_backends
from moto.ec2.models.amis import AmiBackend
from moto.ec2.models.tags import TagBackend
from moto.ec2.utils import EC2_PREFIX_TO_RESOURCE, get_prefix
from moto.utilities.utils import get_partition

from infra.embedded.clock import StageClock
from models.base import Place

Detail = dict[str, Any]
Put = Callable[[list[dict[str, Any]]], object]
"""Hands events to the rules."""

_AMI = "EC2 AMI State Change"
_TAGS = "Tag Change on Resource"
_LAUNCHED = "EC2 Instance Launch Successful"
_NOT_LAUNCHED = "EC2 Instance Launch Unsuccessful"

# by the name of moto's method, which takes or returns the image
_STATES = {
    "create_image": "available",
    "copy_image": "available",
    "register_image": "available",
    "enable_image": "available",
    "disable_image": "disabled",
    "deregister_image": "deregistered",
}


@dataclass
class _Changes:
    """What one call has changed.

    Attributes:
        tags: By resource, its tags before the call.
        images: Each image with its state, and each activity with its group, in order.
    """

    tags: dict[str, dict[str, str]] = field(default_factory=dict)
    images: list[tuple[str, str]] = field(default_factory=list)
    launches: list[tuple[FakeAutoScalingGroup, dict[str, Any]]] = field(default_factory=list)


_changes: ContextVar[_Changes | None] = ContextVar("changes", default=None)


@dataclass(frozen=True)
class Emitter:
    """Puts the events of one account and Region."""

    place: Place
    clock: StageClock
    put: Put
    _made: Iterator[int] = field(default_factory=count)

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Every call that changes something comes through here."""
        with ExitStack() as applied:
            replaced = [
                (BaseResponse, "call_action", _of_call(self)),
                (FakeAutoScalingGroup, _LAUNCH, _of_launch()),
                *((TagBackend, name, _of_tags(self, name)) for name in _TAGGING),
                *((AmiBackend, name, _of_image(self, name)) for name in _STATES),
            ]
            for owner, name, replacement in replaced:
                applied.enter_context(mock.patch.object(owner, name, replacement))
            yield

    @contextmanager
    def gathered(self) -> Iterator[None]:
        """The events of what is done meanwhile come at the end."""
        changes = _Changes()
        token = _changes.set(changes)
        try:
            yield
        finally:
            _changes.reset(token)
            self.put(list(self._events(changes)))

    def is_here(self, backend: Any) -> bool:
        """Whether it is the backend of this account and Region."""
        return backend is self._ec2

    @property
    def _ec2(self) -> Any:
        return ec2_backends[self.place.account][self.place.region]

    def put_event(self, source: str, detail_type: str, detail: Detail, *arns: str) -> None:
        """Put an event of this moment."""
        self.put([self._event(source, detail_type, detail, *arns)])

    def _events(self, changes: _Changes) -> Iterator[dict[str, Any]]:
        """An event for each change, tags first: an image has them before it is available."""
        for resource_id, before in changes.tags.items():
            now = dict(self._ec2.tags.get(resource_id, {}))
            keys = [key for key in {**before, **now} if before.get(key) != now.get(key)]
            if keys:
                yield self._tag_change(resource_id, keys, now)
        for image_id, state in changes.images:
            detail = {
                "RequestId": self._id(),
                "ImageId": image_id,
                "State": state,
                "ErrorMessage": "",
            }
            yield self._event("aws.ec2", _AMI, detail, self._arn("image", image_id))
        for group, activity in changes.launches:
            yield self._launch(group, activity)

    def _tag_change(self, resource_id: str, keys: list[str], now: dict[str, str]) -> dict[str, Any]:
        kind = EC2_PREFIX_TO_RESOURCE.get(get_prefix(resource_id), "")
        detail = {
            "changed-tag-keys": keys,
            "service": "ec2",
            "resource-type": kind,
            "version": 4.0,
            "tags": now,
        }
        return self._event("aws.tag", _TAGS, detail, self._arn(kind, resource_id))

    def _launch(self, group: FakeAutoScalingGroup, activity: dict[str, Any]) -> dict[str, Any]:
        is_started = activity["StatusCode"] == "Successful"
        instance_id = activity["Description"].rpartition(": ")[2] if is_started else ""
        detail = {
            "StatusCode": "InProgress" if is_started else "Failed",
            "Description": activity["Description"],
            "AutoScalingGroupName": group.name,
            "ActivityId": activity["ActivityId"],
            "Details": json.loads(activity["Details"]),
            "RequestId": activity["ActivityId"],
            "StatusMessage": activity.get("StatusMessage", ""),
            "EndTime": self._time(),
            "EC2InstanceId": instance_id,
            "StartTime": self._time(),
            "Cause": activity["Cause"],
            "Origin": "EC2",
            "Destination": "AutoScalingGroup",
        }
        arns = [group.arn, *([self._arn("instance", instance_id)] if is_started else [])]
        what = _LAUNCHED if is_started else _NOT_LAUNCHED
        return self._event("aws.autoscaling", what, detail, *arns)

    def _event(self, source: str, detail_type: str, detail: Detail, *arns: str) -> dict[str, Any]:
        """An event as EventBridge delivers it."""
        return {
            "version": "0",
            "id": self._id(),
            "detail-type": detail_type,
            "source": source,
            "account": self.place.account,
            "time": self._time(),
            "region": self.place.region,
            "resources": list(arns),
            "detail": detail,
        }

    def _id(self) -> str:
        """The same in each replay, whatever else moto makes up meanwhile."""
        number = next(self._made)
        return str(uuid5(NAMESPACE_OID, f"event {number}") if self.clock.stands else uuid4())

    def _time(self) -> str:
        return f"{self.clock.now():%Y-%m-%dT%H:%M:%SZ}"

    def _arn(self, kind: str, resource_id: str) -> str:
        account = "" if kind in _WITHOUT_ACCOUNT else self.place.account
        partition = get_partition(self.place.region)
        return f"arn:{partition}:ec2:{self.place.region}:{account}:{kind}/{resource_id}"


_WITHOUT_ACCOUNT = ("image", "snapshot")
_TAGGING = ("create_tags", "delete_tags", "delete_tag_keys")
_LAUNCH = "replace_autoscaling_group_instances"


def _of_call(emitter: Emitter) -> Callable[[BaseResponse], Any]:
    """A call of the API, nested in another one if the function makes it."""
    moto_answers = BaseResponse.call_action

    def call_action(response: BaseResponse) -> Any:
        with emitter.gathered():
            return moto_answers(response)

    return call_action


def _of_tags(emitter: Emitter, name: str) -> Callable[..., Any]:
    moto_does = getattr(TagBackend, name)

    def do(backend: TagBackend, resource_ids: list[str], *how: Any, **named: Any) -> Any:
        changes = _changes.get()
        if changes is not None and emitter.is_here(backend):
            for resource_id in resource_ids:
                changes.tags.setdefault(resource_id, dict(backend.tags.get(resource_id, {})))
        return moto_does(backend, resource_ids, *how, **named)

    return do


def _of_image(emitter: Emitter, name: str) -> Callable[..., Any]:
    moto_does = getattr(AmiBackend, name)

    def do(backend: AmiBackend, first: str, *how: Any, **named: Any) -> Any:
        made = moto_does(backend, first, *how, **named)
        changes = _changes.get()
        if changes is not None and emitter.is_here(backend):
            image_id = made.id if hasattr(made, "id") else first
            changes.images.append((image_id, _STATES[name]))
        return made

    return do


def _of_launch() -> Callable[..., Any]:
    moto_does = getattr(FakeAutoScalingGroup, _LAUNCH)

    def do(group: FakeAutoScalingGroup, *how: Any) -> Any:
        before = len(vars(group).get("activities", []))
        done = moto_does(group, *how)
        changes = _changes.get()
        if changes is not None:
            activities = vars(group).get("activities", [])  # the newest first
            new = activities[: len(activities) - before]
            changes.launches += [(group, activity) for activity in reversed(new)]
        return done

    return do
