"""Says what a name that nobody knows may have been meant to be."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from difflib import get_close_matches

_SHOWN = 3
_MORE = 12
"""Names that are looked at where one begins in the same way."""
_ALIKE = 0.6
_ZEROS = re.compile(r"(?<![0-9])0+(?=[0-9])")
_MOST = 5_000
"""Names that are compared: comparing takes about 10 µs each."""


def suggest_names(name: str, known: Iterable[str], called: Mapping[str, str] | None = None) -> str:
    """Return "; did you mean A or B?" for the known names that are most alike, "" where none is.

    Args:
        name: what was asked for.
        known: what there is.
        called: what people call some of these; a name for people leads to its id.

    >>> suggest_names("cisco_iosxe", ["frr", "cisco_ios"])
    '; did you mean cisco_ios?'
    >>> suggest_names("麻生第一小学", ["as-e01"], {"as-e01": "仮・麻生第一小学校"})
    '; did you mean as-e01 (仮・麻生第一小学校)?'
    >>> suggest_names("AS_e1", ["as-e01", "as-e10"])
    '; did you mean as-e01?'
    """
    near = list_near_names(name, known, called)
    return f"; {format_near_names(near, called or {})}" if near else ""


def format_near_names(near: Iterable[str], called: Mapping[str, str]) -> str:
    """Return the question whether one of these names was meant.

    >>> format_near_names(["as-e01", "as-e02"], {"as-e01": "麻生第一"})
    'did you mean as-e01 (麻生第一) or as-e02?'
    """
    return f"did you mean {' or '.join(f'{one} ({called[one]})' if one in called else one for one in near)}?"


def list_near_names(name: str, known: Iterable[str], called: Mapping[str, str] | None = None) -> list[str]:
    """Return the few known names that are most alike: of equally near ones those that begin in the same way.

    >>> list_near_names("kw-e99", ["as-e09", "as-e19", "kw-e01", "kw-e09"])
    ['kw-e09', 'kw-e01']
    >>> list_near_names("麻生第一", ["a1", "a2"], {"a1": "仮・麻生第一小学校", "a2": "仮・麻生第一中学校"})
    ['a1', 'a2']
    """
    words = called or {}
    ids = list(known)[:_MOST]
    by_word = {**{words[one]: one for one in ids if one in words}, **{one: one for one in ids}}
    asked, folded = _simplify(name[:100]), _fold(name[:100])
    same = [one for one in by_word if _simplify(one) == asked]
    if same:
        return list(dict.fromkeys(by_word[one] for one in same))[:_SHOWN]
    held = [one for one in words if one in set(ids) and folded.strip() and folded in _fold(words[one])]
    near = held or [by_word[one] for one in get_close_matches(folded, by_word, _MORE, _ALIKE)]
    group, dash, _ = folded.partition("-")
    alike = [one for one in near if dash and one.startswith(f"{group}-")]
    return list(dict.fromkeys(alike or near))[:_SHOWN]


def _simplify(name: str) -> str:
    """The name without what people write one way or the other: wide signs, large letters, '_', zeros at the front."""
    return _ZEROS.sub("", _fold(name).replace("_", "-"))


def _fold(name: str) -> str:
    return unicodedata.normalize("NFKC", name).lower()
