"""A device that is logged in to, or nearly: it asks, floods, drips or falls silent, and gains nothing by it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import paramiko
import pytest

from controller.errors import CredentialsRejected, DeviceTextRefused, DeviceUnreachable, LoginRefused
from controller.model.sites.devices import Device
from controller.operations.device_access import DeviceAccess
from controller.platforms.base import Command
from controller.platforms.device_text import device_text
from controller.platforms.transport import dialing, ssh_session
from controller.platforms.transport.dialing import fetch_host_key
from controller.platforms.transport.ssh_session import open_session
from tests.security.device_reach import PASSWORD, Reach, log_in, write_key
from tests.security.fake_ssh_device import FakeDevice, serve


class Asking(FakeDevice):
    """Takes the key or the password for a part of a login only, and asks on in words of its own."""

    questions: tuple[tuple[str, bool], ...] = ()
    answers: tuple[str, ...] = ()

    def get_allowed_auths(self, username: str) -> str:
        del username
        return "keyboard-interactive,publickey"

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        super().check_auth_publickey(username, key)
        return paramiko.common.AUTH_PARTIALLY_SUCCESSFUL

    def check_auth_interactive(self, username: str, submethods: str) -> paramiko.server.InteractiveQuery:
        del username, submethods
        return paramiko.server.InteractiveQuery("\x1b]0;owned\x07", "sudo: session expired", *self.questions)

    def check_auth_interactive_response(self, responses: list[str]) -> int:
        self.answers += tuple(responses)
        return paramiko.common.AUTH_SUCCESSFUL


@pytest.mark.parametrize("with_key", [True, False])
@pytest.mark.parametrize("questions", [(("password for hanako:", False),), (("name:", True),), (("a", False),) * 2])
def test_nobody_at_the_terminal_is_asked_by_a_device(  # noqa: PLR0913, PLR0917 the device, and who is watched
    with_key: bool,  # noqa: FBT001
    questions: tuple[tuple[str, bool], ...],
    there: Device,
    reach: Reach,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    typed: list[str] = []

    def ask(*words: str) -> str:
        typed.extend(words or ("",))
        return "typed"

    monkeypatch.setattr("builtins.input", ask)
    fake = Asking()
    fake.questions = questions
    fields = {"key": write_key(tmp_path / "k", paramiko.ECDSAKey.generate())} if with_key else {}
    accepted = not with_key and len(questions) == 1 and not questions[0][1]
    with serve(fake) as port:
        try:
            log_in(there, reach(fake, port, **fields))
        except (LoginRefused, DeviceUnreachable):
            assert not accepted
    assert fake.answers == ((PASSWORD,) if accepted else ())
    assert not typed
    assert capfd.readouterr().out == ""


@dataclass
class Judging(FakeDevice):
    """Does something before it answers to a password."""

    before: Callable[[], object] = lambda: None
    methods: str = "publickey,password"

    def get_allowed_auths(self, username: str) -> str:
        del username
        return self.methods

    def check_auth_password(self, username: str, password: str) -> int:
        self.before()
        return super().check_auth_password(username, password)


def end_connection() -> None:
    """The server's side ends where its reader meets the end."""
    raise EOFError


@pytest.mark.parametrize("case", ["answers", "is silent", "hangs up", "wants a key"])
def test_only_an_answer_of_the_server_says_that_a_login_does_not_work(
    case: str, there: Device, reach: Reach, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = threading.Event()
    fake = Judging(password=PASSWORD[::-1])
    with serve(fake) as port:
        access = reach(fake, port)
        if case == "is silent":
            monkeypatch.setattr(ssh_session, "LOGIN_SECONDS", 1.0)
            fake.before = lambda: ended.wait(30)
        elif case == "hangs up":
            fake.before = end_connection
        elif case == "wants a key":
            fake.methods = "publickey"
        with pytest.raises((LoginRefused, DeviceUnreachable)) as refused:
            log_in(there, access)
        ended.set()
    assert (type(refused.value) is CredentialsRejected) == (case == "answers"), refused.value
    assert PASSWORD not in str(refused.value)


def test_a_password_that_is_not_found_says_nothing_of_the_login(there: Device, reach: Reach) -> None:
    fake = FakeDevice(password=PASSWORD)
    with serve(fake) as port, pytest.raises(LoginRefused, match="NOBODY_SET") as refused:
        log_in(there, reach(fake, port, password={"env": "NOBODY_SET"}))
    assert type(refused.value) is LoginRefused
    assert not fake.shown_passwords


def test_a_server_that_drips_is_given_up(there: Device, reach: Reach, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = threading.Event()
    monkeypatch.setattr(dialing, "SECONDS", 0.3)
    monkeypatch.setattr(ssh_session, "SECONDS", 0.3, raising=False)
    monkeypatch.setattr(ssh_session, "LOGIN_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def drip() -> None:
            connection, _ = listener.accept()
            with connection:
                while not ended.wait(0.02):
                    try:
                        connection.sendall(b"x")
                    except OSError:
                        return

        threads = [threading.Thread(target=drip, daemon=True) for _ in range(3)]
        for thread in threads:
            thread.start()
        access = reach(FakeDevice(), int(listener.getsockname()[1]))
        for ask in (log_in, fetch_host_key, ssh_session._ask_algorithms):  # noqa: SLF001 its own connection
            asking = threading.Thread(target=lambda ask=ask: ask_quietly(ask, there, access), daemon=True)
            asking.start()
            asking.join(5)
            assert not asking.is_alive(), ask
        ended.set()


def ask_quietly(ask: Callable[[Device, DeviceAccess], object], device: Device, access: DeviceAccess) -> None:
    with suppress(DeviceUnreachable):
        ask(device, access)


@pytest.mark.parametrize("stream", ["stdout", "stderr", "stderr past its window"])
def test_a_device_that_never_stops_is_cut_off_and_named(
    stream: str, there: Device, reach: Reach, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flood(channel: paramiko.Channel, line: str) -> None:
        send = channel.sendall if stream == "stdout" else channel.sendall_stderr
        if "past" in stream:
            channel.out_window_size = 1 << 40
        while True:
            send(f"{line} enable secret {PASSWORD}\n".encode() * 1000)

    monkeypatch.setattr(device_text, "MAXIMUM_BYTES", 1 << 20)
    monkeypatch.setattr(ssh_session, "COMMAND_SECONDS", 3.0)
    fake = FakeDevice(password=PASSWORD, answer=flood)
    with (
        serve(fake) as port,
        open_session(there, reach(fake, port), "linux") as session,
        pytest.raises(DeviceTextRefused) as refused,
    ):
        session.run(Command("read"))
    assert str(refused.value).startswith(f"{there.id}: ")
    assert PASSWORD not in str(refused.value)


def test_a_silent_device_is_given_up(there: Device, reach: Reach, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = threading.Event()
    monkeypatch.setattr(ssh_session, "COMMAND_SECONDS", 1.0)

    def stay_silent(channel: paramiko.Channel, line: str) -> None:
        del channel, line
        ended.wait(20)

    fake = FakeDevice(password=PASSWORD, answer=stay_silent)
    with serve(fake) as port, open_session(there, reach(fake, port), "linux") as session:
        with pytest.raises(DeviceUnreachable):
            session.run(Command("read"))
        ended.set()
