"""Reads cells of a source: whole numbers, rates, lines, names; each fault says what to write."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from controller.importing.source_table import Cell
from controller.inputs.character_classes import NAME_CHARACTERS
from controller.inputs.near_matches import suggest_names
from controller.inputs.shown_text import shorten_text, shorten_value
from controller.model.sites.contracted_lines import AccessLineKind

_FORMULA = tuple("=+@-")
_ERRORS = ("#REF!", "#N/A", "#NAME?", "#VALUE!", "#DIV/0!", "#NULL!", "#NUM!")
_WHOLE = re.compile(r"0|[1-9][0-9]*|[1-9][0-9]{0,2}(?:,[0-9]{3})+")
_SIGNED = re.compile(r"[+-][0-9.,]+")
_LONGEST_NUMBER = 12
_RATE = re.compile(r"([0-9][0-9,]*)\s*(m|g)?(?:bps|bit/s|b/s)?", re.IGNORECASE)
_WIDE = re.compile("[\uff01-\uff5e\u3000]")
_WIDE_DIGIT = re.compile("[\uff10-\uff19]")
_MOST_MBPS = 100_000
_LINE_WORDS: Mapping[AccessLineKind, Sequence[str]] = MappingProxyType(
    {
        "fixed-ip": ("固定IP", "固定IPアドレス", "固定"),
        "map-e": ("MAP-E", "v6プラス"),
        "ds-lite": ("DS-Lite", "transix"),
        "closed-vpn": ("閉域VPN", "閉域網", "閉域", "IP-VPN", "広域イーサネット"),
        "lte": ("LTE", "4G", "5G", "モバイル"),
    }
)
"""What people call the kinds of lines, the first word first in messages."""


class CellRefused(ValueError):
    """A cell cannot be used; says what stands there, and what to write."""


class ContractedLine(NamedTuple):
    """A line as a source has it; `mbps` is None where only the kind stands there."""

    kind: AccessLineKind
    mbps: int | None


def read_plain_text(cell: Cell) -> str:
    """Return the text of a cell, which is no formula and stands in one line.

    Raises:
        CellRefused: it is one, or holds what no name may hold.
    """
    text = cell.text
    # Programs write the quote before a formula so that nothing runs it; a formula it is still.
    narrow = _narrow(text).lstrip("'")
    if narrow.startswith(_FORMULA) and not _SIGNED.fullmatch(narrow):
        message = f"{shorten_value(text)} is a formula of a spreadsheet; write its value as plain text"
        raise CellRefused(message)
    if text.upper().startswith(_ERRORS):
        message = f"{shorten_value(text)} is an error of a spreadsheet; mend it there, and write the value"
        raise CellRefused(message)
    if "\n" in text or "\r" in text:
        message = f"{shorten_value(text)} has a line break; write it in one line"
        raise CellRefused(message)
    if "\N{REPLACEMENT CHARACTER}" in text:
        message = f"{shorten_value(text)} has lost a letter when it was saved; write it anew, and save as UTF-8"
        raise CellRefused(message)
    fault = NAME_CHARACTERS.find_fault(text)
    if fault is not None:
        raise CellRefused(fault)
    return text


def read_whole_number(cell: Cell, least: int, most: int, example: int) -> int:
    """Return a whole number: digits, with or without commas between thousands.

    >>> from controller.errors import Origin
    >>> read_whole_number(Cell("1,024", Origin("a.csv", 2), "児童生徒数"), 0, 5000, 320)
    1024

    Raises:
        CellRefused: it is none, or out of its bounds.
    """
    text = read_plain_text(cell)
    _refuse_wide(text, _WIDE)
    if text.startswith("0") and text != "0" and text.isascii() and text.isdigit():
        message = f"{shorten_value(text)} has leading zeros; write {shorten_text(text.lstrip('0') or '0')}"
        raise CellRefused(message)
    if not _WHOLE.fullmatch(text) or len(text) > _LONGEST_NUMBER:
        message = f"{shorten_value(text)}: write a whole number in digits, e.g. {example}"
        raise CellRefused(message)
    number = int(text.replace(",", ""))
    if not least <= number <= most:
        message = f"{number} is not between {least} and {most}; write the right number, e.g. {example}"
        raise CellRefused(message)
    return number


def read_rate(cell: Cell) -> int:
    """Return the Mbit/s of a contract: `100`, `100Mbps`, `1Gbps`.

    Raises:
        CellRefused: it is no rate.
    """
    text = read_plain_text(cell)
    _refuse_wide(text, _WIDE)
    return _convert_rate(text, cell.unit)


def read_line(cell: Cell) -> ContractedLine:
    """Return a line: its kind, with or without its rate, as in `閉域網 100Mbps`.

    Raises:
        CellRefused: it is of no kind that is known.
    """
    text = read_plain_text(cell)
    _refuse_wide(text, _WIDE_DIGIT)
    found = _find_line_kind(text)
    if found is None:
        called: dict[str, str] = {one: words[0] for one, words in _LINE_WORDS.items()}
        near = suggest_names(_narrow(text), called, called)
        kinds = ", ".join(f"{one} ({word})" for one, word in called.items())
        message = f"{shorten_value(text)} says no kind of line; write one of: {kinds}{near}"
        raise CellRefused(message)
    kind, rate = found
    return ContractedLine(kind, _convert_rate(rate, cell.unit) if rate else None)


def simplify_name(text: str) -> str:
    """Return a name as it is compared: without what people write one way or the other.

    >>> simplify_name("第１ 小学校") == simplify_name("第1小学校")
    True
    """
    return "".join(_narrow(text).split()).casefold()


def refuse_unknown(cell: Cell, what: str, known: Mapping[str, str], how: str = "") -> CellRefused:
    """Return the refusal of a word that is none of those that are known, by their ids with their names."""
    shown = list(known.items())[:12]
    words = ", ".join(f"{name} ({one})" for one, name in shown) + (", ..." if len(known) > len(shown) else "")
    near = suggest_names(cell.text, known, known)
    return CellRefused(f"{shorten_value(cell.text)} is no {what} of the city; write one of: {words}{how}{near}")


def _refuse_wide(text: str, signs: re.Pattern[str]) -> None:
    if signs.search(text):
        what = "digits" if _WIDE_DIGIT.search(text) else "signs"
        message = f"{shorten_value(text)} has full-width {what}; write {shorten_text(_narrow(text))}"
        raise CellRefused(message)


def _narrow(text: str) -> str:
    return unicodedata.normalize("NFKC", text)


def _convert_rate(text: str, unit: int) -> int:
    found = _RATE.fullmatch(text.strip())
    number = found[1] if found else ""
    if found is None or not _WHOLE.fullmatch(number) or len(number) > _LONGEST_NUMBER:
        message = f"{shorten_value(text)} is no rate; write the contract's Mbit/s as a whole number, e.g. 100"
        raise CellRefused(message)
    factor = {"m": 1, "g": 1_000}.get((found[2] or "").lower(), unit)
    rate = int(number.replace(",", "")) * factor
    if not 0 < rate <= _MOST_MBPS:
        message = f"{shorten_value(text)} is not between 1 and {_MOST_MBPS} Mbit/s; write the contract's rate, e.g. 100"
        raise CellRefused(message)
    return rate


def _find_line_kind(text: str) -> tuple[AccessLineKind, str] | None:
    """Return the kind that a text begins with, and the rate behind it; None where it says anything else."""
    plain = _simplify_line(text)
    for word, kind in _LINE_KINDS.items():
        rest = plain.removeprefix(word).strip("/:(,\u3001)")
        if plain.startswith(word) and (not rest or _RATE.fullmatch(rest)):
            return kind, rest
    return None


def _simplify_line(text: str) -> str:
    return re.sub("[\\s_・\u2010\u2212-]", "", _narrow(text)).casefold()


_LINE_KINDS: Mapping[str, AccessLineKind] = MappingProxyType(
    {_simplify_line(word): kind for kind, words in _LINE_WORDS.items() for word in (kind, *words)}
)
