"""What the reactor itself takes for an event in a warm process: `python -m tests.bench.warm`.

AWS's answers are at hand.
"""

import gc
import io
import json
import sys
import time
from statistics import median
from typing import Any
from unittest import mock

from handlers import reactor
from infra.embedded.delivery import Context
from infra.embedded.stage import stage
from infra.embedded.world.seed import read_world
from tests.support.builders import ACCOUNT, REGION, a_world, backup_completed

_BATCHES, _EVENTS = 20, 50


class _Function:
    function_name = "ami-reactor"
    memory_size = 256  # MB
    function_arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:ami-reactor"


class _Answers:
    """A client that asks AWS only once for the same, as far as the reactor reads."""

    def __init__(self, client: Any) -> None:
        self._client, self.meta = client, client.meta
        self._pages: dict[str, list[Any]] = {}

    def get_paginator(self, operation: str) -> "_Paginator":
        return _Paginator(self._client.get_paginator(operation), operation, self._pages)


class _Paginator:
    def __init__(self, paginator: Any, operation: str, pages: dict[str, list[Any]]) -> None:
        self._paginator, self._operation, self._pages = paginator, operation, pages

    def paginate(self, **which: Any) -> list[Any]:
        key = f"{self._operation} {which}"
        if key not in self._pages:
            self._pages[key] = list(self._paginator.paginate(**which))
        return self._pages[key]


def own_milliseconds() -> float:
    """The CPU time of a duplicate, its log lines included: the median of the fastest batch.

    Slower ones tell what else the machine does, as timeit's documentation has it.
    """
    reactor.logger.registered_handler.setStream(io.StringIO())
    with stage(read_world(json.dumps(a_world()), "benchmark")):
        _handle()  # promotes: all others find it done
        answers = _Answers(reactor.client("ec2", REGION))
        with mock.patch.object(reactor, "client", lambda *_: answers):
            _handle()
            gc.freeze()  # as handlers/reactor.py does in Lambda
            batches = [[_handle() for _ in range(_EVENTS)] for _ in range(_BATCHES)]
            return min(map(median, batches)) * 1000


def _handle() -> float:
    start = time.process_time()
    reactor.lambda_handler(backup_completed(), Context(_Function, "request"))
    return time.process_time() - start


if __name__ == "__main__":
    sys.stdout.write(f"{own_milliseconds():.2f}\n")
