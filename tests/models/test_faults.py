"""No message that a user reads is Pydantic's: it would name our classes, and Python's words."""

import json
import re

import pytest
from pydantic import BaseModel, ValidationError
from pydantic_core._pydantic_core import list_all_errors

from infra.embedded.world.seed import BadWorld, read_world
from models.errors import EventRejected
from models.events import parse_event
from models.faults import in_plain_words
from tests.support.builders import (
    NEW,
    a_world,
    ami_state,
    backup_completed,
    image_arn,
    reconcile,
    tags_changed,
)
from tests.survival.bad_input import changed, paths, put

NOT_PLAIN = re.compile(
    r"instance of|dictionar|[Pp]ydantic|[Ii]nput |should|_[A-Z]\w+|tuple|model|boolean|mapping"
)
VALUES = (None, 7, -1, 1.5, True, "x", "", [], {}, [7], "\ud800")
A_GROUP = {
    "AutoScalingGroupName": "web",
    "LaunchTemplate": {"LaunchTemplateId": "lt-0123456789abcdef0", "Version": "$Default"},
    "Instances": [{"InstanceId": "i-0123456789abcdef0", "LifecycleState": "InService"}],
}


@pytest.mark.parametrize("error", list_all_errors(), ids=lambda error: error["type"])
def test_every_kind_of_error_has_words_of_json(error):
    context = {name: value or "one" for name, value in (error["example_context"] or {}).items()}
    fault = {"type": error["type"], "msg": error["message_template_python"], "ctx": context}

    said = in_plain_words(fault)

    if error["type"] not in ("value_error", "assertion_error"):
        assert not NOT_PLAIN.search(said)
        assert said.startswith(("must ", "is "))
        assert "{" not in said


def said_of(event):
    try:
        parse_event(event)
    except EventRejected as rejection:
        return str(rejection)
    return ""


@pytest.mark.parametrize(
    "event", [backup_completed(), ami_state(), tags_changed(image_arn(NEW)), reconcile()]
)
def test_whatever_an_event_holds_it_is_refused_in_plain_words(event):
    said = {said_of(changed(event, path, put(v))) for path in paths(event) for v in VALUES}

    assert len(said) > 5
    assert [words for words in said if NOT_PLAIN.search(words)] == []


def test_whatever_a_world_holds_it_is_refused_in_plain_words():
    world, said = a_world(AutoScalingGroups=[A_GROUP], DeadLetters=[{}]), set()
    for path in paths(world):
        for value in VALUES[:-1]:
            try:
                read_world(json.dumps(changed(world, path, put(value))), "world.json")
            except BadWorld as error:
                said.add(str(error))

    assert len(said) > 20
    assert [words for words in said if NOT_PLAIN.search(words.partition(": must")[1])] == []
    assert [words for words in said if re.search("instance of|dictionary|should", words)] == []


def test_a_detail_that_is_text_is_said_to_be_no_object():
    assert said_of(reconcile() | {"detail": "{}"}) == "detail: must be a JSON object"
    assert said_of(ami_state() | {"detail": "{}"}) == "detail: must be a JSON object"


class _Anything(BaseModel):
    number: int


def test_a_kind_that_is_not_known_says_no_more_than_that():
    with pytest.raises(ValidationError) as raised:
        _Anything.model_validate({"number": "x"})

    assert in_plain_words(raised.value.errors()[0] | {"type": "new"}) == "is not valid"
