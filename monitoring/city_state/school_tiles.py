"""How the city stands: the newest value of each series, and the tile of each school that follows from them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import TypedDict

from controller.model.access.quarantines import CutOffs
from controller.model.city import City
from controller.model.measurement import Assessment, Basis
from controller.model.policy_files import QUARANTINES
from controller.model.sites.schools import School
from controller.model.sites.stages import Stage
from controller.telemetry.registry import LINE, LINE_LAST_HEARD, LINE_UP, SCHOOL
from monitoring.city_state.known_values import Clock, KnownValue, KnownValues, read_clocks
from monitoring.city_state.needs import Need, NeedKind, find_most_urgent, list_needs
from monitoring.city_state.school_facts import (
    AssessmentDoubt,
    LineFacts,
    LineState,
    ProbeState,
    SchoolFacts,
    read_school_facts,
)
from monitoring.timeseries.records import GaugeValue, SeriesEnd, SeriesKey


class LineTimes(TypedDict):
    """Since when a line is in its state, and when it was last heard where that is not now."""

    since: str | None
    heard: str | None


class Tile(TypedDict):
    """A school as the page shows it. Bandwidths are in Mbit/s.

    `drift` and `unconfirmed` count devices; None is "not known". `stage`: how far the school is integrated; None where
    the city names no stages.

    `recommended_mbps` is what the assessment was made against, as whoever measured sent it. `basis` says whether that
    is a published row; the monitor knows it only where its own policies give the same figure. Where they give another,
    that one is `policy_recommended_mbps`: the monitor was started with other policies than the measurement.

    `line_times` has the lines that are down or stale. `heard`: whether a probe of the school was ever heard, and goes
    on being so; `heard_at` is when it last was, where that is not now. `doubt`: why an assessment that was sent is not
    believed: there is no figure, or the figure says otherwise. `need` is the most urgent thing that the school needs.
    """

    id: str
    name: str
    english: str | None
    ward: str
    kind: str
    pupils: int
    recommended_mbps: float | None
    basis: Basis | None
    policy_recommended_mbps: float | None
    measured_mbps: float | None
    assessment: Assessment
    doubt: AssessmentDoubt | None
    lines: Mapping[str, LineState]
    line_times: Mapping[str, LineTimes]
    drift: int | None
    unconfirmed: int | None
    measured_at: str | None
    silent: bool
    heard: ProbeState
    heard_at: str | None
    need: NeedKind | None
    stage: Stage | None


class CityState:
    """The newest values. Belongs to one thread, the event loop's."""

    def __init__(self, city: City, values: Iterable[GaugeValue] = (), clock: Clock = read_clocks) -> None:
        self.city = city
        self.known = KnownValues([region.id for region in city.lines.regions], clock)
        self.known.load(values)
        self._facts: dict[str, SchoolFacts] = {}
        self.touched: set[str] = set()
        """Schools that something came in for since it was emptied."""
        self.newest: float | None = max((one.heard for one in self.known.by_key.values() if one.heard), default=None)
        """When anything was last heard."""

    @property
    def values(self) -> Mapping[SeriesKey, KnownValue]:
        """The newest value of each series, however old it is."""
        return self.known.by_key

    def take(self, values: Iterable[GaugeValue]) -> list[GaugeValue]:
        """Newer values, of one request, as they are to be kept."""
        now = self.known.clock()
        taken = self.known.take(values, now)
        if taken:
            self.newest = now.wall
        self.touched.update(value for one in taken for name, value in one.key[1][:1] if name == SCHOOL.name)
        return taken

    def list_served(self) -> list[GaugeValue]:
        """What `/metrics` serves: each value that may stand for the present, and bad news however old it is.

        Of a school that is closed, and of a line that a school has not any more, old news are no news.
        """
        now = self.known.clock()
        had = {(school.id, line) for school in self.list_open_schools() for line in ("", *school.lines.by_name)}
        return [
            GaugeValue(one.key, now.wall, one.value)
            for one in self.values.values()
            if one.is_fresh(now) or (self.known.does_stand(one, now) and _name_place(one.key) in had)
        ]

    def end(self, ends: Sequence[SeriesEnd]) -> list[SeriesEnd]:
        """Series that have no value any more, as they are to be kept: bad news stands, of the rest nobody knows."""
        self.touched.update(value for one in ends for name, value in one.key[1][:1] if name == SCHOOL.name)
        return self.known.end(ends)

    def list_line_arrivals(self) -> list[GaugeValue]:
        """When each line was last heard, in seconds since 1970: how old what is served of it is."""
        return [
            GaugeValue((LINE_LAST_HEARD, one.key[1]), one.heard, one.heard)
            for one in self.values.values()
            if one.key[0] is LINE_UP and one.heard is not None
        ]

    def list_open_schools(self) -> list[School]:
        """Every school that is not closed today, in the order of the policies."""
        cut_offs = CutOffs(self.city.files.get(QUARANTINES), datetime.now(self.city.timezone).date())
        return [school for school in self.city.schools if school.id not in cut_offs.closed]

    def list_needs(self, *, anew: bool = True) -> list[Need]:
        """What needs somebody, the most urgent first; not `anew`: by what was known when each tile was built last."""
        schools = self.list_open_schools()
        if anew:
            return list_needs([self._read_facts(school) for school in schools])
        return list_needs([self._facts[school.id] for school in schools if school.id in self._facts])

    def tiles(self) -> list[Tile]:
        """The tile of every school that is not closed, in the order of the policies."""
        return [self.tile(school) for school in self.list_open_schools()]

    def tile(self, school: School) -> Tile:
        """A school's tile."""
        facts = self._facts[school.id] = self._read_facts(school)
        recommended = facts.recommended_mbps
        ours = self.city.measurement.recommended.recommend_bandwidth(school.pupils)
        same = recommended == round(ours.mbps, 1)
        return {
            "id": school.id,
            "name": school.name,
            "english": school.english,
            "ward": school.ward,
            "kind": school.kind,
            "pupils": school.pupils,
            "recommended_mbps": recommended,
            "basis": ours.basis if same else None,
            "policy_recommended_mbps": None if same or recommended is None else round(ours.mbps, 1),
            "measured_mbps": facts.measured_mbps,
            "assessment": facts.assessment,
            "doubt": facts.doubt,
            "lines": {line: facts.read_line_state(line) for line in self.lines},
            "line_times": {
                line.name: _build_line_times(line) for line in facts.lines if line.state in ("down", "stale")
            },
            "drift": facts.drift.count if facts.drift else None,
            "unconfirmed": facts.unconfirmed.count if facts.unconfirmed else None,
            "measured_at": format_known_time(facts.measured_at),
            "silent": facts.probe == "silent",
            "heard": facts.probe,
            "heard_at": format_known_time(facts.heard_at) if facts.probe == "silent" else None,
            "need": find_most_urgent(facts),
            "stage": self.city.find_stage(school),
        }

    def _read_facts(self, school: School) -> SchoolFacts:
        return read_school_facts(self.known, school, self.city.measurement.method)

    @cached_property
    def lines(self) -> tuple[str, ...]:
        """The lines that some school of the city has."""
        had = {line for school in self.city.schools for line in school.lines.by_name}
        return tuple(line for line in LINE.values if line in had)


def _build_line_times(line: LineFacts) -> LineTimes:
    return {"since": format_known_time(line.since), "heard": format_known_time(line.heard) if line.stale else None}


def _name_place(key: SeriesKey) -> tuple[str, str]:
    """The school and the line of a series; each is empty where it has none."""
    named = dict(key[1])
    return named.get(SCHOOL.name, ""), named.get(LINE.name, "")


def format_known_time(seconds: float | None) -> str | None:
    """A time as the API writes it; None where it is not known."""
    return None if seconds is None else format_time(seconds)


def format_time(seconds: float) -> str:
    """A time as the API writes it: ISO 8601, UTC, milliseconds."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
