"""AWS's API over HTTP: the few of moto's services that the reactor and its operators use."""

import io
import re
from functools import cache
from http import HTTPStatus
from threading import Lock
from typing import Any

from moto.core.utils import get_service_model
from moto.moto_server.werkzeug_app import create_backend_app
from werkzeug.wrappers import Request, Response

from infra.embedded.asked import Asked, refusal

# key: the name that a request is signed for; value: botocore's name, and moto's
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
    "scheduler": ("scheduler", "scheduler"),
    "sqs": ("sqs", "sqs"),
    "states": ("stepfunctions", "stepfunctions"),
    "sts": ("sts", "sts"),
}
_NO_CHANGE_SET = (
    "the embedded AWS makes no change set, so `aws cloudformation deploy`, `sam deploy` and"
    " `cdk deploy` do not work with it. The stack ami-reactor is deployed in it already; other"
    " stacks can be made with `aws cloudformation create-stack`, from a template without transforms"
)
_QUEUE_HOST = re.compile(rb"https://sqs\.[a-z0-9-]+\.amazonaws\.com(?=/)")
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

    moto's own dispatcher also reads the path, the Host, the body and the version, and serves 180
    services, and a path that deletes everything in them.
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
        if asked.operation == "CreateChangeSet":
            return refusal(asked, "UnsupportedOperation", _NO_CHANGE_SET)
        answer = self._moto(asked, {**environ, "wsgi.input": io.BytesIO(body)})
        return (
            _with_own_queues(answer, request.host) if asked.service == "cloudformation" else answer
        )

    def _moto(self, asked: Asked, environ: dict[str, Any]) -> Response:
        try:
            response = Response.from_app(self._app(str(asked.service)), environ, buffered=True)
        except NotImplementedError:
            return _lacks(asked, asked.operation)
        except Exception as error:  # noqa: BLE001 no SDK may retry what moto fails on
            return _lacks(
                asked, f"{asked.operation} with these parameters ({type(error).__name__})"
            )
        return _lacks(asked, asked.operation) if _is_no_answer_of_aws(response) else response

    def _app(self, service: str) -> Any:
        _, moto_name = _SERVED[service]
        with self._making:
            if service not in self._apps:
                # moto annotates the names of its services, and takes any string
                self._apps[service] = create_backend_app(moto_name)  # type: ignore[arg-type]
            return self._apps[service]


def _with_own_queues(response: Response, host: str) -> Response:
    """A stack names its queues by URL, and the SDK for JavaScript sends to the URL's host."""
    response.set_data(_QUEUE_HOST.sub(f"http://{host}".encode(), response.get_data()))
    return response


def _lacks(asked: Asked, what: str) -> Response:
    return refusal(asked, "UnsupportedOperation", f"the embedded AWS does not have {what}")


def _is_no_answer_of_aws(response: Response) -> bool:
    """Flask's own page for a path that is not served, or an empty body."""
    start = response.get_data()[:20].lstrip().lower()
    is_page = start.startswith((b"<!doctype", b"<html"))
    return response.status_code >= HTTPStatus.BAD_REQUEST and (is_page or not start)
