import json

import pytest

from tests.cases import HERE, replayed

CASE = "31-events-in-other-wrappings"
EVENTS = sorted(path.name for path in (HERE / CASE).glob("event-*.json"))


@pytest.mark.parametrize("event", EVENTS)
def test_the_event_is_found_in_it_and_promotes(event):
    answer = replayed(CASE, event)

    assert answer.status == 0
    assert [t["to_image"] for t in answer.json["templates"]] == ["ami-0a1b2c3d4e5f60718"]
    assert [t["outcome"] for t in answer.json["templates"]] == ["promoted"]


@pytest.mark.parametrize(
    "content", ['{"hello": "world"}', "[1, 2]", "", '{"Records": [{"eventName": "CreateImage"}]}']
)
def test_what_is_no_event_is_an_error_before_anything_runs(content, tmp_path):
    (tmp_path / "file.json").write_text(content)

    answer = replayed(CASE, tmp_path / "file.json")

    assert (answer.status, answer.stdout) == (2, "")
    assert "file.json" in answer.stderr


def test_a_real_event_of_another_source_is_unmatched(tmp_path):
    event = {
        "version": "0", "id": "one", "detail-type": "Object Created", "source": "aws.s3",
        "account": "111122223333", "time": "2026-06-15T17:24:17Z", "region": "ap-northeast-2",
        "resources": [], "detail": {},
    }  # fmt: skip
    (tmp_path / "file.json").write_text(json.dumps(event))

    answer = replayed(CASE, tmp_path / "file.json")

    assert (answer.status, answer.json["result"]) == (0, "unmatched")
    assert answer.json["error"] == "no rule selects it"
