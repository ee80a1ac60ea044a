"""SSH signatures, made and verified by OpenSSH's own `ssh-keygen -Y`; no key is ever read here."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Self

from controller.errors import PlanRefused, TsunaguError

NAMESPACE = "tsunagu-plan"
"""What a signature is for: one made for anything else, a git commit for example, is none of a plan."""
_PROGRAM = "ssh-keygen"
_SECONDS = 60
_FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")
_GOOD = re.compile(r'Good "tsunagu-plan" signature with \S+ key (SHA256:\S+)')


def sign_bytes(content: bytes, key: Path) -> bytes:
    """Return the signature of some bytes by a private key, or by a public one whose private half an agent holds.

    Raises:
        TsunaguError: the key cannot sign; says why.
    """
    done = _run(["-Y", "sign", "-q", "-n", NAMESPACE, "-f", str(key)], content)
    if done.returncode or not done.stdout:
        message = f"{key}: cannot sign: {_shorten(done.stderr)}"
        raise TsunaguError(message)
    return done.stdout


def find_fingerprint(key: Path) -> str:
    """Return the fingerprint of a key, be it the private or the public half.

    Raises:
        TsunaguError: the file holds no key; says why.
    """
    done = _run(["-l", "-E", "sha256", "-f", str(key)], b"")
    found = _FINGERPRINT.search(done.stdout.decode("utf-8", "replace"))
    if done.returncode or found is None:
        message = f"{key}: cannot sign: {_shorten(done.stderr)}"
        raise TsunaguError(message)
    return found[0]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a signature is not taken."""

    reason: str


class SignatureVerifier:
    """Verifies signatures against one content; a context, because `ssh-keygen` wants files."""

    def __init__(self, content: bytes, allowed: bytes, revoked: bytes | None) -> None:
        self._content = content
        self._files = ExitStack()
        self._allowed, self._revoked = allowed, revoked

    def __enter__(self) -> Self:
        """Make the folder for the files."""
        self._folder = Path(self._files.enter_context(tempfile.TemporaryDirectory(prefix="tsunagu-signatures-")))
        (self._folder / "allowed").write_bytes(self._allowed)
        if self._revoked is not None:
            (self._folder / "revoked").write_bytes(self._revoked)
        return self

    def __exit__(self, *_: object) -> None:
        """Remove it."""
        self._files.close()

    def find_key(self, signature: bytes) -> str | Refusal:
        """Return the fingerprint of the key that signed the content, or why there is none."""
        words = ["-Y", "check-novalidate", "-n", NAMESPACE, "-s", self._put(signature)]
        done = _run(words, self._content)
        found = _GOOD.search(done.stdout.decode("utf-8", "replace"))
        if done.returncode == 0 and found:
            return found[1]
        said = _shorten(done.stderr)
        if "incorrect signature" in said:
            return Refusal("it is over another plan than this one, or the plan was changed after it")
        if "namespace" in said:
            return Refusal(f"it was made for another purpose than plans (namespace {NAMESPACE!r})")
        return Refusal(f"it is no signature: {said}")

    def verify(self, signature: bytes, person: str, moments: Iterable[datetime]) -> Refusal | None:
        """Return why a signature is not this person's, or was not at one of the moments; None where it is."""
        words = ["-Y", "verify", "-f", str(self._folder / "allowed"), "-I", person, "-n", NAMESPACE]
        words += ["-s", self._put(signature)]
        for moment in moments:
            # Without a zone, as the file's own dates may be: both are then this machine's local time.
            when = f"-Overify-time={moment.astimezone():%Y%m%d%H%M%S}"
            done = _run([*words, when], self._content)
            if done.returncode:
                return Refusal(_explain(_shorten(done.stderr), person, moment))
            # Asked apart, for `ssh-keygen` does not say that this was the reason.
            revoked = ["-r", str(self._folder / "revoked")]
            if self._revoked is not None and _run([*words, when, *revoked], self._content).returncode:
                return Refusal(f"the key of {person} is revoked, or the file of revoked keys is none")
        return None

    def _put(self, signature: bytes) -> str:
        path = self._folder / "signature"
        path.write_bytes(signature)
        return str(path)


def _explain(said: str, person: str, moment: datetime) -> str:
    at = f"{moment.astimezone():%Y-%m-%d %H:%M %Z}"
    lowered = said.lower()
    if "expired" in lowered or "not yet valid" in lowered:
        word = "has expired" if "expired" in lowered else "is not valid yet"
        return f"the key of {person} {word} at {at}"
    if "namespace" in lowered:
        return f"the key of {person} is not allowed to sign plans (namespace {NAMESPACE!r})"
    return f"it is not {person}'s at {at}: {said}"


def _run(words: Sequence[str], content: bytes) -> subprocess.CompletedProcess[bytes]:
    program = shutil.which(_PROGRAM)
    if program is None:
        message = f"{_PROGRAM} is not installed; signatures of plans need OpenSSH 8.9 or newer"
        raise PlanRefused(message)
    environment = {**os.environ, "LC_ALL": "C"}
    try:
        return subprocess.run(  # noqa: S603 OpenSSH's own program, each word of ours or a path
            [program, *words], input=content, capture_output=True, check=False, env=environment, timeout=_SECONDS
        )
    except subprocess.TimeoutExpired:
        message = f"{_PROGRAM} did not answer within {_SECONDS} s; is a passphrase or a touch of a key wanted?"
        raise PlanRefused(message) from None


def _shorten(said: bytes) -> str:
    words = " ".join(said.decode("utf-8", "replace").split())
    return "".join(letter if letter.isprintable() else "?" for letter in words)[:300] or "no reason was given"
