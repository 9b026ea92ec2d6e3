"""What EventBridge and Lambda write to CloudWatch Logs, which moto's do not."""

import json
import time
from collections.abc import Iterable
from typing import Any

from moto.events.models import Rule
from moto.logs.models import logs_backends

from infra.embedded.policies import allows
from models.base import Place

_STREAM = "embedded"


def log(place: Place, group_name: str, messages: Iterable[str]) -> None:
    """Put messages into a log group, where there is such a one."""
    group = logs_backends[place.account][place.region].groups.get(group_name)
    if group is None:
        return
    if _STREAM not in group.streams:
        group.create_log_stream(_STREAM)
    now = round(time.time() * 1000)
    events = [{"timestamp": now, "message": message} for message in messages]
    group.put_log_events(_STREAM, events)


def log_event(place: Place, rule: Rule, group_name: str, event: dict[str, Any]) -> None:
    """What EventBridge does for a log group among a rule's targets, if the account lets it."""
    policies = logs_backends[place.account][place.region].resource_policies.values()
    if any(allows(policy.policy_document, "logs:PutLogEvents", rule.arn) for policy in policies):
        log(place, group_name, [json.dumps(event)])
