"""One call of AWS, and how it is answered or refused."""

from collections.abc import Callable
from typing import Any

from handlers.aws_errors import translated
from models.errors import AwsRefused


def ask(call: Callable[..., Any], **parameters: Any) -> Any:
    """AWS's answer to a call of a boto3 client.

    Raises:
        AwsRefused: AWS said no; `code` says how, or a permission is missing.
        AwsUnavailable: AWS does not answer now.
    """
    client = call.__self__  # type: ignore[attr-defined]
    prefix = client.meta.service_model.endpoint_prefix
    service = "cloudwatch" if prefix == "monitoring" else prefix  # as IAM calls it
    with translated(call.__name__.replace("_", " "), service=service):
        return call(**parameters)


def outcome_of(call: Callable[..., Any], **parameters: Any) -> str:
    """`accepted`, or the error code with which AWS refuses the call."""
    try:
        ask(call, **parameters)
    except AwsRefused as error:
        if error.code is None:
            raise
        return error.code
    return "accepted"


def is_gone(error: Exception) -> bool:
    """Whether AWS says that there is no such resource (any more)."""
    code = getattr(error, "code", None) or ""
    return any(word in code for word in ("NotFound", "NonExistent", "DoesNotExist"))
