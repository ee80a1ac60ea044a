"""Says what a name that nobody knows may have been meant to be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches

_SHOWN = 3
_ALIKE = 0.6
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
    """
    words = called or {}
    ids = list(known)[:_MOST]
    by_word = {**{words[one]: one for one in ids if one in words}, **{one: one for one in ids}}
    near = dict.fromkeys(by_word[one] for one in get_close_matches(name[:100], by_word, _SHOWN, _ALIKE))
    shown = [f"{one} ({words[one]})" if one in words else one for one in near]
    return f"; did you mean {' or '.join(shown)}?" if shown else ""
