import pytest

from tests.cases import replayed


@pytest.mark.parametrize(
    ("partition", "launches"),
    # moto knows no zone of the last two, and a launch needs a subnet in one
    [("gov", True), ("china", True), ("sovereign", False), ("isolated", False)],
)
def test_every_partition_is_replayed(partition, launches):
    files = [f"event-{partition}.json", f"world-{partition}.json"]
    answer = replayed("01-other-partitions", *files, launches=launches)

    [line] = answer.lines
    assert line["templates"][0]["outcome"] == "promoted"
