"""Where probes run: at a school, on its router's side of its lines.

A probe needs two things of a place: to run a program there, and to have a socket there. A place on this machine is a
network namespace.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from controller.errors import TsunaguError
from controller.measure.measurement import LinePath
from controller.platforms.transport.namespace import run_in_namespace

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_ENTER = ("ip", "netns", "exec")
_PACKAGES = {"iperf3": "iperf3", "ping": "iputils-ping", "ip": "iproute2"}


@dataclass(frozen=True, slots=True)
class CompletedProcess:
    """How a program ended; `code` is None if it was ended because it took too long."""

    returncode: int | None
    stdout: str
    stderr: str


class PlaceGone(TsunaguError):
    """The place that a probe runs at is not there, which says nothing of its lines."""


class ProbeHost(Protocol):
    """A school's place in the network, as far as probes need one."""

    def run(self, words: Sequence[str], timeout: float) -> CompletedProcess:
        """Run a program there to its end, for so many seconds at most.

        Raises:
            TsunaguError: there is no such program or no such place.
        """

    def open_socket(self, family: socket.AddressFamily, kind: socket.SocketKind, protocol: int = 0) -> socket.socket:
        """A new socket there.

        Raises:
            OSError: there is no such place, or this program may not have such a socket there.
        """


@dataclass(frozen=True, slots=True)
class NamespaceHost:
    """A network namespace of this machine."""

    name: str

    def run(self, words: Sequence[str], timeout: float) -> CompletedProcess:
        """Run a program in the namespace."""
        try:
            running = subprocess.Popen(  # noqa: S603 every word is ours or from a checked policy
                (*_ENTER, self.name, *words),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                env={"PATH": _PATH, "LC_ALL": "C.UTF-8"},
                process_group=0,  # what the program started ends with it
            )
        except OSError as error:
            message = f"ip cannot be run: {error.strerror or error}; apt-get install iproute2"
            raise TsunaguError(message) from None
        with running:
            try:
                said, errors = running.communicate(timeout=timeout)
            except subprocess.TimeoutExpired:
                _kill_group(running)
                said, errors = running.communicate()
                return CompletedProcess(None, said, errors)
            except BaseException:
                _kill_group(running)
                raise
        _check(self.name, words[0], errors)
        return CompletedProcess(running.returncode, said, errors)

    def open_socket(self, family: socket.AddressFamily, kind: socket.SocketKind, protocol: int = 0) -> socket.socket:
        """A socket that lives in the namespace."""
        return run_in_namespace(self.name, lambda: socket.socket(family, kind, protocol))


@dataclass(frozen=True, slots=True)
class ProbePath:
    """A path as a probe takes it. Programs are bound to `interface` and `source`, so no other line can carry them."""

    path: LinePath
    host: ProbeHost
    interface: str
    source: str
    target: str

    def open_bound_socket(self, kind: socket.SocketKind, protocol: int = 0) -> socket.socket:
        """A socket of the route's family that sends over its line only.

        Raises:
            OSError: the line's interface is gone, or this program may not bind to it.
        """
        family = socket.AF_INET6 if ":" in self.target else socket.AF_INET
        made = self.host.open_socket(family, kind, protocol)
        try:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, self.interface.encode() + b"\0")
        except BaseException:
            made.close()
            raise
        return made


def _kill_group(running: subprocess.Popen[str]) -> None:
    # Ctrl-C lets Python wait for it a moment. Once that has told how it ended, its number may be another group's.
    if running.returncode is None:
        os.killpg(running.pid, signal.SIGKILL)


def _check(namespace: str, program: str, errors: str) -> None:
    if f'Cannot open network namespace "{namespace}"' in errors:
        message = f"there is no network namespace {namespace}"
        raise PlaceGone(message)
    if f'exec of "{program}" failed' in errors:
        message = f"{program} cannot be run; apt-get install {_PACKAGES.get(program, program)}"
        raise TsunaguError(message)
