"""AWS's API over HTTP: the few services of moto's that the reactor and its operators use."""

import io
from functools import cache
from http import HTTPStatus
from threading import Lock
from typing import Any

from moto.core.utils import get_service_model
from moto.moto_server.werkzeug_app import create_backend_app
from werkzeug.wrappers import Request, Response

from infra.embedded.asked import Asked, refusal

# by the name that a request is signed for: botocore's name, and moto's
_SERVED = {
    "autoscaling": ("autoscaling", "autoscaling"),
    "backup": ("backup", "backup"),
    "cloudformation": ("cloudformation", "cloudformation"),
    "ec2": ("ec2", "ec2"),
    "events": ("events", "events"),
    "iam": ("iam", "iam"),
    "lambda": ("lambda", "awslambda"),
    "logs": ("logs", "logs"),
    "monitoring": ("cloudwatch", "cloudwatch"),
    "sqs": ("sqs", "sqs"),
    "sts": ("sts", "sts"),
}
SERVICES = tuple(sorted(name for name, _ in _SERVED.values()))


@cache
def operations() -> frozenset[str]:
    """The names of all operations that the served services have on AWS."""
    return frozenset().union(*(_operations_of(service) for service in SERVICES))


@cache
def _operations_of(service: str) -> frozenset[str]:
    return frozenset(get_service_model(service).operation_names)


class Services:
    """Answers requests to AWS's API, each by the service that it was signed for.

    moto's own dispatcher goes by the path, the Host, the body and the version too, serves 180
    services, and a door that empties them all.
    """

    def __init__(self) -> None:
        self._apps: dict[str, Any] = {}
        self._making = Lock()

    def answer(self, environ: dict[str, Any]) -> Response:
        """AWS's answer, or its refusal, to a WSGI request."""
        request = Request(environ)
        body = request.get_data(cache=False)
        asked = Asked.by(request, body)
        if asked.service is None:
            return refusal(asked, "MissingAuthenticationToken", "sign the request (SigV4)", 403)
        if asked.service not in _SERVED:
            return _lacks(asked, f"{asked.service} {asked.operation}")
        if asked.operation not in _operations_of(_SERVED[asked.service][0]):
            return _lacks(asked, asked.operation)
        return self._moto(asked, {**environ, "wsgi.input": io.BytesIO(body)})

    def _moto(self, asked: Asked, environ: dict[str, Any]) -> Response:
        try:
            response = Response.from_app(self._app(str(asked.service)), environ, buffered=True)
        except NotImplementedError:
            return _lacks(asked, asked.operation)
        except Exception as error:  # noqa: BLE001 whatever moto stumbles over, no SDK shall retry
            return _lacks(asked, f"{asked.operation} as it was asked for ({type(error).__name__})")
        return _lacks(asked, asked.operation) if _is_no_answer_of_aws(response) else response

    def _app(self, service: str) -> Any:
        _, moto_name = _SERVED[service]
        with self._making:
            if service not in self._apps:
                self._apps[service] = create_backend_app(moto_name)  # type: ignore[arg-type]
            return self._apps[service]


def _lacks(asked: Asked, what: str) -> Response:
    return refusal(asked, "UnsupportedOperation", f"the embedded AWS does not have {what}")


def _is_no_answer_of_aws(response: Response) -> bool:
    """Flask's own page for a path that nobody serves, or nothing at all."""
    start = response.get_data()[:20].lstrip().lower()
    is_page = start.startswith((b"<!doctype", b"<html"))
    return response.status_code >= HTTPStatus.BAD_REQUEST and (is_page or not start)
