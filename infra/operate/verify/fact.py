"""One fact about AWS, and what became of it when AWS was asked."""

from enum import StrEnum
from typing import Any, NamedTuple

from models.base import Value


class Grade(StrEnum):
    """How sure a fact is before AWS itself has been asked."""

    SEEN = "seen"
    """A published event, answer or command output shows it."""
    DOCUMENTED = "documented"
    """AWS's documentation or API model says it."""
    INFERRED = "inferred"
    """It follows from either, or from how AWS's other operations behave."""


class Stage(StrEnum):
    """The part of `verify` that asks."""

    TEMPLATES = "templates"
    EVENTS = "events"
    STACK = "stack"


class Fact(Value):
    """Something that AWS does, on which the code rests.

    Attributes:
        id: Its short name.
        claim: What AWS does, in one sentence.
        grade: How sure that is before AWS is asked.
        source: Where that is from.
        rests: What rests on it: a file and a name in it, such as `handlers/ec2.py create_version`.
        otherwise: What happens if AWS does something else.
        stage: What asks AWS; None if only time or an accident can show it.
        only_aws: Why the embedded AWS cannot know; empty if it can.
    """

    id: str
    claim: str
    grade: Grade
    source: str
    rests: tuple[str, ...]
    otherwise: str
    stage: Stage | None = None
    only_aws: str = ""


class Verdict(StrEnum):
    """What became of a fact."""

    AS_BELIEVED = "as-believed"
    DIFFERS = "differs"
    UNKNOWN = "unknown"


class Answer(NamedTuple):
    """Two JSON values: what the code believes, and what AWS did."""

    believed: Any
    seen: Any


class CannotTell(Exception):
    """The fact cannot be told here; the message is what is missing."""


class Finding(Value):
    """A fact after AWS was asked.

    Attributes:
        missing: What is missing, if the fact could not be told.
    """

    fact: Fact
    verdict: Verdict
    believed: Any = None
    seen: Any = None
    missing: str = ""


class FindingLine(Value):
    """A fact after AWS was asked, as `verify --json` prints it; a public interface.

    Attributes:
        fact: Its short name.
        verdict: What became of it.
        believed: What the code believes: any JSON.
        seen: What AWS did: any JSON.
        missing: What is missing, if the fact could not be told; else empty.
        claim: What AWS does, in one sentence.
        grade: How sure that is before AWS is asked.
        source: Where that is from.
        rests: What rests on it: a file and a name in it.
        otherwise: What happens if AWS does something else.
        stage: What asks AWS; null if only time or an accident can show it.
        only_aws: Why the embedded AWS cannot know; empty if it can.
    """

    fact: str
    verdict: Verdict
    believed: Any
    seen: Any
    missing: str
    claim: str
    grade: Grade
    source: str
    rests: tuple[str, ...]
    otherwise: str
    stage: Stage | None
    only_aws: str


def finding_line(finding: Finding) -> FindingLine:
    """The finding, and its fact beside it."""
    told = finding.model_dump(exclude={"fact"}) | finding.fact.model_dump(exclude={"id"})
    return FindingLine(fact=finding.fact.id, **told)
