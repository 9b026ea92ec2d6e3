"""The parameters and the help of `ami-reactor replay`."""

from pathlib import Path
from typing import Annotated

import typer

from infra.cli.importing import importing
from infra.cli.options import AsJson, Force


def replay(
    events: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[EVENT.json|DIR]...",
            help="Files or folders of events: JSON, JSON Lines, arrays, and as AWS wraps them:"
            " messages of SQS and SNS, answers of aws logs, entries for put-events, records of"
            " Lambda; - is standard input. Or a story: a folder with world.json and events/, or the"
            " name of a bundled one, nightly, waves or guard. Without any argument: nightly.",
            show_default=False,
        ),
    ] = None,
    world: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The world before the first event: launch templates, versions, images and groups"
            " of one account, as `ami-reactor record` writes them.",
            show_default=False,
        ),
    ] = None,
    world_out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write the world after the last event, with the dead-letter queue.",
            show_default=False,
        ),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="Where the clock stops after the last event, such as 2026-06-16T17:00:31Z. By"
            " default, all that becomes due within 31 days is delivered.",
            show_default=False,
        ),
    ] = None,
    expect: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Compare the outcomes with those in this file. The first run writes it.",
            show_default=False,
        ),
    ] = None,
    update: Annotated[
        bool, typer.Option("--update", help="Write --expect's file anew if an outcome differs.")
    ] = False,
    junit: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write a report that CI systems read: JUnit's XML, one test case an event.",
            show_default=False,
        ),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="An event that no rule selects is a failure.")
    ] = False,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Replay captured events against an AWS that lives in this process.

    The events go, in the order given (a folder: by name), through the rules of
    infra/template.yaml, Lambda's three attempts and the handler that is deployed.
    Nothing leaves this machine.

    The clock is at each event's own time, and never goes back; what becomes due meanwhile is
    delivered when it comes.

    Example: ami-reactor replay event.json --world infra/stories/nightly/world.json

    With --expect, an event is as it must be if its line in the file says so, also if it is
    dead-lettered. Compared are the fields that the line has: result, reason and, of each launch
    template, outcome, reason and to_image, unless you add others.

    With - alone and --json it is a stream: each line is answered before the next one is read, and
    a line may be a command, such as {"reactor": "template", "name": "web"}. So a test in any
    language can drive one process: infra/replay/README.md.

    Exit status: 1 if an event was dead-lettered, lost or unreadable, or is not as expected; 2 if a
    file cannot be read, or something in it is no event.
    """
    with importing():
        from infra.cli.replay import run_replay

    run_replay(
        events=events,
        world=world,
        world_out=world_out,
        until=until,
        expect=expect,
        update=update,
        junit=junit,
        strict=strict,
        force=force,
        as_json=as_json,
    )
