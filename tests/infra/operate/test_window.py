"""`ami-reactor window`: when the schedules open and close, and what is printed."""

import json

import pytest

from infra.operate.window import BadWindow, read_window
from tests.support.builders import (
    NEW,
    TEMPLATE,
    a_template,
    a_world,
    backup_completed,
    tags_changed,
    template_arn,
)
from tests.support.cloudformation import read_yaml
from tests.support.fleets import default_image, requests, run

TAG = "ami-reactor-state:window"
OPEN = "cron(0 2 ? * TUE-THU *)"


def printed(*more, opens=OPEN, hours="3", timezone="Asia/Seoul"):
    return run("window", "web", "--open", opens, "--hours", hours, "--timezone", timezone, *more)


@pytest.mark.parametrize(
    ("opens", "hours", "closes"),
    [
        (OPEN, 3, "cron(0 5 ? * TUE-THU *)"),
        ("cron(30 22 ? * MON-FRI *)", 3, "cron(30 1 ? * TUE,WED,THU,FRI,SAT *)"),
        ("cron(0 22 ? * FRI-SUN *)", 4, "cron(0 2 ? * MON,SAT,SUN *)"),
        ("cron(0 0 ? * SAT *)", 48, "cron(0 0 ? * MON *)"),
        ("cron(0 22 ? * 7 *)", 167, "cron(0 21 ? * SAT *)"),
        ("cron(0 23 * * ? *)", 2, "cron(0 1 * * ? *)"),
        ("cron(0 23 ? * * *)", 2, "cron(0 1 ? * * *)"),
        ("cron(0 2 ? * TUE#2 *)", 3, "cron(0 5 ? * TUE#2 *)"),
        ("cron(0 2 1 1,7 ? 2027)", 21, "cron(0 23 1 1,7 ? 2027)"),
    ],
)
def test_a_window_closes_by_the_same_clock(opens, hours, closes):
    assert read_window(opens, hours, "Asia/Seoul").closes == closes


@pytest.mark.parametrize(
    ("opens", "hours", "fault"),
    [
        ("0 2 * * *", 3, "--open must be cron(MINUTE HOUR DAY MONTH WEEKDAY YEAR)"),
        ("cron(0 2 ? * tue *)", 3, "in upper case"),
        ("rate(1 day)", 3, "--open must be cron("),
        ("cron(0 2 ? * TUE *)\n", 3, "--open must be cron("),
        ("cron(0 2 ? * TUE)", 3, "--open must be cron("),
        ("cron(0 1,2 ? * TUE *)", 3, "--open must give the hour as one number, 0 to 23"),
        ("cron(60 2 ? * TUE *)", 3, "--open must give the minute as one number, 0 to 59"),
        ("cron(0 2 * * TUE *)", 3, "either as the day of the month or as the weekday"),
        ("cron(0 2 ? * ? *)", 3, "either as the day of the month or as the weekday"),
        ("cron(0 2 ? * TUE-THU *)", 24, "--hours must be fewer than from one opening to the next"),
        ("cron(0 2 * * ? *)", 24, "--hours must be fewer"),
        ("cron(0 2 ? * SAT,SUN *)", 24, "--hours must be fewer"),
        ("cron(0 23 1 * ? *)", 2, "--open: a window over midnight must be in every month"),
        ("cron(0 23 ? * TUE#2 *)", 2, "--open: a window over midnight"),
        ("cron(0 23 ? 6 TUE *)", 2, "--open: a window over midnight"),
        ("cron(0 23 ? * TUE 2027)", 2, "--open: a window over midnight"),
    ],
)
def test_a_window_that_cannot_be_scheduled_is_one_line(opens, hours, fault):
    with pytest.raises(BadWindow) as refused:
        read_window(opens, hours, "Asia/Seoul")

    assert fault in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("timezone", ["", "Asia/Soul", "+09:00", "../etc/passwd", 'a"b'])
def test_a_timezone_that_there_is_not_is_one_line(account_with, timezone):
    account_with(a_world())

    ran = printed(timezone=timezone)

    assert (ran.status, ran.stdout) == (2, "")
    assert (
        ran.stderr == "ami-reactor: window: --timezone must be an IANA name, such as Asia/Seoul\n"
    )


def test_it_writes_nothing(account_with, monkeypatch):
    account_with(a_world())
    asked = requests(monkeypatch)

    assert printed().status == 0
    assert set(asked) == {"GetCallerIdentity", "DescribeLaunchTemplates"}


def test_what_is_printed_for_cloudformation_opens_and_closes_the_template(account_with):
    account_with(a_world())

    resources = read_yaml(printed().stdout)["Resources"]

    when = {name: resources[name]["Properties"]["ScheduleExpression"] for name in ("Open", "Close")}
    assert when == {"Open": OPEN, "Close": "cron(0 5 ? * TUE-THU *)"}
    for name, action, value in (("Open", "deleteTags", {}), ("Close", "createTags", "closed")):
        properties = resources[name]["Properties"]
        assert properties["ScheduleExpressionTimezone"] == "Asia/Seoul"
        assert properties["FlexibleTimeWindow"] == {"Mode": "OFF"}
        assert properties["Target"]["Arn"].endswith(f":scheduler:::aws-sdk:ec2:{action}")
        assert json.loads(properties["Target"]["Input"]) == {
            "Resources": [TEMPLATE],
            "Tags": [{"Key": TAG, **({"Value": value} if value else {})}],
        }


def test_what_the_schedules_do_closes_the_template_and_opens_it_again(stage_with):
    staged = stage_with(a_world())
    resources = read_yaml(printed().stdout)["Resources"]
    given = {
        name: json.loads(resources[name]["Properties"]["Target"]["Input"])
        for name in ("Open", "Close")
    }
    ec2, changed = staged.session.client("ec2"), tags_changed(template_arn(TEMPLATE), TAG)

    ec2.create_tags(**given["Close"])
    closed = staged.delivery.deliver(backup_completed())
    ec2.delete_tags(**given["Open"])
    opened = staged.delivery.deliver(changed)

    assert closed.outcome["templates"][0]["reason"] == "window-closed"
    assert opened.is_matched
    assert default_image() == NEW


def test_what_is_printed_for_terraform_is_the_same(account_with):
    hcl2 = pytest.importorskip("hcl2")
    account_with(a_world())

    found = _unquoted(hcl2.loads(printed("--hcl").stdout))["resource"]

    of_kind = {}
    for one in found:
        [(kind, named)] = ((k, v) for k, v in one.items() if k.startswith("aws_"))
        of_kind.setdefault(kind, {}).update(named)
    schedules = of_kind["aws_scheduler_schedule"]
    assert schedules.keys() == {"open_web", "close_web"}
    assert schedules["open_web"]["schedule_expression"] == OPEN
    assert schedules["close_web"]["schedule_expression"] == "cron(0 5 ? * TUE-THU *)"
    [target] = schedules["close_web"]["target"]
    assert target["arn"] == "arn:aws:scheduler:::aws-sdk:ec2:createTags"
    assert TEMPLATE in str(target["input"])
    assert of_kind.keys() == {"aws_scheduler_schedule", "aws_iam_role", "aws_iam_role_policy"}


def _unquoted(parsed):
    if isinstance(parsed, dict):
        return {_unquoted(key): _unquoted(value) for key, value in parsed.items()}
    if isinstance(parsed, list):
        return [_unquoted(one) for one in parsed]
    return parsed.strip('"') if isinstance(parsed, str) else parsed


def test_any_name_of_a_launch_template_is_printed_well(account_with):
    name = "web.eu-1/(blue)_2"
    account_with(a_world(templates=[a_template(name=name)]))

    text = run("window", TEMPLATE, "--open", OPEN, "--hours", "3").stdout
    hcl = run("window", TEMPLATE, "--open", OPEN, "--hours", "3", "--hcl").stdout

    assert name in read_yaml(text)["Description"]
    assert 'resource "aws_iam_role" "window_web_eu_1__blue__2" {' in hcl
    assert pytest.importorskip("hcl2").loads(hcl)
