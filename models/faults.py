"""What is wrong with a field, in the words of JSON.

Pydantic's own messages are for Python programmers, and name our classes.
"""

from collections.abc import Mapping
from typing import Any

from models.base import WORDS_OF_PATTERNS

_OBJECT = "must be a JSON object"
_LIST = "must be a list"
_NUMBER = "must be a whole number"
_DATE = "must be a date such as 2026-06-15T17:00:31.000Z"

_WORDS = {
    "missing": "is required",
    "extra_forbidden": "is not known",
    "none_required": "must be null",
    "model_type": _OBJECT,
    "model_attributes_type": _OBJECT,
    "dataclass_type": _OBJECT,
    "dict_type": _OBJECT,
    "mapping_type": _OBJECT,
    "list_type": _LIST,
    "tuple_type": _LIST,
    "set_type": _LIST,
    "frozen_set_type": _LIST,
    "string_type": "must be a string",
    "string_sub_type": "must be a string",
    "string_unicode": "must be a string of whole characters",  # half of a surrogate pair
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "too_short": "must have at least {min_length} items",
    "too_long": "must have at most {max_length} items",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "int_type": _NUMBER,
    "int_parsing": _NUMBER,
    "int_parsing_size": _NUMBER,
    "int_from_float": _NUMBER,
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a number",
    "greater_than": "must be greater than {gt}",
    "greater_than_equal": "must be greater than or equal to {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be less than or equal to {le}",
    "literal_error": "must be {expected}",
    "enum": "must be {expected}",
    "timezone_aware": _DATE,
    "datetime_type": _DATE,
    "datetime_parsing": _DATE,
    "datetime_object_invalid": _DATE,
    "datetime_from_date_parsing": _DATE,
}
_OURS = ("value_error", "assertion_error", "world")  # raised here: the words are our own


def in_plain_words(fault: Mapping[str, Any]) -> str:
    """What a field must be.

    Args:
        fault: One entry of `ValidationError.errors()`.
    """
    kind, context = fault["type"], fault.get("ctx", {})
    if kind in _OURS:
        return str(fault["msg"]).removeprefix("Value error, ").removeprefix("Assertion failed, ")
    if kind == "string_pattern_mismatch":
        pattern = context["pattern"]
        return f"must be {WORDS_OF_PATTERNS.get(pattern, f'text that matches {pattern}')}"
    return _WORDS.get(kind, "is not valid").format(**context)
