"""A command line over SSH, by netmiko: for devices that answer only in an interactive session with a prompt.

netmiko knows each system's prompt, width and pager. The login is ours: host key, credential and algorithms are those of
`ssh_session`, and netmiko is given the open client. Such a session only reads.
"""

from __future__ import annotations

import re
from typing import Any, cast

import paramiko
from netmiko import BaseConnection
from netmiko.exceptions import NetmikoBaseException
from netmiko.ssh_dispatcher import ssh_dispatcher

from controller.errors import CommandFailed, DeviceTextRefused, DeviceUnreachable
from controller.platforms.base import Command
from controller.platforms.device_text.device_text import (
    DeviceText,
    describe_device_words,
    refuse_oversized,
)
from controller.platforms.transport.bounded_connection import limit_time
from controller.platforms.transport.dialing import PinnedClient

COMMAND_SECONDS = 60.0
"""A switch takes long to write its configuration down."""
_PROMPT_SECONDS = 30.0
"""To find the prompt again, and to see the command's echo."""
_FIRST_LINES = 3
"""Lines among which a refusal stands: `% Invalid input detected at '^' marker.`"""


class _CountedChannel:
    """A channel that counts what comes in; a device that never stops is cut off."""

    def __init__(self, device: str, channel: paramiko.Channel) -> None:
        self._device = device
        self._channel = channel
        self._size = 0

    def begin_command(self) -> None:
        """Count anew: the bound is one of a command."""
        self._size = 0

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 all else is the channel's
        return getattr(self._channel, name)

    def recv(self, most: int) -> bytes:
        """Receive as the channel does."""
        part = self._channel.recv(most)
        self._size += len(part)
        try:
            refuse_oversized(self._device, self._size)
        except DeviceTextRefused:
            self._channel.close()
            raise
        return part


class _OpenClient:
    """What netmiko needs of a client that is logged in already."""

    def __init__(self, device: str, client: paramiko.SSHClient) -> None:
        self._device = device
        self._client = client

    def connect(self, **named: Any) -> None:  # noqa: ANN401 as in paramiko
        """Do nothing: the session is open."""

    def invoke_shell(self, **named: Any) -> _CountedChannel:  # noqa: ANN401 as in paramiko
        """Open the command line."""
        return _CountedChannel(self._device, self._client.invoke_shell(**named))

    def close(self) -> None:
        """End the session."""
        self._client.close()


class _OverOpenClient(BaseConnection):
    """Stands before netmiko's class of a system: it uses a client that is logged in already."""

    def __init__(self, *, device: str, client: paramiko.SSHClient, **named: Any) -> None:  # noqa: ANN401 as in netmiko
        self._open_client = _OpenClient(device, client)
        super().__init__(**named)

    def _build_ssh_client(self) -> Any:  # noqa: ANN401 it is as good as a client
        return self._open_client


class CliSession:
    """An open command line; see `controller.platforms.base.Session`."""

    def __init__(self, device: str, connection: BaseConnection, client: PinnedClient) -> None:
        self.device = device
        self._connection = connection
        self._client = client

    def _ask(self, line: str) -> str:
        """Return what stands before the next prompt.

        netmiko would take the prompt anywhere for the end, and so stop at a remark that quotes it; here it has to stand
        at the begin of a line, with nothing behind it.
        """
        self._client.begin_command()
        cast("_CountedChannel", self._connection.remote_conn).begin_command()
        prompt = re.escape(self._connection.find_prompt())
        ends = rf"(?m)^{prompt}\s*\Z"
        return str(self._connection.send_command(line, expect_string=ends, read_timeout=COMMAND_SECONDS))

    def run(self, command: Command) -> DeviceText:
        """Run a command that shows something, and return what it showed.

        Raises:
            CommandFailed: the device refuses the command, or it has an input of its own.
            DeviceTextRefused: it said more than any configuration.
            DeviceUnreachable: the session broke, or no prompt came in time.
        """
        if command.stdin is not None:
            message = "a command line is only read here; nothing is typed into it"
            raise CommandFailed(self.device, message, command=command.line)
        try:
            with limit_time(COMMAND_SECONDS + _PROMPT_SECONDS, self._client.close):
                said = self._ask(command.line)
        except (NetmikoBaseException, paramiko.SSHException, OSError, EOFError, ValueError) as error:
            self._client.refuse_overrun(self.device)
            reason = describe_device_words(str(error).strip().partition("\n")[0]) or error.__class__.__name__
            raise DeviceUnreachable(self.device, f"the session broke: {reason}", command=command.line) from None
        first = [line for line in said.splitlines() if line.strip()][:_FIRST_LINES]
        if any(line.lstrip().startswith("%") for line in first):
            message = f"the device refused it: {describe_device_words(' '.join(first))}"
            raise CommandFailed(self.device, message, command=command.line)
        return DeviceText(said, self.device)


def open_command_line(device: str, client: paramiko.SSHClient, device_type: str) -> BaseConnection:
    """Open the command line of a device that is logged in to; `device_type` is netmiko's name of its system.

    Raises:
        DeviceUnreachable: it shows no prompt, or no command line.
    """
    system = ssh_dispatcher(device_type)
    connection = type("CommandLine", (_OverOpenClient, system), {})
    try:
        opened: BaseConnection = connection(device=device, client=client, host=device, device_type=device_type)
    except (NetmikoBaseException, paramiko.SSHException, OSError, EOFError, ValueError) as error:
        reason = describe_device_words(str(error).strip().partition("\n")[0]) or error.__class__.__name__
        raise DeviceUnreachable(device, f"no command line with a prompt: {reason}") from None
    return opened
