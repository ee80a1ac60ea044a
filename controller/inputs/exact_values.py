"""Numbers, truth values and dates that a file must write as such: nothing else is taken for one of them.

Pydantic would read `true` as 1, "010" as 10, 10.0 as 10, and 1806364800 as a date.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Any

from pydantic import BeforeValidator
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

_STRICT = frozenset({"int", "float", "bool"})
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def require_exact_values(schema: CoreSchema) -> CoreSchema:
    """Return a model's schema in which every number, truth value and date takes its own kind of value alone.

    A fraction may be written as a whole number, and a date as text in the form 2026-12-01.
    """
    exact: CoreSchema = _walk(schema)
    return exact


def _walk(part: Any) -> Any:  # noqa: ANN401 a schema is a tree of dictionaries and lists
    if isinstance(part, list | tuple):
        return type(part)(map(_walk, part))
    if not isinstance(part, dict):
        return part
    kind = part.get("type")
    if kind == "function-before" and part["function"].get("function") is _check_date:
        return part
    walked = {name: value if name == "metadata" else _walk(value) for name, value in part.items()}
    if kind in _STRICT:
        walked["strict"] = True
    if kind == "date":
        return core_schema.no_info_before_validator_function(_check_date, walked)
    if kind == "literal" and any(type(one) is int for one in part["expected"]):
        return core_schema.no_info_before_validator_function(_check_number, walked)
    return walked


def refuse_number(value: object) -> object:
    """The value of a field that holds an address; a bare number is refused, because Python takes 10 for 0.0.0.10.

    Raises:
        ValueError: it is a number.
    """
    if isinstance(value, int | float):
        message = "write an address, e.g. 10.0.0.1 or 2001:db8::1"
        raise ValueError(message)  # noqa: TRY004 pydantic's own
    return value


AddressText = BeforeValidator(refuse_number)
"""Goes with an address or a network of the standard library."""


def _check_number(value: object) -> object:
    """The value, if it is one of some numbers as YAML or JSON writes one: Python takes `true` and 1.0 for 1.

    Raises:
        PydanticCustomError: it is a truth value or a fraction.
    """
    if isinstance(value, bool | float):
        kind = "int_type"
        raise PydanticCustomError(kind, "write a whole number")
    return value


def _check_date(value: object) -> object:
    """The value, if it is a day as YAML or JSON writes one.

    Raises:
        PydanticCustomError: it is none.
    """
    if isinstance(value, str) and _DATE.fullmatch(value):
        return value
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    kind = "date_parsing"
    raise PydanticCustomError(kind, "write a date as 2026-12-01")
