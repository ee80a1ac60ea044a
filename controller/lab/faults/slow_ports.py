"""Faults that make a port slow: the shapers of a line's two ends, and of the router's ports to its switch."""

from __future__ import annotations

from controller.lab.network.line_shaping import format_shaper
from controller.lab.network.programs import run_program
from controller.lab.state.lab_faults import FaultKind, LabFault, find_faults
from controller.lab.state.layout import Layout, LineLayout, SchoolLayout

SPEED_KINDS = frozenset({FaultKind.SLOW_LINE, FaultKind.SLOW_DOWNLOAD, FaultKind.SLOW_UPLOAD})
"""The kinds that are rates of the primary line."""


def set_line_speed(layout: Layout, school: SchoolLayout, broken: tuple[LabFault, ...]) -> None:
    """Bring the shapers of a school's primary line to what is broken now.

    Raises:
        LabError: tc refused; with its words.
    """
    line = school.line("primary")
    upload = _find_rate(line, broken, school.id, FaultKind.SLOW_LINE, FaultKind.SLOW_UPLOAD)
    download = _find_rate(line, broken, school.id, FaultKind.SLOW_LINE, FaultKind.SLOW_DOWNLOAD)
    _replace_queue(school.router, line.interface, format_shaper(upload))
    _replace_queue(layout.carrier(line.name).namespace, line.port, format_shaper(download))


def set_lan_port_speed(school: SchoolLayout, broken: tuple[LabFault, ...]) -> None:
    """Bring both ends of every port between a school's router and its switch to what is broken now.

    Raises:
        LabError: tc refused; with its words.
    """
    slow = find_faults(broken, school.id, FaultKind.SLOW_LAN_PORT)
    for gateway in school.gateways:
        for namespace in (school.router, school.switch):
            if slow:
                _replace_queue(namespace, gateway.port, format_shaper(slow[0].strength))
            else:
                # A queue first, so that there is one to take away, whether or not one was there.
                _replace_queue(namespace, gateway.port, "pfifo")
                run_program(("tc", "-n", namespace, "qdisc", "del", "dev", gateway.port, "root"))


def _replace_queue(namespace: str, port: str, queue: str) -> None:
    run_program(("tc", "-n", namespace, "qdisc", "replace", "dev", port, "root", *queue.split()))


def _find_rate(line: LineLayout, broken: tuple[LabFault, ...], school: str, *kinds: FaultKind) -> float:
    return min([float(line.mbps), *(fault.strength for fault in find_faults(broken, school, *kinds))])
