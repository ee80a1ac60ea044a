"""Writes changes into the texts of `city/schools/*.yaml`: what stands there stays, comments and layout too."""

from __future__ import annotations

import difflib
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import yaml

from controller.errors import InputRefused
from controller.importing.school_changes import FieldChange, NewSchool, SchoolChanges, write_line
from controller.inputs.bounded_yaml import YamlRefused, compose_yaml
from controller.inputs.input_file import InputFolder, decode_text
from controller.inputs.shown_text import escape_controls
from controller.model.policy_files import SCHOOLS

_PLAIN = re.compile(r"[^\W\d_][\w・ー々〆ヶ()\uff08\uff09-]*")
_WORDS_OF_YAML = frozenset({"true", "false", "yes", "no", "on", "off", "null", "y", "n"})
_BEGIN = """# Schools of the ward {ward}, as {source} has them. `number` decides a school's addresses and never changes;
# `mbps` is what the line's contract says. `tsunagu import` changes single fields here and keeps comments.
format: {format}
schools:
"""
_BY_HAND = "change it by hand"
_BYTE_ORDER_MARK = "\ufeff"


@dataclass(frozen=True, slots=True)
class FileChange:
    """A file of schools with another text; `before` is None where there is no such file yet."""

    name: str
    before: str | None
    after: str

    def format_diff(self) -> str:
        """Return the change as a unified diff."""
        old, new = (one.replace("\r\n", "\n").splitlines(keepends=True) for one in (self.before or "", self.after))
        from_name = self.name if self.before is not None else "/dev/null"
        lines = difflib.unified_diff(old, new, from_name, self.name)
        return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)


class _Edit(NamedTuple):
    """What is written between two places; of two at one place that of the deeper field comes first."""

    begin: int
    end: int
    written: str
    depth: int


@dataclass(slots=True)
class _SchoolText:
    """The text of one file behind its byte order mark, its tree, and the edits that wait."""

    name: str
    mark: str
    text: str
    listed: yaml.SequenceNode
    schools: Mapping[str, yaml.MappingNode]
    wards: Counter[str]
    edits: list[_Edit] = field(default_factory=list)

    @property
    def line_end(self) -> str:
        return "\r\n" if "\r\n" in self.text else "\n"

    def write(self) -> str:
        """Return the text with all edits."""
        text = self.text
        for one in sorted(self.edits, key=lambda edit: (edit.begin, -edit.depth), reverse=True):
            text = text[: one.begin] + one.written + text[one.end :]
        return self.mark + text


def edit_school_files(policies: Path, changes: SchoolChanges, source: str) -> tuple[FileChange, ...]:
    """Return the files of schools that change, with their new texts; nothing is written.

    Raises:
        InputRefused: a file is laid out so that a program would not change it safely; names the line.
    """
    folder = InputFolder(policies)
    texts = {name: _read(folder, policies, name) for name in folder.list_names(SCHOOLS.folder, "*.yaml")}
    for change in changes.changed:
        _change_field(_find_text(texts, change.school.id), change, policies)
    created: dict[str, str] = {}
    for ward, schools in _group_by_ward(changes.new):
        name = _choose_file(texts, ward)
        if name in texts:
            _add_schools(texts[name], schools, policies)
        else:
            created[name] = write_new_file(ward, schools, source)
    found = [FileChange(name, one.mark + one.text, one.write()) for name, one in texts.items() if one.edits]
    return (*found, *(FileChange(name, None, text) for name, text in created.items()))


def write_new_file(ward: str, schools: Sequence[NewSchool], source: str) -> str:
    """Return the text of a file that holds the first schools of a ward."""
    body = "\n".join(_write_block(one, "  ", "\n") for one in schools)
    return _BEGIN.format(ward=ward, source=escape_controls(source), format=SCHOOLS.format) + body


def write_school(school: NewSchool) -> str:
    """Return a school as a file has it, from its first field on, without the indentation."""
    record = school.record
    lines = [
        f"id: {school.id}",
        f"number: {school.number}",
        f"name: {write_text(record.name)}",
        f"ward: {record.ward}",
        f"kind: {school.kind}",
        f"pupils: {school.pupils}",
        *([f"lot: {record.lot}"] if record.lot else []),
        "lines:",
        *(f"  {name}: {write_line(line)}" for name, line in record.lines.items()),
    ]
    return "\n".join(lines)


def write_text(text: str) -> str:
    """Return a text as YAML reads it back: plain where nothing else could be meant, else in quotes.

    >>> write_text("第一小学校"), write_text("no"), write_text("a: b")
    ('第一小学校', '"no"', '"a: b"')
    """
    if _PLAIN.fullmatch(text) and text.casefold() not in _WORDS_OF_YAML:
        return text
    return json.dumps(text, ensure_ascii=False)


def _group_by_ward(schools: Sequence[NewSchool]) -> Iterator[tuple[str, list[NewSchool]]]:
    wards = dict.fromkeys(one.record.ward for one in schools)
    yield from ((ward, [one for one in schools if one.record.ward == ward]) for ward in wards)


def _choose_file(texts: Mapping[str, _SchoolText], ward: str) -> str:
    """Return the file that most schools of a ward stand in; of a ward without schools the one of its own name."""
    counted = {name: one.wards[ward] for name, one in texts.items() if one.wards[ward]}
    return max(counted, key=lambda name: counted[name]) if counted else SCHOOLS.name_for(ward)


def _read(folder: InputFolder, policies: Path, name: str) -> _SchoolText:
    path = policies / name
    text = decode_text(folder.read_bytes(name), path)
    whole = text.removeprefix(_BYTE_ORDER_MARK)
    if "\r" in whole.replace("\r\n", ""):
        raise InputRefused(path, "its lines end in a way of old systems (CR alone); save it with ordinary line ends")
    try:
        top = compose_yaml(whole)
    except YamlRefused as refused:
        raise InputRefused(path, refused.why, refused.line) from None
    listed = _get_fields(top).get("schools")
    if not isinstance(listed, yaml.SequenceNode):
        raise InputRefused(path, "has no list 'schools'")
    schools: dict[str, yaml.MappingNode] = {}
    wards: Counter[str] = Counter()
    for one in listed.value:
        fields = _get_fields(one)
        if isinstance(one, yaml.MappingNode) and "id" in fields:
            schools[str(fields["id"].value)] = one
            wards[str(fields["ward"].value) if "ward" in fields else ""] += 1
    mark = _BYTE_ORDER_MARK if text.startswith(_BYTE_ORDER_MARK) else ""
    return _SchoolText(name, mark, whole, listed, schools, wards)


def _get_fields(node: yaml.Node | None) -> dict[str, yaml.Node]:
    return {str(key.value): value for key, value in node.value} if isinstance(node, yaml.MappingNode) else {}


def _find_text(texts: Mapping[str, _SchoolText], school: str) -> _SchoolText:
    return next(one for one in texts.values() if school in one.schools)


def _change_field(text: _SchoolText, change: FieldChange, policies: Path) -> None:
    node: yaml.Node = text.schools[change.school.id]
    for at, key in enumerate(change.path):
        entry = next((one for one in node.value if one[0].value == key), None) if _is_mapping(node) else None
        if entry is None:
            if at != len(change.path) - 1 or not _is_mapping(node):
                raise _refuse(text, node, policies, f"'{change.field}' cannot be found here; {_BY_HAND}")
            _add_field(text, node, f"{key}: {change.after}", len(change.path), policies)
            return
        between = text.text[entry[0].end_mark.index : entry[1].start_mark.index]
        if not re.fullmatch(r"\s*:\s*", between) or text.text[entry[1].start_mark.index] in "&*":
            raise _refuse(text, entry[0], policies, f"'{change.field}' is not written out here; {_BY_HAND}")
        node = entry[1]
    if not isinstance(node, yaml.ScalarNode):
        raise _refuse(text, node, policies, f"'{change.field}' is no single value here; {_BY_HAND}")
    written = write_text(change.after) if change.path == ("name",) else change.after
    text.edits.append(_Edit(node.start_mark.index, node.end_mark.index, written, len(change.path)))


def _is_mapping(node: yaml.Node) -> bool:
    return isinstance(node, yaml.MappingNode)


def _add_field(text: _SchoolText, node: yaml.Node, written: str, depth: int, policies: Path) -> None:
    """Put a field behind the last one of a mapping."""
    if not node.value:
        raise _refuse(text, node, policies, f"an empty mapping stands here; {_BY_HAND}")
    if getattr(node, "flow_style", False):
        at = node.value[-1][1].end_mark.index
        text.edits.append(_Edit(at, at, f", {written}", depth))
        return
    first = node.value[0][0].start_mark
    at = find_end(text.text, node)
    text.edits.append(_Edit(at, at, f"{text.line_end}{' ' * first.column}{written}", depth))


def _add_schools(text: _SchoolText, schools: Sequence[NewSchool], policies: Path) -> None:
    if text.listed.flow_style:
        if text.listed.value:
            raise _refuse(
                text, text.listed, policies, "the schools stand in brackets; write one below the other, by '- '"
            )
        blocks = text.line_end.join(_write_block(one, "  ", text.line_end) for one in schools)
        begin, end = text.listed.start_mark.index, text.listed.end_mark.index
        begin -= len(text.text[:begin]) - len(text.text[:begin].rstrip(" "))
        text.edits.append(_Edit(begin, end, f"{text.line_end}{blocks.removesuffix(text.line_end)}", 0))
        return
    last = text.listed.value[-1]
    indent = " " * text.listed.start_mark.column
    gap = text.line_end if _is_divided(text) else ""
    at = find_end(text.text, last)
    blocks = "".join(f"{text.line_end}{gap}{_write_block(one, indent, text.line_end, end='')}" for one in schools)
    text.edits.append(_Edit(at, at, blocks, 0))


def _write_block(school: NewSchool, indent: str, line_end: str, end: str | None = None) -> str:
    lines = write_school(school).split("\n")
    block = line_end.join([f"{indent}- {lines[0]}", *(f"{indent}  {line}" for line in lines[1:])])
    return block + (line_end if end is None else end)


def _is_divided(text: _SchoolText) -> bool:
    """Tell if an empty line stands between the schools of a file."""
    lines = text.text.splitlines()
    starts = [one.start_mark.line for one in text.listed.value[1:]]
    return bool(starts) and all(not lines[start - 1].strip() for start in starts)


def find_end(text: str, node: yaml.Node) -> int:
    """Return where the last line of a node ends, before its line feed."""
    inner: list[yaml.Node] = []
    if not getattr(node, "flow_style", False):
        if isinstance(node, yaml.MappingNode):
            inner = [part for entry in node.value for part in entry]
        elif isinstance(node, yaml.SequenceNode):
            inner = list(node.value)
    at = max(find_end(text, one) for one in inner) if inner else int(node.end_mark.index)
    if at == 0 or text[at - 1] != "\n":
        found = text.find("\n", at)
        at = len(text) if found < 0 else found
    else:
        at -= 1  # a text in lines of its own ends behind its line feed
    return at - 1 if at and text[at - 1] == "\r" else at


def _refuse(text: _SchoolText, node: yaml.Node, policies: Path, why: str) -> InputRefused:
    return InputRefused(policies / text.name, why, int(node.start_mark.line) + 1)
