import pytest

from tests.cases import replayed

CASE = "09-boot-mode"


@pytest.mark.parametrize(
    "world",
    ["arm64-none-uefi", "arm64-uefi-none", "x86-none-legacy-bios", "x86-none-uefi-preferred"],
)
def test_images_that_start_alike_are_alike(world):
    [line] = replayed(CASE, world=f"world-{world}.json").lines

    assert [web["reason"] for web in line["templates"]] == ["newer-image"]


def test_an_image_with_another_boot_mode_is_skipped_and_named():
    [line] = replayed(CASE, world="world-x86-uefi.json").lines
    [web] = line["templates"]

    assert web["outcome"] == "kept"
    assert "is newer, and skipped: other-boot-mode" in web["message"]


def test_a_lost_image_is_replaced_by_one_that_starts_alike():
    [line] = replayed(CASE, world="world-gone.json").lines
    [web] = line["templates"]

    assert (web["reason"], web["to_image"]) == ("current-image-gone", "ami-0a1b2c3d4e5f60718")
