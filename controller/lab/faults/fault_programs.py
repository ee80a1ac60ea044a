"""Faults that are a program at work: a relay that delays a line's packets, a host that uses up the translations."""

from __future__ import annotations

from pathlib import Path

from controller.errors import LabError
from controller.lab.network import namespaces
from controller.lab.network.background_programs import SchoolProgram, start_school_program
from controller.lab.network.line_shaping import BRIDGE, list_port_commands
from controller.lab.state import undo_log
from controller.lab.state.lab_faults import FaultKind, LabFault, find_faults
from controller.lab.state.layout import Layout, SchoolLayout
from controller.lab.state.processes import end_processes, is_alive

RELAY, FILLER = "delay-relay", "translation-filler"
_SPARE = 1.2
"""More connections are tried than the table takes: what the school itself uses counts, too."""


def set_line_delay(layout: Layout, school: SchoolLayout, broken: tuple[LabFault, ...], state: Path) -> None:
    """Put the relay into a school's primary line at the carrier, or take it out again.

    The school's port leaves the carrier's bridge for one of its own; the relay carries its packets between the two.

    Raises:
        LabError: a program refused; with its words.
    """
    line, carrier = school.line("primary"), layout.carrier("primary").namespace
    late = find_faults(broken, school.id, FaultKind.LATE_LINE)
    near, far, bridge = (f"{end}{school.asn % 1_000_000}" for end in ("rn", "rf", "rb"))
    _end_program(RELAY, school.id, state)
    if not late:
        words = list_port_commands(line.port)
        if _exists(bridge, carrier):
            words.append(f"link del dev {bridge}")
        namespaces.run_ip_batch(words, carrier)
        return
    words_of_relay = ("controller.lab.faults.delay_relay", near, far, f"{late[0].strength:g}")
    log = state / f"{RELAY}-{school.id}.log"
    start_school_program(SchoolProgram(RELAY, school.id, carrier, words_of_relay, log), state)
    made = [] if _exists(bridge, carrier) else [f"link add name {bridge} type bridge stp_state 0 mcast_snooping 0"]
    namespaces.run_ip_batch(
        [
            *made,
            f"link set dev {bridge} up",
            f"link set dev {near} master {bridge} up",
            f"link set dev {far} master {BRIDGE} up",
            f"link set dev {far} type bridge_slave isolated on",
            f"link set dev {line.port} master {bridge}",
            f"link set dev {line.port} type bridge_slave isolated off",
        ],
        carrier,
    )


def set_full_table(school: SchoolLayout, broken: tuple[LabFault, ...], state: Path) -> None:
    """Start the host that uses up the router's translations, or end it.

    Raises:
        LabError: the school has no host, or the program did not start.
    """
    full = find_faults(broken, school.id, FaultKind.FULL_NAT)
    _end_program(FILLER, school.id, state)
    if not full:
        return
    host = next((one for one in school.hosts if one.segment == "pupil"), next(iter(school.hosts), None))
    if host is None:
        message = f"{school.id}: no host stands in the virtual city that could use up the translations"
        raise LabError(message)
    words = ("controller.lab.faults.translation_filler", str(round(full[0].strength * _SPARE) + 1))
    log = state / f"{FILLER}-{school.id}.log"
    start_school_program(SchoolProgram(FILLER, school.id, host.namespace, words, log), state)


def _end_program(name: str, school: str, state: Path) -> None:
    process = undo_log.list_current_processes(state).get((school, name))
    if process is not None and is_alive(process):
        end_processes([process])


def _exists(interface: str, namespace: str) -> bool:
    try:
        namespaces.run_ip_batch([f"link show dev {interface}"], namespace)
    except LabError:
        return False
    return True
