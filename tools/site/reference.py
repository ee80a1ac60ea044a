"""The reference pages of the site, made from the code each time the site is built: they cannot be out of date."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from enum import Enum
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup, TyperOption

from controller.cli.main import COMMANDS, GROUPS, build_command_line
from controller.exit_codes import MEANINGS
from controller.model.loading.schema import build_schema, build_schemas
from controller.operations.operations import Operations
from controller.operations.operators_file import FORMAT
from controller.platforms.base import Operable, Readable
from controller.platforms.registry import list_platforms, load_platform
from controller.telemetry.registry import METRICS
from stacks.guardrails.pack import GUARDRAILS


def build_reference() -> dict[str, str]:
    """Return the pages by their file names."""
    return {
        "commands.md": describe_commands(),
        "exit-codes.md": describe_exit_codes(),
        "policy-files.md": describe_files(build_schemas()),
        "operators-file.md": describe_files({"operations.json": build_schema(Operations, FORMAT)}),
        "metrics.md": describe_metrics(),
        "guardrails.md": describe_guardrails(),
        "platforms.md": describe_platforms(),
    }


def describe_commands() -> str:
    """Return every command with its options."""
    parts = ["# Commands"]
    for name in (*COMMANDS, *GROUPS):
        root = typer.main.get_command(build_command_line(name))
        command = root.commands[name] if isinstance(root, TyperGroup) else root
        parts += _describe_command(f"tsunagu {name}", command)
    return "\n\n".join(parts) + "\n"


def _describe_command(path: str, command: object) -> Iterator[str]:
    if not isinstance(command, TyperCommand | TyperGroup):
        message = f"{path}: neither a command nor a group"
        raise TypeError(message)
    yield f"## `{path}`"
    yield escape_cell((command.help or "").strip())
    if isinstance(command, TyperGroup):
        for name, child in sorted(command.commands.items()):
            yield from (re.sub("^## ", "### ", part) for part in _describe_command(f"{path} {name}", child))
        return
    rows = []
    for one in command.params:
        is_option = isinstance(one, TyperOption)
        names = [*one.opts, *one.secondary_opts] if is_option else [str(one.name).upper()]
        text = str(getattr(one, "help", None) or "")
        rows.append((", ".join(f"`{name}`" for name in names), text, "yes" if one.required else ""))
    if rows:
        yield make_table(("option or argument", "what it does", "required"), rows)


def describe_exit_codes() -> str:
    """Return what each exit code means."""
    rows = [(f"`{code.value}`", code.name, text) for code, text in MEANINGS.items()]
    return f"# Exit codes\n\n{make_table(('code', 'name', 'means'), rows)}\n"


def describe_files(schemas: Mapping[str, Mapping[str, Any]]) -> str:
    """Return every field of the files of these schemas, with what may stand there."""
    parts = ["# Fields of files"]
    for name, schema in sorted(schemas.items()):
        parts.append(f"## `{name.removesuffix('.json')}.yaml`")
        objects = {"": schema, **schema.get("$defs", {})}
        for title, one in objects.items():
            if title:
                parts.append(f"### {name.removesuffix('.json')}: {title}")
            if text := one.get("description"):
                parts.append(escape_cell(text))
            if "enum" in one:
                parts.append(", ".join(f"`{value}`" for value in one["enum"]))
            if rows := list(_list_fields(one)):
                parts.append(make_table(("field", "holds", "required", "meaning"), rows))
    return "\n\n".join(parts) + "\n"


def _list_fields(schema: Mapping[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    required = schema.get("required", ())
    for name, one in schema.get("properties", {}).items():
        yield f"`{name}`", describe_type(one), "yes" if name in required else "", one.get("description", "")


def describe_type(schema: Mapping[str, Any]) -> str:
    """Return what may stand in a field, in a few words.

    >>> describe_type({"type": "array", "items": {"type": "integer", "minimum": 1, "maximum": 4094}})
    'list of: integer, 1 to 4094'
    >>> describe_type({"anyOf": [{"$ref": "#/$defs/Hours"}, {"type": "null"}]})
    'Hours'
    """
    kind = str(schema.get("type", "any"))
    text = str(schema.get("format", kind))
    if "$ref" in schema:
        text = str(schema["$ref"]).rpartition("/")[2]
    elif several := next((schema[name] for name in ("anyOf", "oneOf", "allOf") if name in schema), None):
        kinds = (describe_type(one) for one in several if one.get("type") != "null")
        text = " or ".join(dict.fromkeys(kinds))
    elif "enum" in schema or "const" in schema:
        text = " or ".join(f"`{value}`" for value in schema.get("enum", [schema.get("const")]))
    elif kind == "array":
        text = f"list of: {describe_type(schema.get('items', {}))}"
    elif kind == "object" and isinstance(more := schema.get("additionalProperties"), Mapping):
        text = f"names, each with: {describe_type(more)}"
    elif "minimum" in schema and "maximum" in schema:
        text = f"{kind}, {schema['minimum']} to {schema['maximum']}"
    return text


def describe_metrics() -> str:
    """Return every metric, under both of its names."""
    rows = [
        (
            f"`{one.name}`",
            f"`{one.prometheus}`",
            str(one.kind),
            one.unit,
            one.meaning,
            ", ".join(f"`{attribute.name}`" for attribute in one.attributes),
        )
        for one in METRICS.values()
    ]
    head = ("OpenTelemetry", "Prometheus", "kind", "unit", "meaning", "told apart by")
    return f"# Metrics\n\n{make_table(head, rows)}\n"


def describe_guardrails() -> str:
    """Return every guardrail of the cloud, with the clause that asks for it."""
    rows = [
        (f"`{one.name}`", one.clause, one.description, "yes" if one.stops else "no: it is said") for one in GUARDRAILS
    ]
    head = ("guardrail", "clause of the guideline (令和7年3月)", "what it holds to", "stops a deployment")
    return f"# Guardrails\n\nEach is judged before a resource is made.\n\n{make_table(head, rows)}\n"


def describe_platforms() -> str:
    """Return every platform with what can be done on it, and what it can do."""
    names = list_platforms()
    platforms = [load_platform(name) for name in names]
    rows: list[Sequence[str]] = [
        ("read, backup", *("yes" if isinstance(one, Readable) else "no" for one in platforms)),
        ("plan, render, prove", *("yes" for _ in platforms)),
        ("apply", *("yes" if isinstance(one, Operable) else "no" for one in platforms)),
    ]
    for field in fields(platforms[0].capabilities):
        values = [getattr(one.capabilities, field.name) for one in platforms]
        rows.append((f"`{field.name}`", *(describe_value(value) for value in values)))
    return f"# Platforms\n\n{make_table(('', *(f'`{name}`' for name in names)), rows)}\n"


def describe_value(value: object) -> str:
    """Return a capability's value as people read it.

    >>> [describe_value(one) for one in (True, None, 512, frozenset({"in"}))]
    ['yes', 'not known', '512', 'in']
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return "not known"
    if isinstance(value, frozenset | tuple):
        return ", ".join(sorted(describe_value(one) for one in value)) or "none"
    return str(value.value) if isinstance(value, Enum) else str(value)


def make_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    lines = [head, ["---"] * len(head), *([escape_cell(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def escape_cell(text: str) -> str:
    """Return a text that can stand in a cell: one line, no markup of HTML outside of code.

    >>> escape_cell("a|b  <c> `<d>`")
    'a&#124;b &lt;c> `<d>`'
    """
    parts = re.split(r"(`[^`]*`)", " ".join(text.split()))
    safe = (part if part.startswith("`") else part.replace("<", "&lt;") for part in parts)
    return "".join(safe).replace("|", "&#124;")
