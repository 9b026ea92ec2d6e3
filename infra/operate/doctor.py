"""What must hold for events to become versions; each check says how to fix what is wrong."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial

from infra.operate import backups
from infra.operate.account import Account
from infra.operate.chain_checks import ChainExaminer
from infra.operate.check import Check, CheckName, State, examined, fail, ok, warn
from infra.operate.deployment import Deployment
from infra.operate.fleet import Fleet, TemplateStatus, read_fleet, several
from infra.operate.groups import UsesDefault
from infra.operate.guarded import by_the_guard, failed_refreshes
from infra.operate.outcome_log import Logged, log_group_of, read_outcomes
from infra.operate.paging import Progress
from infra.operate.queue_depth import count_dead_letters
from infra.operate.stack_outputs import parameter_of
from models.base import aws_date, printable
from models.decision import Reason
from models.errors import AwsRefused
from models.events import DETAIL_TYPES, FOLLOW_UPS
from models.failure_text import YOURS, error_text
from models.tags import ON_TROUBLE

_EVENTS_WITHIN = timedelta(days=14)
_KEEP = "give the instance a backup rule whose target is no logically air-gapped vault"


def examine_stack(account: Account, stack: str) -> Iterator[Check]:
    """Whether the stack exists; if it does, what is in it, and what came of its events."""
    deployment = Deployment(account, stack)
    found = list(examined(deployment.stack_exists, "stack", "the stack"))
    yield from found
    if any(check.is_missing for check in found):
        return
    checks: tuple[tuple[Callable[[], Iterator[Check]], CheckName, str], ...] = (
        (deployment.rules_wake_the_function, "rules", "the rules"),
        (deployment.function_can_run, "function", "the function"),
        (deployment.failures_are_kept, "failures", "its on-failure destination"),
        (deployment.role_is_right, "permissions", "what its role may do"),
        (partial(_guard_is_there, account, stack), "guard", "the guard"),
        (partial(_queue_is_empty, account, stack), "dead-letter-queue", "the dead-letter queue"),
        (partial(_events_arrive, account, stack), "events", "the function's log"),
    )
    for check, name, about in checks:
        yield from examined(check, name, about)


def examine_templates(account: Account, progress: Progress) -> Iterator[Check]:
    """Every followed template and its groups, what follows them, and where images come from."""
    fleets: list[Fleet] = []  # read once, for three checks

    def fleet_is_ok() -> Iterator[Check]:
        fleets.append(read_fleet(account, progress))
        yield from _fleet_is_ok(*fleets)

    yield from examined(fleet_is_ok, "templates", "the templates")
    for fleet in fleets:
        yield from examined(ChainExaminer(account, fleet).examine, "chains", "the chains")
        check = partial(_backups_last, account, fleet)
        yield from examined(check, "backups", "the backups of golden instances")


def _guard_is_there(account: Account, stack: str) -> Iterator[Check]:
    """That what templates ask for is deployed and can run; nothing if no template asks."""
    asking = [one for one in account.ec2.opted_in_templates() if ON_TROUBLE in one.tags]
    if not asking:
        return
    names = ", ".join(sorted(printable(one.launch_template_name) for one in asking))
    if parameter_of(account, stack, "Guard") != "true":
        what = f"tagged {ON_TROUBLE}, and the stack has no guard: {names}"
        yield fail(what, "deploy the stack with Guard=true")
        return
    found = list(Deployment(account, stack).faults_of_the_guard())
    yield from found
    if not found:
        yield ok(f"the guard looks after {names}")


def _queue_is_empty(account: Account, stack: str) -> Iterator[Check]:
    count = count_dead_letters(account, stack)
    what = f"messages in the dead-letter queue: {count}"
    yield fail(what, "ami-reactor dlq list") if count else ok(what)


def _events_arrive(account: Account, stack: str) -> Iterator[Check]:
    """When the last event of each kind came."""
    since = datetime.now(UTC) - _EVENTS_WITHIN
    last = _last_of_each_kind(read_outcomes(account, log_group_of(stack), since))
    for kind in (one for one in DETAIL_TYPES if one not in FOLLOW_UPS):
        if kind in last:
            yield ok(f"the last {kind}: {aws_date(last[kind])}")
        else:
            what = f"no {kind} in {_EVENTS_WITHIN.days} days"
            yield warn(what, "wait for one, or check the rule's TriggeredRules metric")


def _last_of_each_kind(logged: Iterator[Logged]) -> dict[str, datetime]:
    last: dict[str, datetime] = {}
    for one in logged:
        kind = one.outcome.detail_type or ""
        last[kind] = max(one.at, last.get(kind, one.at))
    return last


def _fleet_is_ok(fleet: Fleet) -> Iterator[Check]:
    """Valid selectors, groups that use $Default, and latest = default."""
    found = [check for status in fleet.statuses for check in _faults_of_template(status)]
    yield from found
    if not found:
        yield ok(f"templates OK, with their Auto Scaling groups: {len(fleet.statuses)}")
    for gap in fleet.gaps:
        yield Check(state=State.UNKNOWN, what=gap)
    for note in fleet.notes:
        yield warn(note)


def _faults_of_template(status: TemplateStatus) -> Iterator[Check]:
    name = printable(status.template.launch_template_name)
    if status.next.outcome in ("refused", "failed"):
        verb = "follow" if status.next.reason is Reason.MISCONFIGURED else "explain"
        what = f"{name}: {status.next.reason}: {printable(status.next.message)}"
        yield fail(what, f"ami-reactor {verb} {name}")
    if latest := status.latest_not_default:
        yield fail(f"{name}: {latest.what}", latest.fix)
    if status.mixed_sources:
        fix = f"if one of them is meant: ami-reactor follow {name} --source-instance ID"
        yield warn(f"{name}: {several(status.mixed_sources)}", fix)
    done = by_the_guard(status.template)
    failed = [] if done else failed_refreshes(status.template, status.groups)
    for told in filter(None, [done, *failed]):
        yield warn(f"{name}: {told.what}", told.fix)
    for group, findings in status.findings():
        for finding in findings:
            what = f"the group {printable(group.name)}: {finding.what}"
            is_partly = finding.uses_default is UsesDefault.PARTLY
            yield warn(what, finding.fix) if is_partly else fail(what, finding.fix)


def _backups_last(account: Account, fleet: Fleet) -> Iterator[Check]:
    """That AWS Backup keeps the images of golden instances.

    The permission for it is one more than the rest needs: a warning says that it is missing.
    """
    instances = backups.golden_instances(fleet)
    try:
        for instance_id in instances[: backups.MOST]:
            if fault := backups.read_fate(account, instance_id):
                yield fail(f"{instance_id}: {fault}: AWS Backup deletes such an image", _KEEP)
    except AwsRefused as error:
        if not error.unauthorized:
            raise
        yield warn(f"not looked for temporary images: {error_text(error, YOURS)}")
        return
    if others := instances[backups.MOST :]:
        yield warn(f"the backups of {len(others)} other golden instances were not looked at")
