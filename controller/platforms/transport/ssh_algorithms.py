"""The SSH algorithms that devices are offered: the strong ones; an old one only where the operators' file names it.

What a device offers itself is read without a login, so that a refusal can name it: the first packet of an SSH session
(RFC 4253, 7.1) is its lists of algorithms, in clear.
"""

from __future__ import annotations

import socket
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Protocol, Self, cast

import paramiko

from controller.platforms.device_text.device_text import clean_text, cut_text

STRONG: Mapping[str, frozenset[str]] = {
    "kex": frozenset(
        (
            "sntrup761x25519-sha512@openssh.com",
            "mlkem768x25519-sha256",
            "curve25519-sha256",
            "curve25519-sha256@libssh.org",
            "ecdh-sha2-nistp256",
            "ecdh-sha2-nistp384",
            "ecdh-sha2-nistp521",
            "diffie-hellman-group16-sha512",
            "diffie-hellman-group-exchange-sha256",
            "diffie-hellman-group14-sha256",
        )
    ),
    "keys": frozenset(
        (
            "ssh-ed25519",
            "ecdsa-sha2-nistp256",
            "ecdsa-sha2-nistp384",
            "ecdsa-sha2-nistp521",
            "rsa-sha2-512",
            "rsa-sha2-256",
            "ssh-ed25519-cert-v01@openssh.com",
            "ecdsa-sha2-nistp256-cert-v01@openssh.com",
            "ecdsa-sha2-nistp384-cert-v01@openssh.com",
            "ecdsa-sha2-nistp521-cert-v01@openssh.com",
            "rsa-sha2-512-cert-v01@openssh.com",
            "rsa-sha2-256-cert-v01@openssh.com",
        )
    ),
    "ciphers": frozenset(
        (
            "aes128-gcm@openssh.com",
            "aes256-gcm@openssh.com",
            "aes128-ctr",
            "aes192-ctr",
            "aes256-ctr",
            "chacha20-poly1305@openssh.com",
        )
    ),
    "macs": frozenset(
        (
            "hmac-sha2-256-etm@openssh.com",
            "hmac-sha2-512-etm@openssh.com",
            "hmac-sha2-256",
            "hmac-sha2-512",
        )
    ),
}
"""By the library's names of the lists; `docs/security.md` shows them. A signature with a key of ours is of `keys`."""
TITLES = {"kex": "key exchange", "keys": "host key", "ciphers": "cipher", "macs": "MAC"}

_OFFERED: Mapping[str, tuple[str, ...]] = {
    # The library has no public list of what it can.
    kind: tuple(getattr(paramiko.Transport, f"_preferred_{kind}"))
    for kind in ("kex", "keys", "ciphers", "macs", "pubkeys")
}
_SECONDS = 10.0
_SHOWN_NAMES = 300
"""Characters of a device's list that a message quotes."""
_KEXINIT = 20
_LONGEST_PACKET, _LONGEST_BANNER = 35_000, 8_192
_COOKIE = 17


def list_legacy_algorithms() -> frozenset[str]:
    """Return the old algorithms that an access can allow: those that the SSH library still has.

    >>> sorted(list_legacy_algorithms() & {"3des-cbc", "aes128-ctr", "diffie-hellman-group1-sha1", "ssh-rsa"})
    ['3des-cbc', 'diffie-hellman-group1-sha1', 'ssh-rsa']
    """
    return frozenset(name for kind, names in _OFFERED.items() for name in names if not _is_strong(kind, name))


def list_disabled_algorithms(legacy: Collection[str]) -> dict[str, list[str]]:
    """Return what must not be offered, as the SSH library takes it: every old algorithm but the `legacy` ones."""
    return {
        kind: [name for name in names if not _is_strong(kind, name) and name not in legacy]
        for kind, names in _OFFERED.items()
    }


def list_allowed_algorithms(kind: str, legacy: Collection[str]) -> frozenset[str]:
    """Return what may be offered of one list."""
    return frozenset(_OFFERED[kind]) - frozenset(list_disabled_algorithms(legacy)[kind])


def _is_strong(kind: str, name: str) -> bool:
    return name in STRONG["keys" if kind == "pubkeys" else kind]


class Readable(Protocol):
    """What a socket and a channel have in common, opened as a file."""

    def __enter__(self) -> Self:
        """Open it."""

    def __exit__(self, *_: object) -> None:
        """Close it."""

    def read(self, size: int) -> bytes:
        """Return so many bytes, or fewer at the end."""

    def readline(self, size: int) -> bytes:
        """Return a line, or so many bytes of it."""


@dataclass(frozen=True, slots=True)
class ServerAlgorithms:
    """What a device offers, list by list."""

    lists: Mapping[str, tuple[str, ...]]

    def list_unmet(self, legacy: Collection[str]) -> dict[str, tuple[str, ...]]:
        """Return the lists in which nothing is allowed, each with what the device has there."""
        disabled = list_disabled_algorithms(legacy)
        return {
            kind: offered
            for kind, offered in self.lists.items()
            if not any(name in _OFFERED[kind] and name not in disabled[kind] for name in offered)
        }


def describe_refusal(server: ServerAlgorithms, legacy: Collection[str], access: str) -> str:
    """Say by name what a device offers that is not allowed, and the line that would allow it."""
    unmet = server.list_unmet(legacy)
    told = "; ".join(f"{TITLES[kind]} {_show_names(names) or 'none'}" for kind, names in unmet.items())
    wanted = [next((name for name in names if name in _OFFERED[kind]), "") for kind, names in unmet.items()]
    said = f"it offers old or unknown SSH algorithms only: {told}. "
    if not wanted or not all(wanted):
        return said + "The SSH library here has none of them; renew the device's software"
    line = f"legacy-algorithms: [{', '.join(sorted({*legacy, *wanted}))}]"
    return said + f"Renew its software; until then this line of the operators' file under `access`, {access}: {line}"


def _show_names(names: Collection[str]) -> str:
    """Write a device's own list for a message: whatever it has put there, and as long as it likes."""
    return cut_text(clean_text(", ".join(names)), _SHOWN_NAMES)


def read_server_algorithms(connection: socket.socket | paramiko.Channel) -> ServerAlgorithms:
    """Return what a device offers; the connection is good for nothing else afterwards.

    Raises:
        OSError: the connection broke, or what came is no SSH.
    """
    connection.settimeout(_SECONDS)
    connection.sendall(b"SSH-2.0-Tsunagu\r\n")
    with cast("Readable", connection.makefile("rb")) as stream:
        read = 0
        while not (line := stream.readline(_LONGEST_BANNER)).startswith(b"SSH-"):
            read += len(line)
            if not line or read > _LONGEST_BANNER:
                message = "no SSH version was told"
                raise OSError(message)
        length = int.from_bytes(_read_exactly(stream, 4), "big")
        if not _COOKIE < length <= _LONGEST_PACKET:
            message = f"the first packet has {length} bytes"
            raise OSError(message)
        packet = _read_exactly(stream, length)
    payload = packet[1 : length - packet[0]]
    if not payload or payload[0] != _KEXINIT:
        message = "the first packet is no list of algorithms"
        raise OSError(message)
    lists = _read_name_lists(payload[_COOKIE:], 6)
    # Both directions have a list of their own; old servers offer the same in both.
    return ServerAlgorithms({"kex": lists[0], "keys": lists[1], "ciphers": lists[2], "macs": lists[4]})


def _read_exactly(stream: Readable, count: int) -> bytes:
    data = stream.read(count)
    if len(data) != count:
        message = "the connection was closed"
        raise OSError(message)
    return data


def _read_name_lists(data: bytes, count: int) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    for _ in range(count):
        length = int.from_bytes(data[:4], "big")
        names = data[4 : 4 + length].decode("ascii", errors="backslashreplace")
        found.append(tuple(name for name in names.split(",") if name))
        data = data[4 + length :]
    return found
