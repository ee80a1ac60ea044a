"""Who sends, by the token that is shown, and by the certificate where it comes over TLS."""

from __future__ import annotations

import hmac
import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from controller.errors import TokenRefused
from controller.telemetry.enrolled_probes import (
    EnrolledProbe,
    find_enrolment_file,
    hash_token,
    load_enrolled_probes,
)
from controller.telemetry.registry import Writer
from controller.telemetry.writer_tokens import make_token, read_token
from monitoring.ingest.client_certificates import find_certificate_fault
from monitoring.ingest.probe_listener import ProbeListener

_SCHEME = "bearer"


class Sender(NamedTuple):
    """Who sends; `probe` is the only school's that it may speak of, None where it may speak of all."""

    writer: Writer
    probe: EnrolledProbe | None = None

    @property
    def school(self) -> str:
        """The only school that it may speak of, empty where it may speak of all."""
        return "" if self.probe is None else self.probe.school


class SchoolProbeTokens:
    """The tokens of schools' own probes, as their file says it now: who is revoked is out at once.

    Raises:
        TokenRefused: the file cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self.listener = ProbeListener(path)
        self.path = path
        self._seen: tuple[int, ...] | None = self._look()
        self._probes = self._load()

    def find_probe(self, token: str) -> EnrolledProbe | None:
        """Whose probe shows this token; None where it is nobody's, or revoked."""
        self._renew()
        found = self._probes.get(hash_token(token))
        return None if found is None or found.revoked_at is not None else found

    def find_certificate_fault(self, shown: bytes, probe: EnrolledProbe | None) -> str | None:
        """Why who shows this certificate over TLS is not that probe, or None."""
        known = {one.certificate_sha256: one for one in self._probes.values() if one.certificate_sha256 is not None}
        return find_certificate_fault(shown, probe, known, datetime.now(UTC))

    def find_certificate_end(self) -> datetime | None:
        """When the first certificate of a probe ends that is enrolled; None where none has one."""
        self._renew()
        ends = (one.certificate_ends_at for one in self._probes.values() if one.revoked_at is None)
        return min((one for one in ends if one is not None), default=None)

    def _renew(self) -> None:
        if (now := self._look()) != self._seen:
            self._seen = now
            try:
                self._probes = self._load()
            except TokenRefused as error:
                # Nobody is let in by a list that cannot be read: probes keep what they measured, and come again.
                self._probes = {}
                logging.getLogger("tsunagu").error("%s; no school's probe is heard until then", error)  # noqa: TRY400

    def _load(self) -> dict[str, EnrolledProbe]:
        return {one.token_sha256: one for one in load_enrolled_probes(self.path)}

    def _look(self) -> tuple[int, ...] | None:
        try:
            found = self.path.lstat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size, found.st_mode


class SenderTokens:
    """The tokens of all senders. Two senders never have the same one.

    Raises:
        TokenRefused: two tokens are equal.
    """

    def __init__(self, tokens: Mapping[Writer, str], schools: SchoolProbeTokens | None = None) -> None:
        self.schools = schools
        if len(set(tokens.values())) != len(tokens):
            message = "the tokens of controller and probe are the same; delete one file, and start the monitor again"
            raise TokenRefused(message)
        self._tokens = {writer: token.encode("ascii") for writer, token in tokens.items()}

    def find_sender(self, headers: Sequence[str]) -> Sender | None:
        """Whose token a request's only `Authorization` header shows; None where it shows none of them."""
        if len(headers) != 1:
            return None
        scheme, _, shown = headers[0].partition(" ")
        if scheme.lower() != _SCHEME:
            return None
        found = None
        # Each is compared, and in constant time: how long it takes says nothing of a token.
        for writer, token in self._tokens.items():
            if hmac.compare_digest(shown.strip().encode("latin-1", "replace"), token):
                found = Sender(writer)
        if found is None and self.schools is not None and (probe := self.schools.find_probe(shown.strip())):
            return Sender(Writer.PROBE, probe)
        return found

    def find_certificate_fault(self, sender: Sender, shown: bytes) -> str | None:
        """Why a sender that comes over TLS and shows this certificate, empty for none, is not believed; or None."""
        if self.schools is None:
            return find_certificate_fault(shown, None, {}, datetime.now(UTC))
        return self.schools.find_certificate_fault(shown, sender.probe)


def load_sender_tokens(files: Mapping[Writer, Path]) -> SenderTokens:
    """The tokens in their files; a file that is missing is made. Enrolled probes stand beside the probes' token.

    Raises:
        TokenRefused: a file cannot be made, or is not the monitor's user's alone.
    """
    for path in files.values():
        make_token(path)
    schools = SchoolProbeTokens(find_enrolment_file(files[Writer.PROBE]))
    return SenderTokens({writer: read_token(path) for writer, path in files.items()}, schools)
