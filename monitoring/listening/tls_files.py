"""The monitor's certificate and key: judged before they are used, and taken anew when they were renewed."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Mapping
from pathlib import Path

from controller.errors import MonitorError, TsunaguError
from controller.operations.certificate_files import read_certificate_ends
from controller.operations.monitor_settings import TlsFiles
from controller.operations.trusted_files import read_trusted_file

_REFUSED = "The monitor cannot listen with TLS:"
_Seen = tuple[tuple[int, int], ...]


class RenewedContext:
    """A TLS context that follows its files: new connections get the certificate that stands there now.

    Raises:
        OperationsRefused: a file is somebody else's, or the key can be read by others.
        MonitorError: a file is missing, or both are no certificate and its key.
    """

    def __init__(self, files: TlsFiles) -> None:
        self._files = files
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self.context.options |= ssl.OP_NO_RENEGOTIATION
        self.context.set_alpn_protocols(["http/1.1"])
        self._seen = self._look()
        load_certificate(self.context, files)
        self.ends = find_own_ends({"monitor": files.certificate})
        """When the first of the certificates that are shown ends, by what they are for."""

    async def renew_certificate(self) -> None:
        """Take the files anew if they were changed; what cannot be used leaves the old certificate in place."""
        now = self._look()
        if now == self._seen:
            return
        self._seen = now
        try:
            # First into a context of its own: half a pair must not reach the one that is used.
            load_certificate(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), self._files)
            load_certificate(self.context, self._files)
        except TsunaguError as error:
            logging.getLogger("tsunagu").error("%s; the certificate before it is used on", error)  # noqa: TRY400
        else:
            self.ends = find_own_ends({"monitor": self._files.certificate})

    def _look(self) -> _Seen:
        return tuple(_read_stamp(one) for one in (self._files.certificate, self._files.key))


def find_own_ends(files: Mapping[str, Path]) -> Mapping[str, float]:
    """When certificates of the monitor's own end; a file that does not tell it is logged, and all else goes on."""
    ends, faults = read_certificate_ends({name: (path,) for name, path in files.items()})
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


def _read_stamp(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    # Not when it was written: a key that was refused for its mode is looked at again once that was made right.
    return found.st_ino, found.st_ctime_ns
