"""`ami-reactor dlq list`: what is in the queue, why, and whether it still matters."""

from collections.abc import Iterable
from datetime import datetime

from rich.text import Text

from infra.cli.dlq.open_queue import OpenQueue, open_queue
from infra.cli.dlq.options import QueueOptions
from infra.cli.dlq.table import STYLES, table_of
from infra.cli.render import ago, counted, err, out, outside, print_json
from infra.dead_letters.causes import MessageGroups
from infra.dead_letters.message_line import message_line
from infra.dead_letters.verdict import Judged
from infra.dead_letters.verdicts import Verdict


def run_list(
    *,
    each: bool,
    as_json: bool,
    queue_url: str | None,
    poll: int,
    profile: str | None,
    region: str | None,
    stack: str,
) -> None:
    with open_queue(QueueOptions(profile, region, stack, queue_url, poll)) as queue:
        messages = (judged for _, judged in queue.messages(prints=as_json or each))
        if as_json:
            for judged in messages:
                print_json(message_line(judged, queue.now))
        elif each:
            groups = MessageGroups(_print_each(messages, queue.now))
            _say_what_next(groups, queue)
        else:
            groups = MessageGroups(messages)
            if groups.listed():
                out.print(table_of(groups, queue.now))
            _say_what_next(groups, queue)


def _print_each(messages: Iterable[Judged], now: datetime) -> Iterable[Judged]:
    """Each message as soon as it is judged; nothing is kept."""
    for judged in messages:
        sent = judged.dead_letter.sent
        out.print(
            Text.assemble(
                outside(judged.dead_letter.message_id, "bold"),
                (f"  {judged.verdict:<10}  ", STYLES[judged.verdict]),
                f"{ago(sent, now) if sent else '':<14}  ",
                outside(judged.cause),
                outside(f" → {judged.why}", "italic"),
            ),
            soft_wrap=True,
        )
        yield judged


def _say_what_next(groups: MessageGroups, queue: OpenQueue) -> None:
    total = groups.count(*Verdict)
    err.print(
        f"{queue.account}: {counted(total, 'message')} in the dead-letter queue",
        highlight=False,
        soft_wrap=True,
    )
    next_steps = {
        Verdict.REPLAYABLE: "redrive --all",
        Verdict.BLOCKED: "redrive --all --verdict blocked",
        Verdict.OBSOLETE: "drop ID...",
        Verdict.INVALID: "show ID",
        Verdict.UNREADABLE: "show ID",
    }
    remarks = {Verdict.BLOCKED: "after the fix", Verdict.OBSOLETE: "list --each shows the ids"}
    for verdict, verb in next_steps.items():
        if count := groups.count(verdict):
            remark = f"  ({remarks[verdict]})" if verdict in remarks else ""
            command = f"ami-reactor dlq {verb}{queue.options}{remark}"
            err.print(outside(f"{count} {verdict}: {command}"), soft_wrap=True)
