"""As much of IAM as the policies of queues, functions and log groups need here."""

import fnmatch
import json
from typing import Any


def allows(policy: str, action: str, rule_arn: str) -> bool:
    """Whether a resource's policy, in JSON, lets EventBridge do that for that rule.

    The service as principal, `aws:SourceArn` as condition; no more is looked at.
    """
    return any(
        statement["Effect"] == "Allow"
        and "events.amazonaws.com" in _listed(statement["Principal"].get("Service"))
        and action in _listed(statement["Action"])
        and any(fnmatch.fnmatchcase(rule_arn, source) for source in _sources(statement))
        for statement in json.loads(policy).get("Statement", [])
        if isinstance(statement["Principal"], dict)
    )


def _sources(statement: dict[str, Any]) -> list[str]:
    conditions = list(statement.get("Condition", {}).values())
    return [
        arn
        for condition in conditions or [{"aws:SourceArn": "*"}]
        for key, arns in condition.items()
        if key.lower() == "aws:sourcearn"  # condition keys are not case-sensitive
        for arn in _listed(arns)
    ]


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
