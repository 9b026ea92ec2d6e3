import pytest

from tests.cases import replayed


@pytest.mark.parametrize("world", ["with-members", "without-members"])
def test_the_template_is_promoted(world):
    answer = replayed("05-group-in-a-local-zone", "event.json", f"world-{world}.json")

    [line] = answer.lines
    assert line["templates"][0]["outcome"] == "promoted"
