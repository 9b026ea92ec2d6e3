"""`ami-reactor replay` as its users run it."""

import base64
import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from infra.cli import app
from infra.embedded.world.file import read_world
from tests.support.builders import (
    ACCOUNT,
    FOLLOWS_INSTANCE,
    HELD,
    NEW,
    OLD,
    OTHER_TEMPLATE,
    REGION,
    TEMPLATE,
    a_chain,
    a_template,
    a_version,
    a_world,
    ami_state,
    an_event,
    an_image,
    backup_completed,
    tags_changed,
    template_arn,
)
from tests.support.fleets import a_group
from tests.support.ids import reason_first
from tests.support.paths import EVENTS

ACTED_ON = "ami-0a1b2c3d4e5f60718"
NO_IMAGE = "ami-0bbbbbbbbbbbbbbbb"
KEYS = {
    "event_id",
    "detail_type",
    "image_id",
    "result",
    "reason",
    "templates",
    "error",
    "attempts",
    "dead_lettered",
    "handed_on",
    "replay_name",
}
TEMPLATE_KEYS = {
    "launch_template_id",
    "launch_template_name",
    "outcome",
    "reason",
    "message",
    "from_image",
    "to_image",
    "from_version",
    "to_version",
    "skipped_images",
}


@pytest.fixture
def replay(tmp_path):
    """Run the command on values instead of files."""

    def run(*events, world=None, options=()):
        files = []
        for number, event in enumerate(events):
            file = event if isinstance(event, Path) else tmp_path / f"{number:03}.json"
            if isinstance(event, bytes):
                file.write_bytes(event)
            elif not isinstance(event, Path):
                file.write_text(event if isinstance(event, str) else json.dumps(event))
            files.append(str(file))
        (tmp_path / "world").mkdir(exist_ok=True)
        world_file = tmp_path / "world" / "world.json"
        world_file.write_text(json.dumps(world or a_world()))
        arguments = ["replay", *files, "--world", str(world_file), "--json", *options]
        result = CliRunner().invoke(app, arguments)
        assert result.exception is None or isinstance(result.exception, SystemExit), (
            result.exception
        )
        return result

    return run


def lines(result):
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_a_line_has_the_documented_fields(replay):
    [line] = lines(replay(backup_completed()))

    assert line.keys() == KEYS
    assert line["templates"][0].keys() == TEMPLATE_KEYS
    assert (line["result"], line["attempts"], line["dead_lettered"]) == ("handled", 1, False)


RESULTS = [
    ("backup_job_completed_ec2_plan", ["promoted"]),
    ("backup_job_completed_ec2_ondemand_no_createdby", ["promoted"]),
    ("ami_available", ["promoted"]),
    ("replayed_ami_available", ["promoted"]),
    ("tag_change_launch_template_opted_in", ["promoted"]),
    ("dlq_eventbridge_target_retries_exhausted", ["promoted"]),
    ("dlq_eventbridge_target_no_permissions", ["promoted"]),
    ("dlq_lambda_onfailure_destination_python_error", ["promoted"]),
    ("dlq_lambda_onfailure_destination_timeout", ["promoted"]),
    ("dlq_lambda_legacy_dead_letter_config", ["promoted"]),
    ("backup_job_completed_ec2_other_instance", "ignored"),
    ("ami_deregistered", "ignored"),
    ("backup_job_completed_ebs", "unmatched"),
    ("backup_job_created_minimal", "unmatched"),
    ("backup_job_failed_ec2", "unmatched"),
    ("backup_job_running_ec2", "unmatched"),
    ("copy_job_failed_ec2", "unmatched"),
    ("restore_job_completed_ec2_real_2023", "unmatched"),
    ("ami_failed", "unmatched"),
    ("dlq_garbage_body", "rejected"),
]


@pytest.mark.parametrize(("file", "outcomes"), reason_first(*RESULTS))
def test_each_captured_event_gets_the_result_that_its_readme_gives(replay, file, outcomes):
    [line] = lines(replay(EVENTS / f"{file}.json"))

    if isinstance(outcomes, str):
        assert line["result"] == outcomes
        assert line["templates"] == []
    else:
        assert [template["outcome"] for template in line["templates"]] == outcomes
        assert line["templates"][0]["to_image"] == ACTED_ON


def test_the_readme_of_the_events_and_this_suite_name_the_same_files():
    readme = (EVENTS / "README.md").read_text()

    files = {file.name for file in EVENTS.glob("*.json")}

    assert files == {f"{file}.json" for file, _ in RESULTS}
    assert [file for file in files if f"| {file} |" not in readme] == []


def test_a_deregistered_current_image_is_replaced(replay):
    world = a_world(an_image(OLD), versions=None)
    world["LaunchTemplateVersions"][0]["LaunchTemplateData"]["ImageId"] = ACTED_ON

    [line] = lines(replay(EVENTS / "ami_deregistered.json", world=world))

    assert line["templates"][0]["reason"] == "current-image-gone"


def test_a_whole_folder_is_replayed_by_name(replay, tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "b.json").write_text(json.dumps(ami_state()))
    (folder / "a.json").write_text(json.dumps(backup_completed()))
    (folder / "notes.md").write_text("not an event")

    replayed = lines(replay(folder))

    assert [line["templates"][0]["outcome"] for line in replayed] == ["promoted", "kept"]
    assert replayed[0]["detail_type"] == "Backup Job State Change"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(json.dumps(ami_state()) + "\n" + json.dumps(ami_state()), id="JSON Lines"),
        pytest.param(json.dumps([ami_state(), ami_state()]), id="an array"),
        pytest.param(
            json.dumps({"Messages": [{"Body": json.dumps(ami_state())}] * 2}), id="an SQS answer"
        ),
        pytest.param(
            json.dumps({"Records": [{"body": json.dumps(ami_state())}] * 2}), id="a Lambda batch"
        ),
    ],
)
def test_a_file_may_hold_many_events(replay, text):
    assert [line["result"] for line in lines(replay(text))] == ["handled", "handled"]


def test_the_world_afterwards_is_a_world(replay, tmp_path):
    after = tmp_path / "after.json"

    result = replay(backup_completed(NO_IMAGE), ami_state(), options=["--world-out", str(after)])

    assert result.exit_code == 1
    world = json.loads(after.read_text())
    [message] = world["DeadLetters"]
    assert json.loads(message["Body"])["requestPayload"] == backup_completed(NO_IMAGE)
    assert world["LaunchTemplates"][0]["DefaultVersionNumber"] == 2
    again = CliRunner().invoke(
        app, ["replay", str(tmp_path / "001.json"), "--world", str(after), "--json"]
    )
    assert lines(again)[0]["templates"][0]["reason"] == "already-current"


def test_the_backup_of_a_followed_instance_whose_image_is_not_there_is_dead_lettered(replay):
    result = replay(backup_completed(NO_IMAGE))

    [line] = lines(result)
    assert (line["result"], line["attempts"], line["dead_lettered"]) == ("failed", 3, True)
    assert result.exit_code == 1


@pytest.mark.parametrize(
    ("event", "field"),
    [
        (ami_state() | {"detail": {"State": "available", "ImageId": 7}}, "detail.ImageId"),
        (ami_state() | {"resources": "one"}, "resources"),
        (ami_state() | {"id": None}, "id"),
        ({k: v for k, v in ami_state().items() if k != "region"}, "region"),
    ],
)
def test_what_lambda_would_receive_and_cannot_read_is_dead_lettered(replay, event, field):
    result = replay(event)

    [line] = lines(result)
    assert (line["result"], line["attempts"], line["dead_lettered"]) == ("rejected", 3, True)
    assert field in line["error"]
    assert result.exit_code == 1


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"not json {", id="not JSON"),
        pytest.param(b"", id="an empty file"),
        pytest.param(b"[1, 2, 3]", id="a list of numbers"),
        pytest.param(b"7", id="a number"),
        pytest.param(b"[" * 10_000, id="nested 10,000 deep"),
        pytest.param(b'{"a":' * 10_000 + b"1" + b"}" * 10_000, id="objects 10,000 deep"),
        pytest.param(b"x" * 1_000_000, id="1 MB of text"),
        pytest.param(b'{"a": NaN}', id="NaN"),
        pytest.param(b"\xff\xfe\x00", id="not UTF-8"),
        pytest.param(b'{"a": "\\ud800"}', id="a lone surrogate"),
        pytest.param(b'{"a": 1}\n{"b": ', id="JSON Lines cut off"),
        pytest.param(b'{"Messages": []}', id="no messages"),
        pytest.param(b"{}", id="an empty object"),
        pytest.param(b'{"hello": "world"}', id="another object"),
        pytest.param(b'{"Images": []}', id="a world"),
        pytest.param(json.dumps(ami_state()).encode("utf-16"), id="UTF-16"),
        pytest.param(json.dumps(ami_state()).encode("utf-16-be"), id="UTF-16 without a mark"),
        pytest.param(b'{"Records": [{"eventName": "CreateImage"}]}', id="CloudTrail"),
        pytest.param(b'{"events": [{"message": "START"}]}', id="another log"),
        pytest.param(b'{"Source": "a", "DetailType": "b", "Detail": "x"}', id="no Detail"),
    ],
)
def test_a_file_that_cannot_be_read_stops_before_anything_runs(replay, text, tmp_path):
    after = tmp_path / "after.json"

    result = replay(backup_completed(), text, options=["--world-out", str(after)])

    assert result.exit_code == 2
    assert result.stdout == ""
    assert "001.json" in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not after.exists()


def test_a_file_that_is_not_there_is_named(replay, tmp_path):
    result = replay(tmp_path / "missing.json")

    assert result.exit_code == 2
    assert "missing.json: No such file" in result.stderr


@pytest.mark.parametrize(
    "event",
    [
        pytest.param(ami_state() | {"id": "a\u0000b"}, id="NUL"),
        pytest.param(ami_state() | {"detail": {"ImageId": NEW, "State": "x" * 300_000}}, id="long"),
        pytest.param(ami_state() | {"time": "2999-01-01T00:00:00Z"}, id="a future date"),
        pytest.param(ami_state() | {"time": 1e308}, id="a time that is no date"),
        pytest.param({"Body": "{}", "MessageId": 7}, id="a message with an odd id"),
        pytest.param(ami_state() | {"resources": [1] * 60_000}, id="faults without end"),
        pytest.param({"detail-type": ["x"], "source": 3}, id="wrong types all over"),
    ],
)
def test_whatever_an_event_holds_one_line_answers_it(replay, event):
    result = replay(event)

    [line] = lines(result)
    assert line["result"] in ("handled", "unmatched", "rejected", "ignored")
    assert len(result.stdout) < 2_000


def test_where_the_world_shall_be_written_is_checked_first(replay, tmp_path):
    (tmp_path / "file").write_text("")
    for folder in (tmp_path, tmp_path / "file" / "after.json"):
        result = replay(backup_completed(), options=["--world-out", str(folder)])

        assert result.exit_code == 2
        assert result.stdout == ""
        assert str(folder) in result.stderr.replace("\n", "")


@pytest.mark.parametrize(
    ("world", "named"),
    [
        ({"Account": "12"}, "Account"),
        ({"Images": [{"ImageId": "ami-1"}]}, "Images.0"),
        ({"LaunchTemplates": 7}, "LaunchTemplates"),
    ],
)
def test_a_bad_world_is_said_in_one_line(replay, world, named):
    result = replay(ami_state(), world=world)

    assert result.exit_code == 2
    assert named in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_held_template_stays(replay):
    world = a_world(templates=[a_template(tags=FOLLOWS_INSTANCE | HELD)])

    [line] = lines(replay(backup_completed(), world=world))

    assert line["templates"][0]["reason"] == "held"


def test_the_demo_ends_with_an_instance_that_runs_the_new_image():
    result = CliRunner().invoke(app, ["replay"])

    assert result.exit_code == 0
    assert "promoted" in result.stdout
    assert result.stdout.rstrip().endswith("starts from ami-0a1b2c3d4e5f60718.")


def test_the_table_names_templates_as_they_are_and_obeys_no_markup(tmp_path):
    world = a_world(
        templates=[a_template(tags=FOLLOWS_INSTANCE | {"ami-reactor-state:hold": "[red]x\u202e"})]
    )
    (tmp_path / "world.json").write_text(json.dumps(world))
    (tmp_path / "e.json").write_text(json.dumps(backup_completed()))

    result = CliRunner().invoke(
        app, ["replay", str(tmp_path / "e.json"), "--world", str(tmp_path / "world.json")]
    )

    assert r"[red]x\u202e" in result.stdout


@pytest.mark.parametrize(
    ("event", "why"),
    [
        (backup_completed() | {"account": "222233334444"}, f"the world is of account {ACCOUNT}"),
        ({k: v for k, v in backup_completed().items() if k != "account"}, "account is missing\n"),
        (backup_completed() | {"source": "aws.s3"}, "no rule selects it\n"),
    ],
    ids=["another account's", "no account", "another source's"],
)
def test_where_no_rule_selects_an_event_it_says_what_may_be_mixed_up(tmp_path, event, why):
    (tmp_path / "event.json").write_text(json.dumps(event))
    world = str(EVENTS.parents[1] / "infra" / "stories" / "nightly" / "world.json")

    result = CliRunner().invoke(app, ["replay", str(tmp_path / "event.json"), "--world", world])

    assert why in " ".join(result.stdout.split()) + "\n"
    assert result.exit_code == 0


def test_why_no_rule_selects_an_event_is_in_its_line_too(replay):
    [line] = lines(replay(backup_completed() | {"source": "aws.s3"}))

    assert (line["result"], line["error"]) == ("unmatched", "no rule selects it")


@pytest.mark.parametrize(
    ("event", "fault"),
    [
        ({k: v for k, v in ami_state().items() if k != "source"}, "source: is required"),
        (ami_state() | {"detail-type": 7}, "detail-type: must be a string"),
        ({k: v for k, v in ami_state().items() if k != "detail"}, "detail: is required"),
    ],
)
def test_an_event_that_eventbridge_never_made_is_rejected_and_not_unmatched(replay, event, fault):
    result = replay(event)

    [line] = lines(result)
    assert (line["result"], line["error"], line["attempts"]) == ("rejected", fault, 0)
    assert result.exit_code == 1


def text(value):
    return json.dumps(value)


def zipped(value):
    return base64.b64encode(gzip.compress(text(value).encode())).decode()


LOG_EVENTS = {"messageType": "DATA_MESSAGE", "logEvents": [{"message": text(ami_state())}]}
ENTRY = {
    "Source": "aws.ec2",
    "DetailType": "EC2 AMI State Change",
    "Detail": text(ami_state()["detail"]),
}


@pytest.mark.parametrize(
    "wrapped",
    [
        pytest.param({"events": [{"message": text(ami_state()), "timestamp": 1}]}, id="a log"),
        pytest.param({"results": [[{"field": "@timestamp", "value": "x"},
                                   {"field": "@message", "value": text(ami_state())}]],
                      "status": "Complete"}, id="Logs Insights"),
        pytest.param([{"@message": ami_state()}], id="Logs Insights' console"),
        pytest.param({"Type": "Notification", "Message": text(ami_state())}, id="SNS"),
        pytest.param({"Messages": [{"Body": text({"Message": text(ami_state())})}]}, id="SNS, SQS"),
        pytest.param({"Records": [{"Sns": {"Message": text(ami_state())}}]}, id="SNS to Lambda"),
        pytest.param(LOG_EVENTS, id="a subscription"),
        pytest.param({"awslogs": {"data": zipped(LOG_EVENTS)}}, id="a subscription to Lambda"),
        pytest.param({"Records": [{"kinesis": {"data": zipped(LOG_EVENTS)}}]}, id="Kinesis"),
        pytest.param({"requestPayload": ami_state()}, id="Lambda's record"),
        pytest.param({"requestPayload": {"Records": [{"body": text(ami_state())}]}}, id="a batch"),
        pytest.param({"message": ami_state(), "level": "INFO"}, id="a logger's line"),
        pytest.param([[ami_state()]], id="arrays"),
        pytest.param([ENTRY], id="entries"),
        pytest.param({"Entries": [ENTRY | {"Time": "2026-06-15T18:00:00Z"}]}, id="a request"),
        pytest.param(b"\xef\xbb\xbf" + text(ami_state()).encode(), id="a byte order mark"),
        pytest.param({"Message": text(text(ami_state()))}, id="quoted once more"),
    ],
)  # fmt: skip
def test_an_event_is_found_in_whatever_aws_wraps_it_in(replay, wrapped):
    [line] = lines(replay(wrapped))

    assert [t["outcome"] for t in line["templates"]] == ["promoted"]


def test_json_lines_of_wrapped_events_are_replayed_in_their_order(replay):
    first = {"events": [{"message": text(ami_state())}, {"message": text(backup_completed())}]}

    replayed = lines(replay("\n".join([text(first), text({"Message": text(ami_state())})])))

    assert [line["detail_type"] for line in replayed] == [
        "EC2 AMI State Change",
        "Backup Job State Change",
        "EC2 AMI State Change",
    ]


def test_what_is_made_up_for_an_entry_is_said_and_the_same_in_each_run(replay):
    first, again = replay([ENTRY]), replay([ENTRY])

    assert first.stdout == again.stdout
    assert "000.json: made up" in first.stderr
    assert "id, account, region, time" in first.stderr


def test_what_is_no_event_is_named_with_what_an_event_has(replay):
    result = replay([ami_state(), {"LaunchTemplates": []}])

    assert "000.json:2: is a world: pass it with --world; an event" in result.stderr
    assert "has source, detail-type and detail" in result.stderr


def test_wrappings_without_end_are_refused(replay):
    payload = ami_state()
    for _ in range(60):
        payload = {"requestPayload": payload}

    [line] = lines(replay(payload))

    assert line["result"] == "rejected"


def test_that_the_world_is_empty_is_said(tmp_path):
    (tmp_path / "event.json").write_text(json.dumps(ami_state()))

    result = CliRunner().invoke(app, ["replay", str(tmp_path / "event.json")])

    assert "without --world the world is empty" in result.stderr


# -- the libraries ---------------------------------------------------------------------------------


def test_a_library_that_the_archive_has_in_another_version_is_named(tmp_path):
    other = tmp_path / "pydantic-9.9.9.dist-info"
    other.mkdir()
    other.joinpath("METADATA").write_text("Metadata-Version: 2.1\nName: pydantic\nVersion: 9.9.9\n")

    command = [sys.executable, "-m", "ami_reactor", "replay"]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)

    assert "note: pydantic is 9.9.9 here and " in done.stderr
    assert done.stderr.count("note: ") == 1


def test_the_libraries_of_the_archive_are_not_mentioned():
    assert "note: " not in CliRunner().invoke(app, ["replay"]).stderr


# -- what waits ------------------------------------------------------------------------------------


def a_waiting_world(**tags):
    """web waits as its tags say; canary is held, so that it proves nothing."""
    told = {f"ami-reactor{key}": value for key, value in tags.items()}
    return a_world(
        templates=[
            a_template(tags=FOLLOWS_INSTANCE | told),
            a_template(OTHER_TEMPLATE, "canary", tags=FOLLOWS_INSTANCE | HELD),
        ],
        versions=[a_version(), a_version(template_id=OTHER_TEMPLATE)],
    )


@pytest.mark.parametrize(
    ("word", "what", "tags", "until"),
    reason_first(
        ("soaking", "a soak", {":soak": "36h"}, "2026-06-17T01:00:00Z"),
        ("not-proven", "a wave", {":after": "canary"}, None),
        ("awaiting-gate", "a gate", {":gate:approved": "yes"}, None),
        ("window-closed", "a window", {"-state:window": "closed"}, None),
    ),
)
def test_what_waits_is_shown_with_its_moment_and_taken_then(replay, word, what, tags, until):
    kept, *later = lines(replay(backup_completed(), world=a_waiting_world(**tags)))

    web = kept["templates"][-1] if ":after" in tags else kept["templates"][0]
    assert web["launch_template_name"] == "web", what
    assert word in (web["reason"], *web["skipped_images"].values())
    assert web.get("postponed_until") == until
    promoted = [
        (line["at"], template["to_image"])
        for line in later
        for template in line["templates"]
        if template["outcome"] == "promoted"
    ]
    assert promoted == ([(until, NEW)] if until else [])


# -- what happens on the stage itself --------------------------------------------------------------


def alarm(state, **differs):
    arn = f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:web-5xx"
    told = {"alarmName": "web-5xx", "state": {"value": state}}
    return an_event("aws.cloudwatch", "CloudWatch Alarm State Change", arn, **told) | differs


@pytest.fixture
def ended(replay):
    """Replay events where a chain refreshes web; how that ends, and what its instance runs then."""

    def ends(*events):
        group = a_group(instances={"i-0000000000000000a": "1"})
        world = a_world(AutoScalingGroups=[group], Stacks=[a_chain(AlarmNames="web-5xx")])
        told = lines(replay(backup_completed(), *events, world=world))
        last = told[-1]
        return last["detail_type"].rpartition(" ")[2], last["instances"]["web"]

    return ends


@pytest.mark.parametrize(
    ("events", "how"),
    [
        ([], "Succeeded"),
        ([alarm("ALARM")], "Failed"),
        ([alarm("ALARM"), alarm("OK")], "Succeeded"),
        ([alarm("LOUD")], "Succeeded"),
        ([alarm("ALARM", account="444455556666")], "Succeeded"),
        ([alarm("ALARM", region="us-east-1")], "Succeeded"),
        ([alarm("ALARM", detail={"alarmName": "web-5xx", "state": "ALARM"})], "Succeeded"),
        ([alarm("ALARM", detail={"alarmName": "api", "state": {"value": "ALARM"}})], "Succeeded"),
    ],
)
def test_a_captured_alarm_is_in_its_state_from_then_on(ended, events, how):
    assert ended(*events) == (how, {NEW: 1})


def test_what_an_alarm_is_in_is_said_where_no_rule_selects_it(replay):
    [line] = lines(replay(alarm("ALARM")))

    assert line["result"] == "unmatched"
    assert line["error"] == "no rule selects it; web-5xx is in ALARM from now on"


def test_what_starts_a_timer_alone_is_handled(replay):
    detail = {"launch_template_id": TEMPLATE, "until": "2026-07-01T00:00:00Z", "reason": "soaking"}
    event = an_event("ami-reactor", "Promotion Postponed", None, **detail)

    line, asked = lines(replay(event))

    assert (line["result"], line["error"]) == ("handled", None)
    assert (asked["at"], asked["result"]) == ("2026-07-01T00:00:00Z", "handled")


def test_an_event_of_the_stage_itself_is_no_failure_of_strict(replay):
    world = a_world(AutoScalingGroups=[a_group()], Stacks=[a_chain()])

    assert replay(backup_completed(), world=world, options=["--strict"]).exit_code == 0
    assert replay(alarm("OK"), world=world, options=["--strict"]).exit_code == 1


def test_the_world_afterwards_has_its_chains_and_what_they_refreshed(replay, tmp_path):
    world = a_world(AutoScalingGroups=[a_group()], Stacks=[a_chain()])
    after = tmp_path / "after.json"

    replay(backup_completed(), world=world, options=["--world-out", str(after)])

    now = json.loads(after.read_text())
    assert now["Stacks"] == world["Stacks"]
    assert [one["Status"] for one in now["InstanceRefreshes"]] == ["Successful"]
    read_world(after.read_text(), "after")


# -- stories ---------------------------------------------------------------------------------------


def told(*arguments):
    done = CliRunner().invoke(app, ["replay", *arguments, "--json"])
    assert done.exit_code == 0, done.stderr
    return lines(done)


def test_the_waves_move_production_a_day_after_the_canary_unless_its_image_is_quarantined():
    moved = {
        (line.get("at"), template["launch_template_name"])
        for line in told("waves")
        for template in line["templates"]
        if template["outcome"] == "promoted"
    }

    assert moved == {(None, "web-canary"), (None, "api-canary"), ("2026-06-16T18:23:51Z", "api")}


def test_a_story_is_told_by_its_name_and_by_its_folder(monkeypatch, tmp_path):
    folder = EVENTS.parents[1] / "infra" / "stories" / "waves"
    monkeypatch.chdir(tmp_path)

    by_name = told("waves")
    assert by_name == told(str(folder))
    assert by_name == told(str(folder / "events"), "--world", str(folder / "world.json"))


def test_a_name_that_is_no_story_is_a_file_that_is_not_there():
    done = CliRunner().invoke(app, ["replay", "wave"])

    assert done.exit_code == 2
    assert done.stderr == (
        "ami-reactor: wave: No such file or directory; the bundled stories: guard, nightly, waves\n"
    )


def test_a_bundled_story_takes_no_other_world(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    done = CliRunner().invoke(app, ["replay", "guard", "--world", "world.json"])

    assert done.exit_code == 2
    assert "guard: this bundled story has a world of its own" in done.stderr


HOLD_TAG, HOLD = next(iter(HELD.items()))


@pytest.mark.parametrize(
    ("tags", "held"),
    [
        ({HOLD_TAG: HOLD}, [False, True, True]),
        ({}, [False, False, False]),
        (None, [False, False, False]),  # as AWS never sends it
        ([HOLD_TAG], [False, False, False]),
        ({HOLD_TAG: 7}, [False, False, False]),
    ],
)
def test_a_captured_tag_change_is_in_the_world_from_then_on(replay, tags, held):
    change = tags_changed(template_arn(TEMPLATE), HOLD_TAG)
    change["detail"] |= {"tags": tags}

    told = lines(replay(ami_state(OLD), change, backup_completed()))

    reasons = [line["templates"][0]["reason"] for line in told if not line.get("at")]
    assert [reason == "held" for reason in reasons] == held


def test_a_captured_tag_change_deletes_what_it_says_and_no_other_tag(replay):
    world = a_world(templates=[a_template(tags=FOLLOWS_INSTANCE | HELD)])
    change = tags_changed(template_arn(TEMPLATE), HOLD_TAG)

    held, resumed = lines(replay(backup_completed(), change, world=world))

    assert held["templates"][0]["reason"] == "held"
    assert resumed["templates"][0]["outcome"] == "promoted"
