"""The parameters and the help of `ami-reactor dlq redrive`."""

from typing import Annotated

import typer

from infra.cli.dlq.options import POLL, All, Ids, Poll, QueueUrl
from infra.cli.importing import importing
from infra.cli.options import STACK, WAIT, JsonPlan, Profile, Region, Stack, Wait, Yes
from infra.dead_letters.verdicts import Verdict

_RATE = 10.0  # a second


def dlq_redrive(
    ids: Ids = None,
    everything: All = False,
    verdict: Annotated[
        list[Verdict] | None,
        typer.Option(
            help="With --all, messages of which verdict; may be repeated.",
            show_default="replayable",
        ),
    ] = None,
    yes: Yes = False,
    rate: Annotated[float, typer.Option(min=0.1, help="The most invocations in a second.")] = _RATE,
    function: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="The function; by default the stack's output tells.",
            show_default=False,
        ),
    ] = None,
    queue_url: QueueUrl = None,
    wait: Wait = WAIT,
    poll: Poll = POLL,
    profile: Profile = None,
    region: Region = None,
    stack: Stack = STACK,
    as_json: JsonPlan = False,
) -> None:
    """Invoke the function again with the events of messages, and delete those that it got.

    Without --yes, shows which, and asks at a terminal. A message is deleted once Lambda has
    accepted its event (202), and never before: whatever fails leaves it in the queue, and it may be
    redriven again. Then watches until the function is done with each event, and shows what became
    of it.

    Example: ami-reactor dlq redrive --all --yes

    Exit status: 1 if any of the messages is left in the queue, failed again or is not done in time.
    """
    with importing():
        from infra.cli.dlq.redrive import run_redrive

    run_redrive(
        ids=ids,
        everything=everything,
        verdict=verdict,
        yes=yes,
        rate=rate,
        function=function,
        queue_url=queue_url,
        wait=wait,
        poll=poll,
        profile=profile,
        region=region,
        stack=stack,
        as_json=as_json,
    )
