"""The embedded AWS over HTTP, on 127.0.0.1 and nowhere else."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from moto.moto_server import werkzeug_app
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from infra.embedded.door import closed_to
from infra.embedded.fault_requests import FAULTS_PATH, answer_of_faults
from infra.embedded.faults import Faults
from infra.embedded.services import Services
from infra.embedded.stage import Stage

HOST = "127.0.0.1"

_Wsgi = Callable[[dict[str, Any], Any], Iterable[bytes]]


class PortTaken(Exception):
    """Another program listens on the port."""


@contextmanager
def serve(staged: Stage, port: int) -> Iterator[tuple[str, Callable[[], None]]]:
    """Yield the server's URL, and a function that serves until it is interrupted.

    Raises:
        PortTaken: The port is in use.
    """
    try:
        server = make_server(
            HOST,
            port,
            _app(staged.faults),
            threaded=True,
            request_handler=_Handler,
        )
    except (OSError, SystemExit) as error:
        raise PortTaken(f"port {port} is taken: name another with --port") from error
    try:
        # else moto would let every web page read its answers
        with mock.patch.object(werkzeug_app, "DISABLE_GLOBAL_CORS", True):
            yield f"http://{HOST}:{server.server_port}", server.serve_forever
    finally:
        server.server_close()


class _Handler(werkzeug_app.MotoRequestHandler):
    def make_environ(self) -> dict[str, Any]:
        # the path as sent: http.server has already merged several slashes into one
        return super().make_environ() | {"RAW_URI": self.requestline.split()[1]}

    def log_request(self, *_: object) -> None:
        """Log nothing: a line for each request would hide the messages to the user."""


def _app(faults: Faults) -> _Wsgi:
    services = Services()

    def answer(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        response = _answer(environ, services, faults)
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response(environ, start_response)

    return answer


def _answer(environ: dict[str, Any], services: Services, faults: Faults) -> Response:
    # the server closes the connection after each answer, so an unread body is no next request
    if why := closed_to(environ, int(environ["SERVER_PORT"])):
        return Response(f"{why}\n", status=403)
    # the path as sent: a decoded one has aliases
    path = environ["RAW_URI"].partition("?")[0]
    if path == FAULTS_PATH:
        return answer_of_faults(Request(environ), faults)
    if path.startswith("/reactor"):
        return Response(f"the only path of its own is {FAULTS_PATH}\n", status=404)
    return services.answer(environ)
