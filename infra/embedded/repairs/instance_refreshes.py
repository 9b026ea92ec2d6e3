"""Instance refreshes: started, cancelled and described. On a stage they also end, in time."""

from collections.abc import Callable
from datetime import UTC
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_OID, uuid5

from moto.autoscaling.exceptions import AutoscalingClientError, ValidationError
from moto.autoscaling.models import FakeAutoScalingGroup
from moto.autoscaling.responses import AutoScalingResponse
from moto.core.responses import ActionResult
from moto.core.utils import utcnow

from models.auto_scaling import ENDED

if TYPE_CHECKING:
    from infra.embedded.repairs.answers import Repair

Started = tuple[FakeAutoScalingGroup, dict[str, Any]]
"""A group, and its refresh as DescribeInstanceRefreshes has it."""


class InstanceRefreshInProgress(AutoscalingClientError):
    """One at a time in a group."""

    code = "InstanceRefreshInProgress"


class ActiveInstanceRefreshNotFound(AutoscalingClientError):
    """There is none to cancel."""

    code = "ActiveInstanceRefreshNotFound"


def begin(response: AutoScalingResponse) -> Started:
    """One refresh at a time in a group; AutoRollback needs a desired configuration.

    https://docs.aws.amazon.com/autoscaling/ec2/userguide/instance-refresh-rollback.html
    """
    params = response._get_params()
    group = _group(response, params["AutoScalingGroupName"])
    before = _of(response, group)
    if any(refresh["Status"] not in ENDED for refresh in before):
        message = "An Instance Refresh is already in progress and blocks the execution"
        raise InstanceRefreshInProgress(f"{message} of this Instance Refresh.")
    preferences = params.get("Preferences") or {}
    if preferences.get("AutoRollback") and not params.get("DesiredConfiguration"):
        raise ValidationError("AutoRollback requires a desired configuration.")
    now = utcnow().replace(tzinfo=UTC)
    refresh = {
        # the same in each replay, whatever else is made up: a story's event names it
        "InstanceRefreshId": str(uuid5(NAMESPACE_OID, f"{group.name} {now} {len(before)}")),
        "AutoScalingGroupName": group.name,
        "Status": "InProgress",
        "StartTime": now,
        "PercentageComplete": 0,
        "InstancesToUpdate": len(group.instance_states),
        "Preferences": preferences,
    }
    before.insert(0, refresh)
    return group, refresh


def cancel(response: AutoScalingResponse) -> Started:
    """End the one that is in progress (API model, CancelInstanceRefresh)."""
    group = _group(response, response._get_params()["AutoScalingGroupName"])
    for refresh in _of(response, group):
        if refresh["Status"] not in ENDED:
            refresh |= {
                "Status": "Cancelled",
                "StatusReason": "Cancelled by a user.",
                "EndTime": utcnow().replace(tzinfo=UTC),
            }
            return group, refresh
    raise ActiveInstanceRefreshNotFound("No in progress or pending Instance Refresh found.")


def describe(response: AutoScalingResponse) -> ActionResult:
    """Those of a group, the newest first."""
    refreshes = vars(response.autoscaling_backend).get("instance_refreshes", {})
    name = response._get_param("AutoScalingGroupName")
    return ActionResult({"InstanceRefreshes": refreshes.get(name, [])})


def answered(
    does: Callable[[AutoScalingResponse], dict[str, Any]],
) -> Callable[[AutoScalingResponse], ActionResult]:
    """A method of moto's that answers with the refresh's id."""

    def answer(response: AutoScalingResponse) -> ActionResult:
        return ActionResult({"InstanceRefreshId": does(response)["InstanceRefreshId"]})

    return answer


def _group(response: AutoScalingResponse, name: str) -> FakeAutoScalingGroup:
    found: FakeAutoScalingGroup | None = response.autoscaling_backend.autoscaling_groups.get(name)
    if found is None:
        raise ValidationError(f"AutoScalingGroup name not found - no such group: {name}")
    return found


def _of(response: AutoScalingResponse, group: FakeAutoScalingGroup) -> list[dict[str, Any]]:
    """The group's refreshes, the newest first."""
    of_all = vars(response.autoscaling_backend).setdefault("instance_refreshes", {})
    refreshes: list[dict[str, Any]] = of_all.setdefault(group.name, [])
    return refreshes


REPAIRS: "tuple[Repair, ...]" = (
    (AutoScalingResponse, "describe_instance_refreshes", describe),
    (AutoScalingResponse, "start_instance_refresh", answered(lambda given: begin(given)[1])),
    (AutoScalingResponse, "cancel_instance_refresh", answered(lambda given: cancel(given)[1])),
)
