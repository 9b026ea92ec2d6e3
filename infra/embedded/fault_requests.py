"""`/reactor/faults` of the embedded AWS's server, which injects faults."""

import json
import re
from difflib import get_close_matches

from werkzeug.wrappers import Request, Response

from infra.embedded.faults import Fault, Faults
from infra.embedded.services import operations
from infra.replay.json_text import parse_json
from models.base import printable

FAULTS_PATH = "/reactor/faults"

_KEYS = {"operation", "code", "times"}
_SHAPE = 'must be {"operation": "CreateTags", "code": "AccessDenied", "times": 3}'
_CODE = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,99}", re.ASCII)
_MOST_TIMES = 1_000_000
# a page may send text/plain and multipart/form-data; curl's -d sends x-www-form-urlencoded
_CONTENT_TYPES = {"", "application/json", "application/x-www-form-urlencoded"}


class NoFault(ValueError):
    """A request's body describes no fault that can be injected. The message is one line."""


def answer_of_faults(request: Request, faults: Faults) -> Response:
    """GET lists the pending faults, POST adds one, DELETE removes them all."""
    match request.method:
        case "GET":
            pending = [vars(fault) for fault in faults.pending]
            return Response(json.dumps(pending), content_type="application/json")
        case "DELETE":
            faults.clear()
            return Response(status=204)
        case "POST":
            return _inject(request, faults)
    return Response("the method must be GET, POST or DELETE\n", status=405)


def _inject(request: Request, faults: Faults) -> Response:
    if request.mimetype not in _CONTENT_TYPES:
        return Response("Content-Type: must be application/json\n", status=415)
    try:
        fault = fault_of(_json(request.get_data()))
    except NoFault as error:
        return Response(f"{error}\n", status=400)
    faults.inject(fault.operation, fault.code, fault.times)
    return Response(status=204)


def _json(body: bytes) -> object:
    try:
        return parse_json(body)
    except ValueError:
        raise NoFault(_SHAPE) from None


def fault_of(body: object) -> Fault:
    """The fault that a request asks for.

    Raises:
        NoFault: It describes none.
    """
    if not isinstance(body, dict) or not {"operation", "code"} <= body.keys() <= _KEYS:
        raise NoFault(_SHAPE)
    code, times = body["code"], body.get("times", 1)
    if not isinstance(code, str) or not _CODE.fullmatch(code):
        raise NoFault(f"code: must be an error code of AWS's, such as AccessDenied; {_SHAPE}")
    if type(times) is not int or not 1 <= times <= _MOST_TIMES:
        raise NoFault(f"times: must be a number from 1 to {_MOST_TIMES}; {_SHAPE}")
    return Fault(_operation(body["operation"]), code, times)


def _operation(name: object) -> str:
    if not isinstance(name, str):
        raise NoFault(f"operation: must be the name of one; {_SHAPE}")
    if name in operations():
        return name
    close = get_close_matches(name[:100], operations(), n=3)
    meant = f"did you mean {', '.join(close)}?" if close else _SHAPE
    raise NoFault(f"operation: AWS has no {printable(name[:100])}; {meant}")
