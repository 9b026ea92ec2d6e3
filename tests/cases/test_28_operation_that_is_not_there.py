"""getmoto/moto#10264: an operation that the embedded AWS does not have is refused in words."""

from tests.cases import steps_of


def test_both_are_refused_as_aws_refuses():
    answers = steps_of("28-operation-that-is-not-there")

    for name, operation in (
        ("start-instance-refresh", "StartInstanceRefresh"),
        ("enable-image-deprecation", "EnableImageDeprecation"),
    ):
        said = answers[name].stderr.strip()
        assert answers[name].status in {254, 255}
        assert said.endswith(f"the embedded AWS does not have {operation}")
        assert "UnsupportedOperation" in said
        assert "retries" not in said
