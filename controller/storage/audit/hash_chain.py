"""Lines in a chain: each ends with a hash over its own text and over the hash of the line before it.

Who changes, takes out, adds or moves a line has to make every hash after it anew.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

START = "0" * 64
"""What stands before the first line of a trail."""
_SEALED = re.compile(r'(?P<body>\{.*), "hash": "(?P<hash>[0-9a-f]{64})"\}', re.DOTALL)


def hash_after(previous: str, text: str) -> str:
    """The hash of a text that follows what has a hash.

    >>> hash_after(START, '{"n": 1}')[:16]
    'dc95ca7eaff9439f'
    """
    return hashlib.sha256(f"{previous}\n{text}".encode()).hexdigest()


def seal_line(previous: str, document: Mapping[str, object]) -> tuple[str, str]:
    """A document as a line of a chain, without its end of line; and its hash."""
    body = json.dumps(document, ensure_ascii=False)
    found = hash_after(previous, body)
    return f'{body[:-1]}, "hash": "{found}"}}', found


def split_line(line: bytes) -> tuple[str, str] | None:
    """A line's own text, and the hash that it claims; None where it is no line of a chain."""
    try:
        found = _SEALED.fullmatch(line.decode())
    except UnicodeDecodeError:
        return None
    return None if found is None else (f"{found['body']}}}", found["hash"])


@dataclass(frozen=True, slots=True)
class CheckedLines:
    """How far lines are a chain: how many, the hash of the last one, and what is wrong with the one after it."""

    count: int
    last: str
    fault: str | None = None


def check_lines(previous: str, lines: Iterable[bytes]) -> CheckedLines:
    """Follow a chain from what stands before it up to the first line that is broken."""
    count, last = 0, previous
    for line in lines:
        found = split_line(line)
        if found is None:
            return CheckedLines(count, last, "is no line of the trail")
        body, claimed = found
        if hash_after(last, body) != claimed:
            return CheckedLines(count, last, "is not what was written there, or a line before it was taken out")
        count, last = count + 1, claimed
    return CheckedLines(count, last)


def read_body(line: bytes) -> dict[str, object]:
    """What a line says; empty where it is no JSON object."""
    try:
        found = json.loads(line.decode())
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def split_lines(content: bytes) -> tuple[list[bytes], bytes]:
    r"""The whole lines of a file, and what stands after the last one; only a line feed ends a line.

    >>> split_lines(b"a\rb\n\xe2\x80\xa8\nhalf")
    ([b'a\rb', b'\xe2\x80\xa8'], b'half')
    """
    *lines, rest = content.split(b"\n")
    return lines, rest
