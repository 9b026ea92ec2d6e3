"""The same work for several accounts and Regions at once, in threads."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from threading import Thread
from typing import TypeVar

A = TypeVar("A")
B = TypeVar("B")

_AT_ONCE = 12


def side_by_side(items: Sequence[A], work: Callable[[A], B]) -> Iterator[B]:
    """What `work` gives for each item, in their order; what it raises, the caller gets.

    A single item is done in the caller's own thread. ^C ends the program at once: the threads are
    daemons, which those of an executor are not.
    """
    if len(items) == 1:
        yield work(items[0])
        return
    futures: list[Future[B]] = [Future() for _ in items]
    waiting = deque(zip(futures, items, strict=True))
    for _ in range(min(len(items), _AT_ONCE)):
        Thread(target=_work_off, args=(waiting, work), daemon=True).start()
    while futures:
        yield futures.pop(0).result()  # what was used is not kept


def _work_off(waiting: deque[tuple[Future[B], A]], work: Callable[[A], B]) -> None:
    """Take one item after the other until none is left."""
    while waiting:
        try:
            future, item = waiting.popleft()
        except IndexError:  # another thread took the last
            return
        try:
            future.set_result(work(item))
        except BaseException as error:  # noqa: BLE001 the caller's thread raises it
            future.set_exception(error)
        del future
