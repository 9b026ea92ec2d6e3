"""What a shell offers for a word that is being typed: names and ids, from the account.

The person waits, and what is printed lands in the line that is being typed: so AWS has two seconds,
and what fails is as if there were nothing to offer.
"""

from collections.abc import Callable, Iterable
from contextlib import redirect_stderr, redirect_stdout, suppress
from io import StringIO
from threading import Thread
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from infra.operate.account import Account

_SECONDS = 2.0


def offer_templates(ctx: typer.Context, incomplete: str) -> list[str]:
    """Names that begin so; without a beginning, and for ids, those of templates that opted in."""

    def read(account: "Account") -> Iterable[str]:
        from infra.operate.find import templates_like

        if incomplete.startswith("lt-"):
            return [one.launch_template_id for one in account.ec2.opted_in_templates()]
        if incomplete:
            return templates_like(account, incomplete)
        return [one.launch_template_name for one in account.ec2.opted_in_templates()]

    return _found(ctx, incomplete, read)


def offer_messages(ctx: typer.Context, incomplete: str) -> list[str]:
    """Ids of messages in the dead-letter queue; nothing is in flight because of it."""

    def read(account: "Account") -> Iterable[str]:
        from infra.dead_letters.queue import visible_ids
        from infra.operate.stack_outputs import output_of

        url = ctx.params.get("queue_url")
        stack = ctx.params.get("stack") or ""
        return visible_ids(account, url or output_of(account, stack, "DeadLetterQueueUrl", ""))

    return _found(ctx, incomplete, read)


def _found(
    ctx: typer.Context, incomplete: str, read: Callable[["Account"], Iterable[str]]
) -> list[str]:
    """What begins so, of what is read until AWS fails or the time is up; nothing is printed."""
    found: list[str] = []

    def run() -> None:
        with suppress(Exception):
            from infra.operate.account import unasked_account

            account = unasked_account(ctx.params.get("profile"), ctx.params.get("region"))
            for name in read(account):
                found.append(name)  # noqa: PERF402 what was read in time is offered

    # a thread: neither a signal nor a timeout of botocore's ends a search for a host's address
    thread = Thread(target=run, daemon=True)
    with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
        thread.start()
        thread.join(_SECONDS)
    return [name for name in found if name.startswith(incomplete)]
