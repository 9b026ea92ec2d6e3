"""`/reactor/faults` of the embedded AWS's server, which injects faults."""

import json
import re
from difflib import get_close_matches

from werkzeug.wrappers import Request, Response

from infra.embedded.bodies import BadRequest, json_of, with_keys
from infra.embedded.faults import Fault, Faults
from infra.embedded.refreshes import FAULTS as OF_A_REFRESH
from infra.embedded.services import operations
from models.base import printable

FAULTS_PATH = "/reactor/faults"

_SHAPE = 'must be {"operation": "CreateTags", "code": "AccessDenied", "times": 3}'
_CODE = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,99}", re.ASCII)
_MOST_TIMES = 1_000_000
# what Auto Scaling does by itself
_REFRESH, _LAUNCH = "InstanceRefresh", "Launch"


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
    fault = fault_of(json_of(request, _SHAPE))
    faults.inject(fault.operation, fault.code, fault.times)
    return Response(status=204)


def fault_of(body: object) -> Fault:
    """The fault that a request asks for.

    Raises:
        BadRequest: It describes none.
    """
    asked = with_keys(body, _SHAPE, {"operation", "code"}, {"times"})
    code, times = asked["code"], asked.get("times", 1)
    if not isinstance(code, str) or not _CODE.fullmatch(code):
        raise BadRequest(f"code: must be an error code of AWS's, such as AccessDenied; {_SHAPE}")
    if type(times) is not int or not 1 <= times <= _MOST_TIMES:
        raise BadRequest(f"times: must be a number from 1 to {_MOST_TIMES}; {_SHAPE}")
    operation = _operation(asked["operation"])
    if operation == _REFRESH and code not in OF_A_REFRESH:
        raise BadRequest(f"code: must be {' or '.join(OF_A_REFRESH)} for {_REFRESH}; {_SHAPE}")
    return Fault(operation, code, times)


def _operation(name: object) -> str:
    if not isinstance(name, str):
        raise BadRequest(f"operation: must be the name of one; {_SHAPE}")
    known = operations() | {_REFRESH, _LAUNCH}
    if name in known:
        return name
    close = get_close_matches(name[:100], known, n=3)
    meant = f"did you mean {', '.join(close)}?" if close else _SHAPE
    raise BadRequest(f"operation: AWS has no {printable(name[:100])}; {meant}")
