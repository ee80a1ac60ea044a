"""Kernel settings: those of a namespace are set before it has links; those of the machine are put back by `down`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from controller.lab.state.undo_log import KernelSetting
from controller.platforms.transport import namespace

_FOLDER = Path("/proc/sys")

MACHINE = {
    # Open vSwitch reads its ports through sockets: with the usual buffers, bursts are lost before it sees them.
    "net/core/rmem_max": 16_777_216,
    "net/core/rmem_default": 8_388_608,
}

EVERYWHERE = {
    # Addresses are given by hand and are unique: waiting for duplicate detection would only cost time.
    "net/ipv6/conf/all/accept_dad": "0",
    "net/ipv6/conf/default/accept_dad": "0",
    "net/ipv6/conf/default/dad_transmits": "0",
    "net/ipv6/conf/default/accept_ra": "0",
    "net/ipv6/conf/default/router_solicitations": "0",
    # A later issue takes lines down and up again.
    "net/ipv6/conf/all/keep_addr_on_down": "1",
    "net/ipv6/conf/default/keep_addr_on_down": "1",
    "net/ipv4/conf/all/rp_filter": "0",
    "net/ipv4/conf/default/rp_filter": "0",
}
FORWARDING = {"net/ipv4/ip_forward": "1", "net/ipv6/conf/all/forwarding": "1"}
SWITCH = {
    # The kernel sees the packets of the switch's ports as well as Open vSwitch does. It must not answer there for the
    # management address, or packets would reach the switch past its own filters.
    "net/ipv4/conf/all/arp_ignore": "1",
    "net/ipv6/conf/default/disable_ipv6": "1",
}


def read_machine_settings() -> dict[str, KernelSetting]:
    """The machine's settings that the lab must raise, as they are and as they will be."""
    found = {name: int((_FOLDER / name).read_text(encoding="ascii")) for name in MACHINE}
    return {
        name: KernelSetting(before=str(found[name]), ours=str(least))
        for name, least in MACHINE.items()
        if found[name] < least
    }


def apply_machine_settings(settings: Mapping[str, KernelSetting]) -> None:
    """Set what `read_machine_settings` found wanting."""
    for name, setting in settings.items():
        (_FOLDER / name).write_text(setting.ours, encoding="ascii")


def restore_machine_settings(settings: Mapping[str, KernelSetting]) -> list[str]:
    """Put back what is still as the lab set it; returns the names. What others have changed since is left alone."""
    restored = []
    for name, setting in settings.items():
        path = _FOLDER / name
        if path.read_text(encoding="ascii").strip() == setting.ours:
            path.write_text(setting.before, encoding="ascii")
            restored.append(name.replace("/", "."))
    return restored


def apply_namespace_settings(name: str, settings: Mapping[str, str]) -> None:
    """Set kernel settings of a network namespace.

    Raises:
        OSError: there is no such namespace or setting.
    """

    def work() -> None:
        for setting, value in settings.items():
            (_FOLDER / setting).write_text(value, encoding="ascii")

    namespace.run_in_namespace(name, work)
