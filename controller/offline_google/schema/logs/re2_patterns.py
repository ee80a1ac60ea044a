"""Regular expressions as Google's RE2 takes them, judged with Python's own: what only one of the two has is known here.

Source: "Syntax" in the wiki of RE2 (escapes, flags, classes, repetitions up to 1,000).
"""

from __future__ import annotations

import re

MOST_TIMES = 1_000
_PIECE = re.compile(
    r"""(?P<quoted>\\Q.*?(?:\\E|$))
    |(?P<end>\\z)
    |(?P<sign>\\x\{[0-9A-Fa-f]{1,6}\}|\\C)
    |(?P<category>\\[pP](?:\{\^?[A-Za-z_]+\}|[A-Z]))
    |(?P<escape>\\(?:x[0-9A-Fa-f]{2}|0[0-7]{0,2}|[AbBdDsSwWaftnrv]|[^\w]))
    |(?P<set>\[(?:\^?\]|(?!\^?\]))(?:\\.|\[:\^?[a-z]+:\]|(?!\[:\^?[a-z]+:\])[^\]\\])*\])
    |(?P<flags>\(\?(?:[imsU]+(?:-[imsU]+)?|-[imsU]+)\))
    |(?P<group>\(\?(?:[imsU]*(?:-[imsU]+)?:|P<[A-Za-z_]\w*>))
    |(?P<repetition>\{\d+(?:,\d*)?\}|[*+?])(?P<possessive>\+)?
    |(?P<unknown>\\|\(\?|\[)
    |(?P<plain>.)""",
    re.VERBOSE | re.DOTALL,
)
_IN_A_SET = re.compile(r"\[:\^?([a-z]+):\]|\\[pP](?:\{\^?[A-Za-z_]+\}|[A-Z])|\\x\{[0-9A-Fa-f]{1,6}\}|\\.", re.DOTALL)
_ESCAPES_IN_A_SET = re.compile(r"\\(?:[dDsSwWaftnrvx0]|\W|[pP].+|x\{.+)", re.DOTALL)
_IN_PYTHON = {"end": r"\Z", "sign": ".", "category": ".", "flags": ""}
_OF_SETS = re.compile(r"\\.|\[|([&|~-])(?=\1)", re.DOTALL)
"""Python warns that these may come to mean sets of sets; here they are what they are in RE2, signs."""
_CLASSES = frozenset(
    {
        *("alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph"),
        *("lower", "print", "punct", "space", "upper", "word", "xdigit"),
    }
)


def is_re2_pattern(text: str) -> bool:
    r"""Whether RE2 takes a regular expression.

    >>> [is_re2_pattern(one) for one in (r"^a(?i)b\z", "a++", "(?=a)b", "[[:alpha:]]{2}", "(a")]
    [True, False, False, True, False]
    """
    written = ""
    for piece in _PIECE.finditer(text):
        translated = _translate(piece)
        if translated is None:
            return False
        written += translated
    try:
        re.compile(written)
    except (re.error, OverflowError, RecursionError):
        return False
    return True


def _translate(piece: re.Match[str]) -> str | None:
    """Python's words for a piece of RE2's, where the two differ; None for what RE2 does not have."""
    kind, text = str(piece.lastgroup), piece[0]
    match kind:
        case "unknown" | "possessive":
            return None
        case "quoted":
            return re.escape(text.removeprefix(r"\Q").removesuffix(r"\E"))
        case "group":
            return text if "P<" in text else "(?:"
        case "set":
            return _translate_set(text)
        case "repetition":
            return text if all(int(one) <= MOST_TIMES for one in re.findall(r"\d{1,9}", text)) else None
    return _IN_PYTHON.get(kind, text)


def _translate_set(text: str) -> str | None:
    """A class in brackets, with one sign in place of each class within it."""
    for found in _IN_A_SET.finditer(text):
        if found[1] not in _CLASSES and _ESCAPES_IN_A_SET.fullmatch(found[0]) is None:
            return None
    inside = _IN_A_SET.sub(lambda found: found[0] if len(found[0]) == len(r"\d") else "a", text[1:-1])
    return f"[{_OF_SETS.sub(_escape, inside)}]"


def _escape(found: re.Match[str]) -> str:
    return found[0] if found[0].startswith("\\") else f"\\{found[0]}"
