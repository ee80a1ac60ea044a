"""A secret in a command stays out of every error, repr, log and span, whatever becomes of the command."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Self

import paramiko
import pytest

from controller.errors import CommandFailed, DeviceError, DeviceUnreachable, LoginRefused
from controller.model.city import City
from controller.operations.device_access import CredentialSource
from controller.platforms.base import Command, Lock, Operable, Reply, Restore, Step
from controller.platforms.common.device_operation import ENTER, LEAVE, OperationContext
from controller.platforms.common.own_restore import OwnRestore
from controller.platforms.common.timed_operation import Controlled, is_changeable
from controller.platforms.device_text.device_text import DeviceText
from controller.platforms.registry import list_platforms, load_platform
from controller.platforms.transport.credentials import resolve_secret
from controller.platforms.transport.in_memory_device.clock import ManualClock
from controller.platforms.transport.in_memory_device.configuration import LineConfiguration
from controller.platforms.transport.in_memory_device.device import MemoryDevice
from controller.platforms.transport.in_memory_device.faults import Effect, Fault
from controller.platforms.transport.in_memory_device.session import MemorySession
from controller.platforms.transport.in_memory_device.words import Words
from controller.platforms.transport.ssh_session import SshSession
from controller.rollout.armed_notes import ArmedNoteFile
from controller.rollout.outcome import End
from controller.telemetry.timeline import Span
from tests.platforms.test_cli_session import PROMPT, Pieces, answer, converse
from tests.rollout.cli_scene import CliScene
from tests.rollout.unrestored_scenes import FAMILIES, build_unrestored

DEVICE = "d1"
SECRET = "pl4nted-Hunter2"  # noqa: S105 it is planted
SHOWN = "vlan secret <redacted>"
HIDDEN = Command(f"vlan secret {SECRET}", shown=SHOWN)
RESTORE = Restore(300, "run1")
REFUSALS = (f"% Invalid input: vlan secret {SECRET}", f"% Unknown word '{SECRET}'", f"% Bad mask {SECRET[3:]}!")
Talk = Callable[[Command], DeviceText]


def list_shown(error: BaseException) -> list[str]:
    """Whatever somebody sees of an error: its words, its representation, its whole traceback."""
    return [str(error), repr(error), repr(vars(error)), *traceback.format_exception(error)]


def expect_hidden(shown: list[str]) -> None:
    for size in (len(SECRET), 8, 4):
        given_away = [one for one in shown for at in range(len(SECRET) - size + 1) if SECRET[at : at + size] in one]
        assert not given_away


class TalkingSession:
    """A session whose device does one thing with every line that holds the secret."""

    device = DEVICE

    def __init__(self, talk: Talk) -> None:
        self._talk = talk
        self.seen: list[Command] = []

    def run(self, command: Command) -> DeviceText:
        self.seen.append(command)
        return self._talk(command) if SECRET in command.line else DeviceText("")


def refuse(command: Command) -> DeviceText:
    raise CommandFailed(DEVICE, "exit status 1", command=command.shown_line)


def break_off(command: Command) -> DeviceText:
    raise DeviceUnreachable(DEVICE, "the session broke", command=command.shown_line)


def repeat(command: Command) -> DeviceText:
    return DeviceText(f"{command.line} is not known")


def begin_operation(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch, left: float) -> Operable:
    """What changes a device of a platform, in the middle of a change; a restore of its own has so many seconds left."""
    system = load_platform(name)
    assert is_changeable(system)
    if not isinstance(system, Controlled):
        return system
    clock = ManualClock()
    operation = system.begin_operation(OperationContext(ArmedNoteFile(folder, DEVICE), clock))
    monkeypatch.setattr(operation, "_pushed", True)
    monkeypatch.setattr(operation, "_text", DeviceText(""))
    monkeypatch.setattr(operation, "_lock", Lock("plan", "run1", 300))
    monkeypatch.setattr(operation, "_deadline", clock.monotonic() + left, raising=False)
    return operation


def list_operations() -> Iterator[tuple[str, Talk, float]]:
    for name in list_platforms():
        system = load_platform(name)
        if is_changeable(system):
            yield from ((name, talk, 300.0) for talk in (refuse, break_off, repeat))
            if isinstance(system, Controlled):
                yield name, repeat, 0.0


@pytest.mark.parametrize(("name", "talk", "left"), [*list_operations()])
def test_no_operation_shows_a_secret(  # noqa: PLR0913, PLR0917 its cases, and what it needs
    name: str,
    talk: Talk,
    left: float,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caplog.set_level(logging.DEBUG)
    session = TalkingSession(talk)
    operation = begin_operation(name, tmp_path, monkeypatch, left)
    shown = []
    try:
        operation.push(session, RESTORE, HIDDEN)
    except DeviceError as error:
        shown = list_shown(error)
    expect_hidden([*shown, *map(repr, session.seen), caplog.text])
    assert talk is repeat or SHOWN in shown[0]


@pytest.mark.parametrize("word", [SECRET, f"{SECRET}!", f'"{SECRET}'])
def test_a_word_that_a_device_cannot_be_sent_is_not_shown(word: str) -> None:
    (system,) = [load_platform(name) for name in list_platforms() if name == "frr"]
    assert isinstance(system, OwnRestore)
    session = TalkingSession(refuse)
    with pytest.raises(CommandFailed) as failed:
        system.push(session, RESTORE, Command(f"vlan secret {word}", shown=SHOWN))
    expect_hidden(list_shown(failed.value))


@pytest.mark.parametrize(
    "pieces",
    [
        *[answer(HIDDEN.line, f"{one}\n") for one in REFUSALS],
        [f"vlan secret {SECRET[1:]}\r\n".encode() + PROMPT],
        answer(HIDDEN.line, f"use {SECRET}?", prompt=b" [confirm]"),
        [HIDDEN.line.encode() + b"\r\n", b""],
    ],
)
def test_no_command_line_shows_a_secret(pieces: Pieces) -> None:
    session, _ = converse({HIDDEN.line: pieces, "show version": answer("show version", "1\n")})
    session.run(Command("show version"))
    with pytest.raises(DeviceError) as failed:
        session.run(HIDDEN)
    shown = list_shown(failed.value)
    with pytest.raises(DeviceError) as failed:
        session.run(HIDDEN)
    expect_hidden([*shown, *list_shown(failed.value)])


class Channel:
    """A channel in which a command ends with a status."""

    def __init__(self, said: str, status: int) -> None:
        self._said, self._status = said.encode(), status

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to close."""

    def settimeout(self, seconds: float) -> None:
        """Wait for nothing."""

    def exec_command(self, _line: str) -> None:
        if self._status < -1:
            raise paramiko.SSHException

    def shutdown_write(self) -> None:
        """Nothing is written."""

    def recv(self, _most: int) -> bytes:
        return b""

    def makefile_stderr(self, _mode: str) -> Channel:
        return self

    def read(self, _most: int) -> bytes:
        return self._said

    def recv_exit_status(self) -> int:
        return self._status


class Client:
    """A client that is logged in to a device with one answer."""

    def __init__(self, said: str, status: int) -> None:
        self._answer = said, status

    def get_transport(self) -> Client:
        return self

    @contextmanager
    def open_session(self, **_: float) -> Iterator[Channel]:
        yield Channel(*self._answer)

    def begin_command(self) -> None:
        """Count nothing."""

    def refuse_overrun(self, device: str) -> None:
        """Refuse nothing."""

    def close(self) -> None:
        """Nothing to close."""


@pytest.mark.parametrize("said", REFUSALS)
@pytest.mark.parametrize("status", [1, -1, -2])
def test_no_ssh_command_shows_a_secret(said: str, status: int) -> None:
    session = SshSession("d1", Client(said, status))  # type: ignore[arg-type] # what is used of it
    with pytest.raises(DeviceError) as failed:
        session.run(HIDDEN)
    assert SHOWN in str(failed.value)
    expect_hidden(list_shown(failed.value))


@pytest.mark.parametrize(
    "fault",
    [*[Fault("refuses", Effect.NONE, says_error=one) for one in REFUSALS], Fault("breaks", Effect.NONE, breaks=True)],
)
def test_no_device_in_memory_shows_a_secret(fault: Fault) -> None:
    device = MemoryDevice("d1", LineConfiguration(), ManualClock())
    device.draw_fault = lambda _: fault
    session = MemorySession(device, lambda command: Words("push", ("run1",), command))
    for _ in range(2):
        with pytest.raises(DeviceError) as failed:
            session.run(HIDDEN)
        expect_hidden(list_shown(failed.value))


def test_what_is_made_of_a_command_hides_what_it_hides() -> None:
    command = replace(HIDDEN, stdin=f"{SECRET}\n", replies=(Reply("secret:", SECRET),))
    expect_hidden([repr(command), repr(replace(command, line=f"do {command.line}")), repr(command.replies)])
    assert repr(Command("vlan 10", "input\n")) == "Command('vlan 10', stdin of 6 characters)"


class Recorder:
    """Keeps whatever a listener hears."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def started(self, span: Span) -> None:
        self.heard.append(repr((span.name, span.attributes)))

    def ended(self, span: Span) -> None:
        self.heard.append(repr((span.name, span.attributes, span.outcome, span.error)))


@pytest.mark.usefixtures("hasty_netmiko")
@pytest.mark.parametrize("family", FAMILIES)
def test_no_span_and_no_outcome_shows_a_secret(
    family: str, city: City, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.DEBUG)
    scene, recorder = build_unrestored(family, city.list_devices(city.schools[0])[0], tmp_path), Recorder()
    step = Step("put back", (Command(ENTER), HIDDEN, Command(LEAVE)), scene.wanted)
    monkeypatch.setattr(CliScene, "derive", lambda *_: (step,))
    outcome = scene.apply(listeners=(recorder,))
    assert outcome.end is not End.APPLIED
    assert SHOWN in outcome.reason
    assert any(SHOWN in one for one in recorder.heard)
    expect_hidden([*recorder.heard, outcome.reason, repr(outcome), caplog.text])


@pytest.mark.parametrize(
    ("content", "why"), [(None, "No such file or directory"), (b"\xff\xfe", "it is no text in UTF-8")]
)
def test_a_credential_s_file_that_cannot_be_used_is_named_with_what_is_wrong(
    tmp_path: Path, content: bytes | None, why: str
) -> None:
    file = tmp_path / "secret"
    if content is not None:
        file.write_bytes(content)
        file.chmod(0o600)
    with pytest.raises(LoginRefused) as refused:
        resolve_secret("kw-s01-rt1", CredentialSource(file=file))
    said = f"its credential cannot be read from the file {file}: {why}; see the operators' file"
    assert str(refused.value).endswith(said)
