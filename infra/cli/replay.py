"""`ami-reactor replay`: captured events through rules, delivery and the real handler, offline."""

from pathlib import Path
from typing import Annotated

import typer

from infra.cli.options import Force
from infra.cli.render import err, outside, stop
from infra.replay.atomic_write import CannotWrite, check_can_write
from infra.replay.event_reader import BadInput, Captured, read_events

STORY = Path(__file__).parent.parent / "stories" / "nightly"


def replay(
    events: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[EVENT.json|DIR]...",
            help="Files or folders of events: JSON, JSON Lines, arrays, and as AWS wraps them:"
            " messages of SQS and SNS, answers of aws logs, entries for put-events, records of"
            " Lambda. Without any, a story is told.",
            show_default=False,
        ),
    ] = None,
    world: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="What exists before the first event.", show_default=False
        ),
    ] = None,
    world_out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write what exists afterwards, with the dead letters.",
            show_default=False,
        ),
    ] = None,
    force: Force = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one object a line.")] = False,
) -> None:
    """Replay captured events against an AWS that lives in this process.

    The events go, in the order given (a folder: by name), through the rules of
    infra/template.yaml, Lambda's three attempts and the handler that is deployed.
    Nothing leaves this machine.

    Example: ami-reactor replay event.json --world infra/stories/nightly/world.json

    Exit status: 1 if an event was dead-lettered, lost or unreadable; 2 if a file cannot be read,
    or something in it is no event.
    """
    is_story = not events and world is None
    if not events and not is_story:
        stop("replay: name the events to replay in that world")
    try:
        if world_out is not None:
            check_can_write(world_out, force=force)
        captured = read_events(events or [STORY / "events"])
    except (BadInput, CannotWrite) as error:
        stop(str(error))
    _say_what_is_not_given(captured, world, is_story=is_story)
    # the embedded AWS takes a second to import, which the other verbs need not wait for
    from infra.cli.replaying import run
    from infra.cli.worlds import world_from

    start = world_from(STORY / "world.json" if is_story else world)
    try:
        status = run(
            start,
            captured,
            tell_the_end=is_story,
            world_out=world_out,
            force=force,
            as_json=as_json,
        )
    except CannotWrite as error:
        stop(str(error), status=1)
    raise typer.Exit(status)


def _say_what_is_not_given(captured: list[Captured], world: Path | None, *, is_story: bool) -> None:
    if world is None and not is_story:
        err.print("without --world the world is empty: no launch template is in it")
    for item in captured:
        if item.made_up:
            made_up = f"made up, for an entry of PutEvents has none: {', '.join(item.made_up)}"
            err.print(outside(f"{item.source}: {made_up}"), soft_wrap=True)
