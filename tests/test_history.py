"""`ami-reactor history`, on the embedded AWS."""

import json
from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree

import pytest

from infra.embedded.world import read_world, seed
from tests.builders import (
    FOLLOWS_INSTANCE,
    HELD,
    NEW,
    NEWER,
    OLD,
    a_template,
    a_version,
    a_world,
    an_image,
    backup_completed,
)
from tests.fleets import a_group, run


def chapters(*arguments: str) -> dict[int, dict[str, Any]]:
    return {line["version"]: line for line in run("history", "web", "--json", *arguments).lines}


def test_a_promotion_names_the_event_that_made_it(stage_with):
    stage_with(a_world()).delivery.deliver(backup_completed())

    found = chapters()

    assert list(found) == [2, 1]
    assert found[2]["in_force"]
    assert not found[1]["in_force"]
    [how] = found[2]["how"]
    event = "Backup Job State Change dafac799-9b88-0134-26b7-fef4d54a134f"
    assert how.startswith(f"promoted {datetime.now(UTC):%Y-%m-%d}")
    assert how.endswith(f"Z by {event}")


def test_what_nobody_promoted_was_moved_by_somebody(stage_with):
    stage_with(
        a_world(templates=[a_template(default=2)], versions=[a_version(), a_version(NEW, 2)])
    )

    found = chapters()

    assert found[2]["how"] == ["made by root", "somebody made it the default"]
    assert found[1]["how"] == ["made by root"]


def test_a_version_that_somebody_moved_back_to(stage_with):
    staged = stage_with(a_world())
    staged.delivery.deliver(backup_completed())
    client = staged.session.client("ec2")
    client.modify_launch_template(LaunchTemplateName="web", DefaultVersion="1")

    assert chapters()[1]["how"] == ["made by root", "somebody made it the default"]

    newer = a_world(an_image(NEWER, 2), templates=[], versions=[])
    seed(read_world(json.dumps(newer), "more"))
    staged.delivery.deliver(backup_completed(NEWER))

    assert chapters()[1]["how"][1].endswith("Z, by somebody")
    assert chapters()[3]["in_force"]


def test_a_rollback_is_told_as_one(stage_with):
    stage_with(a_world()).delivery.deliver(backup_completed())
    run("rollback", "web", "--yes")

    assert chapters()[3]["how"] == ["rolled back from version 2: a copy of 1"]


def test_people_see_the_age_of_each_image_then_and_now(stage_with):
    stage_with(a_world(versions=[a_version(hours=3)]))

    shown = run("history", "web")

    assert shown.status == 0
    days = (datetime.now(UTC) - datetime(2026, 6, 15, 12, tzinfo=UTC)).days
    assert f"→ 1 {OLD} made 2026-06-15 15:00Z then 3 h old, now {days} days" in shown.words


def test_an_image_that_is_gone_is_no_reason_to_leave_its_version_out(stage_with):
    stage_with(a_world(an_image(NEW)))

    assert "not there any more" in run("history", "web").words
    assert chapters()[1]["image_created"] is None


def test_a_hold_is_in_the_headline(stage_with):
    stage_with(a_world(templates=[a_template(tags=FOLLOWS_INSTANCE | HELD)]))

    assert run("history", "web").stdout.startswith("web, held: jane: load test\n")


def test_only_the_last_versions_are_shown(stage_with):
    stage_with(a_world(versions=[a_version(number=n) for n in range(1, 400)]))

    assert list(chapters("--last", "3")) == [399, 398, 397]


def test_a_group_by_its_name(stage_with):
    stage_with(a_world(AutoScalingGroups=[a_group("front")]))

    assert run("history", "front").stdout.startswith("web\n")


def test_it_is_drawn_too(stage_with, tmp_path):
    stage_with(a_world())

    ran = run("history", "web", "--svg", str(tmp_path / "web.svg"))

    assert ran.status == 0
    drawn = ElementTree.parse(tmp_path / "web.svg").getroot()
    assert OLD in "".join(drawn.itertext())


def test_a_folder_that_is_not_there_is_said_before_anything_is_read(stage_with, tmp_path):
    stage_with(a_world())

    assert run("history", "web", "--svg", str(tmp_path / "no" / "web.svg")).status == 2


def test_without_the_functions_log_the_versions_are_shown_all_the_same(account_with):
    account_with(a_world())

    ran = run("history", "web")

    assert ran.status == 1
    assert "not read: filter log events" in ran.stderr
    assert OLD in ran.stdout


def test_a_name_that_does_not_exist_is_one_line(stage_with):
    stage_with(a_world())

    ran = run("history", "nope")

    assert (ran.status, ran.stdout) == (1, "")
    assert ran.stderr.count("\n") == 1


def test_other_lines_of_the_log_are_passed_over(stage_with):
    staged = stage_with(a_world())
    logs = staged.session.client("logs")
    logs.create_log_stream(logGroupName="/aws/lambda/ami-reactor", logStreamName="x")
    for line in (
        "START lt-0123456789abcdef0",
        '{"outcome": {"x": 1}, "a": "lt-0123456789abcdef0"}',
    ):
        event = {"timestamp": int(datetime.now(UTC).timestamp() * 1000), "message": line}
        logs.put_log_events(
            logGroupName="/aws/lambda/ami-reactor", logStreamName="x", logEvents=[event]
        )

    assert chapters()[1]["how"] == ["made by root", "somebody made it the default"]


@pytest.mark.parametrize("last", ["0", "-1", "x"])
def test_a_number_of_versions_that_is_none(stage_with, last):
    stage_with(a_world())

    assert run("history", "web", "--last", last).status == 2
