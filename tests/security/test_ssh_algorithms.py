"""Devices are offered strong SSH algorithms and the one credential of their access, and nothing else of ours."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import paramiko
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.errors import (
    AlgorithmsRefused,
    CommandFailed,
    DeviceUnreachable,
    HostKeyRefused,
    LoginRefused,
)
from controller.model.sites.devices import Device
from controller.platforms.base import Command
from controller.platforms.transport.dialing import fetch_host_key
from controller.platforms.transport.ssh_algorithms import (
    STRONG,
    TITLES,
    list_allowed_algorithms,
    list_legacy_algorithms,
    read_server_algorithms,
)
from controller.platforms.transport.ssh_session import open_session
from tests.security.device_reach import PASSWORD, Reach, log_in, write_key
from tests.security.fake_ssh_device import FakeDevice, serve

OLD = {
    "kex": ("diffie-hellman-group1-sha1", "diffie-hellman-group14-sha1"),
    "ciphers": ("3des-cbc", "aes128-cbc", "aes256-cbc"),
    "macs": ("hmac-sha1", "hmac-md5", "hmac-sha1-96", "hmac-md5-96"),
    "keys": ("ssh-rsa",),
}
DOCUMENT = Path(__file__).parents[2] / "docs" / "security.md"


@pytest.fixture(scope="session")
def rsa() -> paramiko.PKey:
    return paramiko.RSAKey.generate(2048)


@pytest.mark.parametrize(("kind", "old"), [(kind, old) for kind, names in OLD.items() for old in names])
def test_a_device_that_offers_old_algorithms_only_is_refused_by_name(
    kind: str, old: str, there: Device, reach: Reach, rsa: paramiko.PKey
) -> None:
    fake = FakeDevice(password=PASSWORD, host_key=rsa, offers={kind: (old,)})
    with serve(fake) as port:
        with pytest.raises(AlgorithmsRefused) as refused, open_session(there, reach(fake, port), "linux"):
            pass
        assert str(refused.value).startswith(
            f"{there.id}: it offers old or unknown SSH algorithms only: {TITLES[kind]} {old}"
        )
        assert f"`access`, {there.access}: legacy-algorithms: [{old}]" in str(refused.value)
        assert not fake.shown_passwords, "the password was not sent"
        allowed = reach(fake, port, **{"legacy-algorithms": [old]})
        with open_session(there, allowed, "linux") as session:
            assert session.run(Command("read")).reveal() == "read\n"


def test_what_is_old_in_several_ways_is_named_in_one_line_that_then_allows_it(
    there: Device, reach: Reach, rsa: paramiko.PKey
) -> None:
    offers = {"kex": OLD["kex"][:1], "ciphers": OLD["ciphers"][:1], "macs": OLD["macs"][:1], "keys": OLD["keys"]}
    fake = FakeDevice(password=PASSWORD, host_key=rsa, offers=offers)
    with serve(fake) as port:
        with pytest.raises(AlgorithmsRefused) as refused, open_session(there, reach(fake, port), "linux"):
            pass
        line = re.search(r"legacy-algorithms: \[(.*)\]", str(refused.value))
        assert line
        named = line[1].split(", ")
        assert set(named) == {name for names in offers.values() for name in names}
        for left_out in named:
            some = [name for name in named if name != left_out]
            with (
                pytest.raises(AlgorithmsRefused),
                open_session(there, reach(fake, port, **{"legacy-algorithms": some}), "linux"),
            ):
                pass
        with open_session(there, reach(fake, port, **{"legacy-algorithms": named}), "linux") as session:
            assert session.run(Command("read")).reveal() == "read\n"


def pack_lists(*lists: str) -> bytes:
    """The first packet of a server that offers these."""
    payload = bytes([20]) + bytes(16)
    for names in lists:
        payload += len(names).to_bytes(4, "big") + names.encode()
    payload += bytes(5)
    padding = 12 - (len(payload) + 9) % 8
    return (len(payload) + padding + 1).to_bytes(4, "big") + bytes([padding]) + payload + bytes(padding)


@contextmanager
def answering(answer: bytes) -> Iterator[int]:
    """A server that says the same to everybody and closes."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    try:
                        connection.sendall(answer)
                        connection.shutdown(socket.SHUT_WR)
                        connection.settimeout(5)
                        while connection.recv(4096):
                            pass
                    except OSError:
                        continue

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield int(listener.getsockname()[1])
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(10)


def test_what_the_library_does_not_have_cannot_be_allowed(there: Device, reach: Reach, rsa: paramiko.PKey) -> None:
    lists = ("group0-sha0", "ssh-rsa", "rot13", "rot13", "crc32", "crc32", "none", "none", "", "")
    with answering(b"SSH-2.0-old\r\n" + pack_lists(*lists)) as port:
        access = reach(FakeDevice(host_key=rsa), port)
        with (
            pytest.raises(AlgorithmsRefused, match=r"key exchange group0-sha0; .*renew the device's software"),
            open_session(there, access, "linux"),
        ):
            pass


@pytest.mark.parametrize(
    ("begin", "repeated", "words"),
    [
        (b"", b"x" * 4096, "bytes and no SSH version"),
        (b"", b"SSH- no\r" * 500, "bytes and no SSH version"),
        (b"SSH-2.0-", b"x" * 4096, "bytes and no SSH version"),
        (b"hello\r\n" * 20, b"y" * 4096, "bytes and no SSH version"),
        (b"SSH-2.0-x\r\n" + (2**31 + 4).to_bytes(4, "big") + bytes(12), b"z" * 4096, "announced a packet of 2047 MB"),
    ],
    ids=["nothing", "half", "version", "lines", "packet"],
)
@pytest.mark.parametrize("looked_at", [False, True])
def test_a_server_that_floods_before_any_key_is_cut_off(  # noqa: PLR0913, PLR0917 what is sent, and to whom
    begin: bytes,
    repeated: bytes,
    words: str,
    there: Device,
    reach: Reach,
    looked_at: bool,  # noqa: FBT001
) -> None:
    with answering(begin + repeated * 2_000) as port:
        access = reach(FakeDevice(), port)
        ask = fetch_host_key if looked_at else log_in
        with pytest.raises(DeviceUnreachable) as refused:
            ask(there, access)
    assert words in str(refused.value)


@given(st.binary(max_size=200), st.booleans())
@settings(max_examples=60, deadline=None)
def test_whatever_a_server_says_first_is_no_traceback(said: bytes, packet: bool) -> None:  # noqa: FBT001
    near, far = socket.socketpair()
    with near, far:
        far.sendall(b"SSH-2.0-x\r\n" + ((len(said)).to_bytes(4, "big") if packet else b"") + said)
        far.shutdown(socket.SHUT_WR)
        try:
            lists = read_server_algorithms(near).lists
        except OSError:
            return
        assert set(lists) == set(TITLES)


def test_the_one_key_of_the_access_is_shown_and_no_other(
    there: Device, reach: Reach, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "home" / ".ssh"
    own.mkdir(parents=True)
    for name in ("id_ed25519", "id_ecdsa", "id_rsa"):
        write_key(own / name, paramiko.ECDSAKey.generate())
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "agent"))
    key = paramiko.ECDSAKey.generate()
    fake = FakeDevice(accepted=key)
    with serve(fake) as port:
        access = reach(fake, port, key=write_key(tmp_path / "k", key))
        with open_session(there, access, "linux"):
            pass
        assert set(fake.shown_keys) == {key.get_base64()}
        # Refused, nothing else is tried: no other key, no password.
        fake.accepted, fake.shown_keys = None, []
        with (
            pytest.raises(LoginRefused, match="the login as 'net01' was refused"),
            open_session(there, access, "linux"),
        ):
            pass
    assert set(fake.shown_keys) == {key.get_base64()}
    assert not fake.shown_passwords
    assert "shell" not in fake.kinds, "no interactive session is opened"


def test_reading_and_changing_are_two_keys(there: Device, reach: Reach, tmp_path: Path) -> None:
    reading, changing = paramiko.ECDSAKey.generate(), paramiko.ECDSAKey.generate()
    fake = FakeDevice()
    with serve(fake) as port:
        fields = {"key": write_key(tmp_path / "k", changing), "read-key": write_key(tmp_path / "r", reading)}
        for wanted, key in ((False, reading), (True, changing)):
            fake.accepted, fake.shown_keys = key, []
            with open_session(there, reach(fake, port, **fields), "linux", changing=wanted):
                pass
            assert set(fake.shown_keys) == {key.get_base64()}


def test_a_password_is_sent_to_a_pinned_device_only(there: Device, reach: Reach) -> None:
    fake, other = FakeDevice(password=PASSWORD), FakeDevice(password=PASSWORD)
    with (
        serve(fake) as port,
        pytest.raises(HostKeyRefused, match="not the pinned one"),
        open_session(there, reach(other, port), "linux"),
    ):
        pass
    assert not fake.shown_passwords


def test_a_list_of_algorithms_is_shown_cut_and_escaped(there: Device, reach: Reach, rsa: paramiko.PKey) -> None:
    lists = ("\x1b[2Jno drift," + "a" * 20_000, "ssh-rsa", "rot13", "rot13", "crc32", "crc32", "none", "none", "", "")
    with answering(b"SSH-2.0-old\r\n" + pack_lists(*lists)) as port, pytest.raises(AlgorithmsRefused) as refused:
        log_in(there, reach(FakeDevice(host_key=rsa), port))
    assert "\x1b" not in str(refused.value)
    assert len(str(refused.value)) < 1_000


def test_what_a_device_says_of_its_error_is_escaped_and_redacted(there: Device, reach: Reach) -> None:
    def fail(channel: paramiko.Channel, line: str) -> None:
        channel.sendall_stderr(f"\x1b]0;owned\x07\x1b[2J% Unknown command: {line} password {PASSWORD}\n".encode())
        channel.send_exit_status(1)

    fake = FakeDevice(password=PASSWORD, answer=fail)
    with (
        serve(fake) as port,
        open_session(there, reach(fake, port), "linux") as session,
        pytest.raises(CommandFailed) as refused,
    ):
        session.run(Command("read"))
    assert "\x1b" not in str(refused.value)
    assert PASSWORD not in str(refused.value)
    assert "Unknown command: read password <redacted>" in str(refused.value)


def test_the_lists_hold_nothing_old_and_stand_in_the_document() -> None:
    weak = re.compile(r"sha1(?!\d)|md5|cbc|3des|group1-|arcfour|dss|^ssh-rsa|-96|none")
    strong = {name for names in STRONG.values() for name in names}
    assert not [name for name in strong if weak.search(name)]
    assert all(weak.search(name) for name in list_legacy_algorithms()), list_legacy_algorithms()
    text = DOCUMENT.read_text(encoding="utf-8")
    offered = {name for kind in TITLES for name in list_allowed_algorithms(kind, ())}
    assert [name for name in sorted(offered) if f"`{name}`" not in text] == []
