"""The text of a known-hosts file as OpenSSH writes it: lines that are understood, and all others kept as they are."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

CERT_AUTHORITY = "@cert-authority"
REVOKED = "@revoked"
MARKERS = frozenset({"", CERT_AUTHORITY, REVOKED})
_FIELDS = 3
_HASHED = "|1|"
_LINE = re.compile(r"[^\n]*\n|[^\n]+")


@dataclass(frozen=True, slots=True)
class KnownHost:
    """One line with a key: its number, its marker (or none), the hosts as written, and the key's own bytes.

    `blob` is None where the key cannot be read.
    """

    line: int
    marker: str
    hosts: str
    key_type: str
    blob: bytes | None

    def matches(self, name: str) -> bool:
        """Tell if the line speaks of a host; `!` before a pattern leaves hosts out, and a name may be hashed."""
        if self.hosts.startswith(_HASHED):
            return _matches_hash(self.hosts, name)
        found = False
        for pattern in self.hosts.split(","):
            wanted = pattern.removeprefix("!")
            # OpenSSH knows only * and ?; what stands in brackets is an address with a port.
            if fnmatchcase(name.lower(), wanted.lower().replace("[", "[[]")):
                if pattern.startswith("!"):
                    return False
                found = True
        return found


def _matches_hash(hosts: str, name: str) -> bool:
    salt, _, digest = hosts.removeprefix(_HASHED).partition("|")
    try:
        made = hmac.digest(base64.b64decode(salt, validate=True), name.encode(), hashlib.sha1)
        return hmac.compare_digest(made, base64.b64decode(digest, validate=True))
    except (binascii.Error, ValueError):
        return False


def parse_known_hosts(text: str) -> Iterator[KnownHost]:
    r"""Yield the lines that hold a key or a mark, in their order; comments and lines of other forms are left out.

    >>> [(one.line, one.marker, one.hosts) for one in parse_known_hosts("# ours\n@revoked * ssh-ed25519 AAAA\n")]
    [(2, '@revoked', '*')]
    """
    for number, line in enumerate(text.split("\n"), start=1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        marker = words.pop(0) if words[0].startswith("@") else ""
        if len(words) >= _FIELDS:
            yield KnownHost(number, marker, words[0], words[1], _decode(words[1], words[2]))
        elif marker and words:
            # A key without its type, or hosts alone: what it revokes is not known, so it is no comment either.
            yield KnownHost(number, marker, words[0], "", None)


def _decode(key_type: str, word: str) -> bytes | None:
    """The bytes of a key, if they begin with the type that stands before them."""
    try:
        blob = base64.b64decode(word, validate=True)
    except (binascii.Error, ValueError):
        return None
    name = key_type.encode("utf-8", errors="replace")
    return blob if blob.startswith(len(name).to_bytes(4, "big") + name) else None


def replace_pinned_key(text: str, name: str, key_type: str, blob: bytes) -> str:
    """Return the text with this key pinned for a host, at its end, and no other key pinned for it by its own name.

    All other lines stay as they are, to the byte: comments, `@revoked`, `@cert-authority`, other hosts, unknown forms.
    A line for several hosts loses only this one.
    """
    kept = remove_pinned_keys(text, name)
    if kept and not kept.endswith("\n"):
        kept += "\n"
    return f"{kept}{name} {key_type} {base64.b64encode(blob).decode('ascii')}\n"


def remove_pinned_keys(text: str, name: str) -> str:
    """Return the text without the keys pinned for a host by its own name; all other lines stay as they are."""
    pinned = {one.line: one for one in parse_known_hosts(text) if not one.marker and one.matches(name)}
    kept: list[str] = []
    # Lines end where `parse_known_hosts` and OpenSSH end them: `splitlines` would end them at U+2028 and others, too.
    for number, line in enumerate(_LINE.findall(text), start=1):
        old = pinned.get(number)
        if old is None:
            kept.append(line)
        elif not old.hosts.startswith(_HASHED) and (others := _without(old.hosts, name)):
            kept.append(line.replace(old.hosts, others, 1))
    return "".join(kept)


def _without(hosts: str, name: str) -> str:
    others = [one for one in hosts.split(",") if one.lower() != name.lower()]
    return ",".join(others) if any(not one.startswith("!") for one in others) else ""


def find_wildcard_pin(known: Sequence[KnownHost], name: str, blob: bytes) -> KnownHost | None:
    """Return a line that pins another key for the host by a pattern, so that no new pin could replace it."""
    for one in known:
        if not one.marker and one.blob != blob and one.matches(name) and any(sign in one.hosts for sign in "*?"):
            return one
    return None
