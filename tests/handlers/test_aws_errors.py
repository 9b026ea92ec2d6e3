"""Whatever botocore raises becomes one of two errors, by what the reader should do about it."""

import inspect

import pytest
from botocore import exceptions
from botocore.exceptions import ClientError
from botocore.retries.standard import ThrottledRetryableChecker, TransientRetryableChecker

from handlers.aws_errors import translated
from models.errors import AwsRefused, AwsUnavailable

NETWORK = (exceptions.ConnectionError, exceptions.HTTPClientError)
ALL = [
    error
    for _, error in inspect.getmembers(exceptions, inspect.isclass)
    if issubclass(error, exceptions.BotoCoreError)
]


def made(error):
    """An instance of any of botocore's errors, whatever its message wants to know."""

    class Anything(dict):
        def __missing__(self, key):
            return "x"

    instance = error.__new__(error)
    Exception.__init__(instance, error.fmt.format_map(Anything()))
    return instance


@pytest.mark.parametrize("error", ALL, ids=lambda error: error.__name__)
def test_every_error_of_botocore_is_translated(error):
    with pytest.raises((AwsRefused, AwsUnavailable)) as translation, translated("looking"):
        raise made(error)

    assert str(translation.value).startswith("looking: ")
    if issubclass(error, NETWORK):
        assert isinstance(translation.value, AwsUnavailable)


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("RequestLimitExceeded", 503, AwsUnavailable),
        ("Throttling", 400, AwsUnavailable),
        ("AnythingNew", 502, AwsUnavailable),
        ("ExpiredToken", 400, AwsUnavailable),
        ("InvalidParameterValue", 400, AwsRefused),
        ("IdempotentParameterMismatch", 400, AwsRefused),
    ],
)
def test_an_error_of_aws_is_told_apart_by_whether_it_may_pass(code, status, kind):
    answer = {
        "Error": {"Code": code, "Message": "two\nlines"},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    with pytest.raises(kind, match=r"looking: .*two\\nlines"), translated("looking"):
        raise ClientError(answer, "DescribeImages")


@pytest.mark.parametrize(
    "code",
    sorted(
        {
            *ThrottledRetryableChecker._THROTTLED_ERROR_CODES,
            *TransientRetryableChecker._TRANSIENT_ERROR_CODES,
            "ExpiredTokenException",
            "RequestExpired",
        }
    ),
)
def test_what_botocore_itself_tries_again_may_pass(code):
    answer = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": 400}}
    with pytest.raises(AwsUnavailable), translated("looking"):
        raise ClientError(answer, "DescribeImages")


def test_an_answer_of_another_kind_makes_no_sense():
    with pytest.raises(AwsUnavailable, match="made no sense"), translated("looking"):
        [].get("Entries")
