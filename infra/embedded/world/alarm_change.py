"""A captured change of an alarm, made in the world: from then on it is in that state."""

from typing import Any, NamedTuple

from moto.cloudwatch.models import cloudwatch_backends

from models.base import Place

_STATES = ("OK", "ALARM", "INSUFFICIENT_DATA")


class Alarm(NamedTuple):
    """An alarm, and the state that it is in."""

    name: str
    state: str


def alarm_of(event: dict[str, Any], place: Place) -> Alarm | None:
    """What a `CloudWatch Alarm State Change` tells; None for other events.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-and-eventbridge.html
    """
    match event:
        case {
            "source": "aws.cloudwatch",
            "account": place.account,
            "region": place.region,
            "detail": {"alarmName": str(name), "state": {"value": str(state)}},
        } if state in _STATES:
            return Alarm(name, state)
    return None


def write_alarm(alarm: Alarm, place: Place) -> None:
    """Put the alarm into that state. It is made if it is not there."""
    alarms = cloudwatch_backends[place.account][place.region]
    if alarm.name not in alarms.alarms:
        alarms.put_metric_alarm(
            name=alarm.name,
            namespace="",
            metric_name="",
            comparison_operator="GreaterThanThreshold",
            evaluation_periods=1,
            period=60,
            threshold=0,
            statistic="Sum",
            description="",
            dimensions=[],
            alarm_actions=[],
        )
    alarms.set_alarm_state(alarm.name, "captured", "{}", alarm.state)
