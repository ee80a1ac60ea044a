"""Which lines are in a brown-out, kept over restarts in the daemon's folder: each test of throughput is one slot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from controller.daemon.kept_record import find_record, keep_record
from controller.daemon.preference_edit import find_own_override
from controller.daemon.probed_tests import ROUND, LineTest
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
LOOK_BACK = timedelta(days=2)
"""So far back the monitor keeps minutes: of older tests nobody knows when they were."""
SETTLED_AFTER = timedelta(days=1)
"""A test of a school's probe that comes later than that is history, and turns nothing."""


class SettledSupply(BaseModel):
    """How a line stood after its tests up to a time, to which none is added any more."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    supply: LineSupply
    shown: tuple[float, ...] = ()
    at: AwareDatetime


class KnownSupply(BaseModel):
    """How a line stood at its last test that gave a figure; `shown` are the figures in a row that may turn it.

    `turned`: those that turned it last. `settled`: of a line whose own probe tests it, from which tests that come late
    are counted, each by its own time.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    school: Identifier
    line: AccessLineName
    supply: LineSupply
    shown: tuple[float, ...] = ()
    turned: tuple[float, ...] = ()
    mbps: float = Field(ge=0, le=MOST_MBPS)
    at: AwareDatetime
    settled: SettledSupply | None = None


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
        if not SupplyEvents(sent, lambda *_: None, machine).apply_assessment(one):
            return
        mbps, shown = min(one.assessed_bandwidth.mbps, MOST_MBPS), tuple(machine.shown[key])
        school, line = key
        known[key] = KnownSupply(school=school, line=line, supply=machine.supplies[key], shown=shown, mbps=mbps, at=now)
        self._keep_lines(city, known)

    def find_beginning(self, now: datetime) -> datetime:
        """Return from when on the tests of schools' own probes are wanted.

        Raises:
            DaemonRefused: the record is damaged.
        """
        ends = [one.settled.at for one in self.find_lines().values() if one.settled is not None]
        return max(now - LOOK_BACK, min([*ends, now]) - ROUND) if ends else now - LOOK_BACK

    def take_tests(
        self,
        city: City,
        tests: Mapping[SchoolLine, Sequence[LineTest]],
        told: Mapping[SchoolLine, LineSupply],
        now: datetime,
    ) -> dict[SchoolLine, KnownSupply]:
        """Take in the tests of schools' own probes, in the order in which they were made; return every line.

        A line without a record is as it was `told`, or as the policy says.

        Raises:
            DaemonRefused: the record is damaged or cannot be written.
        """
        before = self.find_lines()
        known = dict(before)
        for key, mine in tests.items():
            usual = LineSupply.BROWN_OUT if find_own_override(city, *key) is not None else LineSupply.FULL
            found = _replay_tests(key, before.get(key), told.get(key, usual), mine, now)
            if found is not None:
                known[key] = found
        if known != before:
            self._keep_lines(city, known)
        return known

    def _keep_lines(self, city: City, known: Mapping[SchoolLine, KnownSupply]) -> None:
        kept = tuple(each for each in known.values() if each.school in city.school_by_id)
        keep_record(self.folder / NAME, LineSupplyRecord(lines=kept))


def _replay_tests(
    key: SchoolLine, known: KnownSupply | None, usual: LineSupply, tests: Sequence[LineTest], now: datetime
) -> KnownSupply | None:
    """Return how a line stands after its tests, counted from where it is settled; None where none counts."""
    settled = _find_settled(known, usual, tests, now)
    machine: BrownOutMachine[SchoolLine] = BrownOutMachine(
        supplies={key: settled.supply}, shown={key: list(settled.shown)}
    )
    turned, last = known.turned if known is not None else (), None
    for test in tests:
        if test.at <= settled.at:
            continue
        share = machine.weigh_least(key, test.share) if test.is_least else test.share
        for change in machine.apply_slot({key: share}):
            turned = change.shares
        last = last if share is None else test
        if test.at <= now - SETTLED_AFTER:
            settled = SettledSupply(supply=machine.supplies[key], shown=tuple(machine.shown[key]), at=test.at)
    if last is None:
        return known if known is None or known.settled == settled else known.model_copy(update={"settled": settled})
    school, line = key
    return KnownSupply(
        school=school,
        line=line,
        supply=machine.supplies[key],
        shown=tuple(machine.shown[key]),
        turned=turned,
        mbps=min(last.mbps, MOST_MBPS),
        at=last.at,
        settled=settled,
    )


def _find_settled(
    known: KnownSupply | None, usual: LineSupply, tests: Sequence[LineTest], now: datetime
) -> SettledSupply:
    """Return where counting begins: where the line is settled, or where it stands if the tests since then are gone.

    Never later than now, for the clock may have been put back.
    """
    if known is None:
        return SettledSupply(supply=usual, at=now - LOOK_BACK)
    found = known.settled
    if found is None or (known.at > found.at and not any(found.at < test.at <= known.at for test in tests)):
        # A store that was lost takes nothing back that was seen.
        found = SettledSupply(supply=known.supply, shown=known.shown, at=known.at)
    return found if found.at <= now else found.model_copy(update={"at": now - ROUND})
