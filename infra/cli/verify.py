"""`ami-reactor verify`: does AWS behave as the code believes?"""

import json
import signal
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import NoReturn

import botocore
import typer
from rich.table import Table
from rich.text import Text

from infra.cli.account import account_of, agreed
from infra.cli.render import counted, err, out, outside, print_gaps, print_json, stop
from infra.operate.account import Account
from infra.operate.paging import Gaps
from infra.operate.verify.bench import Bench
from infra.operate.verify.fact import Finding, Stage, Verdict, finding_line
from infra.operate.verify.facts import FACTS
from infra.operate.verify.parts import PARTS, kinds_of
from infra.operate.verify.permissions import actions, policy
from infra.operate.verify.report import Redacted, names_of
from infra.operate.verify.running import is_embedded, run
from infra.operate.verify.table import table
from infra.operate.verify.things import KINDS, TAG, RemovedLine, find, new_run, remove
from infra.replay.atomic_write import PRIVATE, CannotWrite, check_can_write, write_file
from models.base import printable

_VERDICTS = {
    Verdict.AS_BELIEVED: ("as believed", "green"),
    Verdict.DIFFERS: ("differs", "bold red"),
    Verdict.UNKNOWN: ("unknown", "bold yellow"),
}


def run_verify(
    *,
    events: bool,
    stack: str | None,
    report: Path | None,
    force: bool,
    clean: bool,
    print_facts: bool,
    print_policy: bool,
    wait: float | None,
    yes: bool,
    profile: str | None,
    region: str | None,
    as_json: bool,
) -> None:
    wanted = {Stage.TEMPLATES: True, Stage.EVENTS: events, Stage.STACK: stack is not None}
    stages = [stage for stage, is_wanted in wanted.items() if is_wanted]
    if print_facts:
        _print_facts(as_json=as_json)
        return
    if print_policy:
        sys.stdout.write(json.dumps(policy(stages), indent=None if as_json else 2) + "\n")
        return
    if report:
        _check_report(report, force=force)
    with account_of(profile, region) as account:
        if clean:
            raise typer.Exit(_clean(account, yes=yes, as_json=as_json))
        name = new_run()
        _show_plan(account, name, stages)
        if not agreed(account, "Make them, ask, and remove them?", yes=yes, is_shown=True):
            raise typer.Exit(1)
        bench = Bench(account, name, kinds_of(stages), stack)
        findings: list[Finding] = []
        is_ok = _verify(bench, stages, wait, findings, as_json=as_json)
        if report:
            _write_report(report, account, stack, findings, force=force)
        raise typer.Exit(0 if is_ok else 1)


def _print_facts(*, as_json: bool) -> None:
    if not as_json:
        sys.stdout.write(table(FACTS.values()))
        return
    for fact in FACTS.values():
        print_json(fact)


def _check_report(path: Path, *, force: bool) -> None:
    try:
        check_can_write(path, force=force)
    except CannotWrite as error:
        stop(str(error))


# -- the plan --------------------------------------------------------------------------------------


def _show_plan(account: Account, name: str, stages: Iterable[Stage]) -> None:
    parts = [PARTS[stage] for stage in stages]
    cents = sum(part.cents for part in parts)
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(min_width=7)
    table.add_column(overflow="fold")
    for word, what in (
        ("where", str(account)),
        ("who", printable(account.caller)),
        *(("makes", f"{part.makes}; about {part.takes}") for part in parts),
        ("removes", "all of that, whatever happens"),
        ("named", f"{name}-…, tagged {TAG}"),
        ("costs", f"under {cents / 100:.2f} USD" if cents else "0.00 USD"),
        ("needs", ", ".join(actions(stages))),
    ):
        table.add_row(word, Text(what))
    err.print(table)


# -- the run ---------------------------------------------------------------------------------------


def _verify(
    bench: Bench,
    stages: Iterable[Stage],
    wait: float | None,
    findings: list[Finding],
    *,
    as_json: bool,
) -> bool:
    """Ask and show; what was made is removed whatever happens.

    Returns:
        Whether nothing differs and nothing is left.
    """
    left: dict[str, str] = {}
    try:
        with _ended_as_by_hand(), bench.cleared() as left:
            for finding in _asked(bench, stages, wait):
                findings.append(finding)
                _show(finding, as_json=as_json)
    except KeyboardInterrupt:
        err.print("interrupted" if left else "interrupted: what was made is removed")
        raise
    finally:
        _show_left(left)
    if not as_json:
        _show_sum(findings)
    return not left and all(one.verdict is not Verdict.DIFFERS for one in findings)


@contextmanager
def _ended_as_by_hand() -> Iterator[None]:
    """Let SIGTERM, of a shell or of CI, end a run as ^C does: it removes what it made."""

    def interrupt(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _asked(bench: Bench, stages: Iterable[Stage], wait: float | None) -> Iterator[Finding]:
    for stage in stages:
        bench.wait = PARTS[stage].wait if wait is None else wait
        yield from run(PARTS[stage].checks, bench)


def _show_left(left: dict[str, str]) -> None:
    for what, why in left.items():
        err.print(outside(f"left: {what}: {why}", "bold red"), soft_wrap=True)
    if left:
        err.print("to remove it: ami-reactor verify --clean")


def _show(finding: Finding, *, as_json: bool) -> None:
    if as_json:
        print_json(finding_line(finding))
        return
    word, style = _VERDICTS[finding.verdict]
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(min_width=11)
    table.add_column(overflow="fold")
    table.add_row(Text(word, style), Text(finding.fact.claim))
    for label, text in _details(finding):
        table.add_row(Text(f"  {label}", "italic"), outside(text))
    out.print(table)


def _details(finding: Finding) -> list[tuple[str, str]]:
    if finding.verdict is Verdict.AS_BELIEVED:
        return []
    if finding.verdict is Verdict.UNKNOWN:
        return [("missing", finding.missing)]
    return [
        ("believed", json.dumps(finding.believed)),
        ("AWS", json.dumps(finding.seen)),
        ("then", finding.fact.otherwise),
        ("rests", ", ".join(finding.fact.rests)),
    ]


def _show_sum(findings: Iterable[Finding]) -> None:
    verdicts = Counter(finding.verdict for finding in findings)
    parts = [f"{verdicts[verdict]} {word}" for verdict, (word, _) in _VERDICTS.items()]
    out.print(Text(", ".join(parts), "bold"))


def _write_report(
    path: Path, account: Account, stack: str | None, findings: Iterable[Finding], *, force: bool
) -> None:
    names = [*names_of(account.caller), *([stack] if stack else [])]
    redacted = Redacted(names)
    document = {
        "ami_reactor": version("ami-reactor"),
        "botocore": botocore.__version__,
        "region": account.place.region,
        "date": datetime.now(UTC).date().isoformat(),
        "embedded": is_embedded(account),
        "findings": [
            redacted.copy_of(finding_line(finding).model_dump(mode="json")) for finding in findings
        ],
    }
    text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    try:
        write_file(path, text, mode=PRIVATE, force=force)
    except CannotWrite as error:
        stop(str(error), status=1)
    err.print(outside(f"{path}: look at it before you send it"), soft_wrap=True)


# -- what an earlier run left ----------------------------------------------------------------------


def _clean(account: Account, *, yes: bool, as_json: bool) -> int:
    gaps = Gaps()
    things = find(account, KINDS, gaps)
    print_gaps(gaps)
    for thing in things:
        err.print(outside(f"{thing} ({thing.id})"), soft_wrap=True)
    if not things:
        err.print(f"{account}: nothing is left of a run", highlight=False)
        return 1 if gaps else 0
    if not agreed(account, f"Remove {counted(len(things), 'thing')}?", yes=yes):
        return 1
    left = remove(account, things)
    for thing in things:
        if as_json:
            print_json(RemovedLine(**thing.model_dump(), removed=thing not in left))
        elif thing in left:
            err.print(outside(f"left: {thing}: {left[thing]}", "bold red"), soft_wrap=True)
        else:
            out.print(outside(f"removed: {thing}"), soft_wrap=True)
    return 1 if left or gaps else 0
