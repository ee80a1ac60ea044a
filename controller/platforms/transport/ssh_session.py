"""SSH by netmiko: the host key must be the pinned one, the login strict, every command's result looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Timer
from typing import Any

import paramiko
from netmiko import BaseConnection, ConnectHandler
from netmiko.exceptions import NetmikoAuthenticationException, NetmikoBaseException

from controller.errors import CommandFailed, DeviceUnreachable, LoginRefused
from controller.model.sites.devices import Device
from controller.operations.device_access import DeviceAccess
from controller.platforms.base import Command
from controller.platforms.transport.credentials import resolve_secret
from controller.platforms.transport.dialing import (
    Connection,
    PinnedClient,
    identify_device,
    load_private_key,
    open_device_connection,
)
from controller.platforms.transport.host_keys import require_pin

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
def open_session(device: Device, access: DeviceAccess, device_type: str) -> Iterator[SshSession]:
    """Log in to a device.

    Raises:
        HostKeyRefused: no key is pinned, or the device shows another one.
        LoginRefused: the credential is not accepted, or cannot be resolved.
        DeviceUnreachable: nobody answers, or not with SSH.
    """
    identity = identify_device(device, access)
    client = PinnedClient(identity, require_pin(identity))
    credential = _credential(device, access)
    with open_device_connection(device, access) as dialled:
        unopened = _build_connection(device, access, device_type, dialled, credential)
        try:
            connection = _connect(device, access, unopened, client, dialled.close)
        except BaseException:
            client.close()
            raise
        try:
            yield SshSession(device.id, connection)
        finally:
            with _deadline(LOGOUT_SECONDS, dialled.close):
                connection.disconnect()


def _credential(device: Device, access: DeviceAccess) -> dict[str, Any]:
    if access.password is not None:
        return {"password": resolve_secret(device.id, access.password)}
    assert access.key is not None  # noqa: S101 the model holds exactly one of the two
    # netmiko looks for files when told to use keys.
    return {"use_keys": False, "pkey": load_private_key(device.id, access.key)}


def _build_connection(
    device: Device, access: DeviceAccess, device_type: str, dialled: Connection, credential: dict[str, Any]
) -> BaseConnection:
    """A connection of netmiko that is not open yet."""
    return ConnectHandler(
        device_type=device_type,
        host=str(device.management),
        port=access.port,
        username=access.user,
        sock=dialled,
        ssh_strict=True,
        system_host_keys=False,
        alt_host_keys=False,
        allow_agent=False,
        keepalive=KEEPALIVE_SECONDS,
        auto_connect=False,
        **credential,
    )


def _connect(
    device: Device, access: DeviceAccess, connection: BaseConnection, client: PinnedClient, end: Callable[[], None]
) -> BaseConnection:
    # Its own client knows no host certificates and no revoked keys; netmiko has no other place for another one.
    connection._build_ssh_client = lambda: client  # type: ignore[method-assign]  # noqa: SLF001
    try:
        with _deadline(LOGIN_SECONDS, end):
            connection._open()  # noqa: SLF001 what its constructor does otherwise
    except NetmikoAuthenticationException:
        message = f"the login as {access.user!r} was refused; check the user and the credential that its access names"
        raise LoginRefused(device.id, message) from None
    except (NetmikoBaseException, paramiko.SSHException, OSError, EOFError) as error:
        first = next((line for line in str(error).splitlines() if line.strip()), error.__class__.__name__)
        raise DeviceUnreachable(device.id, f"no SSH session: {first.strip()}") from None
    return connection


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
