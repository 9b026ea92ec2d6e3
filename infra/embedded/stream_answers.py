"""What `replay - --json` answers beside outcomes: a model for each command; a public interface."""

from typing import Literal

from infra.embedded.replayer import GuardOutcomeLine, OutcomeLine
from models.base import Value

AnyOutcomeLine = OutcomeLine | GuardOutcomeLine


class WorldAnswer(Value):
    """The answer to the command `world`.

    Attributes:
        reactor: The command.
        account: The new world's account.
        region: Its Region.
        left_out: What of the world the embedded AWS does not keep.
    """

    reactor: Literal["world"] = "world"
    account: str
    region: str
    left_out: tuple[str, ...]


class ReplayAnswer(Value):
    """The answer to the command `replay`.

    Attributes:
        reactor: The command.
        outcomes: One for each event, and for each that they caused.
    """

    reactor: Literal["replay"] = "replay"
    outcomes: tuple[AnyOutcomeLine, ...]


class TemplateAnswer(Value):
    """The answer to the command `template`.

    Attributes:
        reactor: The command.
        default_image: What new instances launch; null if the default version names none.
        tags: The launch template's tags.
    """

    reactor: Literal["template"] = "template"
    launch_template_id: str
    launch_template_name: str
    default_version: int
    default_image: str | None
    tags: dict[str, str]


class AdvanceAnswer(Value):
    """The answer to the command `advance`.

    Attributes:
        reactor: The command.
        now: Where the clock stands.
        outcomes: Of the events that were due by then.
    """

    reactor: Literal["advance"] = "advance"
    now: str
    outcomes: tuple[AnyOutcomeLine, ...]


class PendingFault(Value):
    """A failure that the next calls of an operation meet.

    Attributes:
        operation: AWS's name of it.
        code: The error's code.
        times: How many calls fail.
    """

    operation: str
    code: str
    times: int


class FaultsAnswer(Value):
    """The answer to the commands `fault` and `clear-faults`.

    Attributes:
        reactor: The command.
        pending: All failures that are still to come.
    """

    reactor: Literal["fault", "clear-faults"]
    pending: tuple[PendingFault, ...]


class RefusedAnswer(Value):
    """The answer to a line that cannot be done.

    Attributes:
        reactor: The command; `error` if the line is none.
        error: Why, in one line.
    """

    reactor: str
    error: str


CommandAnswer = (
    WorldAnswer | ReplayAnswer | TemplateAnswer | AdvanceAnswer | FaultsAnswer | RefusedAnswer
)
Answer = AnyOutcomeLine | CommandAnswer
