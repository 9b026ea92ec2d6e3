"""Errors of AWS on demand, injected by `ami-reactor local` and by tests."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import Any
from unittest import mock

from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult, BaseResponse

_SERVER_ERRORS = frozenset(
    {"InternalError", "InternalFailure", "ServiceUnavailable", "Unavailable"}
)


class Injected(ServiceException):
    """A class of our own, because moto reads the service's name from the module of the class."""


@dataclass
class Fault:
    """The next `times` calls of an operation fail with an error code of AWS's."""

    operation: str
    code: str
    times: int


@dataclass
class Faults:
    """The pending faults, in the order in which they were added."""

    pending: list[Fault] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)

    def inject(self, operation: str, code: str, times: int = 1) -> None:
        with self._lock:
            self.pending.append(Fault(operation, code, times))

    def clear(self) -> None:
        with self._lock:
            self.pending.clear()

    def take(self, operation: str) -> str | None:
        """The error code that this call must fail with, if any; that fault is used up by it."""
        with self._lock:
            fault = next((f for f in self.pending if f.operation == operation), None)
            if fault is None:
                return None
            fault.times -= 1
            if fault.times <= 0:
                self.pending.remove(fault)
            return fault.code

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Every call to moto first looks for a pending fault."""
        answer = BaseResponse.call_action

        def call_action(response: BaseResponse) -> Any:
            operation = response._get_action()
            if code := self.take(operation):
                return _refusal(response, operation, code)
            return answer(response)

        with mock.patch.object(BaseResponse, "call_action", call_action):
            yield


def _refusal(response: BaseResponse, operation: str, code: str) -> Any:
    message = f"injected into {operation}"
    with warnings.catch_warnings():
        # AccessDenied and similar codes are in no service's API model, and moto warns of that
        warnings.simplefilter("ignore", UserWarning)
        status, headers, body = response.serialized(ActionResult(Injected(code, message)))
    if code in _SERVER_ERRORS:
        status = 503
    return status, headers | {"status": str(status)}, body
