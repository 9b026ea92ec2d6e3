"""What a request to AWS's API asks for, and a refusal in the format that its client reads.

Formats: https://smithy.io/2.0/aws/protocols/index.html, one page for each protocol. That of EC2's
and of the query services' errors is in botocore/parsers.py too.
"""

import json
import re
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from moto.core.request import Request as MotoRequest
from moto.core.routing import get_service_router
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Request, Response

from models.base import printable

Protocol = Literal["ec2", "query", "json", "rest-json", "rest-xml", "cbor"]

_CREDENTIAL = re.compile(
    r"AWS4-HMAC-SHA256\s+Credential=[^/,\s]+/\d{8}/[a-z0-9-]+/([A-Za-z0-9.-]+)/aws4_request\b"
)
_REST_XML = frozenset({"s3", "s3express", "cloudfront", "route53"})
_LONGEST_NAME = 100  # characters of a name that a refusal repeats


@dataclass(frozen=True)
class Asked:
    """What a signed request asks for.

    Attributes:
        service: The name that it was signed for, such as `ec2` or `monitoring`; None: unsigned.
        operation: Such as `RunInstances`. Of a REST service that is not served: method and path.
    """

    service: str | None
    protocol: Protocol
    operation: str

    @classmethod
    def by(cls, request: Request, body: bytes) -> "Asked":
        """Read the headers and the body, which may hold anything."""
        signed = _CREDENTIAL.match(request.headers.get("Authorization", ""))
        service = signed[1].lower() if signed else None
        form = parse_qs(request.query_string.decode("latin-1"))
        if request.mimetype == "application/x-www-form-urlencoded":
            form |= parse_qs(body.decode("latin-1"))
        operation: str | None
        protocol: Protocol
        if request.headers.get("Smithy-Protocol") == "rpc-v2-cbor":
            protocol, operation = "cbor", request.path.rpartition("/")[2]
        elif target := request.headers.get("X-Amz-Target"):
            protocol, operation = "json", target.rpartition(".")[2]
        elif action := form.get("Action"):
            protocol, operation = ("ec2" if service == "ec2" else "query"), action[0]
        else:
            protocol = "rest-xml" if service in _REST_XML else "rest-json"
            operation = _routed(request, service) or f"{request.method} {request.path}"
        return cls(service, protocol, printable(operation[:_LONGEST_NAME]))


def _routed(request: Request, service: str | None) -> str | None:
    """The operation of a REST service at the request's path, by the API model."""
    if service not in (
        "lambda",
        "backup",
        "scheduler",
    ):  # the only ones here; other models are megabytes
        return None
    try:
        router = get_service_router(service)
        operation, _ = router.match(MotoRequest(request.environ.copy()))
    except NotFound:
        return None
    return str(operation.name)


def refusal(asked: Asked, code: str, message: str, status: int = 400) -> Response:
    """An error of AWS that no SDK retries: a 4xx whose code is not a throttling."""
    body, content_type = _BODIES[asked.protocol](code, message)
    response = Response(body, status=status, content_type=content_type)
    response.headers["x-amzn-ErrorType"] = code
    if asked.protocol == "cbor":
        response.headers["smithy-protocol"] = "rpc-v2-cbor"
    return response


def _ec2(code: str, message: str) -> tuple[bytes, str]:
    error = _xml_error(code, message)
    return _xml(f"<Response><Errors>{error}</Errors><RequestID>local</RequestID></Response>")


def _query(code: str, message: str) -> tuple[bytes, str]:
    error = _xml_error(code, message, "<Type>Sender</Type>")
    return _xml(f"<ErrorResponse>{error}<RequestId>local</RequestId></ErrorResponse>")


def _rest_xml(code: str, message: str) -> tuple[bytes, str]:
    return _xml(_xml_error(code, message))


def _xml_error(code: str, message: str, more: str = "") -> str:
    return f"<Error>{more}<Code>{code}</Code><Message>{escape(message)}</Message></Error>"


def _xml(document: str) -> tuple[bytes, str]:
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{document}'.encode(), "text/xml"


def _json(code: str, message: str) -> tuple[bytes, str]:
    return json.dumps({"__type": code, "message": message}).encode(), "application/x-amz-json-1.1"


def _rest_json(code: str, message: str) -> tuple[bytes, str]:
    return json.dumps({"code": code, "message": message}).encode(), "application/json"


def _cbor(code: str, message: str) -> tuple[bytes, str]:
    """A map of two pairs of texts: https://www.rfc-editor.org/rfc/rfc8949#section-3.1."""
    texts = b"".join(_cbor_text(text) for text in ("__type", code, "message", message))
    return b"\xa2" + texts, "application/cbor"


def _cbor_text(text: str) -> bytes:
    data = text.encode()
    return b"\x79" + len(data).to_bytes(2, "big") + data


_BODIES: dict[Protocol, Any] = {
    "ec2": _ec2,
    "query": _query,
    "json": _json,
    "rest-json": _rest_json,
    "rest-xml": _rest_xml,
    "cbor": _cbor,
}
