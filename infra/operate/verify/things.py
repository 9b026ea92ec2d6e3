"""What `verify` makes in an account: how it is named and tagged, found again and removed.

Everything has a name that begins with the run's, and the tag `ami-reactor-verify` with the run's
name from the moment it exists. Only what has both is ever changed or removed.
"""

import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

from handlers.paging import each
from infra.operate.account import Account
from infra.operate.paging import Gaps
from infra.operate.verify.asking import ask, is_gone
from models.base import Value
from models.errors import AwsRefused, AwsUnavailable
from models.failure_text import YOURS, error_text
from models.tags import tags_of

TAG = "ami-reactor-verify"
PREFIX = f"{TAG}-"
LOG_GROUPS = "/aws/events/"
"""EventBridge writes to log groups of such names alone."""


class Thing(Value):
    """One resource that a run made.

    Attributes:
        kind: What it is: a rule, a queue, a log group, a launch template.
        name: It begins with the name of the run.
        id: What removes it: an id, a URL, or the name.
    """

    kind: str
    name: str
    id: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


class RemovedLine(Thing):
    """One resource, as `verify --clean --json` prints it; a public interface.

    Attributes:
        removed: It is gone; else it could not be removed.
    """

    removed: bool


class Kind(NamedTuple):
    """How the resources of one kind are found and removed; both may raise AwsRefused."""

    find: Callable[[Account], Iterator[Thing]]
    remove: Callable[[Account, str], None]


def new_run() -> str:
    """A name that no earlier run had."""
    return PREFIX + secrets.token_hex(6)


def is_ours(name: str, tags: Mapping[str, str]) -> bool:
    """Whether a run made it: the tag names the run, and the name begins with that."""
    run = tags.get(TAG, "")
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
            _remove(account, thing)
        except (AwsRefused, AwsUnavailable) as error:
            left[thing] = error_text(error, YOURS)
    return left


def _remove(account: Account, thing: Thing) -> None:
    try:
        KINDS[thing.kind].remove(account, thing.id)
    except AwsRefused as error:
        if not is_gone(error):
            raise


# -- rules -----------------------------------------------------------------------------------------


def _rules(account: Account) -> Iterator[Thing]:
    client = account.client("events")
    for rule in each(client, "list_rules", "Rules", NamePrefix=PREFIX):
        tags = _tags(client.list_tags_for_resource, "Tags", ResourceARN=rule["Arn"])
        if is_ours(rule["Name"], tags_of(tags or [])):
            yield Thing(kind=RULE, name=rule["Name"], id=rule["Name"])


def _remove_rule(account: Account, name: str) -> None:
    client = account.client("events")
    targets = ask(client.list_targets_by_rule, Rule=name)["Targets"]
    if targets:
        ask(client.remove_targets, Rule=name, Ids=[target["Id"] for target in targets])
    ask(client.delete_rule, Name=name)


# -- queues ----------------------------------------------------------------------------------------


def _queues(account: Account) -> Iterator[Thing]:
    client = account.client("sqs")
    listed = ask(client.list_queues, QueueNamePrefix=PREFIX)
    for url in listed.get("QueueUrls", []):
        name = url.rpartition("/")[2]
        if is_ours(name, _tags(client.list_queue_tags, "Tags", QueueUrl=url) or {}):
            yield Thing(kind=QUEUE, name=name, id=url)


def _remove_queue(account: Account, url: str) -> None:
    ask(account.client("sqs").delete_queue, QueueUrl=url)


# -- log groups ------------------------------------------------------------------------------------


def _log_groups(account: Account) -> Iterator[Thing]:
    client = account.client("logs")
    prefix = f"{LOG_GROUPS}{PREFIX}"
    for group in each(client, "describe_log_groups", "logGroups", logGroupNamePrefix=prefix):
        arn, name = group["arn"].removesuffix(":*"), group["logGroupName"]
        name = name.removeprefix(LOG_GROUPS)
        if is_ours(name, _tags(client.list_tags_for_resource, "tags", resourceArn=arn) or {}):
            yield Thing(kind=LOG_GROUP, name=name, id=arn)


def _remove_log_group(account: Account, arn: str) -> None:
    """The policy on it first, whose name is the same: nothing would find that alone."""
    client, group = account.client("logs"), arn.rpartition(":")[2]
    policy = {"policyName": group.removeprefix(LOG_GROUPS), "resourceArn": arn}
    try:
        ask(client.delete_resource_policy, **policy)
    except AwsRefused as error:
        if not is_gone(error):
            raise
    ask(client.delete_log_group, logGroupName=group)


def _tags(call: Callable[..., Any], key: str, **which: Any) -> Any:
    """The tags; None of what is gone since it was listed."""
    try:
        return ask(call, **which).get(key)
    except AwsRefused as error:
        if not is_gone(error):
            raise
        return None


# -- launch templates ------------------------------------------------------------------------------


def _templates(account: Account) -> Iterator[Thing]:
    tagged = [{"Name": "tag-key", "Values": [TAG]}]
    client = account.client("ec2")
    for one in each(client, "describe_launch_templates", "LaunchTemplates", Filters=tagged):
        name = one["LaunchTemplateName"]
        if is_ours(name, tags_of(one.get("Tags", []))):
            yield Thing(kind=TEMPLATE, name=name, id=one["LaunchTemplateId"])


def _remove_template(account: Account, template_id: str) -> None:
    ask(account.client("ec2").delete_launch_template, LaunchTemplateId=template_id)


RULE, QUEUE, LOG_GROUP, TEMPLATE = "rule", "queue", "log group", "launch template"
KINDS: dict[str, Kind] = {
    RULE: Kind(_rules, _remove_rule),
    QUEUE: Kind(_queues, _remove_queue),
    LOG_GROUP: Kind(_log_groups, _remove_log_group),
    TEMPLATE: Kind(_templates, _remove_template),
}
"""In the order in which they are removed."""
