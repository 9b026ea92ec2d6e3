"""Whether a group really launches what its template's default version names."""

from typing import Any

import pytest

from infra.operate.groups import UsesDefault, findings, verdict
from models.auto_scaling import Group
from models.launch_template import Template
from tests.support.builders import NEW, OTHER_TEMPLATE, TEMPLATE, a_template
from tests.support.fleets import a_group, a_mixed_group

OTHERS = {"LaunchTemplateId": OTHER_TEMPLATE, "LaunchTemplateName": "api", "Version": "$Default"}
OWN = {"LaunchTemplateId": TEMPLATE, "LaunchTemplateName": "web"}


def a_template_on(default: int = 2, latest: int = 2) -> Template:
    described = a_template(default=default) | {"LatestVersionNumber": latest}
    return Template.model_validate(described)


def found_in(
    group: dict[str, Any], template: Template | None = None
) -> tuple[UsesDefault, str, str]:
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
def test_a_group_that_launches_the_default_version_uses_it(group):
    assert found_in(group) == (UsesDefault.YES, "", "")


@pytest.mark.parametrize(("size", "of"), [({}, ""), ({"WarmPoolSize": 3}, " of 3")])
@pytest.mark.parametrize("group", [a_group(), a_mixed_group()])
def test_a_group_with_a_warm_pool_starts_older_instances_first(group, size, of):
    pool = {"WarmPoolConfiguration": {"MinSize": 0, "PoolState": "Stopped"}}

    uses, what, fix = found_in(group | pool | size)

    assert uses is UsesDefault.PARTLY
    assert f"it has a warm pool{of}: the next scale-outs start its instances" in what
    assert "aws autoscaling start-instance-refresh --auto-scaling-group-name web" in fix
    assert "aws autoscaling delete-warm-pool --auto-scaling-group-name web" in fix


def test_a_warm_pool_that_is_going_away_is_none():
    pool = {"WarmPoolConfiguration": {"MinSize": 0, "Status": "PendingDelete"}}

    assert found_in(a_group(**pool))[0] is UsesDefault.YES


def test_a_warm_pool_beside_a_number_does_not_make_it_better():
    group = a_group(version="1", WarmPoolConfiguration={"MinSize": 0})

    assert found_in(group)[0] is UsesDefault.NO


def test_a_group_on_latest_uses_the_default_until_a_version_is_saved():
    uses, what, fix = found_in(a_group(version="$Latest"))

    assert uses is UsesDefault.PARTLY
    assert "goes live as soon as it is saved" in what
    assert f"--launch-template 'LaunchTemplateId={TEMPLATE},Version=$Default'" in fix


def test_a_group_on_latest_does_not_use_the_default_if_the_latest_is_another():
    uses, what, _ = found_in(a_group(version="$Latest"), a_template_on(default=2, latest=3))

    assert uses is UsesDefault.NO
    assert "version 3 now, not the default 2" in what


@pytest.mark.parametrize(
    ("version", "what"),
    [
        ("1", "it launches version 1 for ever: no promotion reaches it"),
        ("2", "it launches version 2 for ever, which is the default now: no promotion reaches it"),
    ],
)
def test_a_group_pinned_to_a_number_does_not_use_the_default(version, what):
    assert found_in(a_group(version=version))[:2] == (UsesDefault.NO, what)


def test_the_command_that_fixes_a_group_is_safe_to_paste():
    group = a_group(name="web; rm -rf ~", version="1")

    assert "--auto-scaling-group-name 'web; rm -rf ~'" in found_in(group)[2]


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
def test_an_override_that_launches_something_else_partly_uses_the_default(override, what):
    group = a_mixed_group("web", {"InstanceType": "m5.large"} | override)

    assert found_in(group)[:2] == (UsesDefault.PARTLY, what)


def test_a_pinned_mixed_instances_policy_does_not_use_the_default():
    group = a_mixed_group()
    specification = group["MixedInstancesPolicy"]["LaunchTemplate"]["LaunchTemplateSpecification"]
    specification["Version"] = "1"

    uses, _, fix = found_in(group)

    assert uses is UsesDefault.NO
    assert fix == "in the mixed instances policy of web, name $Default"


def test_a_refresh_with_a_version_of_its_own_will_pin_the_group():
    refresh = a_refresh(LaunchTemplate=OWN | {"Version": "1"})

    uses, what, fix = found_in(a_group(LastRefresh=refresh))

    assert (uses, what) == (
        UsesDefault.NO,
        "an instance refresh in flight will pin it to version 1",
    )
    assert fix == "aws autoscaling cancel-instance-refresh --auto-scaling-group-name web"


def test_a_refresh_may_move_a_group_to_another_template():
    policy = {"LaunchTemplate": {"LaunchTemplateSpecification": OTHERS}}

    uses, what, _ = found_in(a_group(LastRefresh=a_refresh(MixedInstancesPolicy=policy)))

    assert uses is UsesDefault.NO
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
    assert found_in(a_group(LastRefresh=refresh))[0] is UsesDefault.YES


def test_a_name_with_control_characters_is_escaped():
    group = a_mixed_group("web", {"InstanceType": "\x1b[31mred", "ImageId": NEW})

    assert "\x1b" not in found_in(group)[1]
