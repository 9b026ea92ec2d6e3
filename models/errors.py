"""What can go wrong, sorted by what the reader should do about it.

* ReactorError
  - EventRejected      the payload is not an event we understand: fix the rule or the model
  - AwsRefused         AWS said no, and will say no again: fix permissions or configuration
  - AwsUnavailable     AWS could not answer now: the same event may well succeed later
"""


class ReactorError(Exception):
    """Everything that the reactor itself raises. The message is one line for an engineer."""


class EventRejected(ReactorError):
    """The payload claims to be an event of ours and is not valid; the message names the fields."""


class AwsRefused(ReactorError):
    """AWS said no for good; the message says what to fix.

    Attributes:
        unauthorized: A permission is missing. A hold takes permissions away, too.
        code: AWS's error code, if it gave one.
    """

    def __init__(
        self, message: str, *, unauthorized: bool = False, code: str | None = None
    ) -> None:
        super().__init__(message)
        self.unauthorized = unauthorized
        self.code = code


class AwsUnavailable(ReactorError):
    """AWS could not answer now, or cannot know yet."""
