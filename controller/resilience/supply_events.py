"""Brown-outs of the assessed lines, told as events: each test of throughput is one slot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from controller.measure.assessment.assess import CARRIED, LineAssessment, SchoolAssessment, ShortfallCause
from controller.model.sites.contracted_lines import AccessLineName
from controller.resilience.brown_out import BrownOutMachine, LineSupply
from controller.resilience.line_parts import SchoolLine
from controller.resilience.service_states import OnEvent
from controller.telemetry.otlp import Telemetry
from controller.telemetry.registry import EventKind


@dataclass
class SupplyEvents:
    """Tells of a brown-out that begins or ends; a school whose line is not measured counts neither way."""

    telemetry: Telemetry
    on_event: OnEvent
    machine: BrownOutMachine[SchoolLine] = field(default_factory=BrownOutMachine)

    def apply_assessment(self, one: SchoolAssessment) -> bool:
        """Take in the assessment that a test of throughput led to; return whether it counts."""
        line = one.assessed_line.line
        key = (one.school.id, line)
        share = measure_share(one, one.assessed_line)
        if share is not None and is_held_back(one):
            share = self.machine.weigh_least(key, share)
        for changed in self.machine.apply_slot({key: share}):
            kind, text = describe_supply(line, changed.supply, changed.shares)
            about = {"school": one.school.id, "line": line}
            self.telemetry.event(kind, text, context=None, **about)
            self.on_event(kind, text, about)
        return share is not None


def measure_share(one: SchoolAssessment, line: LineAssessment) -> float | None:
    """What a line carries, as a part of its contract or of the recommendation where that is less.

    >>> found = assess_example(measurement(path("kw-s01"), throughput(95)))
    >>> measure_share(found, found.assessed_line)
    0.50...
    """
    if line.assessed_bandwidth is None:
        return None
    contract = one.school.lines.by_name[line.line].mbps
    return line.assessed_bandwidth.mbps / min(contract * CARRIED, one.recommended.mbps)


def is_held_back(one: SchoolAssessment) -> bool:
    """Tell if loss, delay or others' traffic held the test back: then what the line can carry is not known."""
    return one.limit is not None or ShortfallCause.BUSY in one.causes


def describe_supply(line: AccessLineName, supply: LineSupply, shares: Sequence[float]) -> tuple[EventKind, str]:
    """Return the event that a brown-out began, or ended, with its text; `shares` are the figures that showed it.

    >>> describe_supply("primary", LineSupply.FULL, (0.8, 0.9))[1]
    'the primary line carries enough again: 80%, 90%'
    """
    shown = ", ".join(f"{100 * share:.0f}%" for share in shares)
    if supply is LineSupply.BROWN_OUT:
        text = f"the {line} line is alive and carries too little"
        return EventKind.BROWN_OUT, f"{text}: {shown} of what is expected" if shown else text
    text = f"the {line} line carries enough again"
    return EventKind.BROWN_OUT_OVER, f"{text}: {shown}" if shown else text
