"""After `ami-reactor dlq redrive`: watch the function, and show what became of each event."""

from collections.abc import Iterator, Mapping

from rich.padding import Padding
from rich.text import Text

from infra.cli.dlq.open_queue import OpenQueue
from infra.cli.render import counted, err, out, outside, print_json, result_table
from infra.dead_letters.message_line import RedriveLine, RedriveState
from infra.dead_letters.watch import Attempt, watch
from infra.operate.outcome_log import log_group_of
from models.errors import AwsRefused
from models.failure_text import YOURS, error_text
from models.guard import why_of

_A_FEW = 5  # message ids that are named


def watch_and_show(
    queue: OpenQueue, redriven: Mapping[str, RedriveLine], wait: float, *, as_json: bool
) -> bool:
    """Show what becomes of each event, once it is so; whether none failed or took too long.

    Args:
        queue: What was redriven came from it; the rest is visible again meanwhile.
        redriven: The messages that Lambda accepted, by the ids of the invocations.
        wait: How many seconds to watch.
        as_json: Print a line for each message, not one for each attempt.
    """
    queue.reading.reset_visibility()
    err.print(f"watching the function: {counted(len(redriven), 'event')}", highlight=False)
    lines = dict(redriven)
    end: RedriveState = "not-done"
    try:
        for attempt in watch(queue.account, _log_group(queue), list(redriven), queue.now, wait):
            line = lines[attempt.request_id] = _after(lines[attempt.request_id], attempt)
            _show(line, attempt, as_json=as_json)
    except AwsRefused as error:
        end = "redriven"
        why = f"not watched: {_log_group(queue)} cannot be read: {error_text(error, YOURS)}"
        err.print(outside(why, "yellow"), soft_wrap=True)
    finally:  # after ^C too: the messages are gone from the queue
        late = [_with(line, end) for line in lines.values() if line.state not in _ENDS]
        for line in late if as_json else ():
            print_json(line)
    ends = [line.state for line in lines.values()]
    done, failed = ends.count("done"), ends.count("failed-again")
    _tell(queue, done, failed, late, wait, as_json=as_json)
    return not failed and not late


_ENDS = ("done", "failed-again")


def _after(line: RedriveLine, attempt: Attempt) -> RedriveLine:
    """The line of a message after that attempt."""
    changes = {"outcome": attempt.outcome}
    if not attempt.is_last:
        return line.model_copy(update=changes)
    if attempt.is_failure:
        return line.model_copy(update=changes | {"state": "failed-again", "in_queue": True})
    return line.model_copy(update=changes | {"state": "done"})


def _with(line: RedriveLine, state: RedriveState) -> RedriveLine:
    return line.model_copy(update={"state": state})


def _log_group(queue: OpenQueue) -> str:
    return log_group_of(queue.options.stack)


def _show(line: RedriveLine, attempt: Attempt, *, as_json: bool) -> None:
    """An attempt; as JSON, only the last one."""
    if as_json:
        if attempt.is_last:
            print_json(line)
        return
    what = ("done", "green")
    if attempt.is_failure:
        is_over = "failed again, and goes back to the queue", "bold red"
        what = is_over if attempt.is_last else ("failed; Lambda tries again", "yellow")
    out.print(Text.assemble(outside(line.message_id), ": ", what), soft_wrap=True)
    table = result_table(attempt.outcome, why_of(attempt.outcome))
    out.print(Padding(table, (0, 0, 0, 2)))
    if handed_on := len(attempt.outcome.handed_on):
        more = f"  {counted(handed_on, 'template')} more: each gets a Reconcile Requested"
        out.print(more, highlight=False)


def _tell(
    queue: OpenQueue,
    done: int,
    failed: int,
    late: list[RedriveLine],
    wait: float,
    *,
    as_json: bool,
) -> None:
    """How many ended how, and what to type next."""
    in_time = [line for line in late if line.state == "not-done"]
    counts = {
        "failed again": failed,
        "not done in time": len(in_time),
        "not watched": len(late) - len(in_time),
    }
    others = "".join(f" · {what} {count}" for what, count in counts.items() if count)
    (err if as_json else out).print(f"done {done}{others}", highlight=False)
    for text in _what_next(queue, failed, late, wait):
        err.print(outside(text, "yellow"), soft_wrap=True)


def _what_next(
    queue: OpenQueue, failed: int, late: list[RedriveLine], wait: float
) -> Iterator[str]:
    if failed:
        verb = "show --latest" if failed == 1 else "list"
        yield f"failed again: ami-reactor dlq {verb}{queue.options}"
    if late and late[0].state == "not-done":
        named = ", ".join(line.message_id for line in late[:_A_FEW])
        more = f" and {len(late) - _A_FEW} more" if len(late) > _A_FEW else ""
        yield f"not done within {wait:g} s: {named}{more}"
    if late:
        yield f"see: ami-reactor doctor; ami-reactor dlq list{queue.options}"
