"""A command line over SSH, by netmiko: for devices that answer only in an interactive session with a prompt.

netmiko knows each system's prompt, width and pager. The login is ours: host key, credential and algorithms are those of
`ssh_session`, and netmiko is given the open client. Then one line is typed at a time: the device must repeat it, and
show its prompt again as a whole line at the end. A question that nobody expected is not answered: the session ends.

What comes before the echo answers nothing: netmiko types lines whose prompts it does not wait for, and a device that is
slow shows them while the next line is typed already. So a prompt, a question or an answer counts behind the echo only.
"""

from __future__ import annotations

import codecs
import re
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

import paramiko
from netmiko import BaseConnection
from netmiko.exceptions import NetmikoBaseException
from netmiko.ssh_dispatcher import ssh_dispatcher

from controller.errors import CommandFailed, DeviceTextRefused, DeviceUnreachable, LoginRefused
from controller.platforms.base import Command, Reply
from controller.platforms.device_text.device_text import (
    DeviceText,
    describe_device_words,
    refuse_oversized,
)
from controller.platforms.transport.cli_dialogue import (
    Prompt,
    drop_prompt,
    find_echo_end,
    find_question,
    find_refusal,
    has_wrong_echo,
    read_prompt,
)

_FIRST_LINES = 3
"""Lines among which a refusal of a command that shows something stands."""
_SHOWING = ("show ", "dir ", "more ")
_AT_ONCE = 65536
_ENABLING = {"yamaha": "administrator"}
_ENABLE = "enable"
_UNSAVED_ANSWERS = {"yamaha": "N"}
"""To `Save new configuration ? (Y/N)`, by the device's type; one key, which is nothing where nobody asks."""
_CONFIGURED_PAGERS = frozenset({"console lines infinity"})
_PRIVILEGED_QUESTION = r"(?i)(password|secret)\s?:"
_BROKEN = (NetmikoBaseException, paramiko.SSHException, OSError, EOFError, ValueError)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a command line is waited for, in seconds.

    `show`: a switch takes long to write its configuration down. `line`: to carry out a line. `quiet`: after a prompt,
    to see that nothing follows: a text that is shown may quote it.
    """

    show: float = 60.0
    line: float = 30.0
    quiet: float = 0.05


PATIENCE = Patience()


class Client(Protocol):
    """A client that is logged in: what paramiko has of it, and bounds of what comes in."""

    def invoke_shell(self, *arguments: Any, **named: Any) -> Any:  # noqa: ANN401 as in paramiko
        """Open the command line."""

    def begin_command(self) -> None:
        """Let the device send as much again as one command may be answered with."""

    def refuse_overrun(self, device: str) -> None:
        """Refuse by name a device that was cut off on the wire."""

    def close(self) -> None:
        """End the session."""


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

    def __init__(self, device: str, client: Client) -> None:
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

    def __init__(self, *, device: str, client: Client, **named: Any) -> None:  # noqa: ANN401 as in netmiko
        self._open_client = _OpenClient(device, client)
        super().__init__(**named)

    def _build_ssh_client(self) -> Any:  # noqa: ANN401 it is as good as a client
        return self._open_client

    def cleanup(self, command: str = "exit") -> None:
        """Leave the command line; netmiko's own way asks first which mode it is in, and waits for the answer."""
        with suppress(*_BROKEN):
            self.write_channel(f"{command}\n{_UNSAVED_ANSWERS.get(str(self.device_type), '')}")

    def disable_paging(
        self,
        command: str = "terminal length 0",
        delay_factor: float | None = None,
        cmd_verify: bool = True,  # noqa: FBT001, FBT002 as in netmiko
        pattern: str | None = None,
    ) -> str:
        """Switch the pager off, but where that would stand in the configuration: there the platform does it."""
        if command in _CONFIGURED_PAGERS:
            return ""
        return str(super().disable_paging(command, delay_factor, cmd_verify, pattern))


class CliSession:
    """An open command line; see `controller.platforms.base.Session`. Its mode lasts from one command to the next."""

    def __init__(self, device: str, connection: BaseConnection, client: Client, patience: Patience = PATIENCE) -> None:
        self.device = device
        self._connection = connection
        self._client = client
        self._patience = patience
        self._channel: _CountedChannel = connection.remote_conn  # type: ignore[assignment] # see _OpenClient
        self._prompt = Prompt("", "")
        self._lost = ""
        self._in_step = False
        """The device has repeated a line: from then on, a prompt that follows anything but the echo is a fault."""

    def run(self, command: Command) -> DeviceText:
        """Type one line, and return what the device said to it.

        Raises:
            CommandFailed: the device refuses it, did not repeat it, asks something unexpected, or it has an input.
            DeviceTextRefused: it said more than any configuration.
            DeviceUnreachable: the session broke, or no prompt came in time.
        """
        if command.stdin is not None:
            message = "nothing is typed into it: a command line takes one line after the other"
            raise CommandFailed(self.device, message, command=command.shown_line)
        shows = command.line.startswith(_SHOWING)
        said = self._converse(command, self._patience.show if shows else self._patience.line, quiet=shows)
        lines = [line for line in said.split("\n") if line.strip()]
        if find_refusal(lines[:_FIRST_LINES] if shows else lines, command.accepts):
            shown = describe_device_words(command.hide_secrets(" ".join(lines[:_FIRST_LINES])))
            raise CommandFailed(self.device, f"the device refused it: {shown}", command=command.shown_line)
        return DeviceText(said, self.device)

    def _converse(self, command: Command, seconds: float, *, quiet: bool) -> str:
        """Type a line and answer what is asked; return what was said between echo and prompt."""
        if self._lost:
            raise DeviceUnreachable(self.device, f"the session ended: {self._lost}", command=command.shown_line)
        deadline = time.monotonic() + seconds
        self._client.begin_command()
        self._channel.begin_command()
        try:
            self._channel.settimeout(seconds)
            self._channel.sendall(f"{command.line}\n".encode())
            text = self._receive(deadline, command, quiet=quiet)
        except DeviceTextRefused:
            raise
        except _Asked as asked:
            question = describe_device_words(command.hide_secrets(asked.question))
            self._end(f"it asked {question!r}")
            message = f"it asks {question!r}, which is answered by nobody blindly"
            raise CommandFailed(self.device, message, command=command.shown_line) from None
        except _Renamed as renamed:
            self._end("its prompt changed")
            message = f"its prompt became {describe_device_words(renamed.prompt)!r}: somebody else configures it"
            raise CommandFailed(self.device, message, command=command.shown_line) from None
        except _NotRepeated as other:
            self._end("it did not repeat what was typed")
            first = describe_device_words(other.said.strip().partition("\n")[0])
            # What it garbled may still be most of a secret.
            shown = "something else, which is not shown: the line holds a secret" if command.shown else repr(first)
            message = f"the device did not repeat the line, but said {shown}"
            raise CommandFailed(self.device, message, command=command.shown_line) from None
        except _BROKEN as error:
            self._client.refuse_overrun(self.device)
            reason = describe_device_words(str(error).strip().partition("\n")[0]) or error.__class__.__name__
            self._end(reason)
            raise DeviceUnreachable(self.device, f"the session broke: {reason}", command=command.shown_line) from None
        return drop_prompt(text)

    def _receive(self, deadline: float, command: Command, *, quiet: bool) -> str:
        """Return what comes from the echo up to the prompt; expected questions are answered."""
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        text, begin = self._receive_echo(decoder, deadline, command.line), 0
        left = list(command.replies)
        while True:
            if self._prompt.ends(text[begin:]):
                more = self._take_more(decoder) if quiet else ""
                if not more:
                    return text
                text += more
                continue
            if question := find_question(text[begin:]):
                reply = next((one for one in left if re.search(one.question, question)), None)
                if reply is None:
                    raise _Asked(question)
                left.remove(reply)
                begin = len(text)
                self._channel.sendall(f"{reply.text}\n".encode())
            text += self._take(decoder, deadline, text[begin:])

    def _receive_echo(self, decoder: codecs.IncrementalDecoder, deadline: float, typed: str) -> str:
        """Return what has come behind the echo of a line, once that is there; what came before it answers nothing."""
        text = ""
        while (end := find_echo_end(text, typed, self._prompt)) < 0:
            if self._in_step and has_wrong_echo(text, self._prompt):
                raise _NotRepeated(text)
            try:
                text += self._take(decoder, deadline, "")
            except EOFError as error:
                message = f"{error}; the line was not shown"
                raise EOFError(message) from None
        self._in_step = True
        return text[end:]

    def _take(self, decoder: codecs.IncrementalDecoder, deadline: float, so_far: str) -> str:
        """Return what comes next, with plain line ends and without escape sequences.

        The SSH library counts by the wall clock, which can be set, and says "too late" of bytes that came at the last
        moment: so its word counts only when the time is over by a clock that nobody sets, and it is asked once more.
        """
        left = deadline - time.monotonic()
        while True:
            self._channel.settimeout(max(left, 0.0))
            try:
                part = self._channel.recv(_AT_ONCE)
            except TimeoutError:
                if left <= 0:
                    break
                left = deadline - time.monotonic()
                continue
            if not part:
                message = "the device ended it"
                raise EOFError(message)
            return self._clean(decoder.decode(part))
        found = read_prompt(so_far)
        if found is not None and found.host != self._prompt.host:
            raise _Renamed(found)
        message = "no prompt came in time"
        raise EOFError(message)

    def _take_more(self, decoder: codecs.IncrementalDecoder) -> str:
        """Return what follows a prompt that may have been quoted; "" where nothing does."""
        self._channel.settimeout(self._patience.quiet)
        try:
            part = self._channel.recv(_AT_ONCE)
        except TimeoutError:
            return ""
        return self._clean(decoder.decode(part))

    def _clean(self, text: str) -> str:
        text = text.replace("\r\n", "\n").replace("\r", "")
        return self._connection.strip_ansi_escape_codes(text) if "\x1b" in text else text

    def _end(self, reason: str) -> None:
        """End the session: what it would say next belongs to another question."""
        self._lost = reason
        with suppress(*_BROKEN):
            self._channel.close()

    def prepare(self, enable: str, secret: str | None) -> None:
        """Learn the prompt, and become privileged where the login alone did not do it.

        Raises:
            LoginRefused: a secret is asked for and the operators' file names none, or it is not accepted.
            DeviceUnreachable: it shows no prompt.
        """
        self._learn_prompt()
        if self._prompt.end != ">" or not enable:
            return
        refused = "privileged mode was not reached: "
        refused += "its secret is needed; name it in the operators' file: access.ID.enable"
        if secret is not None:
            refused = "privileged mode was not reached: its secret (access.ID.enable) was refused"
        replies = (Reply(_PRIVILEGED_QUESTION, secret),) if secret is not None else ()
        try:
            self._converse(Command(enable, replies=replies), self._patience.line, quiet=True)
        except CommandFailed:
            raise LoginRefused(self.device, refused) from None
        self._learn_prompt()
        if self._prompt.end == ">":
            raise LoginRefused(self.device, refused)

    def close(self) -> None:
        """Leave the command line."""
        self._connection.disconnect()

    def _learn_prompt(self) -> None:
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        deadline = time.monotonic() + self._patience.line
        text = ""
        self._channel.sendall(b"\n")
        while True:
            found = read_prompt(text)
            more = self._take(decoder, deadline, "") if found is None else self._take_more(decoder)
            if found is not None and not more:
                self._prompt = found
                return
            text += more


class _Asked(Exception):
    """A device asks something that nobody expected."""

    def __init__(self, question: str) -> None:
        super().__init__(question)
        self.question = question


class _NotRepeated(Exception):
    """A device shows its prompt, and not the line that was typed before it."""

    def __init__(self, said: str) -> None:
        super().__init__(said)
        self.said = said


class _Renamed(Exception):
    """A device shows another prompt than before."""

    def __init__(self, prompt: Prompt) -> None:
        super().__init__(prompt.host)
        self.prompt = f"{prompt.host}{prompt.end}"


def open_command_line(
    device: str, client: Client, device_type: str, secret: str | None = None, patience: Patience = PATIENCE
) -> CliSession:
    """Open the command line of a device that is logged in to; `device_type` is netmiko's name of its system.

    `secret` is the one of privileged mode, where the login alone does not lead there.

    Raises:
        DeviceUnreachable: it shows no prompt, or no command line.
        LoginRefused: privileged mode is not reached.
    """
    system = ssh_dispatcher(device_type)
    connection = type("CommandLine", (_OverOpenClient, system), {})
    try:
        opened: BaseConnection = connection(device=device, client=client, host=device, device_type=device_type)
        session = CliSession(device, opened, client, patience)
        session.prepare(_ENABLING.get(device_type, _ENABLE), secret)
    except _BROKEN as error:
        reason = describe_device_words(str(error).strip().partition("\n")[0]) or error.__class__.__name__
        raise DeviceUnreachable(device, f"no command line with a prompt: {reason}") from None
    return session
