"""Edits of a policy file that a program makes: every other line stays; what the policy refuses is not written."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TypeVar

import yaml

from controller.errors import PolicyError, TsunaguError
from controller.inputs.bounded_yaml import YamlRefused, compose_yaml, count_yaml
from controller.inputs.input_file import decode_text, read_input_file
from controller.inputs.shown_text import shorten_text
from controller.model.city import City
from controller.model.formats.number import take_format
from controller.model.formats.text_edits import (
    find_entry,
    find_last_line,
    find_newline,
    insert_lines,
    remove_lines,
    split_byte_order_mark,
)
from controller.model.policy_files import PolicyFile
from controller.model.yaml_source import REFUSED, StrictModel, parse_yaml
from controller.storage.whole_file import write_whole

EMPTY = "format: 1\n"
"""A file without entries."""
Words = Mapping[str, object]
"""The fields of an entry, as they are written."""
_WORD = re.compile(r"[^\W\d_][\w-]*")
"""A text that stands without quotes, unless YAML takes it for something else."""
FileModel = TypeVar("FileModel", bound=StrictModel)


@dataclass(frozen=True, slots=True)
class PolicyText:
    """The file before and after a change; `before` None where there is no file."""

    path: Path
    before: str | None
    after: str
    told: str = ""
    """What else somebody should know of it."""

    @property
    def name(self) -> str:
        """What the file is called from the policies' folder on."""
        return f"{self.path.parent.name}/{self.path.name}"

    @property
    def changed(self) -> bool:
        """Tell if anything is written."""
        return (self.before or "") != self.after


def try_policy_text(found: PolicyText, load: Callable[[dict[str, Path]], City]) -> City:
    """Return the city that a change leads to; `load` loads it with files that stand in for some of the folder's.

    Raises:
        TsunaguError: the policy refuses what would be written, with its line.
    """
    with tempfile.TemporaryDirectory(prefix="tsunagu-entry-") as place:
        file = Path(place) / found.path.name
        file.write_text(found.after or EMPTY, encoding="utf-8")
        try:
            return load({found.name: file})
        except PolicyError as error:
            message = f"nothing was written: {str(error).replace(str(file), str(found.path))}"
            raise TsunaguError(message) from None


def write_policy_text(found: PolicyText) -> None:
    """Write what a change leads to, unless somebody changed the file meanwhile.

    Raises:
        TsunaguError: it says something else by now, or cannot be written.
    """
    _replace_text(found.path, found.before, found.after)


def restore_policy_text(found: PolicyText) -> bool:
    """Write again what stood there before a change; False, and nothing done, where the file says something else now.

    Raises:
        TsunaguError: it cannot be written.
    """
    if find_policy_text(found.path) != found.after or not found.changed:
        return False
    _replace_text(found.path, found.after, found.before)
    return True


def _replace_text(path: Path, expected: str | None, text: str | None) -> None:
    if find_policy_text(path) != expected:
        message = f"{path}: was changed by somebody else meanwhile; nothing was written: run this again"
        raise TsunaguError(message)
    try:
        if text is None:
            path.unlink()
        else:
            mode = path.stat().st_mode & 0o777 if expected is not None else None
            write_whole(text.encode(), path, private=False, mode=mode)
    except OSError as error:
        message = f"{path}: cannot be written ({error.strerror})"
        raise TsunaguError(message) from None


def find_policy_text(path: Path) -> str | None:
    """Find what a file says, its line ends as they are; None where there is none.

    Raises:
        InputRefused: it is no text, or no regular file.
    """
    return decode_text(read_input_file(path), path) if path.exists() or path.is_symlink() else None


def understand_policy_text(kind: PolicyFile[FileModel], path: Path, text: str) -> FileModel:
    """Return what a text says as a file of a kind.

    Raises:
        PolicyError: it is no such file.
    """
    parsed = parse_yaml(text.encode(), str(path))
    document, _, refused = take_format(parsed, kind.format, kind.readable_from, kind.migrations)
    file, problems = document.validate(kind.model)
    if refused is not None or file is None:
        raise PolicyError(REFUSED, [refused] if refused else problems)
    return file


def write_value(value: object) -> str:
    r"""Write a value in one line; whatever a text holds, it is a text: a word stands as people write it.

    >>> write_value(date(2026, 12, 1)), write_value("教育DX推進課"), write_value("no"), write_value("a \"b\": c")
    ('2026-12-01', '教育DX推進課', '"no"', '"a \\"b\\": c"')
    """
    if isinstance(value, str) and _WORD.fullmatch(value) and _is_text(value):
        return value
    return value.isoformat() if isinstance(value, date) else json.dumps(value, ensure_ascii=False)


def _is_text(word: str) -> bool:
    """Tell if YAML reads a word without quotes as a text, and not as a number, a day, or yes or no."""
    node = compose_yaml(word)
    return isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:str" and node.value == word


def write_entry(words: Words) -> str:
    """Write an entry as one line.

    >>> write_entry({"school": "kw-e01", "since": date(2026, 12, 1)})
    '{school: kw-e01, since: 2026-12-01}'
    """
    return f"{{{', '.join(f'{name}: {write_value(value)}' for name, value in words.items())}}}"


def add_entry(path: Path, text: str, key: str, words: Words) -> str:
    """Return a text with one more entry at the end of a list; `path` is what messages call it.

    Raises:
        TsunaguError: the list is not written so that one can be added.
    """
    mark, text = split_byte_order_mark(text)
    added = _add_line(path, text or EMPTY, key, write_entry(words))
    try:
        count_yaml(added)
    except YamlRefused:
        # Behind `...`, or in a file in braces.
        message = f"{path}: {key}: no entry can be added to a file that is written so; write it in lines, with one "
        message += f"'{key}: []' and no '...' behind; nothing was written"
        raise TsunaguError(message) from None
    return mark + added


def _add_line(path: Path, text: str, key: str, line: str) -> str:
    found = _find_key(path, text, key)
    if found is None:
        end = find_newline(text)
        return f"{text}{'' if text.endswith(end) else end}{key}:{end}  - {line}{end}"
    name, listed = found
    if not isinstance(listed, yaml.SequenceNode) or not listed.value:
        empty = slice(int(listed.start_mark.index), int(listed.end_mark.index))
        text = text[: empty.start].rstrip(" ") + text[empty.stop :]
        return insert_lines(text, int(name.start_mark.line), [f"  - {line}"])
    if listed.flow_style:
        message = f"{path}:{name.start_mark.line + 1}: {key}: write each entry on a line of its own, behind '- '"
        raise TsunaguError(message)
    _refuse_shared(path, text, listed, inner=())
    last = find_last_line(listed)
    _refuse_shared_end(path, text, listed, last)
    indent = " " * int(listed.start_mark.column)
    return insert_lines(text, last, [f"{indent}- {line}"])


def delete_entries(path: Path, text: str, key: str, numbers: Sequence[int]) -> str:
    """Return a text without some entries of a list, by their numbers from 0 on.

    Raises:
        TsunaguError: the list is not written so that one can be deleted.
    """
    mark, text = split_byte_order_mark(text)
    name, listed = _find_list(path, text, key)
    for number in numbers:
        _refuse_shared(path, text, listed.value[number], inner=(listed.value[number],))
    entries = _list_entry_lines(text, listed)
    for number in sorted(numbers, reverse=True):
        text = remove_lines(text, *entries[number])
    if len(numbers) == len(entries):
        colon = text.index(":", int(name.end_mark.index)) + 1
        text = f"{text[:colon]} []{text[colon:]}"
    return mark + text


def _list_entry_lines(text: str, listed: yaml.SequenceNode) -> list[tuple[int, int]]:
    """List the first line of each entry, that of its dash, and its last; counted from 0."""
    lines, found = text.splitlines(), []
    for entry in listed.value:
        first = int(entry.start_mark.line)
        # Behind the dash an entry may begin on a line of its own.
        while not lines[first].lstrip().startswith("-"):
            first -= 1
        found.append((first, find_last_line(entry)))
    return found


def change_entry(path: Path, text: str, key: str, number: int, words: Mapping[str, object | None]) -> str:
    r"""Return a text with other fields in an entry of a list; None takes a field out. What is not named stays.

    >>> text = "integrations:\n  - {ward: asao, stage: separated, by: A} # why\n"
    >>> print(change_entry(Path("x"), text, "integrations", 0, {"stage": "coexist", "by": "B"}).splitlines()[1])
      - {ward: asao, stage: coexist, by: B} # why

    Raises:
        TsunaguError: the list is not written so that an entry can be changed.
    """
    mark, text = split_byte_order_mark(text)
    entry = _find_list(path, text, key)[1].value[number]
    if not isinstance(entry, yaml.MappingNode):
        message = f"{path}:{entry.start_mark.line + 1}: {key}: is no entry with fields"
        raise TsunaguError(message)
    changed = [part for known, part in entry.value if known.value in words]
    _refuse_shared(path, text, entry, inner=changed)
    for name, value in words.items():
        entry = _find_list(path, text, key)[1].value[number]
        text = _delete_field(text, entry, name) if value is None else _set_field(text, entry, name, write_value(value))
    return mark + text


def _find_list(path: Path, text: str, key: str) -> tuple[yaml.Node, yaml.SequenceNode]:
    found = _find_key(path, text, key)
    if found is None or not isinstance(found[1], yaml.SequenceNode) or found[1].flow_style:
        message = f"{path}: {key}: write each entry on a line of its own, behind '- '; then this can change one"
        raise TsunaguError(message)
    _refuse_shared(path, text, found[1], inner=())
    return found[0], found[1]


def _find_key(path: Path, text: str, key: str) -> tuple[yaml.Node, yaml.Node] | None:
    try:
        return find_entry(text, (key,))
    except YamlRefused as refused:
        message = f"{path}:{refused.line}: {refused.why}; nothing was written"
        raise TsunaguError(message) from None


def _refuse_shared(path: Path, text: str, node: yaml.Node, *, inner: Sequence[yaml.Node]) -> None:
    """Refuse to edit what another place of the file shares: the edit would land there, too, or only there.

    An alias has the marks of what it stands for, so a list or an entry with one cannot be edited by its marks. `inner`
    are the parts that go: nothing in them may have a name that an alias uses.

    Raises:
        TsunaguError: names the line.
    """
    is_list = isinstance(node, yaml.SequenceNode)
    for event in count_yaml(text).events:
        if event.start_mark is None:
            continue
        at = int(event.start_mark.index)
        named = getattr(event, "anchor", None)
        is_alias, is_inside = isinstance(event, yaml.AliasEvent), _contains(node, at)
        goes = at == int(node.start_mark.index) or any(_contains(one, at) for one in inner)
        if named and is_inside and ((is_alias and not is_list) or (not is_alias and goes)):
            raise _tell_shared(path, event.start_mark.line + 1, f"{'*' if is_alias else '&'}{shorten_text(named)}")


def _refuse_shared_end(path: Path, text: str, listed: yaml.Node, last: int) -> None:
    """Refuse to add behind a list whose last entry is an alias: its marks, and so the last line, are elsewhere.

    Raises:
        TsunaguError: names the line.
    """
    for event in count_yaml(text).events:
        if not isinstance(event, yaml.AliasEvent) or event.start_mark is None:
            continue
        if _contains(listed, int(event.start_mark.index)) and int(event.start_mark.line) > last:
            raise _tell_shared(path, event.start_mark.line + 1, f"*{shorten_text(str(event.anchor))}")


def _tell_shared(path: Path, line: int, named: str) -> TsunaguError:
    message = f"{path}:{line}: {named} shares a value between entries; write the value out at each of them, "
    return TsunaguError(f"{message}then this can change one; nothing was written")


def _contains(node: yaml.Node, at: int) -> bool:
    return int(node.start_mark.index) <= at < int(node.end_mark.index)


def _set_field(text: str, entry: yaml.MappingNode, name: str, written: str) -> str:
    """Return a text with another value of a field, or with one more field at the end of the entry."""
    for known, value in entry.value:
        if known.value == name:
            end = int(value.end_mark.index)
            if getattr(value, "style", None) in {"|", ">"}:
                # A text of many lines ends where the next begins: the line end behind it stays.
                end = len(text[:end].rstrip())
            return f"{text[: value.start_mark.index]}{written}{text[end:]}"
    last_key, last_value = entry.value[-1]
    if entry.flow_style:
        at = int(last_value.end_mark.index)
        return f"{text[:at]}, {name}: {written}{text[at:]}"
    indent = " " * int(last_key.start_mark.column)
    return insert_lines(text, find_last_line(last_value), [f"{indent}{name}: {written}"])


def _delete_field(text: str, entry: yaml.MappingNode, name: str) -> str:
    """Return a text without a field of an entry; one without other fields stays as it is."""
    at = next((number for number, (known, _) in enumerate(entry.value) if known.value == name), None)
    if at is None or len(entry.value) == 1:
        return text
    known, value = entry.value[at]
    if at == 0:
        # What stands before it stays: the dash of the entry, or its brace.
        return f"{text[: known.start_mark.index]}{text[entry.value[1][0].start_mark.index :]}"
    if entry.flow_style and not _has_own_lines(text, known, value):
        return f"{text[: entry.value[at - 1][1].end_mark.index]}{text[value.end_mark.index :]}"
    return remove_lines(text, int(known.start_mark.line), find_last_line(value))


def _has_own_lines(text: str, known: yaml.Node, value: yaml.Node) -> bool:
    """Tell if nothing but a field, its comma and its comment stands on its lines."""
    start, end = int(known.start_mark.index), int(value.end_mark.index)
    before, behind = text[:start].rpartition("\n")[2], text[end:].partition("\n")[0]
    return not before.strip() and re.fullmatch(r"\s*,\s*(#.*)?", behind) is not None
