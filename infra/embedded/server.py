"""The embedded AWS over HTTP, on 127.0.0.1 and nowhere else."""

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, redirect_stderr
from io import StringIO
from threading import Thread
from typing import Any
from unittest import mock

from moto.moto_server import werkzeug_app
from werkzeug.serving import BaseWSGIServer, make_server
from werkzeug.wrappers import Request, Response

from infra.embedded.backups import answer_of_backups
from infra.embedded.bodies import BadRequest
from infra.embedded.clock_requests import answer_of_clock
from infra.embedded.door import closed_to
from infra.embedded.fault_requests import answer_of_faults
from infra.embedded.services import Services
from infra.embedded.stage import Stage

HOST = "127.0.0.1"

_OWN = ("/reactor/backups", "/reactor/clock", "/reactor/faults")

_Wsgi = Callable[[dict[str, Any], Any], Iterable[bytes]]


class PortTaken(Exception):
    """Another program listens on the port."""


@contextmanager
def serve(staged: Stage, port: int) -> Iterator[tuple[str, Callable[[], None]]]:
    """Yield the server's URL, and a function that serves until it is interrupted.

    Raises:
        PortTaken: The port is in use.
    """
    with _server(staged, port) as server:
        yield _url(server), server.serve_forever


@contextmanager
def served_meanwhile(staged: Stage, port: int) -> Iterator[str]:
    """Yield the server's URL, and serve until the block ends.

    Raises:
        PortTaken: The port is in use.
    """
    with _server(staged, port) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield _url(server)
        finally:
            server.shutdown()


def _url(server: BaseWSGIServer) -> str:
    return f"http://{HOST}:{server.server_port}"


@contextmanager
def _server(staged: Stage, port: int) -> Iterator[BaseWSGIServer]:
    try:
        with redirect_stderr(StringIO()):  # werkzeug prints advice of its own, and exits
            server = make_server(
                HOST,
                port,
                _app(staged),
                threaded=True,
                request_handler=_Handler,
            )
    except (OSError, SystemExit) as error:
        raise PortTaken(f"port {port} is taken: name another with --port") from error
    try:
        # else moto would let every web page read its answers
        with mock.patch.object(werkzeug_app, "DISABLE_GLOBAL_CORS", True):
            Thread(target=staged.clock.run, daemon=True).start()
            yield server
    finally:
        staged.clock.stop()
        server.server_close()


class _Handler(werkzeug_app.MotoRequestHandler):
    def make_environ(self) -> dict[str, Any]:
        # the path as sent: http.server has already merged several slashes into one
        return super().make_environ() | {"RAW_URI": self.requestline.split()[1]}

    def log_request(self, *_: object) -> None:
        """Log nothing: a line for each request would hide the messages to the user."""


def _app(staged: Stage) -> _Wsgi:
    services = Services()

    def answer(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        response = _answer(environ, services, staged)
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response(environ, start_response)

    return answer


def _answer(environ: dict[str, Any], services: Services, staged: Stage) -> Response:
    # the server closes the connection after each answer, so an unread body is no next request
    if why := closed_to(environ, int(environ["SERVER_PORT"])):
        return Response(f"{why}\n", status=403)
    # the path as sent: a decoded one has aliases
    path = environ["RAW_URI"].partition("?")[0]
    if path.startswith("/reactor"):
        return _own(path, Request(environ), staged)
    return services.answer(environ)


def _own(path: str, request: Request, staged: Stage) -> Response:
    """The answer at a path that AWS does not have."""
    try:
        match path:
            case "/reactor/faults":
                answer = answer_of_faults(request, staged.faults)
            case "/reactor/backups":
                answer = answer_of_backups(request, staged)
            case "/reactor/clock":
                answer = answer_of_clock(request, staged)
            case _:
                raise BadRequest(f"the paths of its own are {', '.join(_OWN)}", 404)
    except BadRequest as error:
        return Response(f"{error}\n", status=error.status)
    if isinstance(answer, Response):
        return answer
    return Response(json.dumps(answer), content_type="application/json")
