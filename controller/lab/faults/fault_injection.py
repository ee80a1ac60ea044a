"""Break lines, services and regions on purpose, and repair exactly that.

The undo log is written before anything is touched: whatever happens meanwhile, `repair_fault` knows what to put back.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from controller.lab.faults.fault_programs import set_full_table, set_line_delay
from controller.lab.faults.packet_rules import RULE_KINDS, write_packet_rules
from controller.lab.faults.slow_ports import SPEED_KINDS, set_lan_port_speed, set_line_speed
from controller.lab.network import namespaces
from controller.lab.network.line_shaping import list_port_commands, list_region_ports
from controller.lab.state import paths, undo_log
from controller.lab.state.dns_delays import write_dns_delays
from controller.lab.state.lab_faults import FaultKind, LabFault, find_faults
from controller.lab.state.layout import Layout


def inject_fault(fault: LabFault, state: Path = paths.STATE) -> bool:
    """Break something; whether it was not broken before. What is broken already is broken again, as strongly as now.

    Raises:
        LabError: no lab is up, another lab command is at work, or a program refused.
    """
    with paths.hold_lock(state, "break anything"):
        record = undo_log.read_active_record(state)
        before = [one for one in record.broken if one.is_same(fault)]
        if before != [fault]:
            left = tuple(one for one in record.broken if not one.is_same(fault))
            record = record.model_copy(update={"broken": (*left, fault)})
            undo_log.write_record(state, record)
        _put(record.layout, fault, record.broken, state)
    return not before


def repair_fault(fault: LabFault, state: Path = paths.STATE) -> bool:
    """Repair something; whether it was broken. What else is broken stays so.

    Raises:
        LabError: no lab is up, another lab command is at work, or a program refused.
    """
    with paths.hold_lock(state, "repair anything"):
        return bool(_repair((fault,), state))


def repair_all_faults(state: Path = paths.STATE) -> tuple[LabFault, ...]:
    """Repair everything that was broken on purpose, and say what that was.

    Raises:
        LabError: no lab is up, another lab command is at work, or a program refused.
    """
    with paths.hold_lock(state, "repair anything"):
        return _repair(undo_log.read_active_record(state).broken, state)


def _repair(faults: Iterable[LabFault], state: Path) -> tuple[LabFault, ...]:
    record = undo_log.read_active_record(state)
    wanted = tuple(faults)
    chosen = tuple(one for one in record.broken if any(one.is_same(fault) for fault in wanted))
    left = tuple(one for one in record.broken if one not in chosen)
    for fault in chosen:
        _put(record.layout, fault, left, state)
    undo_log.write_record(state, record.model_copy(update={"broken": left}))
    return chosen


def _put(layout: Layout, fault: LabFault, broken: tuple[LabFault, ...], state: Path) -> None:
    """Bring what a fault is about into the state that all that is broken asks for."""
    if fault.kind is FaultKind.REGION:
        _put_region(layout, fault, broken)
        return
    school = layout.school(fault.where)
    if fault.kind in RULE_KINDS:
        write_packet_rules(layout, school, broken)
    if fault.kind in SPEED_KINDS:
        set_line_speed(layout, school, broken)
    match fault.kind:
        case FaultKind.FULL_NAT:
            set_full_table(school, broken, state)
        case FaultKind.LATE_LINE:
            set_line_delay(layout, school, broken, state)
        case FaultKind.SLOW_LAN_PORT:
            set_lan_port_speed(school, broken)
        case FaultKind.SLOW_DNS:
            _put_dns_delays(layout, broken, state)
        case FaultKind.PRIMARY | FaultKind.BACKUP | FaultKind.THIRD | FaultKind.BLACKHOLE:
            _put_line(layout, fault, broken, state)


def _put_region(layout: Layout, fault: LabFault, broken: tuple[LabFault, ...]) -> None:
    region = layout.region(fault.where)
    up = "down" if fault in broken else "up"
    namespaces.run_ip_batch(
        (f"link set dev {port} {up}" for port in list_region_ports(region)), inside=region.namespace
    )


def _put_line(layout: Layout, fault: LabFault, broken: tuple[LabFault, ...], state: Path) -> None:
    port = layout.school(fault.where).line(fault.line).port
    mine = find_faults(broken, fault.where, FaultKind.PRIMARY, FaultKind.BACKUP, FaultKind.THIRD)
    dark = any(one.line == fault.line for one in mine)
    # Out of the carrier's network, a port stays up, and nothing that comes in goes anywhere.
    lost = fault.line == "primary" and bool(find_faults(broken, fault.where, FaultKind.BLACKHOLE))
    words = [f"link set dev {port} nomaster"] if lost else list_port_commands(port)
    namespaces.run_ip_batch(
        [*words, f"link set dev {port} {'down' if dark else 'up'}"], layout.carrier(fault.line).namespace
    )
    if not lost and fault.line == "primary" and find_faults(broken, fault.where, FaultKind.LATE_LINE):
        set_line_delay(layout, layout.school(fault.where), broken, state)


def _put_dns_delays(layout: Layout, broken: tuple[LabFault, ...], state: Path) -> None:
    delays = {
        address: fault.strength
        for school in layout.schools
        for fault in find_faults(broken, school.id, FaultKind.SLOW_DNS)
        for line in school.lines
        for address in line.address.by_family.values()
    }
    write_dns_delays(state, delays)
