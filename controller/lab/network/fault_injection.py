"""Breaking lines and regions on purpose, and mending them exactly.

The journal is written before a line is touched, so that whatever happens meanwhile, `mend` knows what to put back.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from controller.lab.network import namespaces
from controller.lab.network.line_shaping import connected, region_ports
from controller.lab.state import paths, undo_log
from controller.lab.state.lab_faults import Fault, Kind
from controller.lab.state.layout import Layout


def break_(fault: Fault, state: Path = paths.STATE) -> bool:
    """Break something; whether it was not broken before. What is broken already is broken again, to be sure.

    Raises:
        LabError: no lab is up, another lab command is at work, or iproute2 refused.
    """
    with paths.held(state, "break anything"):
        record = undo_log.standing(state)
        fresh = fault not in record.broken
        if fresh:
            record = record.model_copy(update={"broken": (*record.broken, fault)})
            undo_log.write(state, record)
        _put(record.layout, fault, record.broken)
    return fresh


def mend(fault: Fault, state: Path = paths.STATE) -> bool:
    """Mend something; whether it was broken. What else is broken stays so.

    Raises:
        LabError: no lab is up, another lab command is at work, or iproute2 refused.
    """
    with paths.held(state, "mend anything"):
        return bool(_mend((fault,), state))


def mend_all(state: Path = paths.STATE) -> tuple[Fault, ...]:
    """Mend everything that was broken on purpose, and say what that was.

    Raises:
        LabError: no lab is up, another lab command is at work, or iproute2 refused.
    """
    with paths.held(state, "mend anything"):
        return _mend(undo_log.standing(state).broken, state)


def _mend(faults: Iterable[Fault], state: Path) -> tuple[Fault, ...]:
    record = undo_log.standing(state)
    chosen = tuple(fault for fault in faults if fault in record.broken)
    left = tuple(fault for fault in record.broken if fault not in chosen)
    for fault in chosen:
        _put(record.layout, fault, left)
    undo_log.write(state, record.model_copy(update={"broken": left}))
    return chosen


def _put(layout: Layout, fault: Fault, broken: tuple[Fault, ...]) -> None:
    """Bring what a fault is about into the state that all that is broken asks for."""
    if fault.kind is Kind.REGION:
        region = layout.region(fault.where)
        up = "down" if fault in broken else "up"
        namespaces.batch((f"link set dev {port} {up}" for port in region_ports(region)), inside=region.namespace)
        return
    port = layout.school(fault.where).line(fault.line).port
    mine = {other.kind for other in broken if other.where == fault.where and other.kind is not Kind.REGION}
    dark = {Kind.PRIMARY, Kind.BACKUP} & {kind for kind in mine if Fault(where="", kind=kind).line == fault.line}
    # Out of the carrier's network, a port stays up, and nothing that comes in goes anywhere.
    lost = fault.line == "primary" and Kind.BLACKHOLE in mine
    words = [f"link set dev {port} nomaster"] if lost else connected(port)
    namespaces.batch([*words, f"link set dev {port} {'down' if dark else 'up'}"], layout.carrier(fault.line).namespace)
