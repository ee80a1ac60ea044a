"""Which schools have a probe of their own: a token and a certificate each, of which hashes alone are kept.

A school's probe stands where others may open it. Its token says nothing but "this is that school's probe": the monitor
takes values of its own school from it and nothing else, and takes it no more from the moment it is revoked. Where it
comes over TLS it shows its certificate as well.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from controller.errors import TokenRefused
from controller.inputs.bounded_json import JsonRefused, parse_json
from controller.storage.file_lock import hold_file_lock
from controller.storage.whole_file import write_whole
from controller.telemetry.probe_certificates import ProbeCertificate
from controller.telemetry.writer_tokens import read_private_file

FILE_NAME = "enrolled-probes.json"
SCHOOL_PATTERN = r"^[a-z0-9][a-z0-9-]{0,63}$"
"""An id of a school, as the policy writes it."""
_MOST_BYTES = 8 * 1024 * 1024
_MOST_PROBES = 10_000
_KEPT_ENDED = 3
"""How many ended tokens of a school stay in the list when it is enrolled anew."""
_RANDOM_BYTES = 32
_PATIENCE_SECONDS = 10.0


class EnrolledProbe(BaseModel):
    """A probe of a school; `revoked_at` is when its token ended, if it has.

    One without a certificate counts on the monitor's own machine alone: it was enrolled before there were any.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    school: str = Field(pattern=SCHOOL_PATTERN)
    token_sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    enrolled_at: AwareDatetime
    certificate_sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    certificate_ends_at: AwareDatetime | None = None
    revoked_at: AwareDatetime | None = None


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1] = 1
    probes: tuple[EnrolledProbe, ...] = Field(default=(), max_length=_MOST_PROBES)


def find_enrolment_file(probe_token: Path) -> Path:
    """Where the enrolled probes stand: beside the token of the controller's own probes.

    >>> find_enrolment_file(Path("/var/lib/tsunagu/tokens/probe")).name
    'enrolled-probes.json'
    """
    return probe_token.with_name(FILE_NAME)


def load_enrolled_probes(path: Path) -> tuple[EnrolledProbe, ...]:
    """Every probe that is enrolled, and of each school the last ones that were revoked; none where there is no file.

    Raises:
        TokenRefused: the file is another user's, open to others, or damaged.
    """
    try:
        content = read_private_file(path, "the list of enrolled probes", _MOST_BYTES)
    except FileNotFoundError:
        return ()
    try:
        return _Document.model_validate(parse_json(content)).probes
    except (JsonRefused, ValidationError):
        message = f"{path}: is no list of enrolled probes; bring it back from a backup, or delete it and enrol anew"
        raise TokenRefused(message) from None


def hash_token(token: str) -> str:
    """The SHA-256 of a token; one of 256 random bits cannot be found from it."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def make_probe_token() -> str:
    """A new token; nobody knows it before it is enrolled."""
    return secrets.token_urlsafe(_RANDOM_BYTES)


def enrol_probe(
    path: Path, school: str, token: str, now: datetime, certificate: ProbeCertificate | None = None
) -> None:
    """Let a school's probe speak by this token and certificate, and end those that it had: neither is kept itself.

    Raises:
        TokenRefused: the list cannot be used or written.
    """
    made = EnrolledProbe(
        school=school,
        token_sha256=hash_token(token),
        enrolled_at=now,
        certificate_sha256=certificate.sha256 if certificate else None,
        certificate_ends_at=certificate.ends_at if certificate else None,
    )
    _change(path, lambda probes: (*_drop_oldest(_revoke(probes, school, now), school), made))


def revoke_probe(path: Path, school: str, now: datetime) -> bool:
    """End a school's token; whether it had one.

    Raises:
        TokenRefused: the list cannot be used or written.
    """
    if not any(one.school == school and one.revoked_at is None for one in load_enrolled_probes(path)):
        return False
    _change(path, lambda probes: _revoke(probes, school, now))
    return True


def _revoke(probes: Sequence[EnrolledProbe], school: str, now: datetime) -> tuple[EnrolledProbe, ...]:
    return tuple(
        one.model_copy(update={"revoked_at": now}) if one.school == school and one.revoked_at is None else one
        for one in probes
    )


def _drop_oldest(probes: Sequence[EnrolledProbe], school: str) -> tuple[EnrolledProbe, ...]:
    """Without the oldest of a school's probes: the list stays small enough to be read."""
    kept = [one for one in probes if one.school == school][-_KEPT_ENDED:]
    return tuple(one for one in probes if one.school != school or one in kept)


def _change(path: Path, change: Callable[[Sequence[EnrolledProbe]], tuple[EnrolledProbe, ...]]) -> None:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with hold_file_lock(path.with_name(f".{path.name}.lock"), patience=_PATIENCE_SECONDS):
            document = _Document(probes=change(load_enrolled_probes(path)))
            content = json.dumps(document.model_dump(mode="json", exclude_none=True), indent=1)
            write_whole(f"{content}\n".encode(), path)
    except OSError as error:
        message = f"{path}: the list of enrolled probes cannot be written ({error.strerror or error})"
        raise TokenRefused(message) from None
