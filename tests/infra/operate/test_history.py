"""`ami-reactor history`, on the embedded AWS."""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from xml.etree import ElementTree

import pytest

from infra.embedded.world.seed import read_world, seed
from tests.support.builders import (
    FOLLOWS_INSTANCE,
    HELD,
    NEW,
    NEWER,
    OLD,
    QUARANTINED,
    a_template,
    a_version,
    a_world,
    an_image,
    at,
    backup_completed,
)
from tests.support.fleets import a_group, calls, run


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


JANE = {"CreatedBy": "arn:aws:sts::111122223333:assumed-role/admin/jane"}
BY_OTHERS = "not by the reactor: CloudTrail's ModifyLaunchTemplate says by whom"


def promoted(image: str, number: int, **how: Any) -> dict[str, Any]:
    """A version as the function makes it."""
    return a_version(image, number, **how) | {
        "VersionDescription": f"ami-reactor: {OLD} -> {image}",
        "CreatedBy": "arn:aws:sts::111122223333:assumed-role/ami-reactor-Role-X/ami-reactor",
    }


def test_what_the_reactor_did_not_promote_says_who_made_it_and_where_more_is_told(stage_with):
    stage_with(
        a_world(templates=[a_template(default=2)], versions=[a_version(), a_version(NEW, 2) | JANE])
    )

    found = chapters()

    assert found[2]["how"] == [
        "made by assumed-role/admin/jane",
        "made the default; the function's log does not tell:"
        " CloudTrail's ModifyLaunchTemplate says by whom",
    ]
    assert found[1]["how"] == ["made by root"]


def test_what_was_made_since_the_log_began_and_is_not_in_it_was_not_the_reactors_doing(stage_with):
    staged = stage_with(a_world())
    client = staged.session.client("ec2")
    client.create_launch_template_version(
        LaunchTemplateName="web", SourceVersion="1", LaunchTemplateData={"ImageId": NEW}
    )
    client.modify_launch_template(LaunchTemplateName="web", DefaultVersion="2")

    assert chapters()[2]["how"] == ["made by root", f"made the default, {BY_OTHERS}"]


def test_a_templates_first_version_is_its_default_from_the_start(stage_with):
    stage_with(a_world(versions=[a_version() | JANE]))

    jane = "assumed-role/admin/jane"
    assert chapters()[1]["how"] == [
        f"made by {jane}",
        f"the default since {jane} made the template",
    ]
    assert f"the default since {jane} made the template" in run("explain", "web").words


def test_a_first_version_that_the_template_has_left_was_moved_back_to(stage_with):
    mark = {"ami-reactor-state:newest-image": f"{NEW} {at(1)}"}
    stage_with(
        a_world(
            templates=[a_template(tags=FOLLOWS_INSTANCE | mark)],
            versions=[a_version(), promoted(NEW, 2)],
        )
    )

    assert chapters()[1]["how"][1].startswith("made the default; the function's log does not tell")


def test_a_promotion_before_the_log_begins_is_the_reactors(stage_with):
    staged = stage_with(
        a_world(templates=[a_template(default=2)], versions=[a_version(), promoted(NEW, 2)])
    )

    [how] = chapters()[2]["how"]

    group = {"logGroupNamePrefix": "/aws/lambda/ami-reactor"}
    [described] = staged.session.client("logs").describe_log_groups(**group)["logGroups"]
    made = datetime.fromtimestamp(described["creationTime"] / 1000, UTC)
    assert how == f"promoted by the reactor, before its log begins on {made:%Y-%m-%d}"
    assert how in " ".join(run("explain", "web").words.replace("│", "").split())


def test_the_log_begins_where_its_retention_ends(stage_with, monkeypatch):
    stage_with(a_world(templates=[a_template(default=2)], versions=[a_version(), promoted(NEW, 2)]))

    def of_old(answer: dict[str, Any]) -> None:
        for group in answer["logGroups"]:
            group.update(creationTime=0, retentionInDays=90)

    calls(monkeypatch, DescribeLogGroups=of_old)

    [how] = chapters()[2]["how"]

    begins = datetime.now(UTC) - timedelta(days=90)
    assert how == f"promoted by the reactor, before its log begins on {begins:%Y-%m-%d}"


def test_a_version_of_the_reactors_that_its_log_does_not_know_of(stage_with):
    staged = stage_with(a_world())
    staged.faults.inject("ModifyLaunchTemplate", "InvalidParameterValue", times=9)
    staged.delivery.deliver(backup_completed())

    assert chapters()[2]["how"] == ["made by the reactor; its log has no promotion to it"]


def test_a_promotion_of_which_only_the_mark_failed_is_told_as_one(stage_with):
    staged = stage_with(a_world())
    staged.faults.inject("CreateTags", "InvalidParameterValue", times=9)
    staged.delivery.deliver(backup_completed())

    assert all(how.startswith("promoted ") for how in chapters()[2]["how"])
    assert "by the event Backup" in run("explain", "web").words


def test_without_the_log_the_reactors_promotions_are_still_the_reactors(account_with):
    account_with(
        a_world(templates=[a_template(default=2)], versions=[a_version(), promoted(NEW, 2)])
    )

    ran = run("history", "web", "--json")

    assert ran.status == 1
    assert ran.lines[0]["how"] == ["promoted by the reactor; when, could not be read"]


def test_that_the_logs_begin_may_not_be_read_is_no_gap(stage_with):
    staged = stage_with(a_world())
    staged.faults.inject("DescribeLogGroups", "AccessDeniedException", times=9)

    assert run("history", "web").status == 0


def test_a_version_that_a_person_moved_back_to(stage_with):
    staged = stage_with(a_world())
    staged.delivery.deliver(backup_completed())
    client = staged.session.client("ec2")
    client.modify_launch_template(LaunchTemplateName="web", DefaultVersion="1")

    assert chapters()[1]["how"] == ["made by root", f"moved back to, {BY_OTHERS}"]

    newer = a_world(an_image(NEWER, 2), templates=[], versions=[])
    seed(read_world(json.dumps(newer), "more"))
    staged.delivery.deliver(backup_completed(NEWER))

    assert chapters()[1]["how"][1].startswith("moved back to before 20")
    assert chapters()[1]["how"][1].endswith("Z, not by the reactor")
    assert chapters()[3]["in_force"]


def test_a_rollback_is_told_as_one_with_its_author(stage_with):
    staged = stage_with(a_world())
    staged.delivery.deliver(backup_completed())
    run("rollback", "web", "--yes", "--follow-newer")

    assert chapters()[3]["how"] == ["rolled back from version 2 by root: a copy of 1"]

    newer = a_world(an_image(NEWER, 2), templates=[], versions=[])
    seed(read_world(json.dumps(newer), "more"))
    staged.delivery.deliver(backup_completed(NEWER))

    assert chapters()[4]["in_force"]
    assert chapters()[3]["how"] == ["rolled back from version 2 by root: a copy of 1"]


def test_people_see_the_age_of_each_image_then_and_now(stage_with):
    stage_with(a_world(versions=[a_version(hours=3)]))

    shown = run("history", "web")

    assert shown.status == 0
    days = (datetime.now(UTC) - datetime(2026, 6, 15, 12, tzinfo=UTC)).days
    assert f"→ 1 {OLD} made 2026-06-15 15:00Z then 3 h old, now {days} days" in shown.words


def test_there_is_a_line_for_each_version_if_there_is_room(stage_with, monkeypatch):
    bad = an_image(NEW, 1, tags=QUARANTINED)
    stage_with(a_world(an_image(OLD), bad, versions=[a_version(hours=3), promoted(NEW, 2)]))
    monkeypatch.setenv("COLUMNS", "240")

    shown = run("history", "web")

    _, _, newer, older = shown.stdout.splitlines()
    assert re.match(rf"      2  {NEW} .*, quarantined  2026-06-14 12:00Z  promoted ", newer)
    assert re.match(rf"    → 1  {OLD} +then 3 h old, now .* 2026-06-15 15:00Z  made by root", older)


def test_a_quarantined_image_is_marked(stage_with):
    stage_with(a_world(an_image(OLD, tags=QUARANTINED)))

    assert "quarantined" in run("history", "web").words


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


def test_a_file_that_cannot_be_written_is_said_before_anything_is_read(stage_with, tmp_path):
    stage_with(a_world())
    (tmp_path / "no").write_text("")

    assert run("history", "web", "--svg", str(tmp_path / "no" / "web.svg")).status == 2


def test_opening_the_drawing_asks_no_other_host(stage_with, tmp_path):
    stage_with(a_world())

    run("history", "web", "--svg", str(tmp_path / "web.svg"))

    drawn = (tmp_path / "web.svg").read_text()
    # the name of the format is an address that is never asked
    assert "http" not in drawn.replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert "url(" not in drawn.replace("url(#", "")


def test_without_the_functions_log_the_versions_are_still_shown(account_with):
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

    how = ["made by root", "the default since root made the template"]
    assert chapters()[1]["how"] == how


@pytest.mark.parametrize("last", ["0", "-1", "x"])
def test_a_number_of_versions_that_is_none(stage_with, last):
    stage_with(a_world())

    assert run("history", "web", "--last", last).status == 2


def test_a_version_that_names_no_image_is_not_said_to_have_lost_one(stage_with, tmp_path):
    stage_with(a_world(versions=[a_version(None)]))

    told = (
        run("history", "web", "--svg", str(tmp_path / "web.svg")).words
        + run("explain", "web").words
        + (tmp_path / "web.svg").read_text()
    )

    assert "no image" in told
    assert not re.search("not there any more|cannot be (seen|read)", told)
