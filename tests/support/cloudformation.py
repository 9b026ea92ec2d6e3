"""A template as CloudFormation reads it for one stack: conditions decided, names put in."""

import re
from collections.abc import Mapping
from typing import Any

import yaml
from awscli.customizations.cloudformation.yamlhelper import yaml_parse

from tests.support.builders import ACCOUNT, REGION

_NOTHING = object()


class _Short(yaml.SafeLoader):
    """YAML with CloudFormation's short functions, each as its argument."""


for _function in ("!Sub", "!Ref", "!GetAtt"):
    _Short.add_constructor(_function, lambda _, node: node.value)


def read_yaml(text: str) -> Any:
    """A small template; `!Ref AWS::AccountId` is read as `AWS::AccountId`."""
    return yaml.load(text, _Short)


def read_template(text: str) -> dict[str, Any]:
    """A whole template, its short functions written out."""
    document: dict[str, Any] = yaml_parse(text)
    return document


def resources_of(
    document: Mapping[str, Any], stack: str = "ami-reactor", **parameters: str
) -> dict[str, dict[str, Any]]:
    """The resources that a stack with these parameters has.

    What only a resource itself can say stays as text: `${DeadLetters}` is what Ref gives of it,
    `${DeadLetters.Arn}` one of its attributes.
    """
    reader = _Reader(document, stack, parameters)
    return {
        name: reader.read({k: v for k, v in resource.items() if k != "Condition"})
        for name, resource in document["Resources"].items()
        if "Condition" not in resource or reader.decides(resource["Condition"])
    }


def as_text(value: Any) -> Any:
    """The same for a value alone, of which no condition is to be decided."""
    return _Reader({"Parameters": {}, "Conditions": {}}, "${AWS::StackName}", {}).read(value)


class _Reader:
    def __init__(self, document: Mapping[str, Any], stack: str, parameters: dict[str, str]) -> None:
        self._conditions = document.get("Conditions", {})
        self._values = {
            **{
                name: _value(p, parameters.get(name, p.get("Default")))
                for name, p in document["Parameters"].items()
            },
            "AWS::StackName": stack,
            "AWS::AccountId": ACCOUNT,
            "AWS::Region": REGION,
            "AWS::Partition": "aws",
            "AWS::NoValue": _NOTHING,
        }

    def decides(self, condition: str) -> bool:
        return bool(self.read(self._conditions.get(condition, False)))

    def read(self, value: Any) -> Any:
        if isinstance(value, list):
            return [one for one in map(self.read, value) if one is not _NOTHING]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            [(function, argument)] = value.items()
            if function == "Ref" or function.startswith("Fn::"):
                return self._call(function, argument)
        read = {key: self.read(one) for key, one in value.items()}
        return {key: one for key, one in read.items() if one is not _NOTHING}

    def _call(self, function: str, argument: Any) -> Any:
        match function, argument:
            case "Ref", name:
                return self._values.get(name, f"${{{name}}}")
            case "Fn::GetAtt", [name, attribute]:
                return f"${{{name}.{attribute}}}"
            case "Fn::Sub", str(text):
                return re.sub(r"\$\{([\w:.]+)\}", self._put_in, text)
            case "Fn::If", [condition, then, otherwise]:
                return self.read(then if self.decides(condition) else otherwise)
            case "Fn::Equals", [one, other]:
                return str(self.read(one)) == str(self.read(other))
            case "Fn::Not", [one]:
                return not self.read(one)
            case _:
                return self._text(function, argument)

    def _text(self, function: str, argument: Any) -> Any:
        match function, argument:
            case "Fn::Sub", [text, more]:
                values = {name: self.read(value) for name, value in more.items()}
                return re.sub(
                    r"\$\{([\w:.]+)\}",
                    lambda found: values.get(found[1], self._put_in(found)),
                    text,
                )
            case "Fn::Join", [delimiter, parts]:
                return delimiter.join(self.read(parts))
            case "Fn::Split", [delimiter, text]:
                return self.read(text).split(delimiter)
            case _:
                raise NotImplementedError(function)

    def _put_in(self, found: re.Match[str]) -> str:
        return str(self._values.get(found[1], found[0]))


def _value(parameter: Mapping[str, Any], given: Any) -> str | list[str]:
    return str(given).split(",") if parameter["Type"] == "CommaDelimitedList" else str(given)
