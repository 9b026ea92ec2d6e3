"""Instance refreshes on the stage: started, done on its clock, and told of in events.

moto has none. A refresh takes five minutes on the stage's clock, and `BakeTime` on top. Then it
replaces each instance that was launched from another version than the group names now, and stops at
the first launch that EC2 refuses. It fails after the first instance if one of its alarms rings: one
that `aws cloudwatch set-alarm-state` or a captured event put into ALARM, or a fault of the name
`InstanceRefresh`, which can also let it fail for capacity, or be rolled back.

Sources: https://docs.aws.amazon.com/autoscaling/ec2/userguide/understand-instance-refresh-default-values.html,
https://docs.aws.amazon.com/autoscaling/ec2/userguide/instance-refresh-rollback.html and, for the
events, https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-event-reference.html
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from unittest import mock

from moto.autoscaling.models import FakeAutoScalingGroup, InstanceState, autoscaling_backends
from moto.autoscaling.responses import AutoScalingResponse
from moto.cloudwatch.models import cloudwatch_backends

from infra.embedded.clock import StageClock
from infra.embedded.emitted import Emitter
from infra.embedded.faults import Faults
from infra.embedded.repairs.auto_scaling import record_activity
from infra.embedded.repairs.instance_refreshes import answered, begin, cancel
from models.auto_scaling import ENDED
from models.base import Place

FAULTS = {
    "Alarm": ("Failed", "Instance refresh failed because the alarm {alarm} is in ALARM state."),
    "Capacity": (
        "Failed",
        "We currently do not have sufficient capacity in the Availability Zone you requested.",
    ),
    "Rollback": ("RollbackSuccessful", "Rolled back because the alarm {alarm} is in ALARM state."),
}
"""By code of a fault of the operation `InstanceRefresh`: the status that it ends in, and why."""

_REPLACES = {"": None, "Alarm": 1}
"""How many instances it replaces: all; or the first, which rings the alarm."""

_TAKES = timedelta(minutes=5)
_TOLD = {
    "Successful": "EC2 Auto Scaling Instance Refresh Succeeded",
    "Failed": "EC2 Auto Scaling Instance Refresh Failed",
    "Cancelled": "EC2 Auto Scaling Instance Refresh Cancelled",
    "RollbackSuccessful": "EC2 Auto Scaling Instance Refresh Rollback Succeeded",
}
_ABOUT = "EC2 Auto Scaling Instance Refresh"
_STARTED = "EC2 Auto Scaling Instance Refresh Started"


@dataclass(frozen=True)
class Refreshes:
    """The instance refreshes of one account and Region."""

    clock: StageClock
    faults: Faults
    emitter: Emitter

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Auto Scaling starts and cancels refreshes."""
        with ExitStack() as applied:
            for name, does in (
                ("start_instance_refresh", self._start),
                ("cancel_instance_refresh", self._cancel),
            ):
                answer = answered(does)
                applied.enter_context(mock.patch.object(AutoScalingResponse, name, answer))
            launch = _failing(self.faults)
            applied.enter_context(mock.patch.object(FakeAutoScalingGroup, _LAUNCH, launch))
            yield

    def _start(self, response: AutoScalingResponse) -> dict[str, Any]:
        group, refresh = begin(response)
        self._tell(group, refresh, _STARTED)
        bake = timedelta(seconds=int(refresh["Preferences"].get("BakeTime") or 0))
        self.clock.at(self.clock.after(_TAKES + bake), lambda: self._end(group, refresh))
        return refresh

    def _cancel(self, response: AutoScalingResponse) -> dict[str, Any]:
        group, refresh = cancel(response)
        self._tell(group, refresh, _TOLD["Cancelled"])
        return refresh

    def _end(self, group: FakeAutoScalingGroup, refresh: dict[str, Any]) -> None:
        if refresh["Status"] in ENDED:
            return  # it was cancelled
        code, alarm = self._failure(group, refresh)
        status, reason = FAULTS.get(code, ("Successful", ""))
        if code in _REPLACES:
            status, reason = self._replaced(group, refresh, _REPLACES[code]) or (status, reason)
        self._close(group, refresh, status, reason.format(alarm=alarm))

    def _failure(self, group: FakeAutoScalingGroup, refresh: dict[str, Any]) -> tuple[str, str]:
        """What lets it fail, as one of FAULTS or nothing, and the alarm that rings."""
        alarms = (refresh["Preferences"].get("AlarmSpecification") or {}).get("Alarms") or []
        if code := self.faults.take("InstanceRefresh"):
            return code, next(iter(alarms), "of the refresh")
        known = cloudwatch_backends[group.autoscaling_backend.account_id][group.region].alarms
        for name in alarms:
            if name in known and known[name].state_value == "ALARM":
                return "Alarm", name
        return "", ""

    def _replaced(
        self, group: FakeAutoScalingGroup, refresh: dict[str, Any], limit: int | None
    ) -> tuple[str, str] | None:
        """Replace so many instances; how it fails at the first launch that EC2 refuses."""
        old = [state for state in group.instance_states if _is_old(group, state, refresh)]
        with self.emitter.gathered():
            for number, state in enumerate(old[:limit], 1):
                launched = len(group.instance_states)
                group.replace_autoscaling_group_instances(1, group.get_propagated_tags())
                if len(group.instance_states) == launched:
                    return "Failed", vars(group)["activities"][0]["StatusMessage"]
                group.instance_states.remove(state)
                group.ec2_backend.terminate_instances([state.instance.id])
                refresh["PercentageComplete"] = 100 * number // len(old)
        return None

    def _close(
        self, group: FakeAutoScalingGroup, refresh: dict[str, Any], status: str, reason: str
    ) -> None:
        refresh |= {"Status": status, "EndTime": self.clock.now()}
        if reason:
            refresh["StatusReason"] = reason
        if status == "RollbackSuccessful":
            refresh["RollbackDetails"] = {
                "RollbackReason": reason,
                "RollbackStartTime": refresh["StartTime"],
            }
        if status == "Successful":
            refresh["PercentageComplete"] = 100
        self._tell(group, refresh, _TOLD[status])

    def _tell(self, group: FakeAutoScalingGroup, refresh: dict[str, Any], told: str) -> None:
        detail = {key: refresh[key] for key in ("InstanceRefreshId", "AutoScalingGroupName")}
        self.emitter.put_event("aws.autoscaling", told, detail, group.arn)


_LAUNCH = "replace_autoscaling_group_instances"


def _failing(faults: Faults) -> Callable[..., None]:
    """With a fault of the operation `Launch` a group's next launch fails with that code."""
    launch = getattr(FakeAutoScalingGroup, _LAUNCH)

    def do(group: FakeAutoScalingGroup, count: int, tags: dict[str, str]) -> None:
        if count > 0 and (code := faults.take("Launch")):
            record_activity(group, f"{code}: the launch of an instance was refused")
        else:
            launch(group, count, tags)

    return do


def images_of(event: dict[str, Any], place: Place) -> dict[str, dict[str, int]]:
    """Of an event about a refresh: by group, how many instances run which image now.

    Empty for any other event.
    """
    groups = autoscaling_backends[place.account][place.region].autoscaling_groups
    match event:
        case {
            "source": "aws.autoscaling",
            "detail-type": str(what),
            "detail": {"AutoScalingGroupName": str(name)},
        } if what.startswith(_ABOUT) and name in groups:
            states = groups[name].instance_states
            return {name: dict(Counter(state.instance.image_id for state in states))}
    return {}


def _is_old(group: FakeAutoScalingGroup, state: InstanceState, refresh: dict[str, Any]) -> bool:
    if not refresh["Preferences"].get("SkipMatching") or group.ec2_launch_template is None:
        return True
    current = group.ec2_launch_template.get_version(group.launch_template_version)
    return (state.launch_template or {}).get("Version") != str(current.number)
