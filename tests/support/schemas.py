"""What is printed, held against the JSON Schemas that `ami-reactor schema` prints."""

import json
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator
from typer.testing import CliRunner

from infra.cli import app


@cache
def validator(name: str) -> Draft202012Validator:
    """Of that schema; no key may be there that the schema of what is printed has not."""
    printed = CliRunner().invoke(app, ["schema", name])
    assert printed.exit_code == 0, printed.output
    schema = json.loads(printed.stdout)
    return Draft202012Validator(schema if name in ("event", "world") else _closed(schema))


def faults(name: str, value: Any) -> list[str]:
    """What of the value is not as that schema says."""
    return [f"{fault.json_path}: {fault.message}" for fault in validator(name).iter_errors(value)]


def keys_of(schema: Any) -> list[tuple[str, Any]]:
    """Each key that a schema has anywhere, and what it says of it."""
    if isinstance(schema, list):
        return [pair for one in schema for pair in keys_of(one)]
    if not isinstance(schema, dict):
        return []
    own = list(schema.get("properties", {}).items())
    return own + [pair for one in schema.values() for pair in keys_of(one)]


def _closed(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    more = {"additionalProperties": False} if "properties" in schema else {}
    return {key: _closed(one) for key, one in schema.items()} | more
