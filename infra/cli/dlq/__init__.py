"""`ami-reactor dlq VERB`: look into the dead-letter queue, and make it good."""

import typer

from infra.cli.dlq.drop import drop
from infra.cli.dlq.list import list_letters
from infra.cli.dlq.redrive import redrive
from infra.cli.dlq.save import save
from infra.cli.dlq.show import show

dlq = typer.Typer(
    help="Dead letters: look, understand, replay, lose nothing.", no_args_is_help=True
)

dlq.command("list")(list_letters)
dlq.command()(show)
dlq.command()(redrive)
dlq.command()(save)
dlq.command()(drop)
