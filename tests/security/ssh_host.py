"""An SSH server on this machine with a host key or a host certificate of a test's own; it may be a jump host."""

from __future__ import annotations

import base64
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from io import StringIO
from typing import Any

import paramiko
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    SSHCertificateBuilder,
    SSHCertificateType,
)

from tests.security.ssh_listener import listen_for_ssh

NOW = datetime(2026, 12, 1, tzinfo=UTC)


class HostKey:
    """An Ed25519 key, and what is asked of it here."""

    def __init__(self) -> None:
        self.private = Ed25519PrivateKey.generate()
        text = self.private.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode("ascii")
        self.text = text

    @property
    def blob(self) -> bytes:
        return self.paramiko_key.asbytes()

    @property
    def paramiko_key(self) -> paramiko.Ed25519Key:
        return paramiko.Ed25519Key.from_private_key(StringIO(self.text))

    @property
    def words(self) -> str:
        return f"ssh-ed25519 {base64.b64encode(self.blob).decode('ascii')}"


def sign_host(authority: HostKey, host: HostKey, **changed: Any) -> bytes:  # noqa: ANN401 the builder's own values
    """A host certificate for 127.0.0.1 of 2026 and 2027, or one with something changed."""
    principals: list[bytes] = changed.get("principals", [b"127.0.0.1", b"as-e04-core1"])
    builder = (
        SSHCertificateBuilder()
        .public_key(host.private.public_key())
        .serial(7)
        .type(changed.get("type", SSHCertificateType.HOST))
        .key_id(b"a device")
        .valid_after(int(changed.get("after", datetime(2026, 1, 1, tzinfo=UTC)).timestamp()))
        .valid_before(int(changed.get("before", datetime(2028, 1, 1, tzinfo=UTC)).timestamp()))
    )
    builder = builder.valid_principals(principals) if principals else builder.valid_for_all_principals()  # type: ignore[no-untyped-call] # as it is shipped
    if "critical" in changed:
        builder = builder.add_critical_option(changed["critical"], b"x")
    return base64.b64decode(builder.sign(authority.private).public_bytes().split()[1])


class _Certified(paramiko.Ed25519Key):
    """A host key that is shown as a certificate."""

    certificate = b""

    def asbytes(self) -> bytes:
        return self.certificate

    def get_name(self) -> str:
        return "ssh-ed25519-cert-v01@openssh.com"


class Server(paramiko.ServerInterface):
    """Lets in one key, and opens connections to `forwards` for it."""

    def __init__(self, accepted: bytes, forwards: int = 0) -> None:
        self.accepted = accepted
        self.forwards = forwards
        self.asked: list[tuple[str, int]] = []
        self.transport: paramiko.Transport | None = None

    def get_allowed_auths(self, username: str) -> str:
        del username
        return "publickey"

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        good = username == "tsunagu" and key.asbytes() == self.accepted
        return paramiko.common.AUTH_SUCCESSFUL if good else paramiko.common.AUTH_FAILED

    def check_channel_direct_tcpip_request(
        self, chanid: int, origin: tuple[str, int], destination: tuple[str, int]
    ) -> int:
        del chanid, origin
        self.asked.append(destination)
        if not self.forwards:
            return int(paramiko.common.OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED)
        threading.Thread(target=self._forward, daemon=True).start()
        return int(paramiko.common.OPEN_SUCCEEDED)

    def _forward(self) -> None:
        assert self.transport is not None
        channel = self.transport.accept(10)
        if channel is None:
            return
        try:
            onward = socket.create_connection(("127.0.0.1", self.forwards))
        except OSError:  # whom it leads to is gone; whoever came through sees the end of the channel
            channel.close()
            return
        with onward:
            back = threading.Thread(target=_copy, args=(onward, channel), daemon=True)
            back.start()
            _copy(channel, onward)
            back.join(10)


def _copy(source: Any, target: Any) -> None:  # noqa: ANN401 a socket or a channel
    try:
        while data := source.recv(4096):
            target.sendall(data)
    except (OSError, EOFError, paramiko.SSHException):
        return
    finally:
        with suppress(OSError, EOFError, paramiko.SSHException):
            target.close()


@contextmanager
def serve(host: HostKey, server: Server, certificate: bytes = b"") -> Iterator[int]:
    """Serve every connection to a port of this machine; with a certificate beside the plain key."""

    def prepare(transport: paramiko.Transport) -> Server:
        transport.add_server_key(host.paramiko_key)
        if certificate:
            _add_certificate(transport, host, certificate)
        server.transport = transport
        return server

    with listen_for_ssh(prepare) as port:
        yield port


def _add_certificate(transport: paramiko.Transport, host: HostKey, certificate: bytes) -> None:
    shown = _Certified.from_private_key(StringIO(host.text))
    shown.certificate = certificate
    transport.server_key_dict["ssh-ed25519-cert-v01@openssh.com"] = shown
