"""The file of allowed signers, in the format of `ssh-keygen`: which key belongs to whom."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from controller.errors import Origin, PlanRefused, Problem

_PERSON = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@+-]{0,99}\Z")
_KEY_KINDS = ("ssh-", "ecdsa-", "sk-")
_FORM = "expected: PRINCIPAL [OPTIONS] KEY-TYPE KEY, as ssh-keygen(1) says under ALLOWED SIGNERS"


@dataclass(frozen=True, slots=True)
class AllowedKey:
    """A line of the file: a key by its fingerprint, and the people whose key it is."""

    line: int
    people: tuple[str, ...]
    fingerprint: str


class AllowedSigners:
    """Who may sign. People who share a key are one person: nobody can tell them apart by their signatures."""

    def __init__(self, keys: Iterable[AllowedKey]) -> None:
        self.keys = tuple(keys)
        self._group: dict[str, frozenset[str]] = {}
        by_key: dict[str, set[str]] = {}
        for one in self.keys:
            by_key.setdefault(one.fingerprint, set()).update(one.people)
        for people in by_key.values():
            joined = frozenset(people).union(*(self._group.get(name, frozenset()) for name in people))
            self._group.update(dict.fromkeys(joined, joined))

    def find_people(self, fingerprint: str) -> tuple[str, ...]:
        """Return the people whose key this is."""
        found = (name for one in self.keys if one.fingerprint == fingerprint for name in one.people)
        return tuple(dict.fromkeys(found))

    def find_same_person(self, name: str) -> frozenset[str]:
        """Return every name under which this person may sign."""
        return self._group.get(name, frozenset({name}))


def parse_allowed_signers(text: str, file: str) -> AllowedSigners:
    """Return what the file says.

    Patterns and certificate authorities are refused: each person must stand there by name.

    Raises:
        PlanRefused: a line cannot be understood; names the file and the line.
    """
    return AllowedSigners(_parse_lines(text, file))


def _parse_lines(text: str, file: str) -> Iterator[AllowedKey]:
    for number, line in enumerate(text.split("\n"), 1):
        words = _split_words(line.strip())
        if not words or words[0].startswith("#"):
            continue
        try:
            yield _parse_words(words, number)
        except ValueError as error:
            problem = Problem(Origin(file, number), "", str(error))
            message = f"The allowed signers cannot be used; nothing was applied:\n  {problem}"
            raise PlanRefused(message) from None


def _parse_words(words: list[str], number: int) -> AllowedKey:
    people = tuple(words[0].split(","))
    if not all(_PERSON.match(name) for name in people):
        message = "the principals must be names of people, with commas between them; no patterns, no quotes"
        raise ValueError(message)
    options = words[1] if len(words) > 1 and not words[1].startswith(_KEY_KINDS) else ""
    rest = words[2:] if options else words[1:]
    if "cert-authority" in re.sub(r'"[^"]*"', "", options).lower().split(","):
        message = "a certificate authority may sign for anybody; name each person's own key"
        raise ValueError(message)
    if len(rest) < 2 or not rest[0].startswith(_KEY_KINDS):  # noqa: PLR2004 the type and the key
        raise ValueError(_FORM)
    try:
        blob = base64.b64decode(rest[1], validate=True)
    except binascii.Error:
        raise ValueError(_FORM) from None
    digest = base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
    return AllowedKey(number, people, f"SHA256:{digest}")


def _split_words(line: str) -> list[str]:
    """Split at blanks outside of quotes.

    >>> _split_words('hanako namespaces="a b",valid-before="2027" ssh-ed25519 AAAA')
    ['hanako', 'namespaces="a b",valid-before="2027"', 'ssh-ed25519', 'AAAA']
    """
    return re.findall(r'(?:[^\s"]|"[^"]*"?)+', line)
