"""Which schools' probes may test here: a copy of the monitor's `enrolled-probes.json`, read anew when it changes."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Mapping
from pathlib import Path

from controller.probe_agent.configuration import open_private_file
from controller.probe_agent.problems import ProbeProblem, tell

_MOST_BYTES = 8 * 1024 * 1024
_HASH_LENGTH = 64
_FORMAT = 1
_ADVICE = "copy the monitor's enrolled-probes.json there"


class EnrolledHashes:
    """The hash of each school's token. May be asked by any thread.

    Raises:
        ProbeProblem: the file cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int, int] | None = None
        self._hashes: Mapping[str, str] = {}
        self._told = ""
        self._reading = threading.Lock()
        self._read()

    def find_hash(self, school: str) -> str | None:
        """The hash of a school's token; None where it has no probe, or it was revoked."""
        with self._reading:  # of two that read, the one with the older list could be the last to keep it
            try:
                self._read()
                self._told = ""
            except ProbeProblem as problem:
                # Half a copy, or none for a moment: who was enrolled before stays so, and it is said, once.
                if str(problem) != self._told:
                    self._told = str(problem)
                    tell(f"{problem}; the list of before goes on")
            return self._hashes.get(school)

    def _read(self) -> None:
        try:
            with open_private_file(self._path, _ADVICE) as file:
                found = os.fstat(file.fileno())  # of what is read, not of what was moved there meanwhile
                seen = (found.st_mtime_ns, found.st_size, found.st_ino)
                if seen != self._seen:
                    self._seen, content = seen, file.read(_MOST_BYTES + 1)
                    self._hashes = parse_enrolled(content)
        except ValueError:
            message = f"{self._path}: is no list of enrolled probes; {_ADVICE}"
            raise ProbeProblem(message) from None


def parse_enrolled(content: bytes) -> dict[str, str]:
    """The hash of each school's token that was not revoked.

    >>> text = b'{"format": 1, "probes": [{"school": "as-e04", "token_sha256": "%s"}]}' % (b"0f" * 32)
    >>> list(parse_enrolled(text))
    ['as-e04']

    Raises:
        ValueError: it is no such list.
    """
    try:
        document = json.loads(content)
    except RecursionError:
        document = None
    if len(content) > _MOST_BYTES or not isinstance(document, dict) or document.get("format", _FORMAT) != _FORMAT:
        raise ValueError
    probes = document.get("probes", [])
    if not isinstance(probes, list):
        raise ValueError  # noqa: TRY004 what is wrong is the file, not a caller's type
    found: dict[str, str] = {}
    for one in probes:
        if not isinstance(one, dict) or not isinstance(one.get("school"), str) or not _is_hash(one.get("token_sha256")):
            raise ValueError
        if one.get("revoked_at") is None:
            found[one["school"]] = one["token_sha256"]
    return found


def _is_hash(value: object) -> bool:
    return isinstance(value, str) and len(value) == _HASH_LENGTH and all(one in "0123456789abcdef" for one in value)
