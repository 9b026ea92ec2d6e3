"""`ami-reactor status` of many templates, accounts and Regions, and what its exit status says."""

import json
import time
from collections.abc import Iterator
from threading import Barrier
from typing import Any

import boto3
import pytest

from infra.embedded.aws import embedded_aws
from infra.embedded.world.seed import read_world, seed
from infra.operate.side_by_side import side_by_side
from tests.support.builders import (
    FOLLOWS_INSTANCE,
    HELD,
    NEW,
    OLD,
    a_template,
    a_version,
    a_world,
    an_image,
)
from tests.support.fleets import a_group, run

IDS = [f"lt-{n:017x}" for n in range(5)]
TAGS = {
    "api-current": {"ami-reactor": "on", "ami-reactor:image-name": "none-has-this"},
    "api-moving": FOLLOWS_INSTANCE,
    "web-held": FOLLOWS_INSTANCE | HELD,
    "web-refused": {"ami-reactor": "x"},
    "web-waiting": FOLLOWS_INSTANCE | {"ami-reactor:gate:approved": "yes"},
}
PLACES = [
    (account, region)
    for account in ("222233334444", "333344445555")
    for region in ("ap-northeast-2", "us-east-1")
]
NAMES = {"ap-northeast-2": "api-moving", "us-east-1": "us-moving"}
ROLES = [f"--role-arn=arn:aws:iam::{account}:role/fleet" for account in dict(PLACES)]
BOTH = ("--region", "ap-northeast-2,us-east-1")


def a_mixed_fleet(account: str = "111122223333", region: str = "ap-northeast-2") -> dict[str, Any]:
    world = a_world(
        an_image(OLD),
        an_image(NEW, 1),
        templates=[
            a_template(id_, name, tags=tags)
            for id_, (name, tags) in zip(IDS, TAGS.items(), strict=True)
        ],
        versions=[a_version(template_id=id_) for id_ in IDS],
    )
    moved = json.dumps(world).replace("111122223333", account)
    if region == "us-east-1":  # so that one sees where they were read
        moved = moved.replace("api-moving", "us-moving")
    return json.loads(moved) | {"Region": region}


def names(*arguments: str) -> list[str]:
    return [line["launch_template_name"] for line in run("status", "--json", *arguments).lines]


@pytest.fixture
def four_places(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Two accounts, each in two Regions; a role is of the account that its ARN names."""
    with embedded_aws(read_world(json.dumps(a_world()), "world")):
        for account, region in PLACES:
            seed(read_world(json.dumps(a_mixed_fleet(account, region)), "world"))
        monkeypatch.delenv("MOTO_ACCOUNT_ID")
        yield


# -- which templates -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (("--moving",), ["api-moving"]),
        (("--waiting",), ["web-waiting"]),
        (("--held",), ["web-held"]),
        (("--refused",), ["web-refused"]),
        (("--behind",), ["api-moving", "web-held", "web-waiting"]),
        (("--held", "--refused"), ["web-held", "web-refused"]),
        (("web-*",), ["web-held", "web-refused", "web-waiting"]),
        (("web-held", "api-?oving"), ["api-moving", "web-held"]),
        ((IDS[2],), ["web-held"]),
        (("web-*", "--moving"), []),
    ],
    ids=" ".join,
)
def test_filters_and_names(account_with, arguments, shown):
    account_with(a_mixed_fleet())

    assert names(*arguments) == shown


def test_a_name_that_no_template_has_is_named_with_those_like_it(account_with):
    account_with(a_mixed_fleet())

    shown = run("status", "web-hold", "api-moving")

    assert shown.status == 1
    assert "api-moving" in shown.stdout
    assert (
        "web-hold: no launch template with the tag ami-reactor has this name or id" in shown.stderr
    )
    assert "did you mean web-held" in shown.stderr


# -- a line for each -------------------------------------------------------------------------------


def test_where_there_is_room_a_template_has_one_line(monkeypatch, account_with):
    monkeypatch.setenv("COLUMNS", "120")
    account_with(a_mixed_fleet())

    shown = run("status").stdout.splitlines()

    table = shown[1 : shown.index("")]
    assert max(map(len, table)) <= 120
    assert [line.split()[0] for line in table] == ["Template", *TAGS]
    assert table[2].split()[:2] == ["api-moving", OLD]
    assert table[2].split()[-3:] == ["promote:", "newer-image", NEW]
    assert "web-held: held: jane: load test" in shown
    assert any(line.startswith(f"web-waiting: {NEW} awaiting-gate") for line in shown)


# -- several accounts and Regions ------------------------------------------------------------------


@pytest.mark.usefixtures("four_places")
def test_accounts_and_regions_are_in_one_table(monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")

    shown = run("status", "*-moving", *ROLES, *BOTH)

    table = [line.split() for line in shown.stdout.splitlines()]
    assert shown.status == 0, shown.stderr
    assert table[0][:4] == ["4", "of", "4", "launch"]
    assert [tuple(row[:3]) for row in table[2:6]] == [(*place, NAMES[place[1]]) for place in PLACES]
    assert max(map(len, shown.stdout.splitlines())) <= 120


@pytest.mark.usefixtures("four_places")
def test_json_names_account_and_region_of_each():
    shown = run("status", "--json", "*-moving", *ROLES, *BOTH).lines

    assert [(line["account"], line["region"]) for line in shown] == PLACES
    assert [line["launch_template_name"] for line in shown] == [NAMES[place[1]] for place in PLACES]


@pytest.mark.usefixtures("four_places")
def test_a_name_that_one_of_them_has_is_not_missing():
    shown = run("status", "--json", "us-moving", *ROLES, *BOTH)

    assert (shown.status, len(shown.lines)) == (0, 2)
    assert "us-moving" not in shown.stderr


@pytest.mark.usefixtures("four_places")
def test_one_that_fails_is_a_line_and_the_others_are_shown():
    shown = run("status", "--json", "*-moving", *ROLES, "--role-arn=nonsense", *BOTH)

    assert shown.status == 1
    assert len(shown.lines) == 4
    said = [json.loads(line) for line in shown.stderr.splitlines()]
    gaps = [line["not_read"] for line in said if line.get("not_read", "").startswith("role")]
    assert [gap.split(":")[0] for gap in gaps] == [
        f"role nonsense · Region {region}" for region in ("ap-northeast-2", "us-east-1")
    ]


def test_roles_of_several_profiles_are_refused():
    shown = run("status", "--profile", "a,b", "--role-arn", "arn:aws:iam::111122223333:role/x")

    assert (shown.status, shown.stdout) == (2, "")
    assert "--role-arn: must come with one --profile" in shown.stderr


def test_what_is_done_side_by_side_waits_at_the_same_time():
    barrier = Barrier(4, timeout=20)

    def work(number: int) -> int:
        barrier.wait()
        return number * 10

    assert list(side_by_side(range(4), work)) == [0, 10, 20, 30]


def test_the_caller_gets_what_is_raised_side_by_side():
    with pytest.raises(ZeroDivisionError):
        list(side_by_side([1, 0], lambda number: 1 / number))


# -- what wants an engineer ------------------------------------------------------------------------


def a_quiet_world(**more: Any) -> dict[str, Any]:
    return a_world(an_image(OLD), **more)


def pause() -> None:
    boto3.client("lambda").put_function_concurrency(
        FunctionName="ami-reactor", ReservedConcurrentExecutions=0
    )


def disable_a_rule() -> None:
    rule = boto3.client("events").list_rules()["Rules"][0]["Name"]
    boto3.client("events").disable_rule(Name=rule)


@pytest.mark.parametrize(
    ("break_it", "head"),
    [
        (lambda: None, None),
        (pause, "the function ami-reactor is paused"),
        (disable_a_rule, " is disabled"),
    ],
    ids=["nothing", "a paused function", "a disabled rule"],
)
def test_the_exit_status_tells_of_the_stack(stage_with, break_it, head):
    stage_with(a_quiet_world())
    break_it()

    shown = run("status")

    assert shown.status == (1 if head else 0), shown.stderr
    before_the_table = shown.stdout[: shown.stdout.index("Template")]
    assert not head or (head in before_the_table and "  fix: aws " in before_the_table)


def test_a_message_in_the_dead_letter_queue_is_in_the_head_and_the_exit_status(stage_with):
    stage_with(a_quiet_world(DeadLetters=[{"Body": "{}", "MessageAttributes": {}}]))

    shown = run("status")

    assert shown.status == 1
    assert (
        shown.stdout.splitlines()[1] == "1 message in the dead-letter queue: ami-reactor dlq list"
    )


@pytest.mark.parametrize(
    ("world", "status"),
    [
        (a_quiet_world(), 0),
        (a_world(an_image(OLD), an_image(NEW, 1)), 0),
        (a_quiet_world(templates=[a_template(tags={"ami-reactor": "x"})]), 1),
        (a_quiet_world(AutoScalingGroups=[a_group(version="1")]), 1),
        (a_quiet_world(AutoScalingGroups=[a_group(version="$Latest")]), 0),
        (a_quiet_world(versions=[a_version(), a_version(OLD, 2)]), 1),
        (
            a_quiet_world(
                templates=[
                    a_template(
                        tags=FOLLOWS_INSTANCE
                        | {"ami-reactor-state:hold": "jane 2026-01-01T00:00Z: why"}
                    )
                ]
            ),
            1,
        ),
    ],
    ids=["current", "moving", "refused", "pinned", "latest", "not default", "forgotten hold"],
)
def test_the_exit_status_tells_of_the_templates(account_with, world, status):
    account_with(world)

    assert run("status").status == status


# -- again and again -------------------------------------------------------------------------------


def test_watch_shows_it_again_until_it_is_interrupted(account_with, monkeypatch):
    account_with(a_world(an_image(OLD), an_image(NEW, 1)))
    slept = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", sleep)

    shown = run("status", "--watch", "--every", "7", "--json")

    assert (slept, len(shown.lines), shown.status) == ([7.0, 7.0], 2, 0)
