"""Devices are offered strong SSH algorithms and the one credential of their access, and nothing else of ours."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path

import paramiko
import pytest

from controller.errors import (
    AlgorithmsRefused,
    CommandFailed,
    DeviceTextRefused,
    DeviceUnreachable,
    HostKeyRefused,
    LoginRefused,
)
from controller.model.sites.devices import Device
from controller.platforms.base import Command
from controller.platforms.transport import ssh_algorithms
from controller.platforms.transport.ssh_algorithms import (
    STRONG,
    list_disabled_algorithms,
    list_legacy_algorithms,
    read_server_algorithms,
)
from controller.platforms.transport.ssh_session import open_session
from tests.security.fake_ssh_device import FakeDevice, serve

OLD = {
    "kex": ("diffie-hellman-group1-sha1", "diffie-hellman-group14-sha1", "diffie-hellman-group-exchange-sha1"),
    "ciphers": ("3des-cbc", "aes128-cbc", "aes256-cbc"),
    "macs": ("hmac-sha1", "hmac-md5", "hmac-sha1-96", "hmac-md5-96"),
    "keys": ("ssh-rsa",),
}
DOCUMENT = Path(__file__).parents[2] / "docs" / "security.md"


@pytest.fixture(scope="session")
def rsa() -> paramiko.PKey:
    return paramiko.RSAKey.generate(2048)


Reach = Callable[..., Device]


@pytest.fixture
def reach(device: Device, tmp_path: Path) -> Reach:
    """The device at a port of this machine, its host key pinned, and an access of the test's own."""

    def place(fake: FakeDevice, port: int, **access: object) -> Device:
        pins = tmp_path / "known_hosts"
        pins.write_text(f"[127.0.0.1]:{port} {fake.host_key.get_name()} {fake.host_key.get_base64()}\n", encoding="ascii")
        changed = device.access.model_copy(
            update={"user": "net01", "password": None, "key": None, "known_hosts": str(pins), "port": port, "namespace": None}
            | access
        )
        return replace(device, management=IPv4Address("127.0.0.1"), access=changed)

    return place


def source(path: Path, text: str) -> object:
    path.write_text(text, encoding="ascii")
    path.chmod(0o600)
    return SECRET_TYPE(file=str(path))


@pytest.mark.parametrize("kind", OLD)
def test_a_device_that_offers_old_algorithms_only_is_refused_by_name(
    kind: str, reach: Reach, tmp_path: Path, rsa: paramiko.PKey
) -> None:
    for old in OLD[kind]:
        fake = FakeDevice(password="x", host_key=rsa, offers={kind: (old,)})  # noqa: S106 nobody's
        with serve(fake) as port:
            there = reach(fake, port, password=source(tmp_path / "pw", "x"))
            with pytest.raises(AlgorithmsRefused) as refused, open_session(there, "linux"):
                pass
        assert f"legacy-algorithms: [{old}]" in str(refused.value)
        assert str(refused.value).startswith(f"{there.id}: ")
        assert ssh_algorithms.TITLES[kind] in str(refused.value)
        assert not fake.shown_passwords, "the password was not sent"


def test_all_old_at_once_are_named_in_one_line_that_then_allows_them(
    reach: Reach, tmp_path: Path, rsa: paramiko.PKey
) -> None:
    offers = {"kex": OLD["kex"][:1], "ciphers": OLD["ciphers"][:1], "macs": OLD["macs"][:1], "keys": OLD["keys"]}
    fake = FakeDevice(password="x", host_key=rsa, offers=offers)  # noqa: S106 nobody's
    with serve(fake) as port:
        there = reach(fake, port, password=source(tmp_path / "pw", "x"))
        with pytest.raises(AlgorithmsRefused) as refused, open_session(there, "linux"):
            pass
        line = re.search(r"legacy-algorithms: \[(.*)\]", str(refused.value))
        assert line
        named = tuple(line[1].split(", "))
        assert set(named) == {name for names in offers.values() for name in names}
        allowed = replace(there, access=there.access.model_copy(update={"legacy_algorithms": named}))
        with open_session(allowed, "linux") as session:
            assert session.run(Command("read")).reveal() == "read\n"
        with pytest.raises(AlgorithmsRefused), open_session(there, "linux"):
            pass


def test_what_the_library_does_not_know_cannot_be_allowed(reach: Reach, tmp_path: Path, rsa: paramiko.PKey) -> None:
    import socket  # noqa: PLC0415

    answer = b"SSH-2.0-old\r\n" + kexinit("group0-sha0", "ssh-rsa", "rot13", "crc32")
    with socket.create_server(("127.0.0.1", 0)) as listener, listener_thread(listener, answer):
        fake = FakeDevice(host_key=rsa)
        there = reach(fake, listener.getsockname()[1], password=source(tmp_path / "pw", "x"))
        with pytest.raises(AlgorithmsRefused, match="key exchange group0-sha0.*renew the device's software"), open_session(
            there, "linux"
        ):
            pass
"""
"""
