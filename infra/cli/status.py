"""`ami-reactor status`: what new instances launch, what runs, and what would happen next."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, NamedTuple

import typer
from rich.text import Text

from infra.cli.account import FAILURES, failure, show_calls
from infra.cli.render import (
    NONE_FOLLOWS,
    counted,
    err,
    out,
    outside,
    print_gaps,
    print_json,
    print_notes,
    progress_line,
    stop,
)
from infra.cli.status_table import problems_of, show_statuses
from infra.operate.account import Account, account_in, open_session
from infra.operate.find import did_you_mean
from infra.operate.fleet import ASKED, Fleet, TemplateStatus, read_fleet
from infra.operate.groups import verdict
from infra.operate.hold import trouble_with
from infra.operate.paging import Progress
from infra.operate.side_by_side import side_by_side
from infra.operate.stack_trouble import StackTrouble, read_stack_trouble
from models.base import aws_date, printable
from models.decision import SECONDS
from models.launch_template import Template
from models.tags import HOLD_TAG, read_stamp

if TYPE_CHECKING:
    import boto3


class Filters(NamedTuple):
    """Which templates to show: those that one of the filters selects; all, if there is none."""

    moving: bool = False
    waiting: bool = False
    behind: bool = False
    held: bool = False
    refused: bool = False

    def select(self, status: TemplateStatus) -> bool:
        following = status.next
        holds = (
            following.outcome == "promoted",
            bool(status.waiting),
            following.outcome == "promoted" or following.behind_since is not None,
            status.template.hold is not None,
            following.outcome in ("refused", "failed", "unknown"),
        )
        return not any(self) or any(
            wanted and held for wanted, held in zip(self, holds, strict=True)
        )


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
class Found:
    """What one target is like now.

    Attributes:
        shown: Of its templates, those that the filters select.
        total: How many of its templates have one of the names; all, if none is given.
        missing: The names that none of its templates has.
        known: The names of its templates, to suggest one.
        error: Why nothing of it could be read, and the exit status.
    """

    target: Target
    account: Account | None = None
    fleet: Fleet | None = None
    shown: tuple[TemplateStatus, ...] = ()
    total: int = 0
    missing: frozenset[str] = frozenset()
    known: frozenset[str] = frozenset()
    trouble: StackTrouble = field(default_factory=StackTrouble)
    error: tuple[str, int] | None = None

    @property
    def gaps(self) -> list[str]:
        return [*(self.fleet.gaps if self.fleet else ()), *self.trouble.gaps]

    @property
    def exit_status(self) -> int:
        if self.error:
            return self.error[1]
        stack = self.trouble
        wants = stack.checks or stack.messages or self.gaps or any(map(wants_engineer, self.shown))
        return 1 if wants else 0


def wants_engineer(status: TemplateStatus) -> bool:
    """Whether something of it stays as it is until a person does something."""
    is_refused = status.next.outcome in ("refused", "failed", "unknown")
    return is_refused or any(problem.is_fault for problem in problems_of(status))


def run_status(
    *,
    names: Sequence[str],
    filters: Filters,
    profile: str | None,
    role_arns: Sequence[str],
    region: str | None,
    stack: str,
    every: float | None,
    as_json: bool,
) -> None:
    targets = _targets(profile, role_arns, region)
    fleets = _Fleets(targets, names, filters, stack)
    exit_status = _show_once(fleets, as_json=as_json)
    with suppress(KeyboardInterrupt):
        while every is not None:
            time.sleep(every)
            exit_status = _show_once(fleets, as_json=as_json, is_again=True)
    raise typer.Exit(exit_status)


def _targets(profile: str | None, role_arns: Sequence[str], region: str | None) -> list[Target]:
    profiles, regions = _listed(profile), _listed(region)
    roles: list[str | None] = [*dict.fromkeys(role_arns)] or [None]
    if role_arns and len(profiles) > 1:
        stop("status: --role-arn: must come with one --profile at most, whose credentials take it")
    return [
        Target(one, role_arn, where) for one in profiles for role_arn in roles for where in regions
    ]


def _listed(text: str | None) -> list[str | None]:
    """`A,B` as a list; nothing is what the environment says."""
    names = dict.fromkeys(filter(None, map(str.strip, (text or "").split(","))))
    return list(names) or [None]


class _Fleets:
    """The targets; what was opened of them stays open for the next look."""

    def __init__(
        self, targets: Sequence[Target], names: Sequence[str], filters: Filters, stack: str
    ) -> None:
        self.targets, self.names, self.filters, self.stack = targets, names, filters, stack
        self._sessions: dict[tuple[str | None, str | None], boto3.Session] = {}
        self._accounts: dict[Target, Account] = {}

    def read(self, progress: Progress) -> list[Found]:
        """Read them side by side; one that fails is told as such."""
        several = len(self.targets) > 1

        def read(target: Target) -> Found:
            said: Progress = (lambda what: progress(f"{target}: {what}")) if several else progress
            return self._read(target, said)

        failed = {target: error for target in self.targets if (error := self._log_in(target))}
        rest = [target for target in self.targets if target not in failed]
        read_ones = dict(zip(rest, side_by_side(rest, read), strict=True)) if rest else {}
        return [
            read_ones.get(target) or Found(target, error=failed[target]) for target in self.targets
        ]

    def _log_in(self, target: Target) -> tuple[str, int] | None:
        """One session for all Regions: in the main thread, and whoever is asked is asked once."""
        key = target.profile, target.role_arn
        try:
            if key not in self._sessions:
                session = open_session(target.profile, show_calls(), role_arn=target.role_arn)
                self._sessions[key] = session
        except FAILURES as error:
            return failure(error, target.profile, None)
        return None

    def _read(self, target: Target, progress: Progress) -> Found:
        account = self._accounts.get(target)
        try:
            if account is None:
                session = self._sessions[target.profile, target.role_arn]
                account = self._accounts[target] = account_in(session, target.region)
            return self._look(target, account, progress)
        except FAILURES as error:
            return Found(target, account, error=failure(error, target.profile, account))

    def _look(self, target: Target, account: Account, progress: Progress) -> Found:
        trouble = read_stack_trouble(account, self.stack)
        progress("launch templates")
        known = account.ec2.opted_in_templates()
        wanted = [one for one in known if not self.names or _has_one_of(one, self.names)]
        fleet = read_fleet(account, progress, wanted, asked=ASKED // len(self.targets))
        return Found(
            target,
            account,
            replace(fleet, statuses=()),  # images of templates that are not shown take memory
            shown=tuple(filter(self.filters.select, fleet.statuses)),
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


# -- what is printed -------------------------------------------------------------------------------


def _show_once(fleets: _Fleets, *, as_json: bool, is_again: bool = False) -> int:
    """Read and show all targets; the exit status."""
    with progress_line() as progress:
        found = fleets.read(progress)
    if is_again and not as_json:
        out.clear() if out.is_terminal else out.print()
        out.print(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}Z", style="dim")
    if len(found) == 1 and found[0].error:
        stop(*found[0].error)
    console = err if as_json else out
    for one in found:
        _show_head(one, console.print, is_alone=len(found) == 1 and not as_json)
    if as_json:
        for fleet, status in _shown(found):
            print_json(_as_json(fleet, status))
    else:
        _show_table(found, fleets.filters)
    _show_what_was_not_read(found)
    missing = _show_missing_names(found)
    sys.stdout.flush()
    return max(missing, *(one.exit_status for one in found))


def _shown(found: Iterable[Found]) -> Iterator[tuple[Fleet, TemplateStatus]]:
    for one in found:
        for status in one.shown:
            if one.fleet:
                yield one.fleet, status


def _show_head(found: Found, show: Callable[..., None], *, is_alone: bool) -> None:
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


def _show_table(found: list[Found], filters: Filters) -> None:
    shown = [(fleet.place, status) for fleet, status in _shown(found)]
    total = sum(one.total for one in found)
    if not any(one.known for one in found):
        if all(one.fleet for one in found):
            out.print(NONE_FOLLOWS)
        return
    if any(filters) or len(found) > 1:
        out.print(f"{len(shown)} of {counted(total, 'launch template')}", highlight=False)
    if shown:
        show_statuses(shown, several=len(found) > 1)


def _show_what_was_not_read(found: list[Found]) -> None:
    """What was not read, and where; a line that is the same in several places is said once."""
    notes: dict[str, list[str]] = {}
    for one in found:
        where = str(one.account or one.target)
        gaps = [*one.gaps, *([one.error[0]] if one.error else [])]
        print_gaps(gaps if len(found) == 1 else [f"{where}: {gap}" for gap in gaps])
        for note in (*(one.fleet.notes if one.fleet else ()), *one.trouble.notes):
            notes.setdefault(note, []).append(where)
    for note, places in notes.items():
        where = places[0] if len(places) == 1 else f"{len(places)} accounts and Regions"
        print_notes([note if len(found) == 1 else f"{where}: {note}"])


def _show_missing_names(found: list[Found]) -> int:
    """Name what none of the targets has; the exit status."""
    read = [one for one in found if one.fleet]
    if not read:
        return 0
    missing = sorted(frozenset.intersection(*(one.missing for one in read)))
    known = frozenset().union(*(one.known for one in read))
    for name in missing:
        like = did_you_mean(get_close_matches(name, known))
        line = f"{name}: no launch template that has the tag ami-reactor is called so{like}"
        err.print(outside(line), soft_wrap=True)
    return 1 if missing else 0


def _as_json(fleet: Fleet, status: TemplateStatus) -> dict[str, Any]:
    template, image = status.template, status.image
    newest = status.candidates[0] if status.candidates else None
    held = template.tags.get(HOLD_TAG)
    return {
        "account": fleet.place.account,
        "region": fleet.place.region,
        "launch_template_id": template.launch_template_id,
        "launch_template_name": template.launch_template_name,
        "default_version": template.default_version_number,
        "latest_version": template.latest_version_number,
        "image_id": status.image_id,
        "image_created": aws_date(image.creation_date) if image else None,
        "newest_candidate": newest.image_id if newest else None,
        "instances": dict(status.running),
        "hold": read_stamp(held).model_dump(mode="json") if held is not None else None,
        "hold_trouble": held and trouble_with(read_stamp(held), datetime.now(UTC)),
        "next": status.next.model_dump(mode="json"),
        "waiting": [
            {
                "image_id": one.image.image_id,
                "reason": one.skip,
                "message": str(one),
                "until": f"{one.until:{SECONDS}}" if one.until else None,
            }
            for one in status.waiting
        ],
        "groups": [
            {
                "name": group.name,
                "instances": group.size,
                "follows": verdict(found),
                "findings": [
                    {"follows": one.uses_default, "what": one.what, "fix": one.fix} for one in found
                ],
            }
            for group, found in status.findings()
        ],
    }
