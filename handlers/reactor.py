"""The Lambda entry point: wiring and nothing else."""

import gc
import os
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger

from handlers.bus import Bus
from handlers.clients import client
from handlers.clock import Clock, utc_now
from handlers.ec2 import Ec2
from handlers.metrics import measured
from handlers.reaction import react
from models.base import Place
from models.errors import AwsRefused, AwsUnavailable, EventRejected, ReactorError
from models.outcome import Outcome, Result

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

logger = Logger(service="ami-reactor")


class ReactionFailed(ReactorError):
    """Some template could not be settled: Lambda tries again, then the dead-letter queue gets it.

    Attributes:
        outcome: What became of the event, with the templates that were settled.
    """

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.error)
        self.outcome = outcome


@logger.inject_lambda_context
def lambda_handler(event: Any, context: "LambdaContext") -> dict[str, Any]:
    """React to one event; the outcome is the return value and one log line.

    Raises:
        EventRejected: The payload is not one of our events, or not a valid one.
        ReactionFailed: Some template could not be settled now.
    """
    place = place_of(context)
    bus = Bus(lambda: client("events", place.region))
    clock = Clock(utc_now(), lambda: context.get_remaining_time_in_millis() / 1000)

    outcome = react(event, Ec2(client("ec2", place.region), place), bus, clock)

    logger.set_correlation_id(outcome.event_id)
    logger.info("outcome", outcome=outcome.model_dump(mode="json"))
    for line in measured(outcome, utc_now()):
        logger.info("measured", **line)
    _announce(outcome, bus)
    if outcome.result is Result.REJECTED:
        raise EventRejected(outcome.error)
    if outcome.result is Result.FAILED:
        raise ReactionFailed(outcome)
    return outcome.model_dump(mode="json")


def _announce(outcome: Outcome, bus: Bus) -> None:
    """Tell others. If that fails, what was done stays done."""
    for template in outcome.templates:
        try:
            if template.outcome in ("promoted", "failed"):
                bus.announce(template)
            if template.postponed_until is not None:
                bus.postpone(template)
        except (AwsRefused, AwsUnavailable) as error:
            logger.warning("not announced", error=str(error))


def place_of(context: "LambdaContext") -> Place:
    """Where this function runs: arn:aws:lambda:REGION:ACCOUNT:function:NAME."""
    _, _, _, region, account, *_ = context.invoked_function_arn.split(":")
    return Place(account=account, region=region)


if "AWS_LAMBDA_RUNTIME_API" in os.environ:  # in Lambda: while Init has the CPU to itself
    client("ec2", os.environ["AWS_REGION"])
    gc.freeze()  # what was made so far is needed to the end, and no collection looks at it again
    gc.enable()
