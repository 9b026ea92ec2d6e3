"""What `ami-reactor replay` does, and how it is shown."""

import json
import re
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from infra.cli.render import err, out, tracked
from infra.embedded.delivery import Receipt
from infra.embedded.stage import Stage, stage
from infra.embedded.world.seed import World
from infra.replay.atomic_write import PRIVATE, write_whole
from infra.replay.event_reader import Captured
from models.base import Place, printable
from models.events import Ignored
from models.outcome import Outcome, Result, rejected, undelivered, unmatched
from models.wrappings import AN_EVENT_HAS, fault_of

_PROGRESS_FROM = 100  # events
_ENDING = re.compile(r"\.(jsonl?|ndjson)\b")

_STYLES = {
    "promoted": "bold green",
    "kept": "cyan",
    "refused": "bold yellow",
    "failed": "bold red",
    "rejected": "bold red",
}


@dataclass(frozen=True)
class Line:
    """One event that was replayed, in a world of that account."""

    item: Captured
    receipt: Receipt
    outcome: Outcome
    account: str
    event: dict[str, Any] = field(default_factory=dict)

    @property
    def is_failure(self) -> bool:
        return self.receipt.is_dead_lettered or self.receipt.is_lost

    def as_json(self) -> dict[str, Any]:
        is_unmatched = self.outcome.result is Result.UNMATCHED
        return self.outcome.model_dump(mode="json") | {
            "error": self.outcome.error
            or self.receipt.error
            or (_why_nothing(self) if is_unmatched else None),
            "attempts": self.receipt.attempts,
            "dead_lettered": self.receipt.is_dead_lettered,
        }


def run(
    world: World,
    captured: list[Captured],
    *,
    tell_the_end: bool,
    world_out: Path | None,
    force: bool,
    as_json: bool,
) -> int:
    """Replay the events in that world and print what became of each.

    Args:
        world: What exists before the first event.
        captured: The events, in their order.
        tell_the_end: Let the groups scale out afterwards, as the story does.
        world_out: Where to write what exists afterwards.
        force: Replace that file.
        as_json: One object a line instead of a table.

    Returns:
        The exit status: 1 if an event was dead-lettered, lost or unreadable.

    Raises:
        CannotWrite: The world cannot be written.
    """
    with stage(world) as staged:
        show = _print_json if as_json else _print_table
        failures = show(_replayed(staged, captured))
        if tell_the_end and not as_json:
            _scale_out(staged)
        if world_out is not None:
            text = json.dumps(staged.world(), indent=2) + "\n"
            write_whole(world_out, text, mode=PRIVATE, force=force)
    if failures and not as_json:
        _say_what_next(failures, world_out)
    return 1 if failures else 0


def _replayed(staged: Stage, captured: list[Captured]) -> Iterator[Line]:
    """Replay one event after the other."""
    is_long = len(captured) >= _PROGRESS_FROM
    items = tracked(captured, "replaying", len(captured), prints=True) if is_long else captured
    for item in items:
        yield _line(staged, item)


def _line(staged: Stage, item: Captured) -> Line:
    if item.payload is None:
        outcome = rejected({}, f"no event is in it: {AN_EVENT_HAS}")
        return Line(item, Receipt(is_lost=True), outcome, staged.place.account)
    if fault := fault_of(item.payload):  # EventBridge delivers no such event
        outcome = rejected(item.payload, fault)
        return Line(item, Receipt(is_lost=True), outcome, staged.place.account)
    event = _whole(item, staged.place)
    receipt = staged.delivery.deliver(event)
    if not receipt.is_matched:
        outcome = unmatched(event)
    elif receipt.outcome is None:
        outcome = undelivered(event, receipt.error or "no outcome")
    else:
        outcome = Outcome.model_validate(receipt.outcome)
    return Line(item, receipt, outcome, staged.place.account, event)


def _whole(item: Captured, place: Place) -> dict[str, Any]:
    """The event, with what EventBridge would have given it: the same in each run but its time."""
    payload = item.payload or {}
    made_up = {
        "id": str(uuid.uuid5(uuid.NAMESPACE_OID, json.dumps(payload, sort_keys=True))),
        "account": place.account,
        "region": place.region,
        "time": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
    }
    return {**payload, **{key: made_up[key] for key in item.made_up}}


def _print_json(lines: Iterator[Line]) -> list[Line]:
    failures = []
    for line in lines:
        sys.stdout.write(json.dumps(line.as_json()) + "\n")
        sys.stdout.flush()
        if line.is_failure:
            failures.append(line)
    return failures


def _print_table(lines: Iterator[Line]) -> list[Line]:
    """Each event as soon as it is done: a long replay is read while it runs."""
    failures = []
    for line in lines:
        about = " · ".join(filter(None, (line.outcome.detail_type, line.outcome.image_id)))
        out.print(Text.assemble((_title(line.item), "bold"), f"  {about}" if about else ""))
        out.print(Padding(_deeds(line), (0, 0, 1, 2)))
        if line.is_failure:
            failures.append(line)
    return failures


def _deeds(line: Line) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(min_width=8)
    table.add_column(ratio=1, overflow="fold")
    outcome = line.outcome
    if not outcome.templates:
        why = outcome.error or _why_nothing(line)
        table.add_row(_verb(outcome.result), _because(outcome.reason, why))
    for template in outcome.templates:
        name = printable(template.launch_template_name)
        moved = template.outcome == "promoted"
        versions = f" version {template.from_version} → {template.to_version}" if moved else ""
        what = _because(template.reason, template.message)
        table.add_row(_verb(template.outcome), Text.assemble((name, "bold"), versions, "  ", what))
    return table


def _why_nothing(line: Line) -> str:
    if isinstance(line.outcome.reason, Ignored):
        return line.outcome.reason.in_words
    if line.outcome.result is not Result.UNMATCHED:
        return ""
    # what an engineer may have mixed up, other than the rules' patterns
    account = line.event.get("account")
    if account is None:
        return "no rule selects it: account is missing"
    if account != line.account:
        return f"no rule selects it: the world is of account {line.account}, the event is not"
    return "no rule selects it"


def _verb(verb: str) -> Text:
    return Text(verb, _STYLES.get(verb, "dim"))


def _because(reason: str | None, why: str) -> Text:
    return Text.assemble((f"{reason}: " if reason else "", "italic"), printable(why))


def _title(item: Captured) -> str:
    """Files are named for their story; the number only keeps the order."""
    words = _ENDING.sub("", Path(item.source).name).replace("-", " ").replace("_", " ")
    return printable(words.lstrip("0123456789 ") or words)


def _scale_out(staged: Stage) -> None:
    """The end of the story: the groups ask for one more instance, and it runs the new image."""
    auto_scaling, ec2 = staged.session.client("autoscaling"), staged.session.client("ec2")
    before = _instances(ec2)
    for group in auto_scaling.describe_auto_scaling_groups()["AutoScalingGroups"]:
        name = group["AutoScalingGroupName"]
        wanted = group["DesiredCapacity"] + 1
        auto_scaling.set_desired_capacity(AutoScalingGroupName=name, DesiredCapacity=wanted)
        launched = {id_: image for id_, image in _instances(ec2).items() if id_ not in before}
        for instance_id, image_id in launched.items():
            out.print(f"Then the group [bold]{name}[/bold] scales out to {wanted}:")
            out.print(f"{instance_id} starts from [bold green]{image_id}[/bold green].")
        before |= launched


def _instances(ec2: Any) -> dict[str, str]:
    pages = ec2.get_paginator("describe_instances").paginate()
    return {
        instance["InstanceId"]: instance["ImageId"]
        for page in pages
        for reservation in page["Reservations"]
        for instance in reservation["Instances"]
    }


def _say_what_next(failures: list[Line], world_out: Path | None) -> None:
    dead = sum(line.receipt.is_dead_lettered for line in failures)
    lost = len(failures) - dead
    said = []
    if dead:
        kept = f"in {world_out}, under DeadLetters" if world_out else "only with --world-out FILE"
        said.append(f"{dead} dead-lettered; kept {kept}.")
    if lost:
        said.append(f"{lost} lost or unreadable.")
    said.append("Fix what is named above, then replay again: it does no harm.")
    err.print("\n".join(said), markup=False, highlight=False)
