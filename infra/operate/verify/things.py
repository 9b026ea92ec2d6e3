"""What `verify` makes in an account: how it is named and tagged, found again and removed.

Everything has a name that begins with the run's, and the tag `ami-reactor-verify` with the run's
name from the moment it exists. Only what has both is ever changed or removed.
"""

import secrets
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, NamedTuple

from handlers.aws_errors import translated
from handlers.paging import each
from infra.operate.account import Account
from infra.operate.paging import Gaps
from models.base import Value
from models.errors import AwsRefused, AwsUnavailable
from models.failure_text import YOURS, told

TAG = "ami-reactor-verify"
PREFIX = f"{TAG}-"


class Thing(Value):
    """One resource that a run made.

    Attributes:
        kind: A key of KINDS.
        id: What removes it: an id, a URL or the name itself.
    """

    kind: str
    name: str
    id: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


class Kind(NamedTuple):
    """How the resources of one kind are found and removed; both may raise AwsRefused."""

    find: Callable[[Account], Iterator[Thing]]
    remove: Callable[[Account, Thing], None]


def new_run() -> str:
    """A name that no earlier run had."""
    return PREFIX + secrets.token_hex(6)


def is_ours(name: str, tags: Iterable[dict[str, Any]]) -> bool:
    """Whether a run made it: the tag names the run, and the name begins with that."""
    run = next((tag["Value"] for tag in tags if tag["Key"] == TAG), "")
    return run.startswith(PREFIX) and name.startswith(f"{run}-")


def find(account: Account, kinds: Iterable[str], gaps: Gaps, run: str | None = None) -> list[Thing]:
    """What is there of a run, or of any; a kind that may not be listed becomes a gap."""
    found: list[Thing] = []
    for kind in kinds:
        found += gaps.read(partial(_listed, account, kind), [])
    return [thing for thing in found if run is None or thing.name.startswith(f"{run}-")]


def _listed(account: Account, kind: str) -> list[Thing]:
    return list(KINDS[kind].find(account))


def remove(account: Account, things: Iterable[Thing]) -> dict[Thing, str]:
    """Remove each, in the order of KINDS.

    Returns:
        What is left, with the reason.
    """
    left = {}
    order = list(KINDS)
    for thing in sorted(set(things), key=lambda thing: (order.index(thing.kind), thing.name)):
        try:
            KINDS[thing.kind].remove(account, thing)
        except (AwsRefused, AwsUnavailable) as error:
            if not is_gone(error):
                left[thing] = told(error, YOURS)
    return left


def is_gone(error: Exception) -> bool:
    """Whether AWS says that there is no such resource (any more)."""
    code = getattr(error, "code", None) or ""
    return any(word in code for word in ("NotFound", "NonExistent", "DoesNotExist"))


# -- launch templates ------------------------------------------------------------------------------


def _templates(account: Account) -> Iterator[Thing]:
    tagged = [{"Name": "tag-key", "Values": [TAG]}]
    client = account.client("ec2")
    for one in each(client, "describe_launch_templates", "LaunchTemplates", Filters=tagged):
        name = one["LaunchTemplateName"]
        if is_ours(name, one.get("Tags", [])):
            yield Thing(kind=TEMPLATE, name=name, id=one["LaunchTemplateId"])


def _remove_template(account: Account, thing: Thing) -> None:
    with translated(f"deleting {thing.id}"):
        account.client("ec2").delete_launch_template(LaunchTemplateId=thing.id)


TEMPLATE = "launch template"
KINDS: dict[str, Kind] = {
    TEMPLATE: Kind(_templates, _remove_template),
}
"""In the order in which they are removed."""
