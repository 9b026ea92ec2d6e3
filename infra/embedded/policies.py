"""The policies of queues, functions and log groups, asked on behalf of EventBridge."""

import json

from infra.operate.iam import Asked, decide

_EVENTBRIDGE = "events.amazonaws.com"


def lets_eventbridge(policy: str, action: str, resource: str, rule_arn: str) -> bool:
    """Whether a resource's policy, in JSON, lets EventBridge do that for a rule, over TLS.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html
    """
    statements = [
        statement
        for statement in json.loads(policy).get("Statement", [])
        if _includes_eventbridge(statement["Principal"])
    ]
    context = {"aws:SourceArn": [rule_arn], "aws:SecureTransport": ["true"]}
    return decide([{"Statement": statements}], Asked(action, resource, context)) == "allowed"


def _includes_eventbridge(principal: str | dict[str, str | list[str]]) -> bool:
    if isinstance(principal, str):
        return principal == "*"
    services = principal.get("Service", [])
    return _EVENTBRIDGE in ([services] if isinstance(services, str) else services)
