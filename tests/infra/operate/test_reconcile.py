"""`ami-reactor reconcile`, on the embedded AWS."""

from typing import Any

import pytest

from tests.support.builders import (
    FOLLOWS_INSTANCE,
    HELD,
    NEW,
    OLD,
    OTHER_TEMPLATE,
    a_template,
    a_version,
    a_world,
    an_image,
)
from tests.support.fleets import after, default_image, requests, run

WRITES = {"CreateLaunchTemplateVersion", "ModifyLaunchTemplate", "CreateTags", "PutEvents"}


def two_templates(**tags: str) -> dict[str, Any]:
    return a_world(
        templates=[a_template(), a_template(OTHER_TEMPLATE, "api", tags=FOLLOWS_INSTANCE | tags)],
        versions=[a_version(), a_version(template_id=OTHER_TEMPLATE)],
    )


def test_without_yes_it_shows_what_would_be_done_and_writes_nothing(stage_with, monkeypatch):
    stage_with(a_world())
    asked = requests(monkeypatch)

    ran = run("reconcile")

    assert ran.status == 0
    assert ran.words.startswith("would be promoted web version 1 → 2 newer-image:")
    assert ran.stderr == "nothing was written: pass --yes\n"
    assert not WRITES & set(asked)


def test_with_yes_the_function_does_it_and_it_is_watched_to_the_end(stage_with):
    stage_with(a_world())

    ran = run("reconcile", "--yes")

    assert ran.status == 0
    assert "promoted web version 1 → 2 newer-image:" in ran.words
    assert ran.stderr.startswith(
        "account 111122223333 · Region ap-northeast-2\nreconciling 1 template\n"
    )
    assert default_image() == NEW


@pytest.mark.parametrize("tags", [{}, HELD, {"ami-reactor:image-name": "*"}])
def test_a_plan_is_told_from_a_deed(stage_with, tags):
    stage_with(a_world(templates=[a_template(tags=FOLLOWS_INSTANCE | tags)]))

    [planned] = run("reconcile", "--json").lines
    [done] = run("reconcile", "--yes", "--json").lines

    assert planned["planned"] is True
    assert "planned" not in done
    assert done == {key: value for key, value in planned.items() if key != "planned"}


@pytest.mark.parametrize("operation", ["DescribeImages", "DescribeLaunchTemplateVersions"])
@pytest.mark.parametrize("how", [(), ("--yes",)])
def test_what_may_not_be_read_is_no_outcome_of_the_functions(stage_with, operation, how):
    staged = stage_with(a_world())
    staged.faults.inject(operation, "UnauthorizedOperation", times=99)

    ran = run("reconcile", "--json", *how)

    [line] = ran.lines
    assert ran.status == 1
    assert (line["outcome"], line["reason"], line["planned"]) == ("unknown", "not-readable", True)
    assert f"missing permission: ec2:{operation} (your credentials)" in line["message"]


@pytest.mark.parametrize("code", ["UnauthorizedOperation", "InvalidParameterValue"])
def test_a_look_that_fails_while_it_is_watched_is_no_failure_of_the_functions(
    stage_with, monkeypatch, code
):
    staged = stage_with(a_world())

    def refuse() -> None:
        staged.faults.inject("DescribeLaunchTemplateVersions", code, times=1)

    after(monkeypatch, "PutEvents", refuse)

    ran = run("reconcile", "--yes", "--json")

    assert [line["outcome"] for line in ran.lines] == ["promoted"]
    assert default_image() == NEW


def test_one_template_is_reconciled_and_no_other(stage_with):
    stage_with(two_templates())

    ran = run("reconcile", "api", "--yes", "--json")

    assert [line["launch_template_name"] for line in ran.lines] == ["api"]
    assert default_image(OTHER_TEMPLATE) == NEW
    assert default_image() == OLD


def test_all_templates_are_reconciled_and_a_held_one_is_not_moved(stage_with):
    stage_with(two_templates(**HELD))

    ran = run("reconcile", "--yes", "--json")

    assert [(line["launch_template_name"], line["outcome"]) for line in ran.lines] == [
        ("api", "kept"),
        ("web", "promoted"),
    ]
    assert default_image(OTHER_TEMPLATE) == OLD


def test_if_nothing_is_to_be_done_nothing_is_asked_of_the_function(stage_with, monkeypatch):
    stage_with(a_world(an_image(OLD)))
    asked = requests(monkeypatch)

    ran = run("reconcile", "--yes")

    assert ran.status == 0
    assert "kept web already-current" in ran.words
    assert "PutEvents" not in asked


def test_what_the_function_fails_on_is_told_with_its_words(stage_with):
    staged = stage_with(a_world())
    staged.faults.inject("CreateLaunchTemplateVersion", "InvalidParameterValue", times=99)

    ran = run("reconcile", "--yes")

    assert ran.status == 1
    assert "failed web aws-refused: creating a version of lt-0123456789abcdef0:" in ran.words


def test_it_does_not_wait_for_ever_if_no_rule_hears_it(account_with):
    account_with(a_world())

    ran = run("reconcile", "--yes", "--wait", "0")

    assert ran.status == 1
    assert "not done within 0 s: web" in ran.stderr
    assert "ami-reactor doctor" in ran.stderr


def test_a_refused_template_is_shown_and_makes_the_status_1(stage_with):
    stage_with(a_world(templates=[a_template(tags={"ami-reactor": "on"})]))

    ran = run("reconcile")

    assert ran.status == 1
    assert ran.words.startswith("would be refused web misconfigured: no selector")


def test_a_template_that_does_not_exist_is_one_line(stage_with):
    stage_with(a_world())

    ran = run("reconcile", "we")

    assert (ran.status, ran.stdout) == (1, "")
    assert ran.stderr == "ami-reactor: we: there is no such launch template; did you mean web?\n"


def test_a_name_that_begins_another_name_is_taken_for_itself(stage_with):
    stage_with(
        a_world(
            templates=[a_template(OTHER_TEMPLATE, "web-canary"), a_template()],
            versions=[a_version(), a_version(template_id=OTHER_TEMPLATE)],
        )
    )

    assert [line["launch_template_name"] for line in run("reconcile", "web", "--json").lines] == [
        "web"
    ]


def test_a_template_by_its_id(stage_with):
    stage_with(a_world())

    assert run("reconcile", "lt-0123456789abcdef0").status == 0
    assert "InvalidLaunchTemplateId.NotFound" in run("reconcile", "lt-00000000000000000").stderr


def test_events_that_are_refused_are_told(stage_with):
    staged = stage_with(a_world())
    staged.faults.inject("PutEvents", "AccessDeniedException", times=9)

    ran = run("reconcile", "--yes")

    assert ran.status == 1
    assert "missing permission: events:PutEvents (your credentials: " in ran.stderr
