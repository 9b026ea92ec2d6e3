"""`python -m infra.cli` is `ami-reactor`."""

from infra.cli import app

app()
