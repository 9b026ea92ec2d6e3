"""After `ami-reactor dlq redrive`: watch the function, and show what became of each event."""

from collections.abc import Iterator, Mapping

from rich.padding import Padding
from rich.text import Text

from infra.cli.dlq.open_queue import OpenQueue
from infra.cli.render import counted, err, out, outside, result_table
from infra.dead_letters.watch import Attempt, watch
from infra.operate.outcome_log import log_group_of
from models.errors import AwsRefused
from models.failure_text import YOURS, error_text
from models.guard import why_of

_A_FEW = 5  # message ids that are named


def watch_and_show(queue: OpenQueue, accepted: Mapping[str, str], wait: float) -> bool:
    """Show what becomes of each event, once it is so; whether none failed or took too long.

    Args:
        queue: What was redriven came from it; the rest is visible again meanwhile.
        accepted: The invocations by their ids: of which message.
        wait: How many seconds to watch.
    """
    queue.reading.reset_visibility()
    err.print(f"watching the function: {counted(len(accepted), 'event')}", highlight=False)
    last: dict[str, Attempt] = {}
    for attempt in _attempts(queue, accepted, wait):
        last[attempt.request_id] = attempt
        _show(accepted[attempt.request_id], attempt)
    failed = [one for one in last.values() if one.is_last and one.is_failure]
    done = [one for one in last.values() if one.is_last and not one.is_failure]
    ended = {one.request_id for one in (*failed, *done)}
    late = [message_id for request_id, message_id in accepted.items() if request_id not in ended]
    again = f" · failed again {len(failed)}" if failed else ""
    out.print(f"done {len(done)}{again}{f' · not done in time {len(late)}' if late else ''}")
    for line in _what_next(queue, len(failed), late, wait):
        err.print(outside(line, "yellow"), soft_wrap=True)
    return not failed and not late


def _attempts(queue: OpenQueue, accepted: Mapping[str, str], wait: float) -> Iterator[Attempt]:
    """Each attempt; none from the moment on when the log may not be read, which is said."""
    log_group = log_group_of(queue.options.stack)
    try:
        yield from watch(queue.account, log_group, accepted, queue.now, wait)
    except AwsRefused as error:
        err.print(outside(f"not watched: {error_text(error, YOURS)}", "yellow"), soft_wrap=True)


def _show(message_id: str, attempt: Attempt) -> None:
    what = ("done", "green")
    if attempt.is_failure:
        is_over = "failed again, and goes back to the queue", "bold red"
        what = is_over if attempt.is_last else ("failed; Lambda tries again", "yellow")
    out.print(Text.assemble(outside(message_id), ": ", what), soft_wrap=True)
    table = result_table(attempt.outcome, why_of(attempt.outcome))
    out.print(Padding(table, (0, 0, 0, 2)))
    if handed_on := len(attempt.outcome.handed_on):
        line = f"  {counted(handed_on, 'template')} more: each gets a Reconcile Requested"
        out.print(line, highlight=False)


def _what_next(queue: OpenQueue, failed: int, late: list[str], wait: float) -> Iterator[str]:
    if failed:
        verb = "show --latest" if failed == 1 else "list"
        yield f"failed again: ami-reactor dlq {verb}{queue.options}"
    if late:
        named = ", ".join(late[:_A_FEW])
        more = f" and {len(late) - _A_FEW} more" if len(late) > _A_FEW else ""
        yield f"not done within {wait:g} s: {named}{more}"
        yield f"see: ami-reactor doctor; ami-reactor dlq list{queue.options}"
