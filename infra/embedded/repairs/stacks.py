"""CloudFormation: what DescribeStacks prints of a stack."""

from typing import TYPE_CHECKING, Any

from moto.cloudformation.models import Stack

if TYPE_CHECKING:
    from infra.embedded.repairs.answers import Repair

_moto_parameter_list: Any = Stack.parameter_list


def parameter_list(self: Stack) -> list[dict[str, Any]]:
    """A list as it was given, with commas; moto prints it as Python does.

    Source: API model, Parameter: "The input value associated with the parameter."
    """
    return [
        one | {"ParameterValue": ",".join(one["ParameterValue"])}
        if isinstance(one["ParameterValue"], list)
        else one
        for one in _moto_parameter_list.fget(self)
    ]


REPAIRS: "tuple[Repair, ...]" = ((Stack, "parameter_list", property(parameter_list)),)
