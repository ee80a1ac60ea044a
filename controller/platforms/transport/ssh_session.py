"""SSH by netmiko: the host key must be the pinned one, the login strict, every command's result looked at."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from threading import Timer
from typing import Any

import paramiko
from netmiko import BaseConnection, ConnectHandler
from netmiko.exceptions import NetmikoAuthenticationException, NetmikoBaseException

from controller.errors import CommandFailed, DeviceUnreachable, HostKeyRefused, LoginRefused
from controller.model.sites.devices import Device
from controller.platforms.base import Command
from controller.platforms.transport.credentials import resolve_secret
from controller.platforms.transport.host_keys import connect_to_ssh_port, known_hosts_name, read_pinned_keys

COMMAND_SECONDS = 30.0
LOGIN_SECONDS = 60.0
LOGOUT_SECONDS = 10.0
KEEPALIVE_SECONDS = 10


class SshSession:
    """A session whose commands run each in an exec channel of their own: whole input, exit status, no prompt."""

    def __init__(self, device: str, connection: BaseConnection) -> None:
        self.device = device
        self._client: paramiko.SSHClient = connection.remote_conn_pre  # type: ignore[assignment] # netmiko types it Any

    def run(self, command: Command) -> str:
        """Run a command; its standard output.

        Raises:
            CommandFailed: its exit status is not 0; the message holds what it said.
            DeviceUnreachable: the session broke, or no answer came in time.
        """
        try:
            with _deadline(COMMAND_SECONDS, self._client.close):
                stdin, stdout, stderr = self._client.exec_command(command.line, timeout=COMMAND_SECONDS)
                if command.stdin is not None:
                    stdin.write(command.stdin)
                stdin.channel.shutdown_write()
                output = stdout.read().decode("utf-8", errors="replace")
                said = stderr.read().decode("utf-8", errors="replace")
                status = stdout.channel.recv_exit_status()
        except (paramiko.SSHException, OSError, EOFError) as error:
            reason = str(error) or error.__class__.__name__
            raise DeviceUnreachable(self.device, f"the session broke: {reason}", command=command.line) from None
        if status == 0:
            return output
        if status < 0:
            raise DeviceUnreachable(self.device, "the session broke before the command ended", command=command.line)
        message = f"exit status {status}: {said.strip() or output.strip() or 'nothing was said'}"
        raise CommandFailed(self.device, message, command=command.line)


@contextmanager
def open_session(device: Device, device_type: str) -> Iterator[SshSession]:
    """Log in to a device.

    Raises:
        HostKeyRefused: no key is pinned, or the device shows another one.
        LoginRefused: the credential is not accepted, or cannot be resolved.
        DeviceUnreachable: nobody answers, or not with SSH.
    """
    if not read_pinned_keys(device):
        look = f"{device.unpinned_hint}look at it with: tsunagu trust {device.id}"
        message = f"no host key is pinned for {known_hosts_name(device)}; {look}"
        raise HostKeyRefused(device.id, message)
    credential = _credential(device)
    dialled = connect_to_ssh_port(device)
    connection = _connect(device, device_type, dialled, credential)
    try:
        yield SshSession(device.id, connection)
    finally:
        with _deadline(LOGOUT_SECONDS, dialled.close):
            connection.disconnect()


def _credential(device: Device) -> dict[str, Any]:
    access = device.access
    if access.password is not None:
        return {"password": resolve_secret(device.id, access.password)}
    assert access.key is not None  # noqa: S101 the model holds exactly one of the two
    if access.key.file is not None:
        resolve_secret(device.id, access.key)
        return {"use_keys": True, "key_file": str(Path(access.key.file).expanduser())}
    return {"use_keys": True, "pkey": _private_key(device.id, resolve_secret(device.id, access.key))}


def _private_key(device: str, text: str) -> paramiko.PKey:
    for kind in (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey):
        try:
            return kind.from_private_key(StringIO(text + "\n"))
        except (paramiko.SSHException, ValueError):
            continue
    raise LoginRefused(device, "its credential is no private key that can be read (OpenSSH or PEM, no passphrase)")


def _connect(device: Device, device_type: str, connection: socket.socket, credential: dict[str, Any]) -> BaseConnection:
    access = device.access
    try:
        with _deadline(LOGIN_SECONDS, connection.close):
            return _logged_in(device, device_type, connection, credential)
    except NetmikoAuthenticationException:
        connection.close()
        message = f"the login as {access.user!r} was refused; check the user and the credential that its access names"
        raise LoginRefused(device.id, message) from None
    except (NetmikoBaseException, paramiko.SSHException, OSError, EOFError) as error:
        connection.close()
        if _is_host_key(error):
            message = (
                f"the host key of {known_hosts_name(device)} is not the pinned one. If the device was replaced, "
                f"compare the fingerprint on its console and pin it with: tsunagu trust {device.id}"
            )
            raise HostKeyRefused(device.id, message) from None
        first = next((line for line in str(error).splitlines() if line.strip()), error.__class__.__name__)
        raise DeviceUnreachable(device.id, f"no SSH session: {first.strip()}") from None


def _logged_in(
    device: Device, device_type: str, connection: socket.socket, credential: dict[str, Any]
) -> BaseConnection:
    access = device.access
    return ConnectHandler(
        device_type=device_type,
        host=str(device.management),
        port=access.port,
        username=access.user,
        sock=connection,
        ssh_strict=True,
        system_host_keys=False,
        alt_host_keys=True,
        alt_key_file=str(Path(access.known_hosts).expanduser()),
        allow_agent=False,
        keepalive=KEEPALIVE_SECONDS,
        **credential,
    )


@contextmanager
def _deadline(seconds: float, end: Callable[[], None]) -> Iterator[None]:
    """End the connection when its time is over: paramiko waits without limit where a device falls silent."""
    watch = Timer(seconds, end)
    watch.daemon = True
    watch.start()
    try:
        yield
    finally:
        watch.cancel()


def _is_host_key(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, paramiko.BadHostKeyException) or "not found in known_hosts" in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False
