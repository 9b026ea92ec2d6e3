"""What AWS said to an operator's request, in one line."""

from botocore.exceptions import ClientError

from models.base import printable

_CHARACTERS = 300


def said(error: Exception) -> str:
    """AWS's code and words where it answered, else what went wrong on the way."""
    if not isinstance(error, ClientError):
        return printable(str(error))
    answer = error.response.get("Error", {})
    code, message = answer.get("Code", "no error code"), answer.get("Message", "")
    return f"{error.operation_name}: {code}: {printable(message)[:_CHARACTERS]}"
