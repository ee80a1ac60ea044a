"""Host keys are pinned by hand, or vouched for by a pinned authority. Nothing is trusted at first sight."""

from __future__ import annotations

import base64
import hashlib
import os
import tempfile
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import paramiko

from controller.errors import HostKeyRefused, OperationsRefused
from controller.model.policy_bounds import SSH_PORT
from controller.model.sites.devices import Device
from controller.operations.trusted_files import MOST_PIN_BYTES, read_trusted_file
from controller.platforms.transport.host_certificates import (
    CertificateRefused,
    is_certificate,
    judge_certificate,
    read_key_type,
)
from controller.platforms.transport.known_hosts import (
    CERT_AUTHORITY,
    MARKERS,
    REVOKED,
    KnownHost,
    find_wildcard_pin,
    parse_known_hosts,
    remove_pinned_keys,
    replace_pinned_key,
)
from controller.storage.file_lock import hold_folder_lock

_PATIENCE = 10.0
_UNREADABLE = "The file of pinned host keys cannot be used:"
RSA_TYPES = ("rsa-sha2-512", "rsa-sha2-256", "ssh-rsa")
KEY_TYPES = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", *RSA_TYPES)
"""Types of host keys in the order in which we like them."""


@dataclass(frozen=True, slots=True)
class HostIdentity:
    """Who a host must prove to be: the name of its line in a known-hosts file, and what a certificate may call it.

    `device` is who messages speak of, `remedy` what to do where it is not pinned.
    """

    device: str
    name: str
    principals: tuple[str, ...]
    known_hosts: Path
    remedy: str

    @classmethod
    def from_device(cls, device: Device, known_hosts: Path, port: int) -> HostIdentity:
        """Return the identity of a device that is reached at its management address."""
        address = str(device.management)
        remedy = f"{device.unpinned_hint}look at it with: tsunagu trust {device.id}"
        return cls(device.id, format_host_name(address, port), (address, device.id), known_hosts, remedy)


def format_host_name(host: str, port: int) -> str:
    """Return how a known-hosts file names a host.

    >>> format_host_name("10.12.0.10", 2222)
    '[10.12.0.10]:2222'
    """
    return host if port == SSH_PORT else f"[{host}]:{port}"


def read_known_hosts(identity: HostIdentity) -> list[KnownHost]:
    """Return the lines that speak of a host; empty where there is no file.

    Raises:
        HostKeyRefused: the file is not to be trusted, or a line on this host has a meaning that is not known.
    """
    found = [one for one in parse_known_hosts(_read_text(identity)) if one.matches(identity.name)]
    for one in found:
        if one.marker not in MARKERS or (one.marker == REVOKED and one.blob is None):
            what = f"the marker {one.marker}" if one.marker not in MARKERS else "a revoked key that cannot be read"
            message = f"line {one.line} of {identity.known_hosts} speaks of it and has {what}; mend that line first"
            raise HostKeyRefused(identity.device, message)
    return found


def _read_text(identity: HostIdentity) -> str:
    try:
        content = read_trusted_file(identity.known_hosts, _UNREADABLE, most_bytes=MOST_PIN_BYTES)
    except FileNotFoundError:
        return ""
    except OperationsRefused as error:
        raise HostKeyRefused(identity.device, str(error)) from None
    # Whatever is no text in it is a line that we do not know, and comes back as it was when the file is written.
    return content.decode("utf-8", errors="surrogateescape")


def list_pinned_keys(known: Sequence[KnownHost]) -> list[bytes]:
    """Return the host keys that lines pin, as bytes."""
    return [one.blob for one in known if not one.marker and one.blob is not None]


def require_pin(identity: HostIdentity) -> list[KnownHost]:
    """Return the lines on a host, of which one must pin a key or name an authority.

    Raises:
        HostKeyRefused: none does.
    """
    known = read_known_hosts(identity)
    if not any(one.marker != REVOKED and one.blob is not None for one in known):
        message = f"no host key is pinned for {identity.name}; {identity.remedy}"
        raise HostKeyRefused(identity.device, message)
    return known


def order_key_types(known: Sequence[KnownHost], allowed: Collection[str] = KEY_TYPES) -> tuple[str, ...]:
    """Return the types of host keys to ask for: pinned ones first, certificates before all where one is pinned."""
    liked = [one for one in KEY_TYPES if one in allowed]
    pinned = {read_key_type(blob) for blob in list_pinned_keys(known)}
    if "ssh-rsa" in pinned:
        pinned |= set(RSA_TYPES)
    ordered = sorted(liked, key=lambda one: one not in pinned)
    if any(one.marker == CERT_AUTHORITY for one in known):
        return (*(f"{one}-cert-v01@openssh.com" for one in liked), *ordered)
    return tuple(ordered)


def verify_host_key(identity: HostIdentity, shown: bytes, known: Sequence[KnownHost], now: datetime) -> str:
    """Return how the key that a host shows is trusted: `pinned`, or `certificate`.

    Raises:
        HostKeyRefused: it is revoked, neither pinned nor vouched for, or its certificate proves nothing.
    """
    revoked = {one.blob for one in known if one.marker == REVOKED}
    if not is_certificate(read_key_type(shown)):
        _refuse_revoked(identity, revoked, shown)
        if shown in list_pinned_keys(known):
            return "pinned"
        raise HostKeyRefused(identity.device, _not_pinned(identity))
    try:
        host, authority = judge_certificate(shown, identity.principals, now)
    except CertificateRefused as error:
        raise HostKeyRefused(identity.device, f"{error}") from None
    _refuse_revoked(identity, revoked, host, authority)
    if authority in {one.blob for one in known if one.marker == CERT_AUTHORITY}:
        return "certificate"
    if host in list_pinned_keys(known):
        return "pinned"
    message = f"its certificate is signed by an authority that {identity.known_hosts} does not name for it"
    raise HostKeyRefused(identity.device, message)


def _refuse_revoked(identity: HostIdentity, revoked: Collection[bytes | None], *keys: bytes) -> None:
    if any(key in revoked for key in keys):
        message = f"the host key of {identity.name}, or the authority of its certificate, is revoked"
        raise HostKeyRefused(identity.device, f"{message} in {identity.known_hosts}")


def _not_pinned(identity: HostIdentity) -> str:
    return (
        f"the host key of {identity.name} is not the pinned one. If the device was replaced, compare the fingerprint "
        f"on its console and pin it with: tsunagu trust {identity.device}"
    )


def get_shown_key(transport: paramiko.Transport) -> bytes:
    """Return what a server showed in the key exchange: its key, or its certificate, as bytes."""
    key = transport.get_remote_server_key()
    blob = key.public_blob  # paramiko keeps a certificate beside the key that stands in it
    return bytes(blob.key_blob) if blob is not None else key.asbytes()


class PinnedHostKeys(paramiko.MissingHostKeyPolicy):
    """Paramiko asks this one about every key, because its own tables stay empty."""

    def __init__(self, identity: HostIdentity, known: Sequence[KnownHost]) -> None:
        self._identity = identity
        self._known = known

    def missing_host_key(self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey) -> None:  # noqa: ARG002
        """Judge the key of this session.

        Raises:
            HostKeyRefused: it is not to be trusted.
        """
        transport = client.get_transport()
        assert transport is not None  # noqa: S101 the key was shown in its key exchange
        verify_host_key(self._identity, get_shown_key(transport), self._known, datetime.now(UTC))


def pin_host_key(identity: HostIdentity, shown: bytes) -> None:
    """Pin a key in the place of any other of the host; every other line of the file stays as it is.

    Whoever reads the file meanwhile sees the old or the new text, and two that pin at once do not lose one another's.

    Raises:
        HostKeyRefused: the key is revoked, or a line with a pattern pins another one for the host.
        FileLocked: another process is pinning.
    """
    path = identity.known_hosts
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with hold_folder_lock(path.parent, patience=_PATIENCE):
        known = read_known_hosts(identity)
        _refuse_revoked(identity, {one.blob for one in known if one.marker == REVOKED}, shown)
        if (wildcard := find_wildcard_pin(known, identity.name, shown)) is not None:
            message = f"line {wildcard.line} of {path} pins another key for it by a pattern; change that line first"
            raise HostKeyRefused(identity.device, message)
        text = replace_pinned_key(_read_text(identity), identity.name, read_key_type(shown), shown)
        _replace_file(path, text.encode("utf-8", errors="surrogateescape"))


def unpin_host_key(identity: HostIdentity, pinned: bytes) -> bool:
    """Take out the key that was pinned for a host; False, and nothing done, where another one is pinned by now.

    Raises:
        HostKeyRefused: the file is not to be trusted.
        FileLocked: another process is pinning.
    """
    path = identity.known_hosts
    with hold_folder_lock(path.parent, patience=_PATIENCE):
        if list_pinned_keys(read_known_hosts(identity)) != [pinned]:
            return False
        text = remove_pinned_keys(_read_text(identity), identity.name)
        _replace_file(path, text.encode("utf-8", errors="surrogateescape"))
    return True


def _replace_file(path: Path, content: bytes) -> None:
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # made with mode 0600
    unfinished = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            unfinished.chmod(path.stat().st_mode & 0o7777)
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


def format_fingerprint(blob: bytes) -> str:
    """The key's SHA-256 fingerprint as OpenSSH writes it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode("ascii").rstrip("=")
