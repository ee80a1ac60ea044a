"""Which lines are in a brown-out, kept over restarts in the daemon's folder: each test of throughput is one slot."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from controller.daemon.kept_record import find_record, keep_record
from controller.daemon.preference_edit import find_own_override
from controller.measure.assessment.assess import SchoolAssessment
from controller.model.city import City
from controller.model.sites.contracted_lines import AccessLineName
from controller.model.sites.schools import Identifier
from controller.resilience.brown_out import BrownOutMachine, LineSupply
from controller.resilience.line_parts import SchoolLine
from controller.resilience.supply_events import SupplyEvents
from controller.telemetry.otlp import Telemetry

NAME = "line-supply.json"
MOST_MBPS = 1_000_000


class KnownSupply(BaseModel):
    """How a line stood at its last test that gave a figure; `shown` are the figures in a row that may turn it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    school: Identifier
    line: AccessLineName
    supply: LineSupply
    shown: tuple[float, ...] = ()
    mbps: float = Field(ge=0, le=MOST_MBPS)
    at: AwareDatetime


class LineSupplyRecord(BaseModel):
    """Every line that was tested."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    lines: tuple[KnownSupply, ...] = ()


@dataclass(frozen=True, slots=True)
class LineSupplyBook:
    """The record in the daemon's `folder`. One process and one thread write it: the daemon's measuring."""

    folder: Path

    def find_lines(self) -> dict[SchoolLine, KnownSupply]:
        """Return what is known of each line.

        Raises:
            DaemonRefused: the record is damaged.
        """
        found = find_record(self.folder / NAME, LineSupplyRecord)
        return {} if found is None else {(one.school, one.line): one for one in found.lines}

    def apply_assessment(self, city: City, sent: Telemetry, one: SchoolAssessment, now: datetime) -> None:
        """Take in what a test led to: tell a brown-out that begins or ends, and keep how the line stands.

        Raises:
            DaemonRefused: the record is damaged or cannot be written.
        """
        if one.assessed_bandwidth is None:
            return
        key = (one.school.id, one.assessed_line.line)
        known = self.find_lines()
        supplies = {place: kept.supply for place, kept in known.items()}
        if key not in supplies and find_own_override(city, *key) is not None:
            # The policy says why the school was moved: without a record of it the line has yet to show that it is good.
            supplies[key] = LineSupply.BROWN_OUT
        machine = BrownOutMachine(supplies=supplies, shown={place: list(kept.shown) for place, kept in known.items()})
        SupplyEvents(sent, lambda *_: None, machine).apply_assessment(one)
        mbps, shown = min(one.assessed_bandwidth.mbps, MOST_MBPS), tuple(machine.shown[key])
        school, line = key
        known[key] = KnownSupply(school=school, line=line, supply=machine.supplies[key], shown=shown, mbps=mbps, at=now)
        kept = tuple(each for each in known.values() if each.school in city.school_by_id)
        keep_record(self.folder / NAME, LineSupplyRecord(lines=kept))
