"""`ami-reactor prune`, on the embedded AWS."""

from datetime import UTC, datetime
from typing import Any

import pytest

from infra.operate.prune import choose
from infra.operate.versions import VersionInfo
from models.launch_template import Template
from tests.support.builders import (
    FOLLOWS_INSTANCE,
    NEW,
    NEWER,
    OLD,
    OTHER_TEMPLATE,
    QUARANTINED,
    TEMPLATE,
    a_template,
    a_version,
    a_world,
    an_image,
)
from tests.support.fleets import (
    a_group,
    a_mixed_group,
    before,
    requests,
    run,
    start_refresh,
    versions_of,
)

LONG_AGO = -24 * 30
NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)


def promoted(number: int, image: str = OLD, **how: Any) -> dict[str, Any]:
    """A version as the function makes it."""
    version = a_version(image, number, hours=how.pop("hours", LONG_AGO), **how)
    return version | {"VersionDescription": f"ami-reactor: ami-00000000 -> {image}"}


def a_long_world(latest: int = 12, default: int | None = None, **more: Any) -> dict[str, Any]:
    """Version 1 was made by a person, all others by the reactor; the newest image is current."""
    return a_world(
        an_image(OLD, LONG_AGO),
        an_image(NEW, 1),
        **{
            "templates": [a_template(default=default or latest)],
            "versions": [
                a_version(OLD, 1),
                *(promoted(n, NEW) for n in range(2, latest)),
                promoted(latest, NEW),
            ],
            **more,
        },
    )


def left() -> set[int]:
    return set(versions_of())


# -- what is chosen --------------------------------------------------------------------------------


def chosen(*made: dict[str, Any], needed: dict[int, str] | None = None, keep: int = 0) -> tuple:
    template = Template.model_validate(a_template() | {"LatestVersionNumber": 9})
    versions = map(VersionInfo.model_validate, made)
    return choose(template, versions, needed or {}, keep, NOW).delete


def test_beyond_the_newest_n_they_go_oldest_first():
    assert chosen(*(promoted(n) for n in (3, 1, 2, 4)), keep=2) == (1, 2)


def test_a_version_that_is_needed_stays_and_does_not_count_less():
    assert chosen(*(promoted(n) for n in (1, 2, 3)), needed={3: "the default"}, keep=1) == (1, 2)


def test_a_week_must_have_passed():
    young = promoted(1, hours=-24 * 7 + 1)
    old = promoted(2, hours=-24 * 7)

    assert chosen(young, old) == (2,)


@pytest.mark.parametrize(
    "description",
    [
        "",
        "tuned by jane",
        f"ami-reactor: {NEWER} -> {NEW}",
        f"ami-reactor: {NEW} -> {OLD}, says jane",
        "ami-reactor: rollback of version 3 to 2",
    ],
)
def test_what_the_reactor_did_not_make_stays(description):
    assert chosen(promoted(1) | {"VersionDescription": description}) == ()


# -- what is deleted -------------------------------------------------------------------------------


def test_without_yes_it_says_what_would_go_and_deletes_nothing(account_with, monkeypatch):
    account_with(a_long_world())
    asked = requests(monkeypatch)

    ran = run("prune", "web", "--keep", "3")

    assert ran.status == 0
    assert "web: 8 versions would be deleted, of versions 2 to 9" in ran.words
    assert "2 stay: among the newest 3" in ran.words
    assert ran.stderr == "nothing was deleted: pass --yes\n"
    assert "DeleteLaunchTemplateVersions" not in asked


@pytest.mark.parametrize("answer", ["y", "n"])
def test_at_a_terminal_a_person_is_asked(account_with, monkeypatch, answer):
    account_with(a_long_world())
    monkeypatch.setattr("typer.testing._NamedTextIOWrapper.isatty", lambda _: True)

    ran = run("prune", "web", "--keep", "3", answer=f"{answer}\n")

    assert "Delete 8 versions? [y/N]" in ran.stderr
    assert (left() == {1, 10, 11, 12}) is (answer == "y")


def test_with_yes_they_go_and_the_account_is_named(account_with):
    account_with(a_long_world())

    ran = run("prune", "web", "--keep", "3", "--yes")

    assert ran.stdout.startswith("web: 8 versions deleted\n")
    assert left() == {1, 10, 11, 12}
    assert "account 111122223333 · Region ap-northeast-2" in ran.stderr


def test_the_default_and_the_latest_stay_whatever_n_is(account_with):
    account_with(a_long_world(default=6))

    run("prune", "web", "--keep", "0", "--yes")

    assert left() == {1, 6, 12}


def test_the_rollback_target_stays(account_with):
    world = a_long_world(versions=[promoted(1), promoted(2), promoted(3), promoted(4, NEW)])
    world["LaunchTemplates"] = [a_template(default=4)]
    account_with(world)

    run("prune", "web", "--keep", "0", "--yes")

    assert left() == {3, 4}


def test_a_quarantined_image_makes_no_rollback_target(account_with):
    account_with(
        a_world(
            an_image(OLD, LONG_AGO),
            an_image(NEW, 0, tags=QUARANTINED),
            an_image(NEWER, 1),
            templates=[a_template(default=3)],
            versions=[promoted(1), promoted(2, NEW), promoted(3, NEWER)],
        )
    )

    run("prune", "web", "--keep", "0", "--yes")

    assert left() == {1, 3}


OWN = {"LaunchTemplateId": TEMPLATE, "LaunchTemplateName": "web"}


@pytest.mark.parametrize(
    "group",
    [
        pytest.param(a_group(version="5"), id="by number"),
        pytest.param(
            a_group() | {"LaunchTemplate": {"LaunchTemplateName": "web", "Version": "5"}},
            id="by the template's name",
        ),
        pytest.param(
            a_mixed_group("web", {"LaunchTemplateSpecification": OWN | {"Version": "5"}}),
            id="in an override",
        ),
    ],
)
def test_a_number_that_a_group_names_stays(account_with, group):
    account_with(a_long_world(AutoScalingGroups=[group]))

    run("prune", "web", "--keep", "0", "--yes")

    assert left() == {1, 5, 12}


def test_a_number_that_a_refresh_in_flight_names_stays(account_with):
    group = a_group(instances={"i-0aaaaaaaaaaaaaaa1": "1"})
    account_with(a_long_world(AutoScalingGroups=[group]))
    start_refresh("web", LaunchTemplate={"LaunchTemplateId": TEMPLATE, "Version": "5"})

    run("prune", "web", "--keep", "0", "--yes")

    assert left() == {1, 5, 12}


def test_if_groups_may_not_be_read_nothing_is_deleted(stage_with):
    staged = stage_with(a_long_world())
    staged.faults.inject("DescribeAutoScalingGroups", "AccessDenied", times=9)

    ran = run("prune", "web", "--keep", "0", "--yes")

    assert ran.status == 1
    assert "nothing is pruned, because a group may name a version" in ran.stderr
    assert len(left()) == 12


def test_failures_inside_an_answer_of_200_are_told(account_with, monkeypatch):
    """Version 2 becomes the default, in the moment before it is deleted."""
    account = account_with(a_long_world(latest=5))
    before(monkeypatch, "DeleteLaunchTemplateVersions", lambda: account.make_default(2))

    ran = run("prune", "web", "--keep", "0", "--yes")

    assert ran.status == 1
    assert ran.stdout.startswith("web: 2 versions deleted\n")
    assert "version 2 could not be deleted: unexpectedError: Cannot delete" in ran.words
    assert left() == {1, 2, 5}


def test_all_templates_that_opted_in(account_with):
    account_with(
        a_long_world(
            templates=[a_template(default=3), a_template(OTHER_TEMPLATE, "api", default=3)],
            versions=[
                promoted(n, NEW, template_id=id_)
                for id_ in (TEMPLATE, OTHER_TEMPLATE)
                for n in (1, 2, 3)
            ],
        )
    )

    ran = run("prune", "--all", "--keep", "0", "--yes", "--json")

    assert [(line["launch_template_name"], line["deleted"]) for line in ran.lines] == [
        ("api", [1, 2]),
        ("web", [1, 2]),
    ]


@pytest.mark.parametrize("keep", ["0", "99"])
def test_a_plan_is_told_from_a_deed(account_with, keep):
    account_with(a_long_world())

    [planned] = run("prune", "web", "--keep", keep, "--json").lines
    [done] = run("prune", "web", "--keep", keep, "--yes", "--json").lines

    assert (planned["planned"], planned["deleted"]) == (True, [])
    assert "planned" not in done
    assert done["deleted"] == planned["to_delete"] == done["to_delete"]


@pytest.mark.parametrize("arguments", [(), ("web", "--all")])
def test_one_template_or_all_must_be_named(account_with, arguments):
    account_with(a_long_world())

    assert run("prune", *arguments).status == 2


def test_ten_thousand_versions_and_every_reference(account_with, monkeypatch):
    mixed = a_mixed_group("mixed", {"LaunchTemplateSpecification": OWN | {"Version": "4000"}})
    world = a_long_world(
        latest=10_000,
        default=9_000,
        AutoScalingGroups=[a_group("pinned", "3000"), mixed],
        templates=[a_template(default=9_000, tags=FOLLOWS_INSTANCE)],
    )
    world["LaunchTemplateVersions"][1999] = promoted(2000, OLD)
    world["LaunchTemplateVersions"][4999] = a_version(NEW, 5000, hours=LONG_AGO)
    account_with(world)
    asked = requests(monkeypatch)

    ran = run("prune", "web", "--keep", "50", "--yes", "--json")

    # the newest 50, the latest among them; the default; the rollback target; a group's; a person's
    assert left() == {*range(9951, 10_001), 9000, 2000, 3000, 4000, 5000, 1}
    assert ran.lines[0]["failed"] == {}
    assert asked.count("DeleteLaunchTemplateVersions") == 50
