"""The guard's gateway to Auto Scaling: it reads groups, refreshes and activities only."""

from collections.abc import Callable, Iterator
from typing import Any

from handlers.aws_errors import translated
from handlers.paging import each
from models.auto_scaling import Activity, Group, Refresh

OPERATIONS = {
    "autoscaling": frozenset(
        {"DescribeAutoScalingGroups", "DescribeInstanceRefreshes", "DescribeScalingActivities"}
    )
}
"""What the guard calls beside the reactor's calls (handlers/clients.py)."""


class AutoScaling:
    """Auto Scaling as the guard needs it. Every method may raise AwsRefused and AwsUnavailable."""

    def __init__(self, client: Any, pages: Callable[..., Iterator[Any]] = each) -> None:
        self._client = client
        self._pages = pages

    def group(self, name: str) -> Group | None:
        """The group with that name, if it is there still."""
        which = {"AutoScalingGroupNames": [name]}
        found = self._listed("describe_auto_scaling_groups", "AutoScalingGroups", **which)
        return next((Group.of(described) for described in found), None)

    def refresh(self, group: Group, refresh_id: str) -> Refresh | None:
        """That instance refresh of the group, if it is shown still."""
        with translated("describing instance refreshes", service="autoscaling"):
            # botocore has no pages of these; of one id there is one
            answer = self._client.describe_instance_refreshes(
                AutoScalingGroupName=group.name, InstanceRefreshIds=[refresh_id]
            )
            refreshes = [Refresh.model_validate(found) for found in answer["InstanceRefreshes"]]
        return next((one for one in refreshes if one.instance_refresh_id == refresh_id), None)

    def activity(self, group: Group, activity_id: str) -> Activity | None:
        """That scaling activity of the group, if it is shown still."""
        which = {"AutoScalingGroupName": group.name, "ActivityIds": [activity_id]}
        found = self._listed("describe_scaling_activities", "Activities", **which)
        activities = map(Activity.model_validate, found)
        return next((one for one in activities if one.activity_id == activity_id), None)

    def _listed(self, operation: str, key: str, **which: Any) -> Iterator[Any]:
        return self._pages(self._client, operation, key, **which)
