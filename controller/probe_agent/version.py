"""The probe's version; a newer one replaces an older one, never the other way round."""

from __future__ import annotations

VERSION = "1.1.0"


def parse_version(text: str) -> tuple[int, int, int]:
    """Three numbers that can be compared.

    >>> parse_version("1.10.0") > parse_version("1.9.3")
    True

    Raises:
        ValueError: it is no version.
    """
    parts = text.split(".")
    if len(parts) != 3 or not all(one.isascii() and one.isdigit() and len(one) <= 5 for one in parts):  # noqa: PLR2004 three parts
        message = f"a version is three numbers with dots between them, not {text[:20]!r}"
        raise ValueError(message)
    major, minor, patch = (int(one) for one in parts)
    return major, minor, patch
