"""Several accounts and Regions, read side by side: for `status` and `report`."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

from rich.text import Text

from infra.cli.account import FAILURES, failure, show_calls
from infra.cli.render import counted, outside, print_error, print_gaps, print_notes, stop
from infra.operate.account import Account, account_in, open_session
from infra.operate.find import did_you_mean
from infra.operate.fleet import ASKED, Fleet, read_fleet
from infra.operate.paging import Progress
from infra.operate.side_by_side import side_by_side
from infra.operate.stack_trouble import StackTrouble, read_stack_trouble
from models.base import printable
from models.launch_template import Template

if TYPE_CHECKING:
    import boto3

T = TypeVar("T")


class Target(NamedTuple):
    """Where to look: one account and Region, as the options name them."""

    profile: str | None
    role_arn: str | None
    region: str | None

    def __str__(self) -> str:
        named = {"profile": self.profile, "role": self.role_arn, "Region": self.region}
        said = [f"{what} {value}" for what, value in named.items() if value]
        return printable(" · ".join(said) or "the environment's account")


@dataclass(frozen=True)
class Found(Generic[T]):
    """What one target is like now.

    Attributes:
        fleet: Without its templates.
        shown: What the verb keeps of them.
        total: How many of its templates have one of the names; all, if none is given.
        missing: The names that none of its templates has.
        known: The names of its templates, to suggest one.
        error: Why nothing of it could be read, and the exit status.
    """

    target: Target
    account: Account | None = None
    fleet: Fleet | None = None
    shown: tuple[T, ...] = ()
    total: int = 0
    missing: frozenset[str] = frozenset()
    known: frozenset[str] = frozenset()
    trouble: StackTrouble = field(default_factory=StackTrouble)
    error: tuple[str, int] | None = None

    @property
    def gaps(self) -> list[str]:
        return [*(self.fleet.gaps if self.fleet else ()), *self.trouble.gaps]

    @property
    def where(self) -> str:
        return str(self.account or self.target)


def targets_of(
    verb: str, profile: str | None, role_arns: Sequence[str], region: str | None
) -> list[Target]:
    """Each profile or role in each Region, as the options of that verb list them."""
    profiles, regions = _listed(profile), _listed(region)
    roles: list[str | None] = [*dict.fromkeys(role_arns)] or [None]
    if role_arns and len(profiles) > 1:
        stop(f"{verb}: --role-arn: must come with one --profile at most, whose credentials take it")
    return [
        Target(one, role_arn, where) for one in profiles for role_arn in roles for where in regions
    ]


def _listed(text: str | None) -> list[str | None]:
    """`A,B` as a list; nothing is what the environment says."""
    names = dict.fromkeys(filter(None, map(str.strip, (text or "").split(","))))
    return list(names) or [None]


class Fleets(Generic[T]):
    """The targets; what was opened of them stays open for the next look.

    Args:
        targets: Where to look.
        names: Which templates: names, ids or how an id begins, with wildcards; empty: all.
        keep: What to keep of a fleet, each target's as soon as it is read: the images of templates
            that are not shown take memory.
        stack: The name of the CloudFormation stack.
        asked: So many groups at most are asked for their last instance refresh, of all targets
            together; None: all.
        more: Reads what is to be read apart.
    """

    def __init__(
        self,
        targets: Sequence[Target],
        names: Sequence[str],
        keep: Callable[[Fleet], Iterable[T]],
        stack: str,
        *,
        asked: int | None = ASKED,
        more: Callable[[Account, Fleet, Progress], Fleet] | None = None,
    ) -> None:
        self.targets, self.names, self.keep, self.stack = targets, names, keep, stack
        self._more = more
        self._asked = None if asked is None else asked // len(targets)
        self._sessions: dict[tuple[str | None, str | None], boto3.Session] = {}
        self._accounts: dict[Target, Account] = {}

    def read(self, progress: Progress) -> list[Found[T]]:
        """Read them side by side; one that fails is told as such."""
        several = len(self.targets) > 1

        def read(target: Target) -> Found[T]:
            said: Progress = (lambda what: progress(f"{target}: {what}")) if several else progress
            return self._read(target, said)

        failed = {target: error for target in self.targets if (error := self._log_in(target))}
        rest = [target for target in self.targets if target not in failed]
        read_ones = dict(zip(rest, side_by_side(rest, read), strict=True)) if rest else {}
        return [
            read_ones.get(target) or Found(target, error=failed[target]) for target in self.targets
        ]

    def _log_in(self, target: Target) -> tuple[str, int] | None:
        """One session for all Regions: in the main thread, and an MFA code is asked for once."""
        key = target.profile, target.role_arn
        try:
            if key not in self._sessions:
                session = open_session(target.profile, show_calls(), role_arn=target.role_arn)
                self._sessions[key] = session
        except FAILURES as error:
            return failure(error, target.profile, None)
        return None

    def _read(self, target: Target, progress: Progress) -> Found[T]:
        account = self._accounts.get(target)
        try:
            if account is None:
                session = self._sessions[target.profile, target.role_arn]
                account = self._accounts[target] = account_in(session, target.region)
            return self._look(target, account, progress)
        except FAILURES as error:
            return Found(target, account, error=failure(error, target.profile, account))

    def _look(self, target: Target, account: Account, progress: Progress) -> Found[T]:
        trouble = read_stack_trouble(account, self.stack)
        progress("launch templates")
        known = account.ec2.opted_in_templates()
        wanted = [one for one in known if not self.names or _has_one_of(one, self.names)]
        fleet = read_fleet(account, progress, wanted, asked=self._asked)
        if self._more:
            fleet = self._more(account, fleet, progress)
        return Found(
            target,
            account,
            replace(fleet, statuses=()),
            shown=tuple(self.keep(fleet)),
            total=len(wanted),
            missing=frozenset(n for n in self.names if not any(_is_called(t, n) for t in wanted)),
            known=frozenset(one.launch_template_name for one in known),
            trouble=trouble,
        )


def _has_one_of(template: Template, names: Sequence[str]) -> bool:
    return any(_is_called(template, name) for name in names)


def _is_called(template: Template, name: str) -> bool:
    id_, pattern = template.launch_template_id, f"{name}*" if name.startswith("lt-") else name
    return fnmatchcase(template.launch_template_name, name) or fnmatchcase(id_, pattern)


def print_head(found: Found[T], show: Callable[..., None], *, is_alone: bool) -> None:
    """What is wrong with the stack, under the account and Region; these alone if they are one."""
    trouble = found.trouble
    if found.account and (is_alone or trouble.checks or trouble.messages):
        show(Text(str(found.account), "bold"))
    for check in trouble.checks:
        show(outside(check.what, "bold red"), soft_wrap=True)
        show(outside(f"  fix: {check.fix}"), soft_wrap=True)
    if trouble.messages:
        what = f"{counted(trouble.messages, 'message')} in the dead-letter queue"
        show(Text(f"{what}: ami-reactor dlq list", "bold red"))


def print_what_was_not_read(found: Sequence[Found[T]]) -> None:
    """What was not read, and where; a line that is the same in several places is said once."""
    notes: dict[str, list[str]] = {}
    for one in found:
        gaps = [*one.gaps, *([one.error[0]] if one.error else [])]
        print_gaps(gaps if len(found) == 1 else [f"{one.where}: {gap}" for gap in gaps])
        for note in (*(one.fleet.notes if one.fleet else ()), *one.trouble.notes):
            notes.setdefault(note, []).append(one.where)
    for note, places in notes.items():
        where = places[0] if len(places) == 1 else f"{len(places)} accounts and Regions"
        print_notes([note if len(found) == 1 else f"{where}: {note}"])


def print_missing_names(found: Iterable[Found[T]]) -> int:
    """Name what none of the targets has; the exit status."""
    read = [one for one in found if one.fleet]
    if not read:
        return 0
    missing = sorted(frozenset.intersection(*(one.missing for one in read)))
    known = frozenset().union(*(one.known for one in read))
    for name in missing:
        like = did_you_mean(get_close_matches(name, known))
        line = f"{name}: no launch template with the tag ami-reactor has this name or id{like}"
        print_error(line, 1)
    return 1 if missing else 0
