"""The probe's configuration: one JSON file, made by `tsunagu probe enrol`, readable for the probe's user alone."""

from __future__ import annotations

import dataclasses
import json
import os
import ssl
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any, BinaryIO, NoReturn, TypeVar, cast
from urllib.parse import urlsplit

from controller.probe_agent.problems import ProbeProblem

Kind = TypeVar("Kind")
FORMAT = 1
METHODS = ("iperf3", "https")
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_MOST_BYTES = 1024 * 1024
_MOST_PATHS = 256
_LONGEST_NAME = 64
_LONGEST_TEXT = 4_096
_PEM = ("ca", "identity")
_LONGEST_PEM = 200_000
_LONGEST_LABEL = 63
_LEAST_LOOK = 0.1
"""Seconds between looks for a newer version: none between them would be an attack on the source."""
_REPEAT = "make it anew with 'tsunagu probe enrol'"


@dataclass(frozen=True, slots=True)
class ProbedPath:
    """A line to a region over a family. `interface` is what it leaves by; empty where the routes decide.

    `throughput` is how that is tested: `iperf3`, or `https` where nothing but that gets through.
    """

    line: str
    region: str
    family: str
    target: str
    interface: str = ""
    throughput: str = "iperf3"


@dataclass(frozen=True, slots=True)
class LightTests:
    """Echoes, a name and a page in every round; a port of 0 leaves out the name or the page."""

    every_seconds: float = 60.0
    echoes: int = 10
    echo_every: float = 0.2
    answer_within: float = 2.0
    dns_port: int = 0
    dns_name: str = ""
    page_port: int = 0
    page_path: str = "/"
    page_tls: bool = False


@dataclass(frozen=True, slots=True)
class ThroughputTests:
    """One test after the other; every 0 seconds is never.

    `port` is the iperf3 servers', `https_port` that of the measuring endpoints; `https_host` is the name in their
    certificate (empty: the address itself).
    """

    every_seconds: float = 0.0
    port: int = 5201
    https_port: int = 443
    https_host: str = ""
    seconds: int = 2
    streams: int = 4
    connect_within: float = 2.0


@dataclass(frozen=True, slots=True)
class Updates:
    """Where newer versions come from, and who must have signed them; an empty source is never.

    `allowed_signers` is a line of that file of OpenSSH, `principal` the name in it.
    """

    source: str = ""
    every_seconds: float = 3_600.0
    confirm_seconds: float = 900.0
    principal: str = "tsunagu-release"
    allowed_signers: str = ""


@dataclass(frozen=True, slots=True)
class Configuration:
    """All that a probe knows. `monitor` is an address without a path; `ca` certificates in PEM (or the system's).

    `identity` is the probe's own certificate and its key, in PEM: what it shows to a monitor elsewhere.
    """

    school: str
    token: str
    monitor: str
    paths: tuple[ProbedPath, ...]
    ca: str = ""
    identity: str = ""
    keep_results: int = 200_000
    light: LightTests = LightTests()
    throughput: ThroughputTests = ThroughputTests()
    updates: Updates = Updates()


_RANGES: Mapping[str, tuple[float, float]] = {
    "keep_results": (100, 5_000_000),
    "every_seconds": (0, 7 * 86_400),
    "confirm_seconds": (1, 86_400),
    "echoes": (1, 1_000),
    "echo_every": (0.01, 10),
    "answer_within": (0.1, 30),
    "dns_port": (0, 65_535),
    "page_port": (0, 65_535),
    "port": (1, 65_535),
    "https_port": (1, 65_535),
    "seconds": (1, 60),
    "streams": (1, 16),
    "connect_within": (0.1, 30),
}
"""What each number may be."""


def load_configuration(path: Path) -> Configuration:
    """The configuration in a file.

    Raises:
        ProbeProblem: it cannot be read, others may read it, or it is none.
    """
    with open_private_file(path, f"{_REPEAT} and put it there") as file:
        content = file.read(_MOST_BYTES + 1)
    try:
        return parse_configuration(content)
    except ProbeProblem as problem:
        message = f"{path}: {problem}"
        raise ProbeProblem(message) from None


@contextmanager
def open_private_file(path: Path, advice: str) -> Iterator[BinaryIO]:
    """Open a regular file that is not open to others, for the length of a `with` block.

    Raises:
        ProbeProblem: it cannot be read, others may read or change it, or it is a pipe, a device or the like.
    """
    try:
        # A pipe is not waited for until somebody writes into it.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            _refuse_open_file(path, os.fstat(descriptor).st_mode, advice)
            with os.fdopen(descriptor, "rb", closefd=False) as file:
                yield file
        finally:
            os.close(descriptor)
    except OSError as error:
        message = f"{path}: cannot be read ({error.strerror}); {advice}"
        raise ProbeProblem(message) from None


def _refuse_open_file(path: Path, mode: int, advice: str) -> None:
    if not stat.S_ISREG(mode):
        message = f"{path}: is no regular file; {advice}"
        raise ProbeProblem(message)
    # systemd gives its copy to the service by an access control list, which shows as reading by the group.
    if mode & (stat.S_IRWXO | stat.S_IWGRP):
        message = f"{path}: others may read what is secret in it (mode {stat.S_IMODE(mode):04o}); chmod 600 it"
        raise ProbeProblem(message)


def parse_configuration(content: bytes) -> Configuration:
    """The configuration in a text.

    Raises:
        ProbeProblem: it is none; says which field, and what may stand there.
    """
    if len(content) > _MOST_BYTES:
        message = f"is larger than {_MOST_BYTES} bytes; {_REPEAT}"
        raise ProbeProblem(message)
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        message = f"is no JSON; {_REPEAT}"
        raise ProbeProblem(message) from None
    if not isinstance(document, dict) or document.pop("format", None) != FORMAT:
        message = f"is not of format {FORMAT}; {_REPEAT}"
        raise ProbeProblem(message)
    found = _read_object("", document, Configuration)
    _check_addresses(found)
    return found


def write_configuration(configuration: Configuration) -> bytes:
    """The text that `parse_configuration` reads."""
    document = {"format": FORMAT, **dataclasses.asdict(configuration)}
    return f"{json.dumps(document, indent=1, ensure_ascii=False)}\n".encode()


def _read_object(where: str, value: object, kind: type[Kind]) -> Kind:
    """A dataclass of a JSON object: no field more than it has, each of its default's type and in its range."""
    if not isinstance(value, dict):
        _refuse(where, "an object")
    fields = {one.name: one for one in dataclasses.fields(cast("Any", kind))}
    if unknown := sorted(set(value) - set(fields)):
        _refuse(f"{where}{unknown[0][:_LONGEST_NAME]}", f"nothing; {kind.__name__} has {', '.join(fields)}")
    missing = [name for name, one in fields.items() if one.default is dataclasses.MISSING and name not in value]
    if missing:
        _refuse(f"{where}{missing[0]}", "a value")
    return kind(**{name: _read_field(where, name, found, str(fields[name].type)) for name, found in value.items()})


def _read_field(where: str, name: str, value: object, kind: str) -> object:
    here = f"{where}{name}"
    if kind in _PARTS:
        return _read_object(f"{here}.", value, _PARTS[kind])
    if name == "paths":
        if not isinstance(value, list) or not 0 < len(value) <= _MOST_PATHS:
            _refuse(here, f"a list of 1 to {_MOST_PATHS} paths")
        return tuple(_read_object(f"{here}[{number}].", one, ProbedPath) for number, one in enumerate(value))
    if kind == "bool":
        return value if isinstance(value, bool) else _refuse(here, "true or false")
    if kind == "str":
        longest = _LONGEST_PEM if name in _PEM else _LONGEST_TEXT
        plain = isinstance(value, str) and len(value) <= longest and (name in _PEM or value.isprintable())
        return value if plain else _refuse(here, f"a text of at most {longest} characters on one line")
    least, most = _RANGES[name]
    whole = isinstance(value, int) or kind == "float"
    if isinstance(value, bool) or not isinstance(value, int | float) or not whole or not least <= value <= most:
        _refuse(here, f"a {'whole ' if kind == 'int' else ''}number from {least:g} to {most:g}")
    return value


def _check_addresses(found: Configuration) -> None:
    _check_monitor(found.monitor)
    for number, path in enumerate(found.paths):
        _check_target(number, path)
    if found.light.every_seconds < 1:
        _refuse("light.every_seconds", "at least 1")
    if not 0 < len(found.school) <= _LONGEST_NAME or not found.token.isascii() or " " in found.token or not found.token:
        _refuse("school and token", "what 'tsunagu probe enrol' wrote")
    if found.throughput.https_host and not _is_name(found.throughput.https_host):
        _refuse("throughput.https_host", "a name such as speed.example.jp")
    if found.light.dns_port and not _is_name(found.light.dns_name):
        _refuse("light.dns_name", "a name such as www.example.jp")
    if found.ca and not _are_certificates(found.ca):
        _refuse("ca", "certificates in PEM (-----BEGIN CERTIFICATE-----)")
    if found.identity and not _is_identity(found.identity):
        _refuse("identity", "a certificate and the key that belongs to it, in PEM")
    if found.updates.source:
        _check_updates(found.updates)


def _check_monitor(address: str) -> None:
    try:
        monitor = urlsplit(address)
        known = monitor.scheme in ("http", "https") and bool(monitor.hostname) and monitor.port != 0
    except ValueError:
        known = False
    if not known or monitor.path not in ("", "/") or monitor.query or monitor.username:
        _refuse("monitor", "an address such as https://monitor.example.jp")
    if monitor.scheme == "http" and monitor.hostname not in LOOPBACK:
        _refuse("monitor", "an https address: only on this machine the token goes without TLS")


def _check_updates(updates: Updates) -> None:
    source = updates.source
    if not source.startswith(("/", "https://")):
        _refuse("updates.source", "an https address or a whole path")
    if not source.startswith("/") and not _is_file_address(source):
        _refuse("updates.source", "the address of a file, such as https://monitor.example.jp/tsunagu-probe.pyz")
    if not updates.allowed_signers:
        _refuse("updates.allowed_signers", "the key that signs releases")
    if updates.every_seconds < _LEAST_LOOK:
        _refuse("updates.every_seconds", f"at least {_LEAST_LOOK}")


def _is_file_address(source: str) -> bool:
    """Whether the name of the signature, which is this one with `.sig`, is of the same server, and a file's."""
    try:
        address = urlsplit(source)
        port = address.port
    except ValueError:
        return False
    plain = source.isascii() and " " not in source and not (address.query or address.fragment or "@" in address.netloc)
    return plain and bool(address.hostname) and port != 0 and not address.path.endswith("/") and address.path != ""


def _is_name(name: str) -> bool:
    try:
        return all(0 < len(one.encode("idna")) <= _LONGEST_LABEL for one in name.rstrip(".").split("."))
    except UnicodeError:
        return False


def _are_certificates(text: str) -> bool:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=text)
    except (ssl.SSLError, TypeError, ValueError):
        return False
    return True


def _is_identity(text: str) -> bool:
    try:
        load_identity(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), text)
    except (ssl.SSLError, ValueError):
        return False
    return True


def load_identity(context: ssl.SSLContext, identity: str) -> None:
    """Let a context show a certificate; both are in PEM, and Python takes them from files alone: from one in memory.

    Raises:
        ssl.SSLError: it is no certificate with its key.
    """
    descriptor = os.memfd_create("identity")
    try:
        with open(descriptor, "wb", closefd=False) as file:
            file.write(identity.encode())
        # No password is asked for: a key that needs one would wait for somebody at a terminal.
        context.load_cert_chain(f"/proc/self/fd/{descriptor}", password=lambda: b"")
    finally:
        os.close(descriptor)


def _check_target(number: int, path: ProbedPath) -> None:
    try:
        family = {4: "ipv4", 6: "ipv6"}[ip_address(path.target).version]
    except ValueError:
        _refuse(f"paths[{number}].target", "an IP address")
    if family != path.family:
        _refuse(f"paths[{number}].family", f"{family}, as its target")
    if path.throughput not in METHODS:
        _refuse(f"paths[{number}].throughput", f"one of {', '.join(METHODS)}")


def _refuse(where: str, expected: str) -> NoReturn:
    message = f"{where or 'the document'}: expected {expected}; {_REPEAT}"
    raise ProbeProblem(message)


_PARTS: Mapping[str, type[LightTests | ThroughputTests | Updates]] = {
    "LightTests": LightTests,
    "ThroughputTests": ThroughputTests,
    "Updates": Updates,
}
