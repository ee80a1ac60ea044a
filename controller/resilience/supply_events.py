"""Brown-outs of the assessed lines, told as events: each test of throughput is one slot."""

from __future__ import annotations

from dataclasses import dataclass, field

from controller.measure.assessment.assess import CARRIED, SchoolAssessment
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

    def apply_assessment(self, one: SchoolAssessment) -> None:
        """Take in the assessment that a test of throughput led to."""
        line = one.assessed_line.line
        for changed in self.machine.apply_slot({(one.school.id, line): measure_share(one)}):
            shares = ", ".join(f"{100 * share:.0f}%" for share in changed.shares)
            if changed.supply is LineSupply.BROWN_OUT:
                kind = EventKind.BROWN_OUT
                text = f"the {line} line is alive and carries too little: {shares} of what is expected"
            else:
                kind, text = EventKind.BROWN_OUT_OVER, f"the {line} line carries enough again: {shares}"
            about = {"school": one.school.id, "line": line}
            self.telemetry.event(kind, text, context=None, **about)
            self.on_event(kind, text, about)


def measure_share(one: SchoolAssessment) -> float | None:
    """What the assessed line carries, as a part of its contract or of the recommendation where that is less.

    >>> measure_share(assess_example(measurement(path("kw-s01"), throughput(95))))
    0.50...
    """
    if one.assessed_bandwidth is None:
        return None
    return one.assessed_bandwidth.mbps / min(one.contract_mbps * CARRIED, one.recommended.mbps)
