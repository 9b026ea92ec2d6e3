"""The embedded AWS over HTTP, on 127.0.0.1 and nowhere else."""

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from infra.embedded.faults import Faults
from infra.embedded.stage import Stage

HOST = "127.0.0.1"
FAULTS_PATH = "/reactor/faults"

_Wsgi = Callable[[dict[str, Any], Any], Iterable[bytes]]


class PortTaken(Exception):
    """Somebody else listens there."""


@contextmanager
def serve(staged: Stage, port: int) -> Iterator[tuple[str, Callable[[], None]]]:
    """Yield the server's URL, and what to call to serve until it is interrupted.

    Raises:
        PortTaken: The port is in use.
    """
    moto = DomainDispatcherApplication(create_backend_app)
    try:
        server = make_server(
            HOST,
            port,
            _with_faults(moto, staged.faults),
            threaded=True,
            request_handler=_QuietHandler,
        )
    except (OSError, SystemExit) as error:
        raise PortTaken(f"port {port} is taken: name another with --port") from error
    try:
        yield f"http://{HOST}:{server.server_port}", server.serve_forever
    finally:
        server.server_close()


class _QuietHandler(MotoRequestHandler):
    def log_request(self, *_: object) -> None:
        """A line a request would bury what is said to the user."""


def _with_faults(app: _Wsgi, faults: Faults) -> _Wsgi:
    def answer(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ.get("PATH_INFO") != FAULTS_PATH:
            return app(environ, start_response)
        return _fault(Request(environ), faults)(environ, start_response)

    return answer


def _fault(request: Request, faults: Faults) -> Response:
    if request.method == "DELETE":
        faults.clear()
        return Response(status=204)
    if request.method == "GET":
        pending = [vars(fault) for fault in faults.pending]
        return Response(json.dumps(pending), content_type="application/json")
    try:
        body = json.loads(request.get_data())
        operation, code, times = body["operation"], body["code"], body.get("times", 1)
    except (ValueError, TypeError, KeyError, AttributeError):
        operation = code = times = None
    is_count = type(times) is int and times > 0
    if not (isinstance(operation, str) and isinstance(code, str) and is_count):
        message = 'must be {"operation": "CreateTags", "code": "AccessDenied", "times": 3}\n'
        return Response(message, status=400)
    faults.inject(operation, code, times)
    return Response(status=204)
