"""What `verify` may do, as an IAM policy for whoever runs it.

Whatever it changes must carry its own tag, so the policy lets it touch nothing else.
"""

from collections.abc import Iterable
from typing import Any

from infra.operate.verify.fact import Stage
from infra.operate.verify.things import LOG_GROUPS, PREFIX, TAG

_OURS = {"StringLike": {f"aws:ResourceTag/{TAG}": f"{PREFIX}*"}}
_TO_BE_OURS = {"StringLike": {f"aws:RequestTag/{TAG}": f"{PREFIX}*"}}
_LAUNCH_TEMPLATES = "arn:aws:ec2:*:*:launch-template/*"


def _allow(sid: str, actions: list[str], resource: Any, **condition: Any) -> dict[str, Any]:
    conditions = {"Condition": condition} if condition else {}
    return {
        "Sid": sid,
        "Effect": "Allow",
        "Action": actions,
        "Resource": resource,
        **conditions,
    }


_STATEMENTS: dict[Stage, list[dict[str, Any]]] = {
    Stage.TEMPLATES: [
        _allow(
            "ReadImagesAndLaunchTemplates",
            [
                "ec2:DescribeImages",
                "ec2:DescribeLaunchTemplates",
                "ec2:DescribeLaunchTemplateVersions",
            ],
            "*",
        ),
        _allow("MakeThem", ["ec2:CreateLaunchTemplate"], _LAUNCH_TEMPLATES, **_TO_BE_OURS),
        _allow(
            "TagThemAtOnce",
            ["ec2:CreateTags"],
            _LAUNCH_TEMPLATES,
            StringEquals={"ec2:CreateAction": "CreateLaunchTemplate"},
            **_TO_BE_OURS,
        ),
        _allow(
            "UseThemAndDeleteThem",
            [
                "ec2:CreateLaunchTemplateVersion",
                "ec2:CreateTags",
                "ec2:DeleteLaunchTemplate",
                "ec2:DeleteLaunchTemplateVersions",
                "ec2:DeleteTags",
                "ec2:ModifyLaunchTemplate",
            ],
            _LAUNCH_TEMPLATES,
            **_OURS,
        ),
    ],
    Stage.EVENTS: [
        _allow("ListThem", ["sqs:ListQueues", "events:ListRules", "logs:DescribeLogGroups"], "*"),
        _allow(
            "UseQueues",
            [
                "sqs:ChangeMessageVisibility",
                "sqs:CreateQueue",
                "sqs:DeleteQueue",
                "sqs:ListQueueTags",
                "sqs:ReceiveMessage",
                "sqs:TagQueue",
            ],
            f"arn:aws:sqs:*:*:{PREFIX}*",
        ),
        _allow(
            "UseRules",
            [
                "events:DeleteRule",
                "events:ListTagsForResource",
                "events:ListTargetsByRule",
                "events:PutRule",
                "events:PutTargets",
                "events:RemoveTargets",
                "events:TagResource",
            ],
            f"arn:aws:events:*:*:rule/{PREFIX}*",
        ),
        _allow(
            "PutEvents",
            ["events:PutEvents"],
            "arn:aws:events:*:*:event-bus/default",
            **{
                "ForAllValues:StringEquals": {"events:source": [TAG, "aws.ec2"]},
                "Null": {"events:source": "false"},
            },
        ),
        _allow(
            "UseLogGroups",
            [
                "logs:CreateLogGroup",
                "logs:DeleteLogGroup",
                "logs:FilterLogEvents",
                "logs:ListTagsForResource",
                "logs:TagResource",
            ],
            f"arn:aws:logs:*:*:log-group:{LOG_GROUPS}{PREFIX}*",
        ),
        # IAM knows no resource for these
        _allow("LetEventBridgeWrite", ["logs:DeleteResourcePolicy", "logs:PutResourcePolicy"], "*"),
        _allow("ReadMetrics", ["cloudwatch:GetMetricData", "cloudwatch:ListMetrics"], "*"),
    ],
    Stage.STACK: [
        _allow(
            "ReadTheStack",
            [
                "backup:ListRecoveryPointsByResource",
                "cloudformation:DescribeStacks",
                "iam:SimulatePrincipalPolicy",
                "lambda:GetFunctionConfiguration",
                "logs:FilterLogEvents",
            ],
            "*",
        ),
    ],
}


def policy(stages: Iterable[Stage]) -> dict[str, Any]:
    """An IAM policy document that allows these stages, and the removal of what they make."""
    statements = [statement for stage in stages for statement in _STATEMENTS[stage]]
    return {"Version": "2012-10-17", "Statement": statements}


def actions(stages: Iterable[Stage]) -> list[str]:
    """Its actions, each once."""
    listed = [action for one in policy(stages)["Statement"] for action in one["Action"]]
    return sorted(set(listed))
