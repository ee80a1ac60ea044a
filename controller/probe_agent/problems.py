"""What a probe tells people, on standard error: one line each, without control characters."""

from __future__ import annotations

import sys

_LONGEST = 500


class ProbeProblem(Exception):
    """Something that somebody at the school or at the office can mend; the message says how."""


def tell(text: str) -> None:
    """A line for the journal."""
    sys.stderr.write(f"tsunagu-probe: {escape(text)}\n")
    sys.stderr.flush()


def escape(text: str) -> str:
    r"""A text in which nothing moves a terminal's cursor.

    >>> escape("line\x1b[2J down")
    'line\\x1b[2J down'
    """
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in text[:_LONGEST])
