"""An AWS error of an operator's request, in one line."""

from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError

from models.base import printable

_CHARACTERS = 300
_NEXT = {
    NoCredentialsError: "name a profile (--profile), or see: aws configure",
    EndpointConnectionError: "is the Region right, and AWS_ENDPOINT_URL, if it is set?",
}


def error_line(error: Exception) -> str:
    """AWS's code and message if it answered, else what went wrong on the way."""
    if not isinstance(error, ClientError):
        hints = [hint for kind, hint in _NEXT.items() if isinstance(error, kind)]
        return ": ".join([printable(str(error)), *hints])
    answer = error.response.get("Error", {})
    code, message = answer.get("Code", "no error code"), answer.get("Message", "")
    return f"{error.operation_name}: {code}: {printable(message)[:_CHARACTERS]}"
