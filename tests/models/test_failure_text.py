"""The error's text, from the function that writes it to the verdict that reads it, and back."""

import pytest

from models.errors import AwsRefused, AwsUnavailable
from models.failure_text import (
    THE_ROLE,
    YOURS,
    TemplateFailure,
    error_text,
    missing_permission,
    permission_missing_in,
    read_failures,
    write_failures,
)
from tests.support.builders import NEW, OTHER_TEMPLATE, TEMPLATE, backup_completed

REFUSED = TemplateFailure(
    "web", TEMPLATE, "aws-refused", "creating a version: InvalidParameter: no"
)
ODD = TemplateFailure(
    "a(1).b/c_d", OTHER_TEMPLATE, "aws-unavailable", f"x; y: {NEW} (lt-z): b; web is (held): no"
)


@pytest.mark.parametrize(
    "failures",
    [[], [REFUSED], [ODD], [REFUSED, ODD], [ODD, REFUSED], [REFUSED._replace(message="")]],
)
def test_failures_are_read_as_they_were_written(failures):
    assert read_failures(write_failures(failures)) == failures


@pytest.mark.parametrize(
    "text", ["", "boom", "Task timed out after 30.00 seconds", "web (lt-1): x: "]
)
def test_another_text_tells_of_no_template(text):
    assert read_failures(text) == []


@pytest.mark.parametrize(
    "action", ["ec2:CreateTags", "events:PutEvents", "application-autoscaling:X", "s3:GetObjectV2"]
)
def test_a_missing_permission_is_read_as_it_was_written(action):
    error = AwsRefused(f"tagging: X: {missing_permission(action)}", unauthorized=True)

    assert permission_missing_in(str(error)) == action
    assert permission_missing_in(error_text(error, THE_ROLE)) == action


def test_the_words_of_before_are_still_read():
    old = "creating a version: UnauthorizedOperation: the role needs ec2:CreateTags"

    assert permission_missing_in(old) == "ec2:CreateTags"


def test_only_a_missing_permission_is_somebodys():
    assert error_text(AwsRefused("x: no", unauthorized=True), YOURS) == "x: no (your credentials)"
    assert error_text(AwsRefused("x: no"), YOURS) == "x: no"
    assert error_text(AwsUnavailable("x: no"), YOURS) == "x: no"


def test_what_the_function_really_says_is_read_back(account_with):
    from tests.support.builders import a_template, a_version, a_world

    account = account_with(
        a_world(
            templates=[a_template(), a_template(OTHER_TEMPLATE, "api")],
            versions=[a_version(), a_version(template_id=OTHER_TEMPLATE)],
        )
    )
    account.refuse("CreateLaunchTemplateVersion", "UnauthorizedOperation")
    account.refuse("ModifyLaunchTemplate", "InvalidParameterValue", "two; words")

    outcome = account.react(backup_completed())

    failures = read_failures(outcome.error)
    assert [(f.template_id, f.reason, f.message) for f in failures] == [
        (t.launch_template_id, t.reason, t.message) for t in outcome.templates
    ]
    assert len(failures) == 2
    assert permission_missing_in(failures[0].message) == "ec2:CreateLaunchTemplateVersion"
    assert failures[0].message.endswith("(the function's role)")
