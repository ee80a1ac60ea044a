"""The commands of access lists: `ip access-list`, `access-list N`, `ipv6 access-list`, and their entries.

Each entry acts when it is typed. Numbers: 10, 20, ...; the last and 10 at the end; the same entry again changes
nothing; a number that is used is refused (2960-X guide 15.2(4)E, "Sequence Numbering").
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from controller.lab.virtual_switches.catalyst.configuration.editor import GLOBAL, MODES, Editor, Handler
from controller.lab.virtual_switches.catalyst.configuration.entries import (
    V4,
    V6,
    Entry,
    read_entry,
    read_standard_entry,
)
from controller.lab.virtual_switches.catalyst.configuration.state import AccessList, ListKind
from controller.lab.virtual_switches.catalyst.grammar import Incomplete, InvalidAt, Match, reject, reject_unmodelled

_SPAN = re.compile(r"\S+")
_LONGEST_REMARK = 100
_STANDARD = (range(1, 100), range(1300, 2000))
_EXTENDED = (range(100, 200), range(2000, 2700))
_MODES: dict[ListKind, str] = {"extended": "ext-nacl", "standard": "std-nacl", "ipv6": "ipv6-acl"}


def _on(*patterns: str) -> Callable[[Handler], Handler]:
    def keep(handler: Handler) -> Handler:
        for pattern in patterns:
            GLOBAL.add(pattern, handler)
        return handler

    return keep


def _find_kind(name: str) -> ListKind | None:
    """Return the kind that a number stands for; None for a name."""
    if not re.fullmatch(r"[0-9]{1,9}", name):
        return None
    if any(int(name) in numbers for numbers in _STANDARD):
        return "standard"
    if not any(int(name) in numbers for numbers in _EXTENDED):
        reject_unmodelled(f"an access list of the number {name}")
    return "extended"


def _make_list(editor: Editor, name: str, kind: ListKind) -> AccessList:
    known = editor.configuration.lists.get(name)
    if known is None:
        if name[0].isdigit() and (kind == "ipv6" or _find_kind(name) != kind):
            reject("% Invalid access list name.")
        known = editor.configuration.lists[name] = AccessList(name, kind)
    if known.kind != kind:
        reject(f"% A named {known.kind} access list with this name already exists")
    return known


@_on("ip access-list (standard|extended) WORD", "ipv6 access-list WORD")
def _begin_list(editor: Editor, match: Match) -> None:
    kind: ListKind = "ipv6" if match.words[0] == "ipv6" else "standard" if "standard" in match.words else "extended"
    editor.access_list = _make_list(editor, match.get_text("WORD"), kind)
    editor.mode = _MODES[kind]


@_on("no ip access-list (standard|extended) WORD", "no ipv6 access-list WORD")
def _remove_list(editor: Editor, match: Match) -> None:
    """Remove a list; what binds it stays, and then lets everything pass."""
    kind = "ipv6" if match.words[1] == "ipv6" else match.words[3]
    name = match.get_text("WORD")
    known = editor.configuration.lists.get(name)
    if known is None or known.kind != kind:
        reject_unmodelled(f"to remove a list that is not there: {name}")
    del editor.configuration.lists[name]


@_on("ip access-list resequence WORD START:SEQUENCE STEP:SEQUENCE")
def _renumber_list(editor: Editor, match: Match) -> None:
    known = editor.configuration.lists.get(match.get_text("WORD"))
    if known is None or known.kind == "ipv6":
        reject_unmodelled("to number a list that is not there")
    number, step = match.get_number("START"), match.get_number("STEP")
    numbers = {entry.number: number + step * place for place, entry in enumerate(known.rules)}
    last = number + step * len(numbers)
    known.entries = [replace(entry, number=numbers.get(entry.number, last)) for entry in known.entries]


@_on("access-list NUMBER (permit|deny|remark) REST")
def _add_numbered(editor: Editor, match: Match) -> None:
    name = str(match.get_number("NUMBER"))
    known = _make_list(editor, name, _find_kind(name) or "extended")
    _add_entry(editor, known, match, 2)


@_on("no access-list NUMBER")
def _remove_numbered(editor: Editor, match: Match) -> None:
    name = str(match.get_number("NUMBER"))
    if name not in editor.configuration.lists:
        reject_unmodelled(f"to remove a list that is not there: {name}")
    del editor.configuration.lists[name]


def _read(known: AccessList, line: str, spans: list[tuple[int, str]], number: int, *, newer: bool) -> Entry:
    if not spans:
        raise Incomplete
    if "remark".startswith(spans[0][1].lower()) and len(spans[0][1]) > 1:
        if len(spans) == 1:
            raise Incomplete
        text = line[spans[1][0] :].rstrip()
        if len(text) > _LONGEST_REMARK:
            reject_unmodelled(f"a remark of more than {_LONGEST_REMARK} characters")
        return Entry(number, f"remark {text}")
    if known.kind == "standard":
        return read_standard_entry(number, line, spans)
    return read_entry(V6 if known.kind == "ipv6" else V4, number, line, spans, newer=newer)


def _take_number(known: AccessList, spans: list[tuple[int, str]]) -> int | None:
    """Take the number of an entry out of its words."""
    low = [word.lower() for _, word in spans]
    if known.kind != "ipv6":
        if low and low[0].isascii() and low[0].isdigit():
            return int(spans.pop(0)[1])
        return None
    place = next((n for n in (0, len(low) - 2) if 0 <= n < len(low) and low[n] == "sequence"), None)
    if place is None or low[0] == "remark":
        return None
    if len(low) < place + 2 or not re.fullmatch(r"[1-9][0-9]{0,9}", low[place + 1]):
        raise InvalidAt(spans[place][0])
    del spans[place]
    return int(spans.pop(place)[1])


def _add_entry(editor: Editor, known: AccessList, match: Match, first: int = 0) -> None:
    spans = [(one.start(), one.group()) for one in _SPAN.finditer(match.line)][first:]
    number = _take_number(known, spans)
    entry = _read(
        known, match.line, spans, known.next_number if number is None else number, newer=editor.model.newer_words
    )
    if not entry.is_remark:
        if any(one.text == entry.text for one in known.rules):
            return
        if any(one.number == entry.number for one in known.rules):
            reject("% Duplicate sequence number")
    known.entries.append(entry)
    known.entries.sort(key=lambda one: (one.number, not one.is_remark))


def _remove_entry(editor: Editor, known: AccessList, match: Match) -> None:
    spans = [(one.start(), one.group()) for one in _SPAN.finditer(match.line)][1:]
    number = _take_number(known, spans)
    if number is not None and not spans:
        found = [one for one in known.rules if one.number == number]
    else:
        text = _read(known, match.line, spans, 0, newer=editor.model.newer_words).text
        found = [one for one in known.entries if one.text == text and number in {None, one.number}]
    if not found:
        reject("% Specified access-list entry does not exist" if number is None else "%Entry does not exist")
    known.entries.remove(found[0])


def _enter_entry(editor: Editor, match: Match) -> None:
    assert editor.access_list is not None  # noqa: S101 the mode has one
    if match.words[0] == "no":
        _remove_entry(editor, editor.access_list, match)
    else:
        _add_entry(editor, editor.access_list, match)


for _mode in ("ext-nacl", "std-nacl"):
    for _pattern in ("(permit|deny|remark) REST", "SEQUENCE (permit|deny|remark) REST", "no SEQUENCE"):
        MODES[_mode].add(_pattern, _enter_entry)
    MODES[_mode].add("no (permit|deny|remark) REST", _enter_entry)
    MODES[_mode].add("no SEQUENCE (permit|deny|remark) REST", _enter_entry)
    MODES[_mode].refuse("(evaluate|dynamic|default)")
for _pattern in ("(permit|deny|remark) REST", "sequence SEQUENCE (permit|deny|remark) REST"):
    MODES["ipv6-acl"].add(_pattern, _enter_entry)
    MODES["ipv6-acl"].add(f"no {_pattern}", _enter_entry)
MODES["ipv6-acl"].add("no sequence SEQUENCE", _enter_entry)
MODES["ipv6-acl"].refuse("evaluate")
