"""Attacks on pinned host keys: files that `trust` would spoil, revoked keys, certificates that prove nothing."""

from __future__ import annotations

import base64
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha1
from hmac import digest
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import SSHCertificateType
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from controller.errors import DeviceUnreachable, HostKeyRefused, LoginRefused
from controller.model.city import City
from controller.model.sites.devices import Device
from controller.operations.device_access import CredentialSource, DeviceAccess, JumpHost
from controller.platforms.transport.dialing import (
    PinnedClient,
    fetch_host_key,
    identify_device,
    load_private_key,
    open_device_connection,
)
from controller.platforms.transport.host_keys import (
    HostIdentity,
    pin_host_key,
    read_known_hosts,
    require_pin,
    verify_host_key,
)
from controller.platforms.transport.known_hosts import parse_known_hosts
from tests.security.ssh_host import NOW, HostKey, Server, serve, sign_host

NAME = "10.157.10.10"
KEY, OTHER, AUTHORITY, USER = HostKey(), HostKey(), HostKey(), HostKey()
VARIED = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)


def identity(path: Path, *principals: str) -> HostIdentity:
    return HostIdentity("as-e04-core1", NAME, principals or (NAME, "as-e04-core1"), path, "pin it")


def write(folder: Path, text: str | bytes) -> Path:
    path = folder / "known_hosts"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    path.chmod(0o600)
    return path


def refused(path: Path, shown: bytes = KEY.blob, now: datetime = NOW) -> str:
    who = identity(path)
    with pytest.raises(HostKeyRefused) as caught:
        verify_host_key(who, shown, read_known_hosts(who), now)
    return str(caught.value)


def accepted(path: Path, shown: bytes = KEY.blob) -> str:
    who = identity(path)
    return verify_host_key(who, shown, read_known_hosts(who), NOW)


# --- what `trust` writes ---

KEPT = (
    b"# the switches of lot 1\n",
    b"\n",
    b"   \t\n",
    f"@revoked * {OTHER.words}\n".encode(),
    f"@cert-authority *.example.jp,10.0.0.0 {AUTHORITY.words} the city's authority\n".encode(),
    f"10.157.10.11,as-e04-rt1 {OTHER.words} a comment\n".encode(),
    b"root:x:0:0:root:/root:/bin/bash\n",
    b"-----BEGIN OPENSSH PRIVATE KEY-----\n",
    b"10.157.10.12 ssh-unknown AAAAB3Nz\n",
    b"\xff\xfe\x00 not text \x9b\n",
    b"@something-new 10.157.10.13 ssh-ed25519 AAAA\n",
    f"|1|{'A' * 27}=|{'B' * 27}= {OTHER.words}\n".encode(),
)
LINES = st.lists(
    st.one_of(st.sampled_from(KEPT), st.binary(max_size=30).map(lambda line: b"#" + line.replace(b"\n", b"") + b"\n")),
    max_size=8,
)


@given(lines=LINES, ended=st.booleans())
@example(lines=list(KEPT), ended=True)
@VARIED
def test_pinning_keeps_every_other_line_to_the_byte(tmp_path: Path, lines: list[bytes], ended: bool) -> None:  # noqa: FBT001
    before = b"".join(lines) if ended else b"".join(lines).removesuffix(b"\n")
    path = write(tmp_path, before)
    pin_host_key(identity(path), KEY.blob)
    after = path.read_bytes()
    assert after == before + (b"" if before.endswith(b"\n") or not before else b"\n") + f"{NAME} {KEY.words}\n".encode()
    assert accepted(path) == "pinned"


@pytest.mark.parametrize("end", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c", "\r"])
def test_a_line_ends_only_where_openssh_ends_it(tmp_path: Path, end: str) -> None:
    kept = f"# page one{end}# page two\n@revoked * {AUTHORITY.words} a{end}b\n"
    path = write(tmp_path, f"{kept}{NAME} {OTHER.words}\n")
    pin_host_key(identity(path), KEY.blob)
    assert path.read_bytes().decode() == f"{kept}{NAME} {KEY.words}\n"
    assert "is not the pinned one" in refused(path, OTHER.blob)


def test_a_pin_takes_the_place_of_the_hosts_older_one(tmp_path: Path) -> None:
    salt = b"0123456789abcdef0123"
    hashed = f"|1|{base64.b64encode(salt).decode()}|{base64.b64encode(digest(salt, NAME.encode(), sha1)).decode()}"
    old = f"# old\n{NAME} {OTHER.words}\n{NAME},10.1.1.1 {OTHER.words}\n{hashed} {OTHER.words}\n"
    path = write(tmp_path, old)
    assert accepted(path, OTHER.blob) == "pinned"
    pin_host_key(identity(path), KEY.blob)
    assert path.read_text(encoding="utf-8") == f"# old\n10.1.1.1 {OTHER.words}\n{NAME} {KEY.words}\n"
    assert "is not the pinned one" in refused(path, OTHER.blob)


def test_a_pattern_that_pins_another_key_is_told(tmp_path: Path) -> None:
    path = write(tmp_path, f"\n10.157.* {OTHER.words}\n")
    with pytest.raises(HostKeyRefused, match=r"line 2 of .*pins another key for it by a pattern"):
        pin_host_key(identity(path), KEY.blob)


def test_a_file_is_whole_or_as_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, b"# ours\n")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        pin_host_key(identity(path), KEY.blob)
    assert path.read_bytes() == b"# ours\n"
    assert list(tmp_path.iterdir()) == [path]


def test_two_that_pin_at_once_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "new" / "known_hosts"
    names = [f"10.1.1.{number}" for number in range(12)]
    with ThreadPoolExecutor(6) as pool:
        done = [pool.submit(pin_host_key, HostIdentity(one, one, (one,), path, ""), KEY.blob) for one in names]
        for one in done:
            one.result()
    assert sorted(known.hosts for known in parse_known_hosts(path.read_text(encoding="ascii"))) == sorted(names)
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("mode", [0o602, 0o620, 0o666, 0o777])
def test_a_file_that_others_can_change_pins_nothing(tmp_path: Path, mode: int) -> None:
    path = write(tmp_path, f"{NAME} {KEY.words}\n")
    path.chmod(mode)
    with pytest.raises(HostKeyRefused, match="can be changed by others"):
        require_pin(identity(path))
    with pytest.raises(HostKeyRefused, match="can be changed by others"):
        pin_host_key(identity(path), KEY.blob)


def test_a_link_pins_nothing_and_is_not_written_through(tmp_path: Path) -> None:
    target = write(tmp_path, "precious\n")
    link = tmp_path / "link"
    link.symlink_to(target)
    with pytest.raises(HostKeyRefused, match="is a symbolic link"):
        pin_host_key(identity(link), KEY.blob)
    assert target.read_text(encoding="ascii") == "precious\n"


# --- what a file says ---


@pytest.mark.parametrize(
    ("hosts", "meant"),
    [
        (NAME, True),
        (f"other,{NAME}", True),
        ("10.157.*", True),
        ("10.157.10.1?", True),
        (f"10.157.*,!{NAME}", False),
        ("10.157.1", False),
        (f"[{NAME}]:22", False),
        (f"[{NAME}]:2222", False),
        ("10.157.10.1[0]", False),
    ],
)
def test_the_hosts_of_a_line(tmp_path: Path, hosts: str, meant: bool) -> None:  # noqa: FBT001
    path = write(tmp_path, f"{hosts} {KEY.words}\n")
    if meant:
        assert accepted(path) == "pinned"
    else:
        assert "is not the pinned one" in refused(path)


@pytest.mark.parametrize("hosts", ["*", NAME, "10.*"])
def test_a_revoked_key_is_refused_although_it_is_pinned(tmp_path: Path, hosts: str) -> None:
    path = write(tmp_path, f"{NAME} {KEY.words}\n@revoked {hosts} {KEY.words}\n")
    assert "is revoked" in refused(path)
    with pytest.raises(HostKeyRefused, match="is revoked"):
        pin_host_key(identity(path), KEY.blob)


@pytest.mark.parametrize(
    "line",
    [
        *(f"@revoked {NAME} ssh-ed25519 AAAA", "@revoked * ssh-ed25519 !!", f"@new {NAME} {KEY.words}"),
        *(f"@revoked {NAME} {KEY.words.split()[1]}", f"@revoked {NAME}", "@revoked * ssh-ed25519", f"@new {NAME}"),
    ],
    # Keys are drawn: no name for a test.
    ids=["half a key", "no base64", "another mark", "no type", "no key", "a type alone", "another mark, no key"],
)
def test_a_marked_line_that_is_not_understood_is_no_comment(tmp_path: Path, line: str) -> None:
    path = write(tmp_path, f"{NAME} {KEY.words}\n{line}\n")
    who = identity(path)
    with pytest.raises(HostKeyRefused, match=r"line 2 of .* mend that line first"):
        require_pin(who)


# --- certificates ---


def certified(folder: Path, extra: str = "", hosts: str = "10.157.*") -> Path:
    return write(folder, f"@cert-authority {hosts} {AUTHORITY.words}\n{extra}")


def for_host(**changed: Any) -> bytes:  # noqa: ANN401 the builder's own values
    return sign_host(AUTHORITY, KEY, **{"principals": [NAME.encode()], **changed})


def test_a_certificate_of_a_named_authority_proves_the_host(tmp_path: Path) -> None:
    path = certified(tmp_path)
    assert accepted(path, for_host()) == "certificate"
    assert accepted(path, for_host(principals=[b"x", b"as-e04-core1"])) == "certificate"
    # An authority's own key is no host key.
    assert "is not the pinned one" in refused(path, AUTHORITY.blob)


WRONG: dict[str, list[dict[str, Any]]] = {
    "is not valid now": [
        {"before": NOW},
        {"before": NOW - timedelta(days=1)},
        {"after": NOW + timedelta(seconds=1)},
    ],
    "is a user's": [{"type": SSHCertificateType.USER}],
    "names other hosts": [{"principals": [b"10.157.10.11"]}, {"principals": [b"10.157.*"]}, {"principals": [b"*"]}],
    "names no host": [{"principals": []}],
    "has critical options": [{"critical": b"force-command"}, {"critical": b"new@example.jp"}],
}


@pytest.mark.parametrize(("said", "changed"), [(said, one) for said, all_ in WRONG.items() for one in all_])
def test_a_certificate_that_proves_nothing(tmp_path: Path, said: str, changed: dict[str, object]) -> None:
    assert said in refused(certified(tmp_path), for_host(**changed))


def test_a_certificate_of_another_authority(tmp_path: Path) -> None:
    by_other = sign_host(OTHER, KEY, principals=[NAME.encode()])
    assert "signed by an authority that" in refused(certified(tmp_path), by_other)
    assert "signed by an authority that" in refused(certified(tmp_path, hosts="10.158.*"), for_host())
    # The key in it may be pinned for itself.
    assert accepted(certified(tmp_path, f"{NAME} {KEY.words}\n"), by_other) == "pinned"


@pytest.mark.parametrize("key", [KEY, AUTHORITY])
def test_a_revoked_key_or_authority_spoils_the_certificate(tmp_path: Path, key: HostKey) -> None:
    assert "is revoked" in refused(certified(tmp_path, f"@revoked * {key.words}\n"), for_host())


@given(at=st.integers(min_value=0), bit=st.integers(0, 7))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200, deadline=None)
def test_a_certificate_that_was_changed_anywhere_is_refused(tmp_path: Path, at: int, bit: int) -> None:
    blob = bytearray(for_host())
    blob[at % len(blob)] ^= 1 << bit
    assert refused(certified(tmp_path), bytes(blob))


@given(blob=st.one_of(st.binary(max_size=80), st.integers(0, 300).map(lambda length: for_host()[:length])))
@VARIED
def test_what_is_no_key_at_all_is_refused(tmp_path: Path, blob: bytes) -> None:
    assert refused(certified(tmp_path), blob)


# --- sessions ---


@pytest.fixture
def device(city: City) -> Device:
    school = city.schools[0]
    return replace(city.list_devices(school)[0], id="as-e04-core1", management=ip_address("127.0.0.1"))


def access(known_hosts: Path, port: int, key: Path, **more: object) -> DeviceAccess:
    base = DeviceAccess.model_validate(
        {"user": "tsunagu", "key": {"file": str(key)}, "known-hosts": str(known_hosts), "port": port}
    )
    return base.model_copy(update=more)


def write_key(folder: Path) -> Path:
    path = folder / "key"
    path.write_text(USER.text, encoding="ascii")
    path.chmod(0o600)
    return path


def log_in(device: Device, reached: DeviceAccess) -> str:
    who = identify_device(device, reached)
    client = PinnedClient(who, require_pin(who))
    with open_device_connection(device, reached) as connection:
        try:
            client.connect("127.0.0.1", reached.port, "tsunagu", pkey=USER.paramiko_key, sock=connection)
            transport = client.get_transport()
            assert transport is not None
            return str(transport.host_key_type)
        finally:
            client.close()


def test_a_session_with_a_pinned_key_and_with_another_one(device: Device, tmp_path: Path) -> None:
    key = write_key(tmp_path)
    with serve(KEY, Server(USER.blob)) as port:
        pinned = write(tmp_path, f"[127.0.0.1]:{port} {KEY.words}\n")
        assert log_in(device, access(pinned, port, key)) == "ssh-ed25519"
        assert fetch_host_key(device, access(pinned, port, key)) == KEY.blob
        other = write(tmp_path, f"[127.0.0.1]:{port} {OTHER.words}\n")
        with pytest.raises(HostKeyRefused, match="is not the pinned one"):
            log_in(device, access(other, port, key))


def test_a_session_with_a_certificate_is_asked_for_it_first(device: Device, tmp_path: Path) -> None:
    key, now = write_key(tmp_path), datetime.now(UTC)
    good = sign_host(AUTHORITY, KEY, after=now - timedelta(hours=1), before=now + timedelta(hours=1))
    with serve(KEY, Server(USER.blob), good) as port:
        path = write(tmp_path, f"@cert-authority [127.0.0.1]:* {AUTHORITY.words}\n")
        assert log_in(device, access(path, port, key)) == "ssh-ed25519-cert-v01@openssh.com"
        assert fetch_host_key(device, access(path, port, key)) == good
        # Whoever names no authority is shown the plain key, and pins that.
        assert fetch_host_key(device, access(tmp_path / "none", port, key)) == KEY.blob
    late = sign_host(AUTHORITY, KEY, before=now - timedelta(minutes=1))
    with serve(KEY, Server(USER.blob), late) as port, pytest.raises(HostKeyRefused, match="is not valid now"):
        log_in(device, access(path, port, key))


def test_a_session_through_a_jump_host(device: Device, tmp_path: Path) -> None:
    key = write_key(tmp_path)
    with serve(KEY, Server(USER.blob)) as port, serve(OTHER, jump := Server(USER.blob, forwards=port)) as jump_port:
        path = write(tmp_path, f"[127.0.0.1]:{port} {KEY.words}\n[127.0.0.1]:{jump_port} {OTHER.words}\n")
        through = JumpHost.model_validate(
            {"host": "127.0.0.1", "port": jump_port, "user": "tsunagu", "key": {"file": str(key)}, "known-hosts": path}
        )
        reached = access(path, port, key, jump_host=through)
        assert log_in(device, reached) == "ssh-ed25519"
        assert fetch_host_key(device, reached) == KEY.blob
        assert jump.asked == [("127.0.0.1", port)] * 2

        unpinned = access(path, port, key, jump_host=through.model_copy(update={"known_hosts": tmp_path / "none"}))
        with pytest.raises(HostKeyRefused, match=r"no host key is pinned for .* of the jump host"):
            log_in(device, unpinned)
        stranger = access(path, port, key, jump_host=through.model_copy(update={"user": "somebody"}))
        with pytest.raises(LoginRefused, match=r"the jump host .* refused the login") as refused:
            log_in(device, stranger)
        assert type(refused.value) is LoginRefused, "the device itself was not asked"
        jump.forwards = 0
        with pytest.raises(DeviceUnreachable, match="through the jump host"):
            log_in(device, reached)


def test_a_key_that_others_can_read_is_not_used(device: Device, tmp_path: Path) -> None:
    key = write_key(tmp_path)
    key.chmod(0o640)
    source = CredentialSource(file=key)
    with pytest.raises(LoginRefused, match="can be read by others"):
        load_private_key(device.id, source)
