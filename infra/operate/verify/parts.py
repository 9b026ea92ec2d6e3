"""The parts of `verify`: what each asks, makes, costs and takes."""

from collections.abc import Iterable
from dataclasses import dataclass

from infra.operate.verify import events, stack, templates
from infra.operate.verify.fact import Stage
from infra.operate.verify.running import Check
from infra.operate.verify.things import LOG_GROUP, QUEUE, RULE, TEMPLATE


@dataclass(frozen=True)
class Part:
    """One stage.

    Attributes:
        makes: What it makes, in words.
        cents: What it costs at most, in hundredths of a US dollar.
        takes: How long it takes, about.
        wait: How long it waits for what AWS shows late, in seconds.
        kinds: The kinds of things that it makes.
    """

    checks: tuple[Check, ...]
    makes: str
    cents: int
    takes: str
    wait: float
    kinds: tuple[str, ...]


PARTS = {
    Stage.TEMPLATES: Part(templates.CHECKS, "4 launch templates", 0, "15 seconds", 10, (TEMPLATE,)),
    Stage.EVENTS: Part(
        events.CHECKS,
        "4 queues, 5 rules, 2 log groups, 2 launch templates",
        1,
        "6 minutes",
        60,
        (RULE, QUEUE, LOG_GROUP, TEMPLATE),
    ),
    Stage.STACK: Part(stack.CHECKS, "nothing: reads the stack", 0, "5 seconds", 0, ()),
}


def kinds_of(stages: Iterable[Stage]) -> tuple[str, ...]:
    """The kinds of things that these parts make, each once."""
    return tuple(dict.fromkeys(kind for stage in stages for kind in PARTS[stage].kinds))
