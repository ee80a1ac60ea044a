"""The monitor's certificate and key, and whose certificates probes show: judged before use, taken anew when renewed."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from controller.errors import MonitorError, TsunaguError
from controller.operations.certificate_files import find_group_ends
from controller.operations.monitor_settings import TlsFiles
from controller.operations.trusted_files import read_trusted_file
from controller.telemetry.probe_certificates import load_probe_authority

_REFUSED = "The monitor cannot listen with TLS:"
_Seen = tuple[tuple[int, int], ...]


class RenewedContext:
    """TLS contexts that follow their files: new connections get the certificate that stands there now.

    `readers` asks for no certificate; `probes` does, of the authority in a file that the first enrolment makes.

    Raises:
        OperationsRefused: a file is somebody else's, or the key can be read by others.
        MonitorError: a file is missing, or both are no certificate and its key.
        TokenRefused: the authority of the probes cannot be used.
    """

    def __init__(self, files: TlsFiles, authority: Path) -> None:
        self._files = files
        self._authority = authority
        self._seen = self._look()
        self._told = ""
        self.readers, self.probes = self._build()
        self.ends = self._find_ends()
        """When the first of the certificates that are shown ends, and the probes' authority."""
        self._tell_expired()

    async def renew_certificate(self) -> None:
        """Take the files anew if they were changed; what cannot be used leaves the old certificate in place."""
        now = self._look()
        if now == self._seen:
            self._tell_expired()
            return
        self._seen = now
        try:
            self.readers, self.probes = self._build()
        except TsunaguError as error:
            logging.getLogger("tsunagu").error("%s; the certificate before it is used on", error)  # noqa: TRY400
            return
        self.ends = self._find_ends()
        self._tell_expired()

    def _find_ends(self) -> Mapping[str, float]:
        authority = {"probe-authority": self._authority} if self._authority.exists() else {}
        return find_own_ends({"monitor": self._files.certificate, **authority})

    def _tell_expired(self) -> None:
        """Say once of a certificate that no browser and no probe takes it now: to them the monitor would be gone."""
        wrong = explain_validity(self._files.certificate, datetime.now(UTC))
        if wrong != self._told and wrong:
            logging.getLogger("tsunagu").warning("%s", wrong)
        self._told = wrong

    def _look(self) -> _Seen:
        return tuple(_read_stamp(one) for one in (self._files.certificate, self._files.key, self._authority))

    def _build(self) -> tuple[ssl.SSLContext, ssl.SSLContext]:
        readers, probes = _build_context(self._files), _build_context(self._files)
        authority = load_probe_authority(self._authority)
        if authority is not None:
            # Who shows none is let through to be told what is missing; who shows another's is not.
            probes.verify_mode = ssl.CERT_OPTIONAL
            probes.load_verify_locations(cadata=authority.public_bytes(Encoding.DER))
        return readers, probes


def _build_context(files: TlsFiles) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])
    load_certificate(context, files)
    return context


def find_own_ends(files: Mapping[str, Path]) -> Mapping[str, float]:
    """When certificates of the monitor's own end; a file that does not tell it is logged, and all else goes on."""
    ends, faults = find_group_ends({name: (path,) for name, path in files.items()})
    for fault in faults:
        logging.getLogger("tsunagu").warning("%s", fault)
    return ends


def load_certificate(context: ssl.SSLContext, files: TlsFiles) -> None:
    """Load a certificate and its key into a context, from files that nobody else can change.

    Raises:
        OperationsRefused: a file is somebody else's, or the key can be read by others.
        MonitorError: a file is missing, or both are no certificate and its key.
    """
    for path, is_key in ((files.certificate, False), (files.key, True)):
        try:
            read_trusted_file(path, _REFUSED, private=is_key)
        except FileNotFoundError:
            message = f"{path}: the monitor's {'key' if is_key else 'certificate'} is missing; put it there (PEM)"
            raise MonitorError(message) from None
    try:
        # No password is asked for: a key that needs one would wait for somebody at a terminal.
        context.load_cert_chain(files.certificate, files.key, password=lambda: b"")
    except (ssl.SSLError, OSError, ValueError):
        message = (
            f"{files.certificate} and {files.key} are no certificate and the key that belongs to it, both in PEM and "
            "without a password"
        )
        raise MonitorError(message) from None


def explain_validity(certificate: Path, now: datetime) -> str:
    """Why nobody takes a certificate at this time; "" where its time is right, or the file is not there just now."""
    try:
        found = x509.load_pem_x509_certificates(read_trusted_file(certificate, _REFUSED))[0]
    except (OSError, TsunaguError, ValueError):
        return ""
    if found.not_valid_after_utc < now:
        word, at = "ended", found.not_valid_after_utc
    elif now < found.not_valid_before_utc:
        word, at = "begins", found.not_valid_before_utc
    else:
        return ""
    return (
        f"{certificate}: the monitor's certificate {word} at {at:%Y-%m-%d %H:%M} UTC, so browsers and probes refuse "
        "it; put a valid one there (it is taken within a minute), or mend this machine's clock"
    )


def _read_stamp(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    # Not when it was written: a key that was refused for its mode is looked at again once that was made right.
    return found.st_ino, found.st_ctime_ns
