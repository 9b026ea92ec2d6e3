from tests.cases import replayed

CASE = "32-byte-order-mark"


def test_a_byte_order_mark_is_no_obstacle():
    answers = [
        replayed(CASE, "event.json"),
        replayed(CASE, "event-bom.json"),
        replayed(CASE, "event.json", "world-bom.json"),
    ]

    assert [answer.status for answer in answers] == [0, 0, 0]
    assert {answer.stdout for answer in answers} == {answers[0].stdout}


def test_utf_16_is_named_as_the_fault():
    for answer, file in (
        (replayed(CASE, "event-utf16.json"), "event-utf16.json"),
        (replayed(CASE, "event.json", "world-utf16.json"), "world-utf16.json"),
    ):
        assert (answer.status, answer.stdout) == (2, "")
        assert f"{file}: is UTF-16: save it as UTF-8" in answer.stderr
