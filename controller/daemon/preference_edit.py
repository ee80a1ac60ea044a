"""A move of a school's line preference as an edit of `city/lines.yaml`: what others wrote there stays, comments too."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import yaml

from controller.errors import DaemonRefused
from controller.inputs.bounded_yaml import compose_yaml
from controller.model.city import City
from controller.model.sites.access_lines import Override
from controller.model.sites.contracted_lines import AccessLineName

NAME = "city/lines.yaml"
_OWNER = "operators"
_BY_HAND = f"{NAME}: 'overrides' stands in a form that is not edited here; write it as a list with a line for each"


@dataclass(frozen=True, slots=True)
class LineMove:
    """A school's traffic leaves a line, or comes `back` to it; `ways` is its new order, none for the usual one."""

    school: str
    line: AccessLineName
    back: bool = False
    ways: tuple[tuple[AccessLineName, str], ...] = ()

    def __str__(self) -> str:
        """Say it in the log's words.

        >>> str(LineMove("as-e04", "primary"))
        'as-e04 away from primary'
        """
        return f"{self.school} {'back to' if self.back else 'away from'} {self.line}"


def write_reason(line: AccessLineName) -> str:
    """Return the reason that such an override gives: by it the daemon knows its own proposal again."""
    return f"brown-out of the {line} line, proposed by tsunagu run"


def find_own_override(city: City, school: str, line: AccessLineName) -> Override | None:
    """Return the override of a school that was proposed for a line's brown-out and is in the policy; None without."""
    for one in city.lines.overrides:
        if one.schools == (school,) and not one.wards and one.reason == write_reason(line):
            return one
    return None


def edit_preferences(text: str, moves: Sequence[LineMove]) -> str:
    """Return the text of `city/lines.yaml` after the moves.

    Raises:
        DaemonRefused: the overrides stand there in a form that is not edited here.
    """
    listed, after_key = _find_overrides(text)
    lines = text.splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    edits = list(_list_edits(listed, moves, starts, starts[after_key[0]] + after_key[1]))
    for one in sorted(edits, reverse=True):
        text = text[: one.begin] + one.written + text[one.end :]
    return text


def format_patch(before: str, after: str) -> str:
    """Return the edit as a patch that `git -C POLICIES apply` takes, and refuses where the file is another by then."""
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    return "".join(difflib.unified_diff(old, new, f"a/{NAME}", f"b/{NAME}"))


class _Edit(NamedTuple):
    begin: int
    end: int
    written: str


def _find_overrides(text: str) -> tuple[yaml.SequenceNode, tuple[int, int]]:
    root = compose_yaml(text)
    if isinstance(root, yaml.MappingNode):
        for key, value in root.value:
            if key.value == "overrides" and isinstance(value, yaml.SequenceNode):
                return value, (key.end_mark.line, key.end_mark.column + 1)
    raise DaemonRefused(_BY_HAND)


def _list_edits(
    listed: yaml.SequenceNode, moves: Sequence[LineMove], starts: Sequence[int], after_key: int
) -> Iterator[_Edit]:
    """Yield the edits; lists in one line are only edited where they are empty."""
    added = [_write_override(one) for one in moves if not one.back]
    gone = {(one.school, write_reason(one.line)) for one in moves if one.back}
    removed = [item for item in listed.value if _describe(item) in gone]
    if listed.flow_style:
        if listed.value:
            raise DaemonRefused(_BY_HAND)
        begin = starts[listed.start_mark.line] + listed.start_mark.column
        end = starts[listed.end_mark.line] + listed.end_mark.column
        yield _Edit(after_key, end, "".join(f"\n  - {one}" for one in added)) if added else _Edit(begin, end, "[]")
        return
    for item in removed:
        line = item.start_mark.line
        if item.end_mark.line != line:
            raise DaemonRefused(_BY_HAND)
        yield _Edit(starts[line], starts[line + 1], "")
    if len(removed) == len(listed.value) and not added:
        yield _Edit(after_key, after_key, " []")
    first = starts[listed.start_mark.line]
    dash = " " * listed.start_mark.column
    yield _Edit(first, first, "".join(f"{dash}- {one}\n" for one in added))


def _describe(item: yaml.Node) -> tuple[str, str]:
    """Return the one school of an override and its reason; nothing where it is for others, too."""
    if not isinstance(item, yaml.MappingNode):
        return "", ""
    fields = {key.value: value for key, value in item.value}
    schools, reason = fields.get("schools"), fields.get("reason")
    if "wards" in fields or not isinstance(schools, yaml.SequenceNode) or len(schools.value) != 1 or reason is None:
        return "", ""
    return schools.value[0].value, reason.value


def _write_override(move: LineMove) -> str:
    ways = ", ".join(f"{{line: {line}, region: {region}}}" for line, region in move.ways)
    reason = json.dumps(write_reason(move.line))
    return f"{{schools: [{move.school}], preference: [{ways}], owner: {_OWNER}, reason: {reason}}}"
