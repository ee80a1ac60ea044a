"""What a router of the virtual city counts: its table of translations, and the speed of its ports to the switch."""

from __future__ import annotations

import json
import re
from pathlib import Path

from controller.lab.faults.packet_rules import TABLE
from controller.lab.network.programs import ProgramContext, run_program
from controller.lab.state import paths, undo_log
from controller.lab.state.lab_faults import FaultKind, find_faults
from controller.lab.state.layout import SchoolLayout
from controller.measure.diagnosis.evidence import RouterReadings
from controller.platforms.transport import namespace

_COUNT = Path("/proc/sys/net/netfilter/nf_conntrack_count")
_MOST = Path("/proc/sys/net/netfilter/nf_conntrack_max")
_LIMIT = re.compile(r"ct count over ([0-9]{1,9})")
_BITS, _MEGA = 8, 1_000_000


def ask_router(school: SchoolLayout) -> RouterReadings:
    """Read a router: of its ports to the switch the slowest counts, by its shaper where it has one.

    Raises:
        LabError: the router is gone, or a program refused.
    """
    used, most = namespace.run_in_namespace(school.router, lambda: (_read_number(_COUNT), _read_number(_MOST)))
    ports = [_read_port_mbps(school.router, gateway.port) for gateway in school.gateways]
    return RouterReadings(
        lan_port_mbps=min(ports, default=None),
        translations=used,
        most_translations=_read_own_limit(school) or most,
        source="router",
    )


def ask_routers(state: Path = paths.STATE) -> dict[str, RouterReadings]:
    """Read every router of the virtual city that is up, by school.

    Raises:
        LabError: no virtual city is up, or a program refused.
    """
    return {school.id: ask_router(school) for school in undo_log.read_active_record(state).layout.schools}


def _read_own_limit(school: SchoolLayout) -> int | None:
    """The kernel has one limit for all namespaces; a router's own is a rule of the fault that fills its table."""
    record = undo_log.read_active_record(paths.STATE)
    if not find_faults(record.broken, school.id, FaultKind.FULL_NAT):
        return None
    rules = run_program(("nft", "list", "table", "inet", TABLE), around=ProgramContext(school.router))
    found = _LIMIT.search(rules)
    return int(found.group(1)) if found else None


def _read_number(path: Path) -> int | None:
    try:
        return int(path.read_text(encoding="ascii"))
    except FileNotFoundError:
        return None  # nothing tracks connections here


def _read_port_mbps(router: str, port: str) -> float:
    shapers = json.loads(run_program(("tc", "-n", router, "-j", "qdisc", "show", "dev", port)))
    rates = [one["options"]["rate"] for one in shapers if one.get("kind") == "tbf"]
    if rates:
        return float(rates[0]) * _BITS / _MEGA
    speed = run_program(("cat", f"/sys/class/net/{port}/speed"), around=ProgramContext(router))
    return float(speed)
