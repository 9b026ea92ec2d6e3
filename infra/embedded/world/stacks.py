"""The stacks of a world: those of infra/chains that can run on the stage.

An entry is what DescribeStacks prints of a deployed chain. Its output `AmiReactorChain` tells which
template it was made of.
"""

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_pascal

from infra.embedded.world.entries import Entry, fail
from models.base import printable

if TYPE_CHECKING:
    from infra.embedded.world.file import World

_FOLDER = Path(__file__).parents[2] / "chains"
_OUTPUT = "AmiReactorChain"
_RUN = ("refresh",)
"""The chains that run here. The others call EKS, Systems Manager or SNS."""


@cache
def chain_template(name: str) -> dict[str, Any]:
    """The template of a chain, as CloudFormation reads it; always the same object."""
    from moto.cloudformation.models import Stack  # imports all that moto has

    return Stack.parse_template((_FOLDER / f"{name}.yaml").read_text())


class Parameter(BaseModel):
    """What a stack was given."""

    model_config = ConfigDict(alias_generator=to_pascal)

    parameter_key: str
    parameter_value: str


class Output(BaseModel):
    """What a stack says of itself."""

    model_config = ConfigDict(alias_generator=to_pascal)

    output_key: str
    output_value: str


class ChainStack(Entry):
    """A deployed chain. Parameters that are not given have the template's defaults."""

    aws_shape = ("cloudformation", "Stack")

    stack_name: str = Field(pattern=r"^[a-zA-Z][-a-zA-Z0-9]{0,127}$")
    parameters: list[Parameter] = []
    outputs: list[Output] = []

    @property
    def chain(self) -> str:
        """The name of its template in infra/chains."""
        told = [o.output_value for o in self.outputs if o.output_key == _OUTPUT]
        return told[0].partition(" ")[0] if told else ""

    @model_validator(mode="after")
    def _is_a_chain(self) -> "ChainStack":
        names = sorted(path.stem for path in _FOLDER.glob("*.yaml"))
        if self.chain not in names:
            fail(f"must have {_OUTPUT}, which begins with {' or '.join(names)}", "Outputs")
        return self

    def given(self, name: str) -> list[str]:
        """The values of a list's parameter; empty if it is not given."""
        for one in self.parameters:
            if one.parameter_key == name:
                return one.parameter_value.split(",")
        return []


def is_unchanged(described: dict[str, Any]) -> bool:
    """Whether a stack, as DescribeStacks prints it, has the parameters of its chain's template."""
    try:
        _parameters_fit(ChainStack.model_validate(described), ())
    except ValueError:
        return False
    return True


def leave_stacks_out(world: "World") -> None:
    """An account may have chains that the stage cannot run."""
    for stack in world.stacks:
        if stack.chain not in _RUN:
            why = f"the embedded AWS does not run the chain {stack.chain}"
            world.left_out.append(f"{stack.stack_name} is left out: {why}")
    world.stacks = [stack for stack in world.stacks if stack.chain in _RUN]


def stacks_fit(world: "World") -> None:
    """Their parameters are the template's, and name what is in the world."""
    templates = [template.launch_template_id for template in world.launch_templates]
    groups = [group.auto_scaling_group_name for group in world.auto_scaling_groups]
    for index, stack in enumerate(world.stacks):
        path = ("Stacks", index, "Parameters")
        _parameters_fit(stack, path)
        _are_there(stack, "LaunchTemplateId", templates, "LaunchTemplates", path)
        _are_there(stack, "AutoScalingGroupNames", groups, "AutoScalingGroups", path)


def _parameters_fit(stack: ChainStack, path: tuple[str | int, ...]) -> None:
    known = chain_template(stack.chain)["Parameters"]
    for index, one in enumerate(stack.parameters):
        if one.parameter_key not in known:
            fail(f"must be one of: {', '.join(known)}", *path, index, "ParameterKey")
        pattern = _pattern_of(known[one.parameter_key])
        if not re.fullmatch(pattern, one.parameter_value):
            fail(f"must match {pattern}", *path, index, "ParameterValue")
    given = {one.parameter_key for one in stack.parameters}
    for name, parameter in known.items():
        if "Default" not in parameter and name not in given:
            fail(f"must have {name}", *path)


def _pattern_of(parameter: dict[str, Any]) -> str:
    of_type = r"\d+" if parameter["Type"] == "Number" else ".*"
    return str(parameter.get("AllowedPattern", of_type))


def _are_there(
    stack: ChainStack, key: str, known: list[str], field: str, path: tuple[str | int, ...]
) -> None:
    for name in stack.given(key):
        if name not in known:
            fail(f"{key}: {printable(name)} is not one of the {field}", *path)
