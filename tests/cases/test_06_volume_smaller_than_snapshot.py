import pytest

from tests.cases import replayed

CASE = "06-volume-smaller-than-snapshot"


@pytest.mark.parametrize(
    ("world", "words"),
    [
        ("world-root.json", ["/dev/xvda", "22 GiB", "at least 50 GiB"]),
        ("world-data.json", ["/dev/sdf", "100 GiB", "at least 200 GiB"]),
    ],
)
def test_a_version_from_which_nothing_would_start_is_refused(world, words):
    [line] = replayed(CASE, world=world).lines
    [web] = line["templates"]

    assert (web["outcome"], web["reason"]) == ("refused", "volume-too-small")
    assert [word for word in words if word not in web["message"]] == []
    assert web["to_version"] == 1


def test_a_volume_larger_than_its_snapshot_is_promoted():
    [line] = replayed(CASE, world="world-larger.json").lines

    assert [web["outcome"] for web in line["templates"]] == ["promoted"]
