"""How the city stands: the newest value of each series, and the tile of each school that follows from them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import cached_property
from typing import Literal, TypedDict

from controller.model.access.quarantines import CutOffs
from controller.model.city import City
from controller.model.measurement import Assessment, Basis
from controller.model.policy_files import QUARANTINES
from controller.model.sites.schools import School
from controller.model.sites.stages import Stage
from controller.telemetry.registry import (
    BANDWIDTH_ASSESSMENT,
    BANDWIDTH_MEASURED,
    BANDWIDTH_RECOMMENDED,
    DEVICE_DRIFT,
    DEVICE_UNCONFIRMED,
    LINE,
    LINE_UP,
    MINUTE,
    PROBE_LAST_SUCCESS,
    Metric,
)
from controller.telemetry.units import mbps_from_bits
from monitoring.timeseries.records import GaugeValue, SeriesKey

SILENT_SECONDS = 5 * MINUTE
"""A probe that got through last longer ago than this is silent."""

LineState = Literal["up", "down", "unknown", "none"]


class Tile(TypedDict):
    """A school as the page shows it. Bandwidths are in Mbit/s.

    `drift` and `unconfirmed` count devices; None is "not known". `stage`: how far the school is integrated; None where
    the city names no stages.

    `recommended_mbps` is what the assessment was made against, as whoever measured sent it. `basis` says whether that
    is a published row; the monitor knows it only where its own policies give the same figure. Where they give another,
    that one is `policy_recommended_mbps`: the monitor was started with other policies than the measurement.
    """

    id: str
    name: str
    ward: str
    kind: str
    pupils: int
    recommended_mbps: float | None
    basis: Basis | None
    policy_recommended_mbps: float | None
    measured_mbps: float | None
    assessment: Assessment
    lines: Mapping[str, LineState]
    drift: int | None
    unconfirmed: int | None
    measured_at: str | None
    silent: bool
    stage: Stage | None


class CityState:
    """The newest values. Belongs to one thread, the event loop's."""

    def __init__(self, city: City, values: Iterable[GaugeValue] = ()) -> None:
        self.city = city
        self.values: dict[SeriesKey, GaugeValue] = {}
        self.touched: set[str] = set()
        """Schools that something came in for since it was emptied."""
        self.take(values)

    def may_stand(self, value: GaugeValue) -> bool:
        """Whether a value may replace what is known: one that is dated later than it came fills gaps only.

        Such a sender's clock is wrong, or it lies; where one with a right clock speaks, that one is believed.
        """
        before = self.values.get(value.key)
        return not value.early or before is None or before.early or before.at < value.at - value.key[0].fresh

    def take(self, values: Iterable[GaugeValue]) -> None:
        """Newer values; what is older than what is known changes nothing."""
        for one in values:
            before = self.values.get(one.key)
            if before is None or one.at >= before.at:
                self.values[one.key] = one
            for name, value in one.key[1][:1]:
                if name == "school":
                    self.touched.add(value)

    def fresh(self, metric: Metric, *attributes: str) -> GaugeValue | None:
        """A metric's value that may stand for the present, by the values of its attributes; else None."""
        names = [attribute.name for attribute in metric.attributes]
        found = self.values.get((metric, tuple(zip(names, attributes, strict=True))))
        return found if found is not None and found.at >= time.time() - metric.fresh else None

    def list_open_schools(self) -> list[School]:
        """Every school that is not closed today, in the order of the policies."""
        cut_offs = CutOffs(self.city.files.get(QUARANTINES), datetime.now(self.city.timezone).date())
        return [school for school in self.city.schools if school.id not in cut_offs.closed]

    def tiles(self) -> list[Tile]:
        """The tile of every school that is not closed, in the order of the policies."""
        return [self.tile(school) for school in self.list_open_schools()]

    def tile(self, school: School) -> Tile:
        """A school's tile."""
        assessment = self._assessment(school.id)
        # A school that is "not measured" has no figure; the one from before its line went down is history.
        measured = self.fresh(BANDWIDTH_MEASURED, school.id) if assessment is not Assessment.NOT_MEASURED else None
        received = self.fresh(BANDWIDTH_RECOMMENDED, school.id)
        recommended = round(mbps_from_bits(received.value), 1) if received else None
        ours = self.city.measurement.recommended.recommend_bandwidth(school.pupils)
        same = recommended == round(ours.mbps, 1)
        drift, unconfirmed = self.fresh(DEVICE_DRIFT, school.id), self.fresh(DEVICE_UNCONFIRMED, school.id)
        heard = self.fresh(PROBE_LAST_SUCCESS, school.id)
        return {
            "id": school.id,
            "name": school.name,
            "ward": school.ward,
            "kind": school.kind,
            "pupils": school.pupils,
            "recommended_mbps": recommended,
            "basis": ours.basis if same else None,
            "policy_recommended_mbps": None if same or recommended is None else round(ours.mbps, 1),
            "measured_mbps": round(mbps_from_bits(measured.value), 2) if measured else None,
            "assessment": assessment,
            "lines": {line: self._line(school, line) for line in self.lines},
            "drift": int(drift.value) if drift else None,
            "unconfirmed": int(unconfirmed.value) if unconfirmed else None,
            "measured_at": format_time(measured.at) if measured else None,
            "silent": heard is not None and heard.value < time.time() - SILENT_SECONDS,
            "stage": self.city.find_stage(school),
        }

    @cached_property
    def lines(self) -> tuple[str, ...]:
        """The lines that some school of the city has."""
        had = {line for school in self.city.schools for line in school.lines.by_name}
        return tuple(line for line in LINE.values if line in had)

    def _assessment(self, school: str) -> Assessment:
        found = self.fresh(BANDWIDTH_ASSESSMENT, school)
        return (Assessment.from_number(found.value) if found else None) or Assessment.NOT_MEASURED

    def _line(self, school: School, line: str) -> LineState:
        if line not in school.lines.by_name:
            return "none"
        found = self.fresh(LINE_UP, school.id, line)
        if found is None:
            return "unknown"
        return "up" if found.value > 0 else "down"


def format_time(seconds: float) -> str:
    """A time as the API writes it: ISO 8601, UTC, milliseconds."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
