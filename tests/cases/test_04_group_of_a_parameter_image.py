import pytest

from tests.cases import replayed

CASE = "04-group-of-a-parameter-image"


@pytest.mark.parametrize("world", ["with-members", "without-members", "shared-parameter"])
def test_the_template_is_kept_and_the_world_can_be_read_again(world, tmp_path):
    written = tmp_path / "after.json"

    first = replayed(CASE, "event.json", f"world-{world}.json", "--world-out", str(written))
    second = replayed(CASE, "event.json", str(written))

    for answer in (first, second):
        [line] = answer.lines
        [template] = line["templates"]
        assert (template["outcome"], template["reason"]) == ("kept", "ssm-parameter-image")
