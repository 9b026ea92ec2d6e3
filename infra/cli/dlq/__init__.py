"""`ami-reactor dlq VERB`: look into the dead-letter queue, and make it good."""

import typer

from infra.cli.dlq.drop import drop
from infra.cli.dlq.list import list_letters
from infra.cli.dlq.redrive import redrive
from infra.cli.dlq.save import save
from infra.cli.dlq.show import show
from infra.cli.render import paragraphs

dlq = typer.Typer(
    help="Dead letters: look, understand, replay, lose nothing.", no_args_is_help=True
)

dlq.command("list", help=paragraphs(list_letters))(list_letters)
for verb in (show, redrive, save, drop):
    dlq.command(help=paragraphs(verb))(verb)
