"""The guard's Lambda entry point: a function of its own, with a role of its own, in one archive."""

from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger

from handlers.auto_scaling import AutoScaling
from handlers.bus import Bus
from handlers.clients import client
from handlers.clock import Clock, utc_now
from handlers.ec2 import Ec2
from handlers.guarding import Announcement, guard
from handlers.metrics import measured
from handlers.reactor import place_of
from models.errors import AwsRefused, AwsUnavailable, EventRejected, ReactorError
from models.guard import GuardOutcome
from models.outcome import Result

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aws_lambda_powertools.utilities.typing import LambdaContext

logger = Logger(service="ami-reactor-guard")


class GuardFailed(ReactorError):
    """Some template could not be settled: Lambda tries again, then the dead-letter queue gets it.

    Attributes:
        outcome: What became of the event, with the templates that were settled.
    """

    def __init__(self, outcome: GuardOutcome) -> None:
        super().__init__(outcome.error)
        self.outcome = outcome


@logger.inject_lambda_context
def lambda_handler(event: Any, context: "LambdaContext") -> dict[str, Any]:
    """Settle one event; the outcome is the return value and one log line.

    Raises:
        EventRejected: The payload is not one of the guard's events, or not a valid one.
        GuardFailed: Some template could not be settled now, or others could not be told.
    """
    place = place_of(context)
    clock = Clock(utc_now(), lambda: context.get_remaining_time_in_millis() / 1000)
    ec2 = Ec2(client("ec2", place.region), place)
    outcome, announcements = guard(
        event, ec2, AutoScaling(client("autoscaling", place.region)), clock
    )
    untold = _announce(announcements, Bus(lambda: client("events", place.region)))
    if untold and outcome.result is not Result.FAILED:
        outcome = outcome.model_copy(update={"result": Result.FAILED, "error": untold})
    logger.set_correlation_id(outcome.event_id)
    logger.info("outcome", outcome=outcome.model_dump(mode="json"))
    for line in measured(outcome, utc_now()):
        logger.info("measured", **line)
    if outcome.result is Result.REJECTED:
        raise EventRejected(outcome.error)
    if outcome.result is Result.FAILED:
        raise GuardFailed(outcome)
    return outcome.model_dump(mode="json")


def _announce(announcements: "Iterable[Announcement]", bus: Bus) -> str | None:
    """Tell others; why that failed, if it did: the same event tells them again."""
    untold = None
    for what, template in announcements:
        try:
            bus.tell(what, template)
        except (AwsRefused, AwsUnavailable) as error:
            untold = str(error)
    return untold
