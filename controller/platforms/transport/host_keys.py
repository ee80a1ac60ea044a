"""Host keys are pinned by hand: shown, compared, and kept in a known-hosts file. Nothing is trusted at first sight."""

from __future__ import annotations

import base64
import hashlib
import socket
from pathlib import Path

import paramiko

from controller.errors import DeviceUnreachable, HostKeyRefused
from controller.model.sites.devices import Device
from controller.platforms.transport.namespace import open_connection

SECONDS = 10.0


def connect_to_ssh_port(device: Device) -> socket.socket:
    """A TCP connection to the device's SSH port, from the namespace that its access names.

    Raises:
        DeviceUnreachable: nobody answers.
    """
    access = device.access
    try:
        return open_connection(access.namespace, str(device.management), access.port, SECONDS)
    except OSError as error:
        place = f" from namespace {access.namespace}" if access.namespace else ""
        message = f"no SSH answer at {device.management} port {access.port}{place}: {error.strerror or error}"
        raise DeviceUnreachable(device.id, message) from None


def known_hosts_name(device: Device) -> str:
    """How a known-hosts file names the device."""
    port = device.access.port
    address = str(device.management)
    return address if port == paramiko.config.SSH_PORT else f"[{address}]:{port}"


def fetch_host_key(device: Device) -> paramiko.PKey:
    """The host key that the device shows now.

    Raises:
        DeviceUnreachable: nobody answers, or not with SSH.
    """
    with connect_to_ssh_port(device) as connection:
        transport = paramiko.Transport(connection)
        try:
            transport.start_client(timeout=SECONDS)
            return transport.get_remote_server_key()
        except (paramiko.SSHException, EOFError, OSError) as error:
            raise DeviceUnreachable(device.id, f"no SSH key exchange: {error}") from None
        finally:
            transport.close()


def read_pinned_keys(device: Device) -> list[paramiko.PKey]:
    """The keys that are pinned for the device; empty when there are none."""
    path = Path(device.access.known_hosts).expanduser()
    if not path.exists():
        return []
    found = _read(device, path).lookup(known_hosts_name(device))
    return [] if found is None else [found[kind] for kind in found]


def pin_host_key(device: Device, key: paramiko.PKey) -> None:
    """Pin a key, in the place of any other of the device."""
    path = Path(device.access.known_hosts).expanduser()
    path.parent.mkdir(parents=True, exist_ok=True)
    keys = _read(device, path) if path.exists() else paramiko.HostKeys()
    name = known_hosts_name(device)
    if keys.lookup(name) is not None:
        del keys[name]
    keys.add(name, key.get_name(), key)
    keys.save(str(path))


def _read(device: Device, path: Path) -> paramiko.HostKeys:
    try:
        return paramiko.HostKeys(str(path))
    except (OSError, paramiko.SSHException, paramiko.hostkeys.InvalidHostKey) as error:
        raise HostKeyRefused(device.id, f"the file of pinned host keys, {path}, cannot be read: {error}") from None


def format_fingerprint(key: paramiko.PKey) -> str:
    """The key's SHA-256 fingerprint as OpenSSH writes it."""
    digest = hashlib.sha256(key.asbytes()).digest()
    return "SHA256:" + base64.b64encode(digest).decode("ascii").rstrip("=")
