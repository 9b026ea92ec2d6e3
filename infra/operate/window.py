"""Windows: when the reactor may promote a launch template, as two schedules and their role.

One schedule of EventBridge Scheduler writes the tag `ami-reactor-state:window` = `closed`, another
deletes it, which wakes the reactor. Nothing here calls AWS.
https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#cron-based
https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets-universal.html
"""

import json
import re
import zoneinfo
from dataclasses import dataclass
from typing import Literal

from models.base import Place, Value, printable
from models.errors import ReactorError
from models.launch_template import Template
from models.tags import CLOSED, WINDOW_TAG

AN_EXAMPLE = "cron(0 2 ? * TUE-THU *)"

_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_CRON = re.compile(r"cron\(([0-9A-Z*?,/#-]+(?: [0-9A-Z*?,/#-]+){5})\)")
_LAST = {"minute": 59, "hour": 23}


class BadWindow(ReactorError):
    """A window that cannot be scheduled; names the option and what it must be."""


@dataclass(frozen=True)
class Window:
    """When promotions are allowed.

    Attributes:
        opens: EventBridge Scheduler's expression of the moments at which the window opens.
        closes: The same of those at which it closes, some hours later by the same clock.
        timezone: An IANA name, such as Asia/Seoul.
    """

    opens: str
    closes: str
    timezone: str


class WindowLine(Value):
    """A window, as `window --json` prints it; a public interface.

    Attributes:
        opens: EventBridge Scheduler's expression of the moments at which the window opens.
        closes: The same of those at which it closes.
        timezone: Whose clock that is: an IANA name.
        language: What the text is written in.
        text: What to deploy: the two schedules and their role.
    """

    account: str
    region: str
    launch_template_id: str
    launch_template_name: str
    opens: str
    closes: str
    timezone: str
    language: Literal["cloudformation", "hcl"]
    text: str


def read_window(opens: str, hours: int, timezone: str) -> Window:
    """The window that opens then, and closes so many hours later.

    Raises:
        BadWindow: One of them cannot be used, or the window would never close.
    """
    found = _CRON.fullmatch(opens)
    if found is None:
        raise BadWindow(
            "--open must be cron(MINUTE HOUR DAY MONTH WEEKDAY YEAR) in upper case,"
            f" such as {AN_EXAMPLE}"
        )
    if not _is_timezone(timezone):
        raise BadWindow("--timezone must be an IANA name, such as Asia/Seoul")
    return Window(opens, f"cron({_later(found[1].split(), hours)})", timezone)


def _is_timezone(name: str) -> bool:
    known = zoneinfo.available_timezones()
    return name in known if known else bool(re.fullmatch(r"[A-Za-z0-9_+/-]+", name))


def _later(fields: list[str], hours: int) -> str:
    """The six fields of the moments that are so many hours later by the same clock."""
    minute, hour, day, month, weekday, year = fields
    for name, value in (("minute", minute), ("hour", hour)):
        if not value.isdecimal() or int(value) > _LAST[name]:
            raise BadWindow(f"--open must give the {name} as one number, 0 to {_LAST[name]}")
    if [day, weekday].count("?") != 1:
        raise BadWindow("--open must have ? either as the day of the month or as the weekday")
    days, at = divmod(int(hour) + hours, 24)
    if hours >= 24 * _days_between(day, weekday):
        raise BadWindow("--hours must be fewer than from one opening to the next")
    if not days:
        return " ".join([minute, str(at), day, month, weekday, year])
    if month != "*" or year != "*" or (day != "*" and weekday != "*" and not _numbers(weekday)):
        raise BadWindow(
            "--open: a window over midnight must be in every month and year (*), and each day or on"
            " weekdays such as MON-FRI"
        )
    moved = [_DAYS[(number + days) % 7] for number in _numbers(weekday)]
    return " ".join([minute, str(at), day, month, ",".join(moved) or weekday, year])


def _days_between(day: str, weekday: str) -> int:
    """The fewest days from one opening to the next."""
    numbers = _numbers(weekday)
    if day != "?" or not numbers:
        return 1
    following = [*numbers[1:], numbers[0] + 7]
    return min(later - number for number, later in zip(numbers, following, strict=True))


def _numbers(weekdays: str) -> list[int]:
    """Weekdays as numbers from 0, Sunday; none if it is no list of days or of ranges of days."""
    found: set[int] = set()
    for item in weekdays.split(","):
        first, _, last = item.partition("-")
        ends = [_number(first), _number(last or first)]
        if None in ends:
            return []
        start, end = (number or 0 for number in ends)
        found |= {(start + step) % 7 for step in range((end - start) % 7 + 1)}
    return sorted(found)


def _number(weekday: str) -> int | None:
    if weekday in _DAYS:
        return _DAYS.index(weekday)
    return int(weekday) - 1 if weekday in {"1", "2", "3", "4", "5", "6", "7"} else None


# -- as text ---------------------------------------------------------------------------------------


def _name_of_stack(template: Template) -> str:
    """A stack's name that says what it is; the README's SCP knows its beginning."""
    name = re.sub("[^A-Za-z0-9-]", "-", template.launch_template_name)
    return f"ami-reactor-window-{name}"[:128]


def as_cloudformation(window: Window, template: Template, place: Place) -> str:
    """A CloudFormation template, in YAML, which JSON's texts are too."""
    name, texts = printable(template.launch_template_name), _texts(window, template)
    return f"""\
# When ami-reactor may promote the launch template {name}. Deploy it in the account
# {place.account} and the Region {place.region}:
#   aws cloudformation deploy --template-file FILE --capabilities CAPABILITY_IAM --stack-name \\
#     {_name_of_stack(template)}
AWSTemplateFormatVersion: "2010-09-09"
Description: {texts["what"]}

Resources:
  Open:
    Type: AWS::Scheduler::Schedule
    Properties:
      Description: Deletes the tag {WINDOW_TAG}, which wakes the reactor
      ScheduleExpression: {texts["opens"]}
      ScheduleExpressionTimezone: {texts["timezone"]}
      FlexibleTimeWindow: {{ Mode: "OFF" }}
      Target:
        Arn: !Sub arn:${{AWS::Partition}}:scheduler:::aws-sdk:ec2:deleteTags
        RoleArn: !GetAtt WindowRole.Arn
        Input: '{texts["untag"]}'

  Close:
    Type: AWS::Scheduler::Schedule
    Properties:
      Description: Writes the tag {WINDOW_TAG}
      ScheduleExpression: {texts["closes"]}
      ScheduleExpressionTimezone: {texts["timezone"]}
      FlexibleTimeWindow: {{ Mode: "OFF" }}
      Target:
        Arn: !Sub arn:${{AWS::Partition}}:scheduler:::aws-sdk:ec2:createTags
        RoleArn: !GetAtt WindowRole.Arn
        Input: '{texts["tag"]}'

  WindowRole:
    Type: AWS::IAM::Role
    Properties:
      Description: Lets two schedules open and close one launch template for ami-reactor
      AssumeRolePolicyDocument:
        Version: "2012-10-17"
        Statement:
          - Effect: Allow
            Principal: {{ Service: scheduler.amazonaws.com }}
            Action: sts:AssumeRole
            Condition:
              StringEquals: {{ "aws:SourceAccount": !Ref AWS::AccountId }}
      Policies:
        - PolicyName: window
          PolicyDocument:
            Version: "2012-10-17"
            Statement:
              - Sid: Close
                Effect: Allow
                Action: ec2:CreateTags
                Resource: !Sub {texts["arn"]}
                Condition:
                  StringEquals: {{ "aws:RequestTag/{WINDOW_TAG}": {CLOSED} }}
                  "ForAllValues:StringEquals": {{ "aws:TagKeys": ["{WINDOW_TAG}"] }}
              - Sid: Open
                Effect: Allow
                Action: ec2:DeleteTags
                Resource: !Sub {texts["arn"]}
                Condition:
                  "ForAllValues:StringEquals": {{ "aws:TagKeys": ["{WINDOW_TAG}"] }}
                  "Null": {{ "aws:TagKeys": "false" }} # else: delete all
"""


def as_hcl(window: Window, template: Template, place: Place, partition: str) -> str:
    """The same for Terraform and OpenTofu."""
    name = re.sub("[^a-z0-9_]", "_", template.launch_template_name.lower())
    texts, template_id = _texts(window, template), template.launch_template_id
    arn = f"arn:{partition}:ec2:{place.region}:{place.account}:launch-template/{template_id}"
    schedules = "\n".join(
        f"""\
resource "aws_scheduler_schedule" "{verb}_{name}" {{
  description                  = {texts["what"]}
  schedule_expression          = {texts[when]}
  schedule_expression_timezone = {texts["timezone"]}

  flexible_time_window {{
    mode = "OFF"
  }}

  target {{
    arn      = "arn:{partition}:scheduler:::aws-sdk:ec2:{action}"
    role_arn = aws_iam_role.window_{name}.arn
    input    = jsonencode({texts[request]})
  }}
}}
"""
        for verb, when, action, request in (
            ("open", "opens", "deleteTags", "untag"),
            ("close", "closes", "createTags", "tag"),
        )
    )
    return f"""\
# When ami-reactor may promote the launch template {printable(template.launch_template_name)}. Apply
# it in the account {place.account} and the Region {place.region}.
{schedules}
resource "aws_iam_role" "window_{name}" {{
  name_prefix = "ami-reactor-WindowRole-"
  description = "Lets two schedules open and close one launch template for ami-reactor"

  assume_role_policy = jsonencode({{
    Version = "2012-10-17"
    Statement = [{{
      Effect    = "Allow"
      Principal = {{ Service = "scheduler.amazonaws.com" }}
      Action    = "sts:AssumeRole"
      Condition = {{ StringEquals = {{ "aws:SourceAccount" = "{place.account}" }} }}
    }}]
  }})
}}

resource "aws_iam_role_policy" "window_{name}" {{
  name = "window"
  role = aws_iam_role.window_{name}.id

  policy = jsonencode({{
    Version = "2012-10-17"
    Statement = [
      {{
        Sid      = "Close"
        Effect   = "Allow"
        Action   = "ec2:CreateTags"
        Resource = "{arn}"
        Condition = {{
          StringEquals                = {{ "aws:RequestTag/{WINDOW_TAG}" = "{CLOSED}" }}
          "ForAllValues:StringEquals" = {{ "aws:TagKeys" = ["{WINDOW_TAG}"] }}
        }}
      }},
      {{
        Sid      = "Open"
        Effect   = "Allow"
        Action   = "ec2:DeleteTags"
        Resource = "{arn}"
        Condition = {{
          "ForAllValues:StringEquals" = {{ "aws:TagKeys" = ["{WINDOW_TAG}"] }}
          Null                        = {{ "aws:TagKeys" = "false" }} # else: delete all
        }}
      }},
    ]
  }})
}}
"""


def _texts(window: Window, template: Template) -> dict[str, str]:
    """What is put into both, quoted for either; a launch template's name has no quote in it."""
    resources = [template.launch_template_id]
    tag = {"Key": WINDOW_TAG}
    account = "${AWS::Partition}:ec2:${AWS::Region}:${AWS::AccountId}"
    what = f"When ami-reactor may promote the launch template {template.launch_template_name}"
    return {
        "arn": f"arn:{account}:launch-template/{template.launch_template_id}",
        "what": json.dumps(what),
        "opens": json.dumps(window.opens),
        "closes": json.dumps(window.closes),
        "timezone": json.dumps(window.timezone),
        "untag": json.dumps({"Resources": resources, "Tags": [tag]}),
        "tag": json.dumps({"Resources": resources, "Tags": [{**tag, "Value": CLOSED}]}),
    }
