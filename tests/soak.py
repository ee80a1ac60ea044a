"""How many examples the property tests try: a fixed slice in CI, many more under `make soak`."""

from __future__ import annotations

import os

FACTOR = int(os.environ.get("TSUNAGU_SOAK", "1"))


def examples(number: int) -> int:
    """The number for CI, times the factor that `make soak` sets."""
    return number * FACTOR
