"""The command line: `ami-reactor VERB`.

Results go to stdout, everything else to stderr. Exit status: 0 done, 1 something failed or was
dead-lettered, 2 wrong usage or unreadable input, which is said before anything runs.
"""

import typer

from infra.cli.capture import capture
from infra.cli.dlq import dlq
from infra.cli.doctor import doctor
from infra.cli.explain import explain
from infra.cli.follow import follow
from infra.cli.history import history
from infra.cli.hold import hold, resume
from infra.cli.local import local
from infra.cli.package import package
from infra.cli.prune import prune
from infra.cli.reconcile import reconcile
from infra.cli.record import record
from infra.cli.replay import replay
from infra.cli.rollback import release, rollback
from infra.cli.status import status

app = typer.Typer(
    name="ami-reactor",
    help="Moves EC2 launch templates to the newest AMI of a golden instance.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


app.command()(replay)
app.command()(local)
app.command()(status)
app.command()(explain)
app.command()(follow)
app.command()(reconcile)
for verb in (hold, resume, rollback, release, history, prune, doctor):
    app.command()(verb)
app.command()(package)
app.add_typer(dlq, name="dlq")
app.command()(record)
app.command()(capture)
