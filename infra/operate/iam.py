"""IAM's answer to a request, worked out from policies, if IAM itself may not be asked.

Statements with Deny, NotAction, NotResource and Condition, and a permissions boundary. Not in it:
an organisation's policies, resource policies, policy variables, and conditions on numbers, dates
and addresses, which are taken for unfulfilled in an Allow and for fulfilled in a Deny.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Policy = Mapping[str, Any]
Decision = Literal["allowed", "explicitDeny", "implicitDeny"]


@dataclass(frozen=True)
class Asked:
    """One request: an action on one resource, with the condition keys that it carries."""

    action: str
    resource: str
    context: Mapping[str, Sequence[str]] = field(default_factory=dict)


def decide(policies: Iterable[Policy], asked: Asked) -> Decision:
    """What these policies together say: a Deny counts for more than any Allow."""
    effects = {
        statement["Effect"]
        for policy in policies
        for statement in _listed(policy.get("Statement", []))
        if _applies(statement, asked)
    }
    if "Deny" in effects:
        return "explicitDeny"
    return "allowed" if "Allow" in effects else "implicitDeny"


def _applies(statement: Policy, asked: Asked) -> bool:
    return (
        _names(statement, "Action", asked.action.lower(), str.lower)
        and _names(statement, "Resource", asked.resource, str)
        and all(
            _is_fulfilled(operator, key, _listed(wanted), asked.context, statement["Effect"])
            for operator, keys in statement.get("Condition", {}).items()
            for key, wanted in keys.items()
        )
    )


def _names(statement: Policy, element: str, value: str, as_written: Callable[[str], str]) -> bool:
    """Whether the statement is about that action or resource; case does not matter in actions."""
    if (excluded := statement.get(f"Not{element}")) is not None:
        return not any(_like(as_written(one), value) for one in _listed(excluded))
    return any(_like(as_written(one), value) for one in _listed(statement.get(element, [])))


def _is_fulfilled(
    operator: str,
    key: str,
    wanted: list[str],
    context: Mapping[str, Sequence[str]],
    effect: str,
) -> bool:
    """One key of one condition. Keys are not case-sensitive.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
    """
    values = next((v for k, v in context.items() if k.lower() == key.lower()), None)
    quantifier, _, plain = operator.rpartition(":")
    if plain == "Null":
        return [str(one).lower() for one in wanted] == [str(values is None).lower()]
    is_optional, plain = plain.endswith("IfExists"), plain.removesuffix("IfExists")
    if plain not in _OPERATORS:
        return effect == "Deny"
    is_negated = "Not" in plain
    if values is None:
        return is_optional or quantifier == "ForAllValues" or (is_negated and not quantifier)

    def matches(value: str) -> bool:
        return any(_OPERATORS[plain](str(one), value) for one in wanted) is not is_negated

    return all(map(matches, values)) if quantifier == "ForAllValues" else any(map(matches, values))


def _like(pattern: str, value: str) -> bool:
    parts = (".*" if one == "*" else "." if one == "?" else re.escape(one) for one in pattern)
    return re.fullmatch("".join(parts), value, re.DOTALL) is not None


def _equal(wanted: str, value: str) -> bool:
    return wanted == value


def _equal_in_any_case(wanted: str, value: str) -> bool:
    return wanted.lower() == value.lower()


_OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "StringEquals": _equal,
    "StringNotEquals": _equal,
    "StringEqualsIgnoreCase": _equal_in_any_case,
    "StringNotEqualsIgnoreCase": _equal_in_any_case,
    "StringLike": _like,
    "StringNotLike": _like,
    "ArnEquals": _like,
    "ArnLike": _like,
    "ArnNotEquals": _like,
    "ArnNotLike": _like,
    "Bool": _equal_in_any_case,
}


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]
