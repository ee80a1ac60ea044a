"""A drill of a lost access line: it is cut in the virtual city while a pupil's host goes on asking, then repaired."""

from __future__ import annotations

import time
from collections.abc import Callable

from controller.drills.conduct import DrillResult
from controller.drills.drill_record import MeasuredRecovery
from controller.errors import LabError
from controller.lab.faults.fault_injection import inject_fault, repair_fault
from controller.lab.state import paths, undo_log
from controller.lab.state.lab_faults import LINE_KINDS, parse_fault
from controller.lab.state.layout import HostLayout, Layout
from controller.lab.state.processes import wait_until
from controller.lab.trials.outage_probe import OutageProbe

STEADY_SECONDS = 1.5
"""So long traffic must have come through again before a gap is believed to be over."""
LONGEST_SECONDS = 60.0
"""A line whose traffic has found no other way by then is lost."""


def drill_line(
    school: str, line: str, make_probe: Callable[[Layout, HostLayout], OutageProbe] = OutageProbe.to_the_internet
) -> DrillResult:
    """Cut a line of a school, measure how long nothing came through, and repair it whatever happens.

    Raises:
        LabError: no virtual city is up, it has no such line, it is broken already, or nothing came through before.
    """
    record = undo_log.read_active_record(paths.STATE)
    layout = record.layout
    if line not in LINE_KINDS:
        message = f"{line}: no line of a school has this name; there are: {', '.join(LINE_KINDS)}"
        raise LabError(message)
    fault = parse_fault(layout, school, line)
    if fault in record.broken:
        message = f"{fault} already: that is no drill; repair it first: tsunagu lab repair {school} {line}"
        raise LabError(message)
    host = next((one for one in layout.school(school).hosts if one.segment == "pupil"), None)
    if host is None:
        message = f"{school}: no pupil's host stands in the virtual city, whose traffic could be watched"
        raise LabError(message)
    try:
        with make_probe(layout, host) as traffic:
            cut = time.monotonic()
            inject_fault(fault)
            back = wait_until(lambda: _came_back(traffic, cut), LONGEST_SECONDS)
        outage = traffic.longest_outage
    finally:
        repair_fault(fault)
    if not back:
        failure = f"nothing came through within {LONGEST_SECONDS:.0f} s after {fault}; it is repaired"
        return DrillResult(MeasuredRecovery(rto_seconds=outage), failure=failure)
    finding = f"from {host.namespace} nothing came through for {outage * 1000:,.0f} ms; the line is repaired"
    return DrillResult(MeasuredRecovery(rto_seconds=outage), (finding,))


def _came_back(traffic: OutageProbe, cut: float) -> bool:
    """Whether traffic comes through steadily, some time after the cut."""
    now = time.monotonic()
    return now > cut + 2 * STEADY_SECONDS and traffic.answered_since(now - STEADY_SECONDS / 3)
