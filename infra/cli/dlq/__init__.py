"""`ami-reactor dlq VERB`: look into the dead-letter queue, and empty it without a loss."""

import typer

from infra.cli.dlq.drop import drop
from infra.cli.dlq.list import list_messages
from infra.cli.dlq.redrive import redrive
from infra.cli.dlq.save import save
from infra.cli.dlq.show import show
from infra.cli.render import paragraphs

dlq = typer.Typer(
    help="The dead-letter queue: list, show, redrive, save and drop its messages.",
    no_args_is_help=True,
)

dlq.command("list", help=paragraphs(list_messages))(list_messages)
for verb in (show, redrive, save, drop):
    dlq.command(help=paragraphs(verb))(verb)
