"""AWS's errors, translated once, where the calls are made."""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore import exceptions
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    HTTPClientError,
    IncompleteReadError,
    ResponseStreamingError,
)
from botocore.parsers import ResponseParserError
from pydantic import ValidationError

from models.base import printable
from models.errors import AwsRefused, AwsUnavailable
from models.failure_text import missing_permission

# botocore's own defaults allow 180 s in one call: the function would die with a write in flight
TIMEOUTS = (2, 5)  # seconds: to connect, to read
CONFIG = Config(
    connect_timeout=TIMEOUTS[0],
    read_timeout=TIMEOUTS[1],
    retries={"mode": "standard", "total_max_attempts": 2},
)

_TRANSIENT = frozenset(
    {
        "BandwidthLimitExceeded",
        "EC2ThrottledException",
        "ExpiredToken",  # the next invocation has new credentials
        "ExpiredTokenException",
        "InternalError",
        "InternalFailure",
        "LimitExceededException",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException",
        "RequestExpired",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "RequestTimeout",
        "RequestTimeoutException",
        "ServiceUnavailable",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionInProgressException",
        "Unavailable",
    }
)
"""What botocore itself tries again, and what a new invocation may well fix."""

_UNAUTHORIZED = frozenset({"UnauthorizedOperation", "AccessDenied", "AccessDeniedException"})
_NO_ANSWER = (
    exceptions.ConnectionError,
    CredentialRetrievalError,
    HTTPClientError,
    IncompleteReadError,
    ResponseStreamingError,
)
_SERVER_ERROR = 500  # HTTP status
_MESSAGE_CHARACTERS = 300


@contextmanager
def translated(doing: str, *, service: str = "ec2") -> Iterator[None]:
    """Turn what goes wrong in a call into one of our two errors, with what we were doing.

    A missing permission is named. Who lacks it, only the caller knows: see `failure_text.text`.

    Raises:
        AwsRefused: The same request would be refused again.
        AwsUnavailable: It may succeed later, or AWS's answer made no sense.
    """
    try:
        yield
    except ClientError as error:
        raise _from_aws(doing, service, error) from error
    except _NO_ANSWER as error:
        raise AwsUnavailable(f"{doing}: no answer ({type(error).__name__})") from error
    except (ResponseParserError, ValidationError, AttributeError, KeyError, TypeError) as error:
        raise AwsUnavailable(f"{doing}: AWS's answer made no sense") from error
    except BotoCoreError as error:
        raise AwsRefused(f"{doing}: {printable(str(error))}") from error


def _from_aws(doing: str, service: str, error: ClientError) -> AwsRefused | AwsUnavailable:
    code = error.response.get("Error", {}).get("Code", "no error code")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code in _UNAUTHORIZED:  # AWS's message holds the role's name and an encoded blob
        action = f"{service}:{error.operation_name}"
        return AwsRefused(f"{doing}: {code}: {missing_permission(action)}", unauthorized=True)
    message = error.response.get("Error", {}).get("Message", "")
    text = f"{doing}: {code}: {printable(message)[:_MESSAGE_CHARACTERS]}"
    if code in _TRANSIENT or status >= _SERVER_ERROR:
        return AwsUnavailable(text)
    return AwsRefused(text, code=code)
