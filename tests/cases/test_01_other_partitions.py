import pytest

from tests.cases import replayed


@pytest.mark.parametrize("partition", ["sovereign", "isolated", "gov", "china"])
def test_every_partition_is_replayed(partition):
    answer = replayed("01-other-partitions", f"event-{partition}.json", f"world-{partition}.json")

    [line] = answer.lines
    assert line["templates"][0]["outcome"] == "promoted"
