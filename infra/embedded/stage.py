"""The stage: an embedded AWS with a world, the deployed stack, and delivery between them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from moto.moto_api._internal import mock_random

from infra.embedded.aws import embedded_aws
from infra.embedded.clock import StageClock
from infra.embedded.delivery import Delivered, Delivery
from infra.embedded.emitted import Emitter
from infra.embedded.faults import Faults
from infra.embedded.refreshes import Refreshes
from infra.embedded.schedules import schedules_run
from infra.embedded.stack import Stack, deploy, transformed
from infra.embedded.world.seed import World, world_now
from infra.embedded.world.stacks import chain_template
from models.base import Place

if TYPE_CHECKING:
    import boto3


@dataclass(frozen=True)
class Stage:
    """An AWS in this process, with the reactor's stack deployed.

    Attributes:
        session: Make clients from it, inside the block.
        began: The world as it was at the start.
    """

    session: "boto3.Session"
    place: Place
    began: World
    stack: Stack
    delivery: Delivery
    faults: Faults
    clock: StageClock
    emitter: Emitter

    def move_on(self, to: datetime) -> list[Delivered]:
        """Move the clock on, and deliver what is due by then, each event at its own moment.

        Returns:
            The events that reached the function, in that order.
        """
        with self.delivery.watched() as delivered:
            self.clock.move_to(to)
        return delivered

    def advance(self, by: timedelta) -> list[Delivered]:
        """The same, by a duration."""
        return self.move_on(self.clock.after(by))

    def world(self) -> dict[str, Any]:
        """The world as it is now, with the dead-letter queue as ReceiveMessage prints it."""
        stacks = [stack.as_aws_prints_it() for stack in self.began.stacks]
        now = world_now(self.session, self.place.account)
        return now | {"Stacks": stacks, "DeadLetters": self.dead_letters()}

    def dead_letters(self) -> list[dict[str, Any]]:
        """All messages of the dead-letter queue; they stay in it."""
        sqs = self.session.client("sqs")
        found: list[dict[str, Any]] = []
        while messages := self._receive(sqs):
            found += messages
        for message in found:
            sqs.change_message_visibility(
                QueueUrl=self.stack.queue_url,
                ReceiptHandle=message["ReceiptHandle"],
                VisibilityTimeout=0,
            )
        return found

    def _receive(self, sqs: Any) -> list[dict[str, Any]]:
        answer = sqs.receive_message(
            QueueUrl=self.stack.queue_url,
            MaxNumberOfMessages=10,
            AttributeNames=["All"],
            MessageAttributeNames=["All"],
        )
        messages: list[dict[str, Any]] = answer.get("Messages", [])
        return messages


@contextmanager
def stage(
    world: World,
    *,
    template: dict[str, Any] | None = None,
    chain: Callable[[str], dict[str, Any]] = chain_template,
    aws_sources: bool = False,
    clock: StageClock | None = None,
) -> Iterator[Stage]:
    """Yield the stage: the world in place, the stack deployed, events delivered.

    Args:
        world: What exists at the start.
        template: Another template than the stack's own, as CloudFormation sees it.
        chain: Gives the template of a chain by its name.
        aws_sources: Let PutEvents accept events from `aws.*`.
        clock: None: the real one.
    """
    clock = clock or StageClock()
    inside = embedded_aws(world, aws_sources=aws_sources, repeats_ids=clock.stands)
    place = Place(account=world.account, region=world.region)
    faults = Faults()
    delivery = Delivery(place, faults, clock)
    with clock.installed(), inside as session:
        stack = deploy(session, world, template or transformed(), chain)
        if clock.stands:  # a replay prints the same in each run, whatever the template has
            mock_random.seed(0)
        emitter = Emitter(place, clock, delivery.hand_all_to_rules)
        with (
            delivery.installed(),
            Refreshes(clock, faults, emitter).installed(),  # before: its launches are told, too
            emitter.installed(),
            faults.installed(),
            schedules_run(session, clock),
        ):
            _put_back(session, stack, world.dead_letters)
            yield Stage(session, place, world, stack, delivery, faults, clock, emitter)


def _put_back(session: "boto3.Session", stack: Stack, messages: list[dict[str, Any]]) -> None:
    sqs = session.client("sqs")
    for message in messages:
        sqs.send_message(
            QueueUrl=stack.queue_url,
            MessageBody=message["Body"],
            MessageAttributes=message.get("MessageAttributes", {}),
        )
