"""What a wrong command line was most likely meant to be, beside what the library says of it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path

_VARIABLES = re.compile(r" \(env var: '.*?'\)")
_DASHES = "-\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u30fc"
"""Signs that stand for a '-', after full-width ones were made ordinary."""


def explain_usage(said: str, words: Sequence[str]) -> str:
    """Return what the library says of a command line without its own words, and with what to write.

    >>> explain_usage("Got unexpected extra argument(s) (\u2014on 2026-12-01)", ["check", "\u2014on", "2026-12-01"])
    "Got unexpected extra argument(s) (\u2014on 2026-12-01); an option begins with two ordinary '-': --on"
    >>> explain_usage("No such option: -p", ["check", "-policies", "x"])
    "No such option: -p; an option begins with two ordinary '-': --policies"
    """
    said = _VARIABLES.sub("", said).replace("Value error, ", "")
    if "unexpected extra argument" not in said and "No such option" not in said:
        return said
    for word in words[1:]:
        plain = unicodedata.normalize("NFKC", word)
        name = plain.lstrip(_DASHES)
        dashed = plain != name
        if dashed and len(name) > 1 and not word.startswith("--"):
            return f"{said}; an option begins with two ordinary '-': --{name.partition('=')[0]}"
    if "unexpected extra argument" in said and len(words) > 1 and Path(words[-1]).is_dir():
        return f"{said}; a folder of policies is named with --policies {words[-1]}"
    return said
