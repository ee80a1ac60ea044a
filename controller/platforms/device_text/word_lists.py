"""The lists of words that redaction goes by, each a file of `words/`."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def read_words(name: str) -> frozenset[str]:
    """Return the words of a list; a line that begins with `#` is a comment."""
    text = (files("controller.platforms.device_text") / "words" / name).read_text(encoding="utf-8")
    lines = (line for line in text.splitlines() if not line.startswith("#"))
    return frozenset(word for line in lines for word in line.split())
