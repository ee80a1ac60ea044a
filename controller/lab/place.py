"""Where the virtual city keeps things, and what its parts are called."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from controller.errors import LabError

STATE = Path("/run/tsunagu-lab")
"""The state directory. One lab a machine: only tests that build no namespaces use another."""

PREFIX = "tsn-"
"""Every network namespace of the lab begins so."""

CONTROLLER = f"{PREFIX}ctl"
CORE = f"{PREFIX}core"
INTERNET = f"{PREFIX}net"
HOME = f"{PREFIX}home"
"""People outside the schools; only where a cloud is deployed."""

CONTROLLER_KEY = Path("keys/controller")
"""In the state directory: the private key that the switches' user logs in with."""
PASSWORD = Path("keys/password")
"""In the state directory: the password of the switches' user, for tests that log in by password."""
KNOWN_HOSTS = Path("known_hosts")
"""In the state directory: the switches' pinned host keys."""


def switch_namespace(school: str) -> str:
    """Where a school's switch lives, with its SSH server."""
    return f"{PREFIX}{school}-sw"


def router_namespace(school: str) -> str:
    """Where a school's router lives."""
    return f"{PREFIX}{school}-rt"


def host_namespace(school: str, host: str) -> str:
    """Where a host of a school lives."""
    return f"{PREFIX}{school}-{host}"


class SwitchFiles:
    """The files of one switch. `own` belongs to the switch's user (boot file, locks); `runtime` to Open vSwitch."""

    def __init__(self, state: Path, school: str) -> None:
        self.folder = state / "switches" / school
        self.runtime = self.folder / "ovs"
        self.own = self.folder / "own"
        self.database = f"unix:{self.runtime}/db.sock"

    @property
    def environment(self) -> dict[str, str]:
        """What a command on this switch must know, whether it comes by SSH or from the lab."""
        return {"OVS_RUNDIR": str(self.runtime), "TSUNAGU_SWITCH": str(self.own)}


@contextmanager
def held(folder: Path, doing: str) -> Iterator[None]:
    """Hold a folder against other runs of the lab; the hold ends with the process, however it ends.

    Raises:
        LabError: another run holds it.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            message = f"cannot {doing}: another 'tsunagu lab' command is at work on {folder}; wait until it has ended"
            raise LabError(message) from None
        yield
    finally:
        os.close(descriptor)
