"""Says what a name that nobody knows may have been meant to be."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from difflib import get_close_matches

_SHOWN = 3
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
    words = called or {}
    ids = list(known)[:_MOST]
    by_word = {**{words[one]: one for one in ids if one in words}, **{one: one for one in ids}}
    asked = _simplify(name[:100])
    same = [one for one in by_word if _simplify(one) == asked]
    near = dict.fromkeys(by_word[one] for one in same or get_close_matches(_fold(name[:100]), by_word, _SHOWN, _ALIKE))
    shown = [f"{one} ({words[one]})" if one in words else one for one in near]
    return f"; did you mean {' or '.join(shown)}?" if shown else ""


def _simplify(name: str) -> str:
    """The name without what people write one way or the other: wide signs, large letters, '_', zeros at the front."""
    return _ZEROS.sub("", _fold(name).replace("_", "-"))


def _fold(name: str) -> str:
    return unicodedata.normalize("NFKC", name).lower()
