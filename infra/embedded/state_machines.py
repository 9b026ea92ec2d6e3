"""State machines on the stage's clock: stands for Step Functions.

A definition is walked as it is deployed, with the kinds of state that the stack's timer and
`infra/chains/refresh.yaml` have; any other is refused. moto has an interpreter of the whole
language, but it waits in real time, in a thread for each execution.
`tests/infra/embedded/test_state_machines.py` runs the same definitions in both.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import ClientError, ParamValidationError
from moto.core.utils import utcnow
from moto.stepfunctions.models import Execution, StateMachine, stepfunctions_backends

from infra.embedded.clock import StageClock
from infra.embedded.services import SERVICES
from infra.embedded.session import new_session
from models.base import Place

_PUT_EVENTS = ":states:::events:putEvents"
_SDK = ":states:::aws-sdk:"
_ONCE = Config(retries={"total_max_attempts": 1})  # how often it is tried, the state says

_KNOWN = {
    *("Type", "Comment", "Next", "End"),
    *("Result", "TimestampPath", "ItemProcessor"),
    *("Resource", "Parameters", "Retry"),
}
"""The fields of a state that are walked. Any other, such as Catch, would change what it does."""

State = dict[str, Any]
Walk = Iterator[datetime]
"""Yields each moment for which it waits, and goes on when that has come."""


class Failed(Exception):
    """The execution fails, as on AWS.

    Attributes:
        name: Of the error, as a state may name it.
    """

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


_FAILURES = (Failed, ParamValidationError, KeyError, TypeError, ValueError)
"""What ends an execution: the input has not what a path names, or AWS refuses the parameters."""


def machine_of(arn: str, place: Place) -> StateMachine | None:
    """The state machine of that ARN; None: there is none."""
    machines = stepfunctions_backends[place.account][place.region].state_machines
    return next((machine for machine in machines if machine.arn == arn), None)


@dataclass
class StateMachines:
    """The state machines of one account and Region, and the executions that wait.

    Each execution is listed as AWS lists it, with how it ended. One whose input tells the same as
    that of another that waits is not started: AWS would start it, and the second would find nothing
    left to do.
    """

    place: Place
    clock: StageClock
    _waiting: set[str] = field(default_factory=set)

    def start(self, machine: StateMachine, event: dict[str, Any]) -> None:
        """Run a state machine with one event as its input.

        An execution that fails ends, as on AWS: the input has not what a path names, no time is
        there, or a call fails more often than it is tried again.

        Raises:
            NotImplementedError: It has a state of another kind, or calls a service that the
                embedded AWS does not have.
        """
        key = f"{machine.arn} {json.dumps(event['detail'], sort_keys=True)}"
        if key in self._waiting:
            return
        self._waiting.add(key)
        place, name = self.place, str(uuid4())
        execution = machine.start_execution(place.region, place.account, name, json.dumps(event))
        walk = self._walk(json.loads(machine.definition), event)

        def go_on() -> None:
            if self._is_over(execution, walk, go_on):
                self._waiting.discard(key)

        go_on()

    def _is_over(self, execution: Execution, walk: Walk, go_on: Callable[[], None]) -> bool:
        """Walk on to where it waits next, if it was not stopped; whether it has ended."""
        if execution.status != "RUNNING":
            return True
        try:
            if moment := next(walk, None):
                self.clock.at(moment, go_on)
                return False
        except _FAILURES as failure:
            execution.status, execution.cause = "FAILED", str(failure)
            execution.error = failure.name if isinstance(failure, Failed) else "States.Runtime"
        else:
            execution.status = "SUCCEEDED"
        execution.stop_date = utcnow()
        return True

    def _walk(self, definition: State, given: Any) -> Walk:
        """From the first state to the one that ends."""
        following: str | None = definition["StartAt"]
        while following:
            name, state = following, definition["States"][following]
            following = state.get("Next")
            match state if state.keys() <= _KNOWN else None:
                case {"Type": "Pass", "Result": given}:
                    pass
                case {"Type": "Wait", "TimestampPath": path}:
                    yield datetime.fromisoformat(_at(path, given)).astimezone(UTC)
                case {"Type": "Map", "ItemProcessor": each, "End": True}:
                    yield from _side_by_side([self._walk(each, item) for item in given])
                case {"Type": "Task", "End": True}:
                    yield from self._task(state, given)
                case _:
                    raise NotImplementedError(f"the embedded AWS does not run the state {name}")

    def _task(self, state: State, given: Any) -> Walk:
        """Call AWS; if it refuses, again after a wait, as often as the state says."""
        service, operation = _call_of(state["Resource"])
        session: Any = new_session(self.place.region)  # its type lists all services of AWS
        client = session.client(service, config=_ONCE)
        parameters = _filled(state["Parameters"], given)
        tried: Counter[int] = Counter()
        while True:
            try:
                getattr(client, operation)(**parameters)
            except ClientError as error:
                yield self.clock.after(_pause(state.get("Retry", []), service, error, tried))
            else:
                return


def _side_by_side(walks: list[Walk]) -> Walk:
    """Each goes on when its own moment comes."""
    due = {walk: next(walk, None) for walk in walks}
    while waiting := {walk: moment for walk, moment in due.items() if moment}:
        first = min(waiting, key=waiting.__getitem__)
        yield waiting[first]
        due[first] = next(first, None)


# -- the calls of a task ---------------------------------------------------------------------------


def _call_of(resource: str) -> tuple[str, str]:
    """The service and the method of its client: of `…:aws-sdk:ec2:deleteTags`, ec2, delete_tags.

    https://docs.aws.amazon.com/step-functions/latest/dg/supported-services-awssdk.html
    """
    service, operation = resource.split(":")[-2:]
    is_known = resource.endswith(_PUT_EVENTS) or (_SDK in resource and service in SERVICES)
    if not is_known:
        raise NotImplementedError(f"the embedded AWS does not run the task {resource}")
    return service, xform_name(operation)


def _filled(parameters: Any, given: Any) -> Any:
    """Parameters with what their paths name: of `{"id.$": "$.detail.id"}`, the id.

    https://docs.aws.amazon.com/step-functions/latest/dg/input-output-inputpath-params.html
    """
    if isinstance(parameters, list):
        return [_filled(one, given) for one in parameters]
    if not isinstance(parameters, dict):
        return parameters
    filled = {
        key.removesuffix(".$"): _at(one, given) if key.endswith(".$") else _filled(one, given)
        for key, one in parameters.items()
    }
    if isinstance(filled.get("Detail"), dict):  # of an event, which PutEvents takes as text
        filled["Detail"] = json.dumps(filled["Detail"])
    return filled


def _at(path: str, given: Any) -> Any:
    for key in path.split(".")[1:]:  # the first is $, all of it
        given = given[key]
    return given


def _name_of(service: str, code: str) -> str:
    """What Step Functions calls an error, but for upper and lower case: ec2.DryRunException.

    https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
    """
    return f"{service}.{code.removesuffix('Exception')}Exception"


def _pause(
    retriers: list[State], service: str, error: ClientError, tried: Counter[int]
) -> timedelta:
    """How long the first retrier that names the error waits.

    Raises:
        Failed: None does, or it has tried often enough.
    """
    name = _name_of(service, error.response["Error"]["Code"])
    names = {name.lower(), "states.taskfailed", "states.all"}
    for number, retrier in enumerate(retriers):
        if names & {one.lower() for one in retrier["ErrorEquals"]}:
            if tried[number] >= retrier.get("MaxAttempts", 3):
                break
            factor = retrier.get("BackoffRate", 2.0) ** tried[number]
            tried[number] += 1
            return timedelta(seconds=retrier.get("IntervalSeconds", 1) * factor)
    raise Failed(name, str(error))
