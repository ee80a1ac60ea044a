"""What soaks share. How many examples the property tests try: a fixed slice in CI, many more under `make soak`."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable

FACTOR = int(os.environ.get("TSUNAGU_SOAK", "1"))


def examples(number: int) -> int:
    """The number for CI, times the factor that `make soak` sets."""
    return number * FACTOR


def whole_from(least: int) -> Callable[[str], int]:
    """What reads an argument of a soak: a whole number, and not a lower one.

    >>> whole_from(1)("20")
    20
    """

    def read(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            message = f"a whole number from {least} is expected, not {text!r}"
            raise argparse.ArgumentTypeError(message)
        return int(text)

    return read
