"""Where the virtual city keeps things, and what its parts are called."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from controller.errors import FileLocked, LabError
from controller.storage.file_lock import hold_folder_lock

STATE = Path("/run/tsunagu-lab")
"""The state directory. One lab a machine: only tests that build no namespaces use another."""

_PATIENCE = 1.0

PREFIX = "tsn-"
"""Every network namespace of the lab begins so."""

CONTROLLER = f"{PREFIX}ctl"
CORE = f"{PREFIX}core"
CORE_ROUTER = "core"
"""What the core's router is called among the routers."""
INTERNET = f"{PREFIX}net"
HOME = f"{PREFIX}home"
"""People outside the schools; only where a cloud is deployed."""

CONTROLLER_KEY = Path("keys/controller")
"""In the state directory: the private key that changes devices."""
READ_KEY = Path("keys/reader")
"""In the state directory: the private key that only reads them."""
KNOWN_HOSTS = Path("known_hosts")
"""In the state directory: the switches' pinned host keys."""
ENABLE_SECRET = Path("keys/enable")
"""In the state directory: what leads to the privileged mode of the virtual switches."""
OPERATIONS = Path("operations.yaml")
"""In the state directory: the operators' file of the virtual city."""
KEYS = "TSUNAGU_KEYS"
"""Names to a device's program the file of the keys that it lets in."""
SSH_USER = "tsunagu-switch"
"""Who the controller logs in as on the devices."""
SSH_PORT = 22


def name_carrier_namespace(line: str) -> str:
    """Where the carrier of all lines of a kind lives."""
    return f"{PREFIX}{line}"


def name_region_namespace(region: str) -> str:
    """Where a region's router lives."""
    return f"{PREFIX}{region}"


def name_switch_namespace(school: str) -> str:
    """Where a school's switch lives, with its SSH server."""
    return f"{PREFIX}{school}-sw"


def name_router_namespace(school: str) -> str:
    """Where a school's router lives."""
    return f"{PREFIX}{school}-rt"


def name_host_namespace(school: str, host: str) -> str:
    """Where a host of a school lives."""
    return f"{PREFIX}{school}-{host}"


class SwitchFiles:
    """The files of one switch. `own` belongs to the switch's user (boot file, locks); `runtime` to Open vSwitch.

    A virtual switch has `flash` instead, what it keeps without power, and `clock`, how far its own clock is ahead.
    """

    def __init__(self, state: Path, school: str) -> None:
        self.folder = state / "switches" / school
        self.runtime = self.folder / "ovs"
        self.own = self.folder / "own"
        self.flash = self.folder / "flash.json"
        self.clock = self.folder / "clock-ahead"
        self.database = f"unix:{self.runtime}/db.sock"

    @property
    def environment(self) -> dict[str, str]:
        """What a command on this switch must know, whether it comes by SSH or from the lab."""
        control = self.runtime / "ovs-vswitchd.ctl"
        own = {"TSUNAGU_SWITCH": str(self.own), KEYS: str(self.own / "keys")}
        return {"OVS_RUNDIR": str(self.runtime), "TSUNAGU_CONTROL": str(control), **own}


class RouterFiles:
    """The files of one router: `frr` belongs to FRR's user (configuration, sockets), `own` to who logs in (locks)."""

    def __init__(self, state: Path, name: str) -> None:
        self.folder = state / "routers" / name
        self.frr = self.folder / "frr"
        self.own = self.folder / "own"
        self.configuration = self.frr / "frr.conf"
        self.shell = ("vtysh", "--vty_socket", str(self.frr), "--config_dir", str(self.frr))
        """The words that start FRR's own shell on it."""

    @property
    def environment(self) -> dict[str, str]:
        """What a login on this router must know."""
        own = {"TSUNAGU_ROUTER": str(self.own), KEYS: str(self.own / "keys")}
        return {"TSUNAGU_FRR": str(self.frr), **own, "VTYSH_PAGER": "cat"}


@contextmanager
def hold_lock(folder: Path, doing: str) -> Iterator[None]:
    """Hold a folder against other runs of the lab; the hold ends with the process, however it ends.

    Raises:
        LabError: another run holds it.
    """
    with ExitStack() as held:
        try:
            # What a killed run was just starting holds its folder, too, until the program takes over.
            held.enter_context(hold_folder_lock(folder, patience=_PATIENCE))
        except FileLocked:
            message = f"cannot {doing}: another 'tsunagu lab' command is at work on {folder}; wait until it ended"
            raise LabError(message) from None
        yield
