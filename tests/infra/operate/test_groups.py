"""Whether a group really launches what its template's default version names."""

from typing import Any

import pytest

from infra.operate.groups import Follows, Group, findings, verdict
from models.launch_template import Template
from tests.support.builders import NEW, OTHER_TEMPLATE, TEMPLATE, a_template
from tests.support.fleets import a_group, a_mixed_group

OTHERS = {"LaunchTemplateId": OTHER_TEMPLATE, "LaunchTemplateName": "api", "Version": "$Default"}
OWN = {"LaunchTemplateId": TEMPLATE, "LaunchTemplateName": "web"}


def a_template_on(default: int = 2, latest: int = 2) -> Template:
    described = a_template(default=default) | {"LatestVersionNumber": latest}
    return Template.model_validate(described)


def said(group: dict[str, Any], template: Template | None = None) -> tuple[Follows, str, str]:
    found = findings(Group.of(group), template or a_template_on())
    return verdict(found), "; ".join(f.what for f in found), "; ".join(f.fix for f in found)


def a_refresh(status: str = "InProgress", **desired: Any) -> dict[str, Any]:
    return {
        "InstanceRefreshId": "refresh-1",
        "Status": status,
        "DesiredConfiguration": desired,
    }


@pytest.mark.parametrize(
    "group",
    [
        pytest.param(a_group(), id="on $Default"),
        pytest.param(
            a_group() | {"LaunchTemplate": {"LaunchTemplateName": "web"}}, id="without a version"
        ),
        pytest.param(a_mixed_group(), id="a mixed instances policy on $Default"),
        pytest.param(
            a_mixed_group("web", {"InstanceType": "m5.large"}), id="an override of the type alone"
        ),
        pytest.param(
            a_mixed_group("web", {"LaunchTemplateSpecification": OWN}),
            id="an override with the same template",
        ),
    ],
)
def test_a_group_that_launches_the_default_follows(group):
    assert said(group) == (Follows.YES, "", "")


@pytest.mark.parametrize(("size", "of"), [({}, ""), ({"WarmPoolSize": 3}, " of 3")])
@pytest.mark.parametrize("group", [a_group(), a_mixed_group()])
def test_a_group_with_a_warm_pool_starts_older_instances_first(group, size, of):
    pool = {"WarmPoolConfiguration": {"MinSize": 0, "PoolState": "Stopped"}}

    follows, what, fix = said(group | pool | size)

    assert follows is Follows.PARTLY
    assert f"it has a warm pool{of}: the next scale-outs start its instances" in what
    assert "aws autoscaling start-instance-refresh --auto-scaling-group-name web" in fix
    assert "aws autoscaling delete-warm-pool --auto-scaling-group-name web" in fix


def test_a_warm_pool_that_is_going_away_is_none():
    pool = {"WarmPoolConfiguration": {"MinSize": 0, "Status": "PendingDelete"}}

    assert said(a_group(**pool))[0] is Follows.YES


def test_a_warm_pool_beside_a_number_does_not_make_it_better():
    group = a_group(version="1", WarmPoolConfiguration={"MinSize": 0})

    assert said(group)[0] is Follows.NO


def test_a_group_on_latest_follows_only_while_nobody_saves_a_version():
    follows, what, fix = said(a_group(version="$Latest"))

    assert follows is Follows.PARTLY
    assert "goes live the moment somebody saves it" in what
    assert f"--launch-template 'LaunchTemplateId={TEMPLATE},Version=$Default'" in fix


def test_a_group_on_latest_does_not_follow_where_an_unreleased_version_is_there():
    follows, what, _ = said(a_group(version="$Latest"), a_template_on(default=2, latest=3))

    assert follows is Follows.NO
    assert "version 3 now, not the default 2" in what


@pytest.mark.parametrize(
    ("version", "what"),
    [
        ("1", "it launches version 1 for ever: no promotion reaches it"),
        ("2", "it launches version 2 for ever, which is the default now: no promotion reaches it"),
    ],
)
def test_a_group_pinned_to_a_number_does_not_follow(version, what):
    assert said(a_group(version=version))[:2] == (Follows.NO, what)


def test_the_command_that_mends_a_group_is_safe_to_paste():
    group = a_group(name="web; rm -rf ~", version="1")

    assert "--auto-scaling-group-name 'web; rm -rf ~'" in said(group)[2]


@pytest.mark.parametrize(
    ("override", "what"),
    [
        ({"ImageId": NEW}, f"its m5.large always launches {NEW}"),
        (
            {"LaunchTemplateSpecification": OTHERS},
            "its m5.large launches from the template api",
        ),
        (
            {"LaunchTemplateSpecification": OWN | {"Version": "1"}},
            "its m5.large launches version 1 for ever: no promotion reaches it",
        ),
    ],
)
def test_an_override_that_launches_something_else_follows_partly(override, what):
    group = a_mixed_group("web", {"InstanceType": "m5.large"} | override)

    assert said(group)[:2] == (Follows.PARTLY, what)


def test_a_pinned_mixed_instances_policy_does_not_follow():
    group = a_mixed_group()
    specification = group["MixedInstancesPolicy"]["LaunchTemplate"]["LaunchTemplateSpecification"]
    specification["Version"] = "1"

    follows, _, fix = said(group)

    assert follows is Follows.NO
    assert fix == "in the mixed instances policy of web, name $Default"


def test_a_refresh_with_a_version_of_its_own_will_pin_the_group():
    refresh = a_refresh(LaunchTemplate=OWN | {"Version": "1"})

    follows, what, fix = said(a_group(Refresh=refresh))

    assert (follows, what) == (Follows.NO, "an instance refresh in flight will pin it to version 1")
    assert fix == "aws autoscaling cancel-instance-refresh --auto-scaling-group-name web"


def test_a_refresh_may_move_a_group_to_another_template():
    policy = {"LaunchTemplate": {"LaunchTemplateSpecification": OTHERS}}

    follows, what, _ = said(a_group(Refresh=a_refresh(MixedInstancesPolicy=policy)))

    assert follows is Follows.NO
    assert what == "an instance refresh in flight will move it to the template api"


@pytest.mark.parametrize(
    "refresh",
    [
        pytest.param(a_refresh(), id="to what the group names anyway"),
        pytest.param(a_refresh(LaunchTemplate=OWN | {"Version": "$Default"}), id="to $Default"),
        pytest.param(a_refresh("Successful", LaunchTemplate=OWN | {"Version": "1"}), id="over"),
    ],
)
def test_other_refreshes_do_no_harm(refresh):
    assert said(a_group(Refresh=refresh))[0] is Follows.YES


def test_a_name_with_control_characters_is_escaped():
    group = a_mixed_group("web", {"InstanceType": "\x1b[31mred", "ImageId": NEW})

    assert "\x1b" not in said(group)[1]
