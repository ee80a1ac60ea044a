"""SSH to devices: the pinned host key, the one credential of the access, strong algorithms, bounded answers.

Every command runs in a channel of its own: whole input, exit status, no prompt, no terminal. So a device needs no shell
for us: what its forced command understands is enough.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import paramiko

from controller.errors import (
    AlgorithmsRefused,
    CommandFailed,
    CredentialsRejected,
    DeviceUnreachable,
    LoginRefused,
    TsunaguError,
)
from controller.model.sites.devices import Device
from controller.operations.device_access import DeviceAccess
from controller.platforms.base import EXEC, Command, Session
from controller.platforms.device_text import device_text
from controller.platforms.device_text.device_text import (
    DeviceText,
    describe_device_words,
    refuse_oversized,
)
from controller.platforms.transport.bounded_connection import hang_up, limit_time
from controller.platforms.transport.credentials import resolve_secret
from controller.platforms.transport.dialing import (
    SECONDS,
    Connection,
    PinnedClient,
    identify_device,
    load_private_key,
    open_device_connection,
)
from controller.platforms.transport.host_keys import require_pin
from controller.platforms.transport.ssh_algorithms import ServerAlgorithms, describe_refusal, read_server_algorithms

COMMAND_SECONDS = 30.0
LOGIN_SECONDS = 60.0
LOGOUT_SECONDS = 10.0
KEEPALIVE_SECONDS = 10
MAXIMUM_ERROR_BYTES = 64 * 1024
_ANSWERED = "Authentication failed."
"""What paramiko says where the server answered that it does not accept what it was shown, and only there."""
_AT_ONCE = 64 * 1024


class SshSession:
    """An open session; see `controller.platforms.base.Session`."""

    def __init__(self, device: str, client: PinnedClient) -> None:
        self.device = device
        self._client = client

    def run(self, command: Command) -> DeviceText:
        """Run a command; its standard output.

        Raises:
            CommandFailed: its exit status is not 0; the message holds what it said.
            DeviceTextRefused: it said more than any configuration.
            DeviceUnreachable: the session broke, or no answer came in time.
        """
        try:
            with limit_time(COMMAND_SECONDS, self._client.close):
                status, output, said = self._exchange(command)
        except (paramiko.SSHException, OSError, EOFError) as error:
            self._client.refuse_overrun(self.device)
            reason = describe_device_words(str(error)) or error.__class__.__name__
            raise DeviceUnreachable(self.device, f"the session broke: {reason}", command=command.shown_line) from None
        if status == 0:
            return DeviceText.decode(output, self.device)
        if status < 0:
            self._client.refuse_overrun(self.device)
            message = f"the session broke before the command ended, or {COMMAND_SECONDS:.0f} s were over"
            raise DeviceUnreachable(self.device, message, command=command.shown_line)
        answer = (said.strip() or output.strip()).decode("utf-8", errors="replace")
        shown = describe_device_words(command.hide_secrets(answer))
        message = f"exit status {status}: {shown or 'nothing was said'}"
        raise CommandFailed(self.device, message, command=command.shown_line)

    def _exchange(self, command: Command) -> tuple[int, bytes, bytes]:
        transport = self._client.get_transport()
        if transport is None:
            message = "it is closed"
            raise paramiko.SSHException(message)
        self._client.begin_command()
        with transport.open_session(timeout=COMMAND_SECONDS) as channel:
            channel.settimeout(COMMAND_SECONDS)
            channel.exec_command(command.line)
            if command.stdin is not None:
                channel.sendall(command.stdin.encode())
            channel.shutdown_write()
            output = self._read_bounded(channel.recv)
            said = channel.makefile_stderr("rb").read(MAXIMUM_ERROR_BYTES)
            return channel.recv_exit_status(), output, said

    def _read_bounded(self, receive: Callable[[int], bytes]) -> bytes:
        """Read to the end, or to the bound: a device that never stops must not fill the memory."""
        parts: list[bytes] = []
        size = 0
        while part := receive(_AT_ONCE):
            parts.append(part)
            size += len(part)
            if size > device_text.MAXIMUM_BYTES:
                self._client.close()
                refuse_oversized(self.device, size)
        return b"".join(parts)


@contextmanager
def open_session(
    device: Device, access: DeviceAccess, device_type: str, *, changing: bool = False
) -> Iterator[Session]:
    """Log in to a device; `changing`: with the credential that may change it, where another key only reads.

    Raises:
        HostKeyRefused: no key is pinned, or the device shows another one.
        CredentialsRejected: the device answered that it does not accept the credential.
        LoginRefused: the login went wrong otherwise, or the credential cannot be resolved.
        AlgorithmsRefused: it offers old algorithms only, and its access does not allow them.
        DeviceUnreachable: nobody answers, or not with SSH.
    """
    identity = identify_device(device, access)
    client = PinnedClient(identity, require_pin(identity), access.legacy_algorithms or ())
    password, key = _resolve_credential(device, access, changing=changing)
    with open_device_connection(device, access) as dialled:
        try:
            with limit_time(LOGIN_SECONDS, partial(hang_up, dialled)):
                _log_in(client, device, access, dialled, password, key)
        except (paramiko.SSHException, OSError, EOFError) as error:
            client.close()
            raise _explain_failure(device, access, error) from None
        except BaseException:
            client.close()
            raise
        try:
            if device_type == EXEC:
                yield SshSession(device.id, client)
            else:
                secret = resolve_secret(device.id, access.enable) if access.enable is not None else None
                with _open_cli_session(device, client, device_type, secret) as session:
                    yield session
        finally:
            with limit_time(LOGOUT_SECONDS, partial(hang_up, dialled)):
                client.close()


@contextmanager
def _open_cli_session(device: Device, client: PinnedClient, device_type: str, secret: str | None) -> Iterator[Session]:
    from controller.platforms.transport.cli_session import open_command_line  # noqa: PLC0415 netmiko: 1 s

    with limit_time(LOGIN_SECONDS, client.close):
        session = open_command_line(device.id, client, device_type, secret)
    try:
        yield session
    finally:
        with limit_time(LOGOUT_SECONDS, client.close):
            session.close()


def _resolve_credential(
    device: Device, access: DeviceAccess, *, changing: bool
) -> tuple[str | None, paramiko.PKey | None]:
    """Return the password, or the one key that is shown to the device."""
    if not changing and access.read_key is not None:
        return None, load_private_key(device.id, access.read_key)
    if access.password is not None:
        return resolve_secret(device.id, access.password), None
    assert access.key is not None  # noqa: S101 the model holds exactly one of the two
    return None, load_private_key(device.id, access.key)


def _log_in(  # noqa: PLR0913, PLR0917 what a login is made of
    client: PinnedClient,
    device: Device,
    access: DeviceAccess,
    connection: Connection,
    password: str | None,
    key: paramiko.PKey | None,
) -> None:
    client.connect(
        hostname=str(device.management),
        port=access.port,
        username=access.user,
        password=password,
        pkey=key,
        sock=connection,
        timeout=LOGIN_SECONDS,
        auth_timeout=LOGIN_SECONDS,
        banner_timeout=LOGIN_SECONDS,
    )
    transport = client.get_transport()
    if transport is not None:
        transport.set_keepalive(KEEPALIVE_SECONDS)


def _explain_failure(device: Device, access: DeviceAccess, error: Exception) -> TsunaguError:
    if isinstance(error, paramiko.AuthenticationException):
        message = f"the login as {access.user!r} was refused; check the user and the credential that its access names"
        message += " (nobody answers what a device asks beyond it)"
        if _is_answered(error):
            return CredentialsRejected(device.id, message)
        return LoginRefused(device.id, f"{message}: {describe_device_words(str(error))}")
    if isinstance(error, paramiko.ssh_exception.IncompatiblePeer) and (server := _ask_algorithms(device, access)):
        told = describe_refusal(server, access.legacy_algorithms or (), device.access)
        return AlgorithmsRefused(device.id, told)
    first = next((line for line in str(error).splitlines() if line.strip()), error.__class__.__name__)
    return DeviceUnreachable(device.id, f"no SSH session: {describe_device_words(first)}")


def _is_answered(error: paramiko.AuthenticationException) -> bool:
    """Return whether the server has judged the credential itself.

    The library raises the same class where no answer came, where the connection ended, where no algorithm is common and
    where the server does not take that kind of login at all. None of these says that the credential is wrong.
    """
    return type(error) is paramiko.AuthenticationException and str(error) == _ANSWERED


def _ask_algorithms(device: Device, access: DeviceAccess) -> ServerAlgorithms | None:
    """Return what the device offers; None where it does not tell a second time."""
    try:
        with (
            open_device_connection(device, access) as connection,
            limit_time(SECONDS, partial(hang_up, connection)),
        ):
            return read_server_algorithms(connection)
    except (OSError, TsunaguError):
        return None
