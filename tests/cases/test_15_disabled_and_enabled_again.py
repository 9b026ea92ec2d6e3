from tests.cases import steps_of

CASE = "15-disabled-and-enabled-again"
NEW = "ami-0a1b2c3d4e5f60718"


def test_an_image_is_taken_again_once_it_is_enabled_again():
    answers = steps_of(CASE)

    assert answers["after-the-backup"].json == NEW
    assert answers["after-disabling"].json != NEW
    assert answers["after-enabling"].json == NEW
    assert "moved back" not in answers["explain"].stdout
