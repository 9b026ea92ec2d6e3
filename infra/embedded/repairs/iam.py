"""IAM: the simulation of a role's policies, and the ARN of a log group that they name.

moto's own IAM engine reads conditions of trust policies only, and takes a statement whose
condition is not fulfilled for a Deny: it cannot tell a held template from another. So
`infra.operate.iam` answers here; its docstring says what it leaves out.
"""

import json
from typing import TYPE_CHECKING, Any

from moto.core.responses import ActionResult
from moto.iam.responses import IamResponse
from moto.logs.models import LogGroup

from infra.operate.iam import Asked, decide

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.embedded.repairs.answers import Repair

_moto_attribute = LogGroup.get_cfn_attribute


def simulate_principal_policy(self: IamResponse) -> ActionResult:
    """For a role; an account here is in no organisation. Source: API model."""
    role = self.backend.get_role_by_arn(self._get_param("PolicySourceArn"))
    context = {
        entry["ContextKeyName"]: entry["ContextKeyValues"]
        for entry in self._get_param("ContextEntries", [])
    }
    policies = list(_policies(self, role))
    boundary = role.permissions_boundary_arn
    results = []
    for resource in self._get_param("ResourceArns", ["*"]):
        for action in self._get_param("ActionNames"):
            asked = Asked(action, resource, context)
            result: dict[str, Any] = {"EvalActionName": action, "EvalResourceName": resource}
            result["EvalDecision"] = decide(policies, asked)
            if boundary:
                limit = decide([_managed(self, boundary)], asked)
                result["PermissionsBoundaryDecisionDetail"] = {
                    "AllowedByPermissionsBoundary": limit == "allowed"
                }
                if limit != "allowed" and result["EvalDecision"] == "allowed":
                    result["EvalDecision"] = limit
            results.append(result)
    return ActionResult({"EvaluationResults": results, "IsTruncated": False})


def _policies(response: IamResponse, role: Any) -> "Iterator[dict[str, Any]]":
    for document in role.policies.values():
        yield _parsed(document)
    for policy in role.managed_policies.values():
        yield _managed(response, policy.arn)


def _managed(response: IamResponse, arn: str) -> dict[str, Any]:
    versions = response.backend.get_policy(arn).versions
    return _parsed(next(one.document for one in versions if one.is_default))


def _parsed(document: str) -> dict[str, Any]:
    policy: dict[str, Any] = json.loads(document)
    return policy


def get_cfn_attribute(self: LogGroup, attribute_name: str) -> str:
    """The ARN ends with `:*`: the group's streams, to which a role has to write.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-logs-loggroup.html
    """
    found: str = _moto_attribute(self, attribute_name)
    return f"{found}:*" if attribute_name == "Arn" else found


REPAIRS: "tuple[Repair, ...]" = (
    (IamResponse, "simulate_principal_policy", simulate_principal_policy),
    (LogGroup, "get_cfn_attribute", get_cfn_attribute),
)
