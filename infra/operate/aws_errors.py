"""An AWS error of an operator's request, in one line, with the command that helps."""

import os
import shlex

from botocore.exceptions import (
    ClientError,
    CredentialRetrievalError,
    EndpointConnectionError,
    LoginError,
    NoCredentialsError,
    PartialCredentialsError,
    SSOError,
    TokenRetrievalError,
)
from botocore.parsers import ResponseParserError

from models.base import printable

_CHARACTERS = 300
_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired", "UnauthorizedException"}
"""AWS's codes for credentials that were good once. EC2 and SSO have their own."""

_LOGIN = (SSOError, TokenRetrievalError, CredentialRetrievalError)
_NEXT = {
    NoCredentialsError: "name a profile (--profile), or see: aws configure",
    PartialCredentialsError: "set all of them, or name a profile (--profile)",
    EndpointConnectionError: "is the Region right, and AWS_ENDPOINT_URL, if it is set?",
    ResponseParserError: "did AWS answer? A proxy or AWS_ENDPOINT_URL may lead elsewhere",
}


def error_line(error: Exception, profile: str | None = None) -> str:
    """AWS's code and message if it answered, else what went wrong on the way; then what helps.

    Args:
        error: What botocore raised.
        profile: The profile that was named; None: the environment's.
    """
    return ": ".join([_what(error), *_fixes(error, profile or os.environ.get("AWS_PROFILE"))])


def _what(error: Exception) -> str:
    if not isinstance(error, ClientError):
        return printable(" ".join(str(error).split()))  # botocore writes some of them on two lines
    answer = error.response.get("Error", {})
    code, message = answer.get("Code", "no error code"), answer.get("Message", "")
    return f"{error.operation_name}: {code}: {printable(message)[:_CHARACTERS]}"


def _fixes(error: Exception, profile: str | None) -> list[str]:
    named = f" --profile {shlex.quote(printable(profile))}" if profile else ""
    if isinstance(error, LoginError):
        return [f"aws login{named}"]
    if isinstance(error, _LOGIN):
        return [f"aws sso login{named}"]
    if isinstance(error, ClientError) and error.response.get("Error", {}).get("Code") in _EXPIRED:
        return [f"the credentials have expired: aws sso login{named}, or assume the role again"]
    return [hint for kind, hint in _NEXT.items() if isinstance(error, kind)]
