"""The connection that an SSH session runs in: from a namespace, straight to the device or through a jump host."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any

import paramiko

from controller.errors import DeviceUnreachable, LoginRefused
from controller.model.sites.devices import Device
from controller.operations.device_access import CredentialSource, DeviceAccess, JumpHost
from controller.platforms.device_text import device_text
from controller.platforms.device_text.device_text import describe_device_words, refuse_oversized
from controller.platforms.transport.bounded_connection import BoundedConnection, hang_up, limit_time
from controller.platforms.transport.credentials import resolve_secret
from controller.platforms.transport.host_keys import (
    HostIdentity,
    PinnedHostKeys,
    format_host_name,
    get_shown_key,
    order_key_types,
    read_known_hosts,
    require_pin,
)
from controller.platforms.transport.known_hosts import KnownHost
from controller.platforms.transport.namespace import open_connection
from controller.platforms.transport.ssh_algorithms import list_allowed_algorithms, list_disabled_algorithms

SECONDS = 10.0
"""For a step on the way to a device: a connection, a key exchange, a login to the jump host."""
Connection = socket.socket | paramiko.Channel
Questions = list[tuple[str, bool]]
"""What a device asks while somebody logs in; with each, whether the answer is shown while it is typed."""

# Without a handler the library's own words, with what a device said in them, would go to the terminal as they are.
logging.getLogger("paramiko").addHandler(logging.NullHandler())


class OrderedTransport(paramiko.Transport):
    """A transport that asks for host keys of these types, in this order, and asks nobody at the terminal anything."""

    host_key_types: tuple[str, ...] = ()

    @property
    def preferred_keys(self) -> tuple[str, ...]:
        """The types of host keys to ask for."""
        return self.host_key_types

    def auth_interactive_dumb(self, username: str, handler: Any = None, submethods: str = "") -> list[str]:  # noqa: ANN401 as in paramiko
        """Refuse: as the library has it, the device's words are printed as they are, and what is typed goes there.

        Raises:
            AuthenticationException: always.
        """
        del username, handler, submethods
        message = "it asks for more than the credential of its access"
        raise paramiko.AuthenticationException(message)

    def auth_interactive(
        self, username: str, handler: Callable[[str, str, Questions], list[str]], submethods: str = ""
    ) -> list[str]:
        """Answer one question that is not echoed, by the handler that knows the access's password.

        Raises:
            AuthenticationException: the device asks more than that, or does not accept it.
        """
        answered = False

        def answer_once(title: str, instructions: str, questions: Questions) -> list[str]:
            nonlocal answered
            del title, instructions
            if not questions:
                return []
            if answered or len(questions) > 1 or questions[0][1]:
                message = "it asks for more than a password"
                raise paramiko.AuthenticationException(message)
            answered = True
            return handler("", "", questions)

        return super().auth_interactive(username, answer_once, submethods)


def identify_device(device: Device, access: DeviceAccess) -> HostIdentity:
    """Return who a device must prove to be."""
    return HostIdentity.from_device(device, access.known_hosts, access.port)


@contextmanager
def open_device_connection(device: Device, access: DeviceAccess) -> Iterator[Connection]:
    """Open a connection to the device's SSH port; it ends with the `with` block, and so does one to a jump host.

    Raises:
        DeviceUnreachable: nobody answers.
        HostKeyRefused: the jump host does not show the pinned key.
        LoginRefused: the jump host does not accept the credential.
    """
    with ExitStack() as opened:
        if access.jump_host is None:
            connection: Connection = _connect(device, access, str(device.management), access.port)
        else:
            client = opened.enter_context(_log_in_to_jump_host(device, access, access.jump_host))
            connection = _open_channel(device, access, access.jump_host, client)
        opened.callback(connection.close)
        yield connection


def _connect(device: Device, access: DeviceAccess, host: str, port: int) -> socket.socket:
    try:
        return open_connection(access.namespace, host, port, SECONDS)
    except (OSError, ValueError) as error:
        place = f" from namespace {access.namespace}" if access.namespace else ""
        reason = getattr(error, "strerror", None) or error
        raise DeviceUnreachable(device.id, f"no SSH answer at {host} port {port}{place}: {reason}") from None


@contextmanager
def _log_in_to_jump_host(device: Device, access: DeviceAccess, jump: JumpHost) -> Iterator[paramiko.SSHClient]:
    name = format_host_name(jump.host, jump.port)
    remedy = f"write the host key of the jump host into {jump.known_hosts}"
    identity = HostIdentity(device.id, name, (jump.host,), jump.known_hosts, remedy)
    known = require_pin(identity)
    key = load_private_key(device.id, jump.key)
    connection = _connect(device, access, jump.host, jump.port)
    client = PinnedClient(identity, known)
    try:
        with limit_time(2 * SECONDS, partial(hang_up, connection)):
            client.connect(
                jump.host, jump.port, jump.user, pkey=key, sock=connection, allow_agent=False, timeout=SECONDS
            )
    except paramiko.AuthenticationException:
        client.close()
        connection.close()
        message = f"the jump host {name} refused the login as {jump.user!r}; check the user and its key"
        raise LoginRefused(device.id, message) from None
    except (paramiko.SSHException, OSError, EOFError) as error:
        client.close()
        connection.close()
        raise DeviceUnreachable(
            device.id, f"no SSH session with the jump host {name}: {describe_device_words(str(error))}"
        ) from None
    except BaseException:
        client.close()
        connection.close()
        raise
    try:
        yield client
    finally:
        client.close()


def _open_channel(device: Device, access: DeviceAccess, jump: JumpHost, client: paramiko.SSHClient) -> paramiko.Channel:
    transport = client.get_transport()
    assert transport is not None  # noqa: S101 the client is connected
    address = str(device.management), access.port
    try:
        return transport.open_channel("direct-tcpip", address, ("127.0.0.1", 0), timeout=SECONDS)
    except (paramiko.SSHException, EOFError, OSError) as error:
        told = describe_device_words(str(error))
        message = f"no SSH answer at {address[0]} port {address[1]} through the jump host {jump.host}: {told}"
        raise DeviceUnreachable(device.id, message) from None


class PinnedClient(paramiko.SSHClient):
    """An SSH client that believes what known-hosts lines say of its one host, and nothing else."""

    def __init__(self, identity: HostIdentity, known: list[KnownHost], legacy: Collection[str] = ()) -> None:
        super().__init__()
        self._types = order_key_types(known, list_allowed_algorithms("keys", legacy))
        self._disabled = list_disabled_algorithms(legacy)
        self.set_missing_host_key_policy(PinnedHostKeys(identity, known))
        self.connection: BoundedConnection | None = None

    def connect(self, *arguments: Any, **named: Any) -> None:  # noqa: ANN401 as in paramiko
        """Connect as paramiko does; neither an agent's keys nor those of the home folder are ever offered."""
        super().connect(
            *arguments,
            **{
                **named,
                "look_for_keys": False,
                "allow_agent": False,
                "disabled_algorithms": self._disabled,
                "transport_factory": self._build_transport,
            },
        )

    def _build_transport(self, sock: Connection, **named: Any) -> paramiko.Transport:  # noqa: ANN401 as in paramiko
        self.connection = BoundedConnection(sock)
        transport = OrderedTransport(self.connection, **named)  # type: ignore[arg-type] # as good as a socket
        transport.host_key_types = self._types
        return transport

    def begin_command(self) -> None:
        """Let the device send as much again as one command may be answered with."""
        if self.connection is not None:
            self.connection.begin_command()

    def refuse_overrun(self, device: str) -> None:
        """Refuse by name a device that was cut off on the wire: its error output, or what nobody asked for.

        Raises:
            DeviceTextRefused: it was.
        """
        if self.connection is not None and self.connection.overran:
            refuse_oversized(device, device_text.MAXIMUM_BYTES + 1)

    def close(self) -> None:
        """End the session; the connection goes first, for the library waits until its reader ends by itself."""
        if self.connection is not None:
            hang_up(self.connection)
        super().close()


def fetch_host_key(device: Device, access: DeviceAccess) -> bytes:
    """Return the host key that the device shows now, as bytes; a certificate where an authority is named for it.

    Raises:
        DeviceUnreachable: nobody answers, or not with SSH.
    """
    known = read_known_hosts(identify_device(device, access))
    with open_device_connection(device, access) as connection:
        legacy = access.legacy_algorithms or ()
        disabled = list_disabled_algorithms(legacy)
        bounded = BoundedConnection(connection)
        transport = OrderedTransport(bounded, disabled_algorithms=disabled)  # type: ignore[arg-type] # as good as a socket
        transport.host_key_types = order_key_types(known, list_allowed_algorithms("keys", legacy))
        try:
            with limit_time(2 * SECONDS, partial(hang_up, connection)):
                transport.start_client(timeout=SECONDS)
                return get_shown_key(transport)
        except (paramiko.SSHException, EOFError, OSError) as error:
            raise DeviceUnreachable(device.id, f"no SSH key exchange: {describe_device_words(str(error))}") from None
        finally:
            hang_up(connection)
            transport.close()


def load_private_key(device: str, source: CredentialSource) -> paramiko.PKey:
    """Return the private key that a source leads to.

    Raises:
        LoginRefused: the source leads nowhere, or to no private key.
    """
    text = resolve_secret(device, source)
    for kind in (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey):
        try:
            return kind.from_private_key(StringIO(text + "\n"))
        except (paramiko.SSHException, ValueError):
            continue
    where = f" in {Path(source.file)}" if source.file is not None else ""
    message = f"its credential{where} is no private key that can be read (OpenSSH or PEM, no passphrase)"
    raise LoginRefused(device, message)
