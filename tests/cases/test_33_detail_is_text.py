from tests.cases import replayed

CASE = "33-detail-is-text"


def test_a_detail_that_is_text_is_unmatched_or_rejected_in_plain_words():
    scheduled = replayed(CASE, "event-scheduler.json")
    text = replayed(CASE, "event-text.json")

    assert (scheduled.status, scheduled.json["result"]) == (0, "unmatched")
    assert (text.status, text.json["result"]) == (1, "rejected")
    assert "detail: must be a JSON object" in text.json["error"]
    assert "_Reconcile" not in text.json["error"]


def test_a_detail_that_is_an_object_is_reconciled():
    answer = replayed(CASE, "event-object.json")

    assert (answer.status, answer.json["result"]) == (0, "handled")
