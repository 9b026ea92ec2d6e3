"""What the search for bad schedules found, and how it is now; on the embedded AWS."""

from tests.support.builders import (
    HELD,
    NEW,
    NEWER,
    OLD,
    TEMPLATE,
    a_world,
    an_image,
    at,
    backup_completed,
)

MARK = "ami-reactor-state:newest-image"


def test_a_run_that_overtakes_a_newer_default_mends_it_though_the_mark_is_newer_too(account_with):
    """The mark was written by the other run: it is no sign that a person moved back."""
    account = account_with(
        a_world(an_image(OLD), an_image(NEW, 1), an_image(NEWER, 2, State="pending"))
    )

    account.before("ModifyLaunchTemplate", account.another_run_promotes(NEWER))
    account.after(
        "ModifyLaunchTemplate", lambda **_: account.tag(TEMPLATE, **{MARK: f"{NEWER} {at(2)}"})
    )

    outcome = account.outcome(backup_completed())

    assert account.image_in_force() == NEWER
    assert outcome.to_image == NEWER


def test_a_hold_that_comes_after_the_move_leaves_it_recorded_as_a_promotion(account_with):
    account = account_with(a_world())
    account.after("ModifyLaunchTemplate", lambda **_: account.tag(TEMPLATE, **HELD))
    account.refuse("CreateTags", "UnauthorizedOperation", status=403)

    outcome = account.outcome(backup_completed())

    assert (outcome.outcome, outcome.to_image, outcome.to_version) == ("promoted", NEW, 2)
    assert account.image_in_force() == NEW


def test_a_version_that_another_run_made_just_before_ours_is_read(account_with):
    """Versions 1 and 3 are known, and nothing is newer: version 2 is not to be passed over."""
    account = account_with(
        a_world(an_image(OLD), an_image(NEW, 1), an_image(NEWER, 2, State="pending"))
    )

    account.before("CreateLaunchTemplateVersion", account.another_run_creates(NEWER))

    assert account.outcome(backup_completed()).to_image == NEWER
    assert account.image_in_force() == NEWER
