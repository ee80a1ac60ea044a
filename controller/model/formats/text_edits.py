"""Edits in the text of a YAML or JSON file that leave every other byte as it is."""

from __future__ import annotations

import re
from functools import lru_cache

import yaml

from controller.inputs.bounded_yaml import compose_yaml

Path = tuple[str, ...]
"""The keys from the top of a file to a field."""
_BYTE_ORDER_MARK = "\ufeff"


def find_node(text: str, path: Path) -> yaml.Node | None:
    r"""The node of a field; None where there is no such field.

    >>> find_node("a:\n  b: 7", ("a", "b")).value
    '7'
    """
    entry = find_entry(text, path)
    return None if entry is None else entry[1]


def find_entry(text: str, path: Path) -> tuple[yaml.Node, yaml.Node] | None:
    """The nodes of a field's key and value; None where there is no such field."""
    node = _compose(text)
    entry: tuple[yaml.Node, yaml.Node] | None = None
    for key in path:
        entry = next((one for one in _entries(node) if one[0].value == key), None)
        if entry is None:
            return None
        node = entry[1]
    return entry


def write_field(text: str, path: Path, written: str) -> str:
    r"""The text with a field of this value: where it stands already, or else before the first field beside it.

    >>> write_field("# Rules.\nrules: []\n", ("format",), "1")
    '# Rules.\nformat: 1\nrules: []\n'
    >>> write_field('{"stack": "lab"}', ("format",), "1")
    '{"format": 1, "stack": "lab"}'

    Raises:
        ValueError: there is no mapping where it belongs.
    """
    mark, rest = split_byte_order_mark(text)
    if mark:
        return mark + write_field(rest, path, written)
    node = find_node(text, path)
    if node is not None:
        return f"{text[: node.start_mark.index]}{written}{text[node.end_mark.index :]}"
    beside = find_node(text, path[:-1]) if len(path) > 1 else _compose(text)
    if not isinstance(beside, yaml.MappingNode):
        message = f"has no fields, so {'.'.join(path)} cannot be added"
        raise ValueError(message)  # noqa: TRY004 the file is wrong, not a type
    if beside.flow_style:
        return _write_in_braces(text, beside, path[-1], written)
    first = int(beside.value[0][0].start_mark.index)
    at = text.rfind("\n", 0, first) + 1
    # A key may also be written `? key`.
    indent = text[at:first].removesuffix("? ")
    if indent.strip(" "):
        message = f"begins behind {indent.strip()!r}, so {'.'.join(path)} cannot be added; write it on its own line"
        raise ValueError(message)
    return f"{text[:at]}{indent}{path[-1]}: {written}{find_newline(text)}{text[at:]}"


def _write_in_braces(text: str, beside: yaml.MappingNode, key: str, written: str) -> str:
    at = beside.start_mark.index + 1
    gap = re.match(r"[ \t]*(?:\r?\n[ \t]*)?", text[at:])
    between = gap[0] if gap and "\n" in gap[0] else ""
    added = f'"{key}": {written}'
    if beside.value:
        added += "," if between else ", "
    return text[:at] + between + added + text[at:]


def split_byte_order_mark(text: str) -> tuple[str, str]:
    r"""Split a text into its byte order mark, if any, and the rest: the parser's marks do not count it.

    >>> split_byte_order_mark("\ufeffa: 1") == ("\ufeff", "a: 1"), split_byte_order_mark("a: 1")
    (True, ('', 'a: 1'))
    """
    rest = text.removeprefix(_BYTE_ORDER_MARK)
    return text[: len(text) - len(rest)], rest


def remove_lines(text: str, first: int, last: int) -> str:
    """The text without the lines from `first` to `last`, both included, counted from 0."""
    lines = text.splitlines(keepends=True)
    return "".join([*lines[:first], *lines[last + 1 :]])


def insert_lines(text: str, after: int, lines: list[str]) -> str:
    """The text with lines behind the line `after`, counted from 0."""
    old = text.splitlines(keepends=True)
    ending = find_newline(text)
    if not old[after].endswith(("\n", "\r")):
        old[after] += ending
    return "".join([*old[: after + 1], *(f"{line}{ending}" for line in lines), *old[after + 1 :]])


def find_last_line(node: yaml.Node) -> int:
    """The last line of a node, counted from 0, without the comments behind it."""
    inner: list[yaml.Node] = []
    if isinstance(node, yaml.MappingNode):
        inner = [part for entry in node.value for part in entry]
    elif isinstance(node, yaml.SequenceNode):
        inner = list(node.value)
    if not inner or getattr(node, "flow_style", False):
        return int(node.end_mark.line) if node.end_mark.column else int(node.end_mark.line) - 1
    return max(find_last_line(part) for part in inner)


@lru_cache(maxsize=2)
def _compose(text: str) -> yaml.Node | None:
    # The same text is asked for one field after another.
    return compose_yaml(text)


def _entries(node: yaml.Node | None) -> list[tuple[yaml.Node, yaml.Node]]:
    return list(node.value) if isinstance(node, yaml.MappingNode) else []


def find_newline(text: str) -> str:
    """Find how the lines of a text end."""
    return "\r\n" if "\r\n" in text else "\n"
