"""The facts against the SDK that programs use: the same fields, at every depth, of the same kind."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

import pytest
from pulumi._types import input_type_py_to_pulumi_names, input_type_types, is_input_type

from controller.offline_google.schema.facts import (
    PropertyFacts,
    UnknownType,
    find_resource_type,
    list_known_types,
)

# The SDK warns of its own old names while it is imported.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

STACK_TYPES = Path(__file__).resolve().parents[2] / "tools" / "gcp_types.txt"


def _arguments(token: str) -> type:
    """The SDK's class of the inputs of a type."""
    kind = find_resource_type(token)
    module = importlib.import_module(f"pulumi_gcp.{kind.module}")
    found: type = getattr(module, f"{kind.name}Args", None) or getattr(module, f"{kind.name}InitArgs")
    return found


def _block(annotation: Any) -> type | None:  # noqa: ANN401 any annotation
    """The class of a block inside `Input[...]`, `Sequence[...]`, `Optional[...]`; None for plain values."""
    if inspect.isclass(annotation) and is_input_type(annotation):
        return annotation
    return next((found for part in get_args(annotation) if (found := _block(part)) is not None), None)


def _differences(known: Mapping[str, PropertyFacts], arguments: type, path: str) -> Iterator[str]:
    names = set(input_type_py_to_pulumi_names(arguments).values())
    types = input_type_types(arguments)
    for name in sorted(names - known.keys()):
        yield f"{path}{name}: only the SDK has it"
    for name in sorted({name for name, found in known.items() if found.settable} - names):
        yield f"{path}{name}: only the facts have it"
    for pulumi in sorted(names & known.keys()):
        block = _block(types[pulumi])
        found = known[pulumi]
        if (block is not None) != (found.element == "object"):
            yield f"{path}{pulumi}: {found.type} in the facts, {types[pulumi]} in the SDK"
        elif block is not None and found.children:
            yield from _differences(found.children, block, f"{path}{pulumi}.")


@pytest.mark.parametrize("token", list_known_types())
def test_the_facts_have_the_fields_of_the_sdk(token: str) -> None:
    assert list(_differences(find_resource_type(token).properties, _arguments(token), "")) == []


def test_every_type_of_the_stacks_is_known() -> None:
    wanted = {line for line in STACK_TYPES.read_text(encoding="utf-8").splitlines() if line and line[0] != "#"}
    assert wanted <= set(list_known_types())


def test_a_type_that_is_not_carried_is_unknown() -> None:
    with pytest.raises(UnknownType, match="gcp:bigtable/instance:Instance"):
        find_resource_type("gcp:bigtable/instance:Instance")


def test_a_nested_property_hangs_below_its_parent() -> None:
    database = find_resource_type("gcp:sql/databaseInstance:DatabaseInstance")
    assert database.properties["settings"].children["ipConfiguration"].children["privateNetwork"].type == "string"
    assert database.short == "sql.DatabaseInstance"
