"""`ami-reactor follow`, on the embedded AWS."""

import json

import pytest
import yaml

from infra.operate.follow import as_cloudformation, as_hcl
from tests.support.builders import (
    FOLLOWS_INSTANCE,
    INSTANCE,
    NEW,
    OLD,
    OTHER_TEMPLATE,
    TEMPLATE,
    a_template,
    a_version,
    a_world,
    an_image,
)
from tests.support.fleets import calls, default_image, requests, run, tags_of, writes

SOURCE = ("--source-instance", INSTANCE)


def plain_world(**tags: str):
    return a_world(templates=[a_template(tags=tags)])


def test_it_says_what_would_match_and_move_and_writes_nothing(account_with, monkeypatch):
    account_with(plain_world())
    asked = requests(monkeypatch)

    ran = run("follow", "web", *SOURCE)

    assert ran.status == 0
    assert f"+ ami-reactor:source-instance = {INSTANCE}" in ran.words
    assert "2 images selected, of which 2 may be taken" in ran.words
    assert "would be promoted web version 1 → 2 newer-image" in ran.words
    assert ran.stderr == "nothing was written: pass --yes\n"
    assert not {"CreateTags", "DeleteTags", "PutEvents"} & set(asked)


def test_with_yes_the_tags_are_written_and_the_template_is_reconciled(stage_with):
    stage_with(plain_world(team="web"))

    ran = run("follow", "web", *SOURCE, "--yes")

    assert ran.status == 0
    assert tags_of().items() >= (FOLLOWS_INSTANCE | {"team": "web"}).items()
    assert default_image() == NEW
    assert "account 111122223333 · Region ap-northeast-2" in ran.stderr


@pytest.mark.parametrize(
    ("options", "tags"),
    [
        (SOURCE, {"ami-reactor:source-instance": INSTANCE}),
        (
            (*SOURCE, "--source-instance", "i-0bbbbbbbbbbbbbbb1"),
            {"ami-reactor:source-instance": f"{INSTANCE} i-0bbbbbbbbbbbbbbb1"},
        ),
        (("--image-tag", "role=web=1"), {"ami-reactor:image-tag:role": "web=1"}),
        (
            ("--image-name", "AwsBackup_*", "--copied-images"),
            {"ami-reactor:image-name": "AwsBackup_*", "ami-reactor:copied-images": "allow"},
        ),
        (
            (*SOURCE, "--soak", "36h", "--gate", "approved=yes", "--gate", "scan=a=b"),
            {
                "ami-reactor:source-instance": INSTANCE,
                "ami-reactor:soak": "36h",
                "ami-reactor:gate:approved": "yes",
                "ami-reactor:gate:scan": "a=b",
            },
        ),
    ],
)
def test_every_selector_becomes_its_tag(account_with, options, tags):
    account_with(plain_world())

    [line] = run("follow", "web", *options, "--json").lines

    assert line["tags"] == {"ami-reactor": "on"} | tags


def two_templates():
    return a_world(
        templates=[a_template(), a_template(OTHER_TEMPLATE, "canary")],
        versions=[a_version(), a_version(template_id=OTHER_TEMPLATE)],
    )


def test_it_waits_for_a_template_and_says_which_image_it_waits_with(account_with):
    account_with(two_templates())

    ran = run("follow", "web", *SOURCE, "--after", "canary", "--after", OTHER_TEMPLATE)

    assert f"+ ami-reactor:after = canary {OTHER_TEMPLATE}" in ran.words
    assert f"{NEW} of 2026-06-15T13:00:00.000Z is newer, and skipped: not-proven" in ran.words


@pytest.mark.parametrize("printed", ["--hcl", "--cloudformation"])
def test_what_an_image_waits_for_is_printed_too(account_with, printed):
    account_with(two_templates())

    ran = run("follow", "web", *SOURCE, "--soak", "3d", "--after", "canary", printed)

    assert ran.status == 0
    for text in ("ami-reactor:soak", "3d", "ami-reactor:after", "canary"):
        assert f'"{text}"' in ran.stdout


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--soak", "1.5h"), "follow: --soak: must be a time from 1m to 30d"),
        (("--soak", "31d"), "--soak: must be"),
        (("--after", "web"), "--after: must not name the template itself"),
        (("--after", "nothing"), "there is no nothing"),
        (("--after", "circle"), "must not lead back to the template itself: web → circle → web"),
        (("--gate", "approved"), "--gate: must be KEY=VALUE"),
    ],
)
def test_what_cannot_be_waited_for_is_said_in_a_line_and_nothing_written(
    account_with, monkeypatch, options, said
):
    world = two_templates()
    tags = FOLLOWS_INSTANCE | {"ami-reactor:after": "web"}
    world["LaunchTemplates"][1] = a_template(OTHER_TEMPLATE, "circle", tags=tags)
    account_with(world)
    asked = requests(monkeypatch)

    ran = run("follow", "web", *SOURCE, *options, "--yes")

    assert (ran.status, ran.stdout) == (2, "")
    assert said in " ".join(ran.stderr.split())
    assert "CreateTags" not in asked


def test_a_plan_is_told_from_a_deed(stage_with):
    stage_with(plain_world())

    [planned] = run("follow", "web", *SOURCE, "--json").lines
    written, promoted = run("follow", "web", *SOURCE, "--yes", "--json").lines

    assert planned["planned"] is True
    assert planned["next"]["planned"] is True
    assert "planned" not in written
    assert written["tags"] == planned["tags"]
    assert (promoted["outcome"], promoted.get("planned")) == ("promoted", None)


def test_tags_that_could_not_be_written_are_not_told_as_written(stage_with):
    staged = stage_with(plain_world())
    staged.faults.inject("CreateTags", "UnauthorizedOperation", times=9)

    ran = run("follow", "web", *SOURCE, "--yes", "--json")

    assert (ran.status, ran.stdout) == (1, "")


def test_observe_never_moves_anything(stage_with):
    stage_with(plain_world())

    ran = run("follow", "web", *SOURCE, "--observe", "--yes")

    assert "would be kept web observed" in ran.words
    assert tags_of()["ami-reactor"] == "observe"
    assert default_image() == OLD


def test_what_it_followed_before_has_to_go_and_state_stays(account_with):
    mark = {"ami-reactor-state:newest-image": f"{OLD} 2026-06-15T12:00:00.000Z"}
    account_with(plain_world(**FOLLOWS_INSTANCE, **mark))

    ran = run("follow", "web", "--image-name", "nothing-*", "--yes")

    assert "- ami-reactor:source-instance" in ran.words
    assert tags_of() == {"ami-reactor": "on", "ami-reactor:image-name": "nothing-*"} | mark


def test_the_new_tags_are_written_before_the_old_ones_go(account_with, monkeypatch):
    """All selectors must hold: between the two writes it follows less, never more."""
    account_with(plain_world(**FOLLOWS_INSTANCE))
    made = calls(monkeypatch)

    run("follow", "web", "--image-name", "nothing-*", "--yes")

    assert writes(made) == [
        ("CreateTags", TEMPLATE, "ami-reactor", "ami-reactor:image-name"),
        ("DeleteTags", TEMPLATE, "ami-reactor:source-instance"),
    ]


def test_for_pipes_one_object_with_the_counts(account_with):
    account_with(
        a_world(an_image(OLD), an_image(NEW, 1, State="pending"), templates=[a_template(tags={})])
    )

    [line] = run("follow", "web", *SOURCE, "--json").lines

    assert (line["images"], line["candidates"]) == (2, 1)
    assert line["next"]["reason"] == "already-current"


DATABASE = "i-0dbdbdbdbdbdbdbdb"


@pytest.mark.parametrize(
    "options",
    [("--image-name", "AwsBackup_*"), ("--image-tag", "nightly=yes")],
)
def test_images_of_several_instances_are_named_before_one_of_them_is_taken(account_with, options):
    """AWS Backup names every instance's images alike: a database's would start in the group."""
    nightly = {"nightly": "yes"}
    account_with(
        a_world(
            an_image(OLD, tags=nightly),
            an_image(
                NEW, 1, tags=nightly, Name=f"AwsBackup_{DATABASE}_x", SourceInstanceId=DATABASE
            ),
            templates=[a_template(tags={})],
        )
    )

    shown = run("follow", "web", *options)

    assert f"made from 2 instances, {INSTANCE}, {DATABASE}: the newest of them all" in shown.words
    assert run("follow", "web", *options, "--json").lines[0]["source_instances"] == [
        INSTANCE,
        DATABASE,
    ]
    assert "made from" not in run("follow", "web", *SOURCE).words
    both = run("follow", "web", *SOURCE, "--source-instance", DATABASE)
    assert "made from 2" not in both.words  # they were named on purpose


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "no selector"),
        (("--source-instance", "web-golden"), "instance ids i-..."),
        (("--image-tag", "role"), "--image-tag: must be KEY=VALUE, not role"),
        (("--image-name", "*"), "--image-name: must be a name"),
        (("--image-name", "a\nb"), "follow: --image-name must be one line without control"),
        (("--image-tag", "role=a\tb"), "follow: --image-tag must be one line without control"),
        ((*SOURCE, "--gate", "a\nb=c"), "follow: --gate must be one line without control"),
    ],
)
def test_wrong_usage_is_said_before_anything_is_written(account_with, options, said):
    account_with(plain_world())

    ran = run("follow", "web", *options, "--yes")

    assert ran.status == 2
    assert said in ran.stderr
    assert "ami-reactor:" not in ran.stderr.removeprefix("ami-reactor: ")  # no tag: flags
    assert tags_of() == {}


def test_terraform_is_kept_from_undoing_it(account_with):
    account_with(plain_world())

    hcl = run("follow", "web", *SOURCE, "--hcl").stdout

    assert f'    "ami-reactor:source-instance" = "{INSTANCE}"' in hcl
    assert "ignore_changes = [image_id, description]" in hcl
    assert 'key_prefixes = ["ami-reactor-state:"]' in hcl


def test_terraform_takes_any_value_literally():
    hcl = as_hcl("web.blue", {"ami-reactor:image-tag:x": 'a "b" ${c} %{d}'})

    assert 'resource "aws_launch_template" "web_blue"' in hcl
    assert r'"ami-reactor:image-tag:x" = "a \"b\" $${c} %%{d}"' in hcl


def test_cloudformation_takes_any_value_literally():
    tags = {"ami-reactor": "on", "ami-reactor:image-tag:x": 'a: "b" # é'}

    [specification] = yaml.safe_load(as_cloudformation(tags))["TagSpecifications"]

    assert specification["ResourceType"] == "launch-template"
    assert {tag["Key"]: tag["Value"] for tag in specification["Tags"]} == tags


def test_cloudformation_says_that_tags_are_written_at_creation_only(account_with):
    account_with(plain_world())

    printed = run("follow", "web", *SOURCE, "--cloudformation").stdout

    assert "never at an update" in printed
    assert "ami-reactor follow --yes" in printed


def test_cloudformation_is_printed_if_it_is_asked_for(account_with):
    account_with(plain_world())

    printed = yaml.safe_load(run("follow", "web", *SOURCE, "--cloudformation").stdout)

    assert json.dumps(printed).count("ami-reactor") == 2


# -- unfollow --------------------------------------------------------------------------------------

STATE = {"ami-reactor-state:hold": "jane: why", "team": "web"}


def test_unfollow_says_what_goes_and_what_stays_and_writes_nothing(account_with, monkeypatch):
    account_with(plain_world(**FOLLOWS_INSTANCE, **STATE))
    asked = requests(monkeypatch)

    ran = run("unfollow", "web")

    assert ran.status == 0
    assert f"- ami-reactor:source-instance = {INSTANCE}" in ran.words
    assert "ami-reactor-state:hold = jane: why stays" in ran.words
    assert ran.stderr == "nothing was written: pass --yes\n"
    assert "DeleteTags" not in asked


def test_unfollow_removes_its_own_tags_in_one_request(account_with, monkeypatch):
    account_with(plain_world(**FOLLOWS_INSTANCE, **STATE))
    made = calls(monkeypatch)

    ran = run("unfollow", "web", "--yes")

    assert ran.status == 0
    assert writes(made) == [("DeleteTags", TEMPLATE, "ami-reactor", "ami-reactor:source-instance")]
    assert tags_of() == STATE
    assert "account 111122223333 · Region ap-northeast-2" in ran.stderr


def test_unfollow_as_json(account_with):
    account_with(plain_world(**FOLLOWS_INSTANCE, **STATE))

    [planned] = run("unfollow", "web", "--json").lines
    [done] = run("unfollow", "web", "--json", "--yes").lines

    assert planned == {"planned": True} | done
    assert done["remove"] == ["ami-reactor", "ami-reactor:source-instance"]
    assert done["stay"] == ["ami-reactor-state:hold"]


def test_unfollow_of_what_follows_nothing_is_no_failure(account_with):
    account_with(plain_world())

    ran = run("unfollow", "web", "--yes")

    assert ran.status == 0
    assert "it follows nothing" in ran.stderr


# -- asking ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", ["y\n", "n\n"])
@pytest.mark.parametrize("verb", [("follow", "web", *SOURCE), ("unfollow", "web"), ("reconcile",)])
def test_at_a_terminal_a_person_is_asked(stage_with, monkeypatch, verb, answer):
    stage_with(plain_world(**FOLLOWS_INSTANCE))
    made = calls(monkeypatch)
    monkeypatch.setattr("typer.testing._NamedTextIOWrapper.isatty", lambda _: True)

    ran = run(*verb, answer=answer)

    assert "? [y/N]" in ran.stderr
    changes = {"CreateTags", "DeleteTags", "PutEvents"} & {operation for operation, _ in made}
    assert bool(changes) is (answer == "y\n")
    assert answer == "y\n" or ran.status == 1  # as hold, resume and rollback
