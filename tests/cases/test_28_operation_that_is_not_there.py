"""getmoto/moto#10264: an operation that the embedded AWS does not have is refused in words."""

from tests.cases import steps_of


def test_it_is_refused_as_aws_refuses():
    answers = steps_of("28-operation-that-is-not-there")

    answer = answers["enable-image-deprecation"]
    assert answer.status in {254, 255}
    assert answer.stderr.strip().endswith("the embedded AWS does not have EnableImageDeprecation")
    assert "UnsupportedOperation" in answer.stderr
    assert "retries" not in answer.stderr
    # which it did not have when this was reported
    assert answers["start-instance-refresh"].json["InstanceRefreshId"]
