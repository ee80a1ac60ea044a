"""Break lines and regions on purpose, and repair exactly that.

The undo log is written before a line is touched: whatever happens meanwhile, `repair_fault` knows what to put back.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from controller.lab.network import namespaces
from controller.lab.network.line_shaping import list_port_commands, list_region_ports
from controller.lab.state import paths, undo_log
from controller.lab.state.lab_faults import FaultKind, LabFault
from controller.lab.state.layout import Layout


def inject_fault(fault: LabFault, state: Path = paths.STATE) -> bool:
    """Break something; whether it was not broken before. What is broken already is broken again, to be sure.

    Raises:
        LabError: no lab is up, another lab command is at work, or iproute2 refused.
    """
    with paths.hold_lock(state, "break anything"):
        record = undo_log.read_active_record(state)
        fresh = fault not in record.broken
        if fresh:
            record = record.model_copy(update={"broken": (*record.broken, fault)})
            undo_log.write_record(state, record)
        _put(record.layout, fault, record.broken)
    return fresh


def repair_fault(fault: LabFault, state: Path = paths.STATE) -> bool:
    """Repair something; whether it was broken. What else is broken stays so.

    Raises:
        LabError: no lab is up, another lab command is at work, or iproute2 refused.
    """
    with paths.hold_lock(state, "repair anything"):
        return bool(_repair((fault,), state))


def repair_all_faults(state: Path = paths.STATE) -> tuple[LabFault, ...]:
    """Repair everything that was broken on purpose, and say what that was.

    Raises:
        LabError: no lab is up, another lab command is at work, or iproute2 refused.
    """
    with paths.hold_lock(state, "repair anything"):
        return _repair(undo_log.read_active_record(state).broken, state)


def _repair(faults: Iterable[LabFault], state: Path) -> tuple[LabFault, ...]:
    record = undo_log.read_active_record(state)
    chosen = tuple(fault for fault in faults if fault in record.broken)
    left = tuple(fault for fault in record.broken if fault not in chosen)
    for fault in chosen:
        _put(record.layout, fault, left)
    undo_log.write_record(state, record.model_copy(update={"broken": left}))
    return chosen


def _put(layout: Layout, fault: LabFault, broken: tuple[LabFault, ...]) -> None:
    """Bring what a fault is about into the state that all that is broken asks for."""
    if fault.kind is FaultKind.REGION:
        region = layout.region(fault.where)
        up = "down" if fault in broken else "up"
        namespaces.run_ip_batch(
            (f"link set dev {port} {up}" for port in list_region_ports(region)), inside=region.namespace
        )
        return
    port = layout.school(fault.where).line(fault.line).port
    mine = {other.kind for other in broken if other.where == fault.where and other.kind is not FaultKind.REGION}
    dark = {FaultKind.PRIMARY, FaultKind.BACKUP, FaultKind.THIRD} & {
        kind for kind in mine if LabFault(where="", kind=kind).line == fault.line
    }
    # Out of the carrier's network, a port stays up, and nothing that comes in goes anywhere.
    lost = fault.line == "primary" and FaultKind.BLACKHOLE in mine
    words = [f"link set dev {port} nomaster"] if lost else list_port_commands(port)
    namespaces.run_ip_batch(
        [*words, f"link set dev {port} {'down' if dark else 'up'}"], layout.carrier(fault.line).namespace
    )
