from tests.cases import steps_of

CASE = "15-disabled-and-enabled-again"


def test_heals_away_from_a_disabled_image():
    answers = steps_of(CASE)

    assert answers["after-the-backup"].json == "ami-0a1b2c3d4e5f60718"
    assert answers["after-disabling"].json != "ami-0a1b2c3d4e5f60718"
