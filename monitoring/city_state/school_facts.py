"""What is known of a school, as facts with since when: read from the newest values, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from controller.model.measurement import Assessment, Method
from controller.model.sites.contracted_lines import AccessLineKind
from controller.model.sites.schools import School
from controller.telemetry.registry import (
    BANDWIDTH_ASSESSMENT,
    BANDWIDTH_MEASURED,
    BANDWIDTH_RECOMMENDED,
    DEVICE_DRIFT,
    DEVICE_UNCONFIRMED,
    DNS_UP,
    FAMILY,
    HTTP_UP,
    LINE_FLAPPING,
    LINE_LOSS,
    LINE_SLOW,
    LINE_UP,
    MINUTE,
    PATH,
    PATH_UP,
    PROBE_LAST_SUCCESS,
    REGION,
    Metric,
)
from controller.telemetry.units import mbps_from_bits
from monitoring.city_state.known_values import BROWN_OUT_LOSS, KnownValue, KnownValues, is_bad_news

SILENT_SECONDS = 5 * MINUTE
"""A probe that got through last longer ago than this is silent."""

LineState = Literal["up", "down", "stale", "unknown", "none"]
"""`down`: so it was when it was last heard, however long ago. `stale`: it was up, and nothing is heard of it any more.
`unknown`: it was never heard."""
ProbeState = Literal["never", "now", "silent"]
AssessmentDoubt = Literal["no-figure", "contradicted"]
_REGION, _FAMILY = (PATH.index(one) for one in (REGION, FAMILY))
"""Where these stand among the attributes of a path."""
Impairment = Literal["flapping", "slow", "capacity", "loss", "region", "family", "path", "dns", "http"]


@dataclass(frozen=True, slots=True)
class StandingFact:
    """Something that is so, by how much, since when; `heard` is when it was last heard, None where that is not known.

    `stale`: nothing was heard of it lately, so it is what was last known.
    """

    count: int
    since: float
    heard: float | None
    stale: bool


@dataclass(frozen=True, slots=True)
class LineFacts:
    """A line of a school. `impaired`: what is wrong with one that is alive, the earliest first.

    `regions`: where it was ever heard to lead to; `lost_regions`: those of them that do not answer over it alone.
    """

    name: str
    kind: AccessLineKind
    state: LineState
    since: float | None
    heard: float | None
    stale: bool
    impaired: tuple[tuple[Impairment, StandingFact], ...] = ()
    regions: frozenset[str] = frozenset()
    lost_regions: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class SchoolFacts:
    """A school. `heard_at` is when any probe of it was last heard."""

    id: str
    name: str
    ward: str
    lines: tuple[LineFacts, ...]
    probe: ProbeState
    heard_at: float | None
    assessment: Assessment
    doubt: AssessmentDoubt | None
    below: StandingFact | None
    measured_mbps: float | None
    measured_at: float | None
    recommended_mbps: float | None
    contract_mbps: int
    drift: StandingFact | None
    unconfirmed: StandingFact | None

    def read_line_state(self, line: str) -> LineState:
        """A line's state; `none` where the school has no such line."""
        return next((one.state for one in self.lines if one.name == line), "none")


@dataclass(frozen=True, slots=True)
class _LostPaths:
    """The dead paths of a line: by the regions and by the families that are dead as a whole, and the others."""

    regions: dict[str, list[KnownValue]]
    families: dict[str, list[KnownValue]]
    others: list[KnownValue]


def read_school_facts(known: KnownValues, school: School, method: Method) -> SchoolFacts:
    """What is known of a school now; `method` is how its bandwidth was measured."""
    assessment, doubt, assessed = _read_assessment(known, school.id, method)
    measured = known.find(BANDWIDTH_MEASURED, school.id)
    # A school that is "not measured" has no figure; the one from before its line went down is history.
    shown = assessment is not Assessment.NOT_MEASURED and measured is not None
    received = known.find_fresh(BANDWIDTH_RECOMMENDED, school.id)
    probe, heard_at = _read_probe(known, school)
    return SchoolFacts(
        school.id,
        school.name,
        school.ward,
        tuple(_read_line(known, school.id, name, line.kind) for name, line in school.lines.by_name.items()),
        probe,
        heard_at,
        assessment,
        doubt,
        _as_fact(known, assessed) if assessed is not None and assessment is Assessment.BELOW else None,
        round(mbps_from_bits(measured.value), 2) if shown and measured is not None else None,
        measured.at if shown and measured is not None else None,
        round(mbps_from_bits(received.value), 1) if received else None,
        school.lines.primary.mbps,
        _read_count(known, DEVICE_DRIFT, school.id),
        _read_count(known, DEVICE_UNCONFIRMED, school.id),
    )


def _read_assessment(
    known: KnownValues, school: str, method: Method
) -> tuple[Assessment, AssessmentDoubt | None, KnownValue | None]:
    """The assessment that is believed: one without its figure, or that its figure contradicts, is never a good one."""
    found = known.find_standing(BANDWIDTH_ASSESSMENT, school)
    sent = (Assessment.from_number(found.value) if found else None) or Assessment.NOT_MEASURED
    if sent not in (Assessment.MEETS, Assessment.WITHIN_ERROR):
        return sent, None, found
    measured, recommended = (
        known.find_fresh(BANDWIDTH_MEASURED, school),
        known.find_fresh(BANDWIDTH_RECOMMENDED, school),
    )
    if measured is None:
        return Assessment.NOT_MEASURED, "no-figure", found
    # Twice the method's error: who measured may have another edition of the policies, with another error.
    error = 2 * method.relative_error(mbps_from_bits(measured.value)) if sent is Assessment.WITHIN_ERROR else 0.0
    if recommended is not None and measured.value * (1 + error) < recommended.value:
        return Assessment.BELOW, "contradicted", found
    return sent, None, found


def _read_probe(known: KnownValues, school: School) -> tuple[ProbeState, float | None]:
    """Whether a school's probe is heard, and when it last was.

    Silent is who was not heard of any line lately and did not get through lately, by the monitor's own clock.
    """
    now = known.clock()
    success = known.find(PROBE_LAST_SUCCESS, school.id)
    lines = [found for line in school.lines.by_name if (found := known.find(LINE_UP, school.id, line)) is not None]
    heard = [one for one in (*lines, success) if one is not None]
    if not heard:
        return "never", None
    at = max((one.heard for one in heard if one.heard is not None), default=None)
    if any(one.is_fresh(now) for one in lines):
        return "now", at
    if success is None:
        ages = [one.measure_age(now) for one in lines]
    else:
        ages = [success.measure_age(now) + max(0.0, (success.heard or success.value) - success.value)]
    return ("silent" if min(ages) > SILENT_SECONDS else "now"), at


def _read_line(known: KnownValues, school: str, line: str, kind: AccessLineKind) -> LineFacts:
    found = known.find(LINE_UP, school, line)
    if found is None:
        return LineFacts(line, kind, "unknown", None, None, stale=False)
    stale = not found.is_fresh(known.clock())
    if found.value <= 0:
        return LineFacts(line, kind, "down", found.since, found.heard, stale)
    paths = list(_list_paths(known, PATH_UP, school, line))
    lost = _find_lost_paths(paths)
    impaired = sorted(_find_impairments(known, school, line, lost), key=lambda one: one[1].since)
    regions = frozenset(one.key[1][_REGION][1] for one in paths)
    state: LineState = "stale" if stale else "up"
    return LineFacts(
        line, kind, state, found.since, found.heard, stale, tuple(impaired), regions, frozenset(lost.regions)
    )


def _find_impairments(
    known: KnownValues, school: str, line: str, lost: _LostPaths
) -> Iterator[tuple[Impairment, StandingFact]]:
    """What is wrong with a line that is alive."""
    whole: tuple[tuple[Impairment, Metric], ...] = (("flapping", LINE_FLAPPING), ("slow", LINE_SLOW))
    for name, metric in whole:
        found = known.find_standing(metric, school, line)
        if found is not None and is_bad_news(metric, found.value):
            yield name, _as_fact(known, found)
    if (began := known.brown_outs.get((school, line))) is not None:
        yield "capacity", StandingFact(1, began, None, stale=False)
    services: tuple[tuple[Impairment, Metric], ...] = (("dns", DNS_UP), ("http", HTTP_UP))
    for name, metric in services:
        for family in FAMILY.values:
            found = known.find_standing(metric, school, line, family)
            if found is not None and is_bad_news(metric, found.value):
                yield name, _as_fact(known, found)
    named: tuple[tuple[Impairment, list[KnownValue]], ...] = (
        ("region", [one for found in lost.regions.values() for one in found]),
        ("family", [one for found in lost.families.values() for one in found]),
        ("path", lost.others),
    )
    for name, paths in named:
        if paths:
            yield name, _as_fact(known, min(paths, key=lambda one: one.since))
    losses = [one for one in _list_paths(known, LINE_LOSS, school, line) if one.is_fresh(known.clock())]
    if (
        losses
        and sum(one.value for one in losses) / len(losses) >= BROWN_OUT_LOSS
        and not (lost.regions or lost.families)
    ):
        yield "loss", _as_fact(known, min(losses, key=lambda one: one.since))


def _find_lost_paths(paths: list[KnownValue]) -> _LostPaths:
    """The dead ones of a line's paths."""
    if all(one.value > 0 for one in paths):
        return _LostPaths({}, {}, [])
    regions, families = (_find_whole_lost(paths, place) for place in (_REGION, _FAMILY))
    told = {one.key for group in (regions, families) for found in group.values() for one in found}
    return _LostPaths(regions, families, [one for one in paths if one.value <= 0 and one.key not in told])


def _find_whole_lost(paths: list[KnownValue], place: int) -> dict[str, list[KnownValue]]:
    """The dead paths by the regions, or by the families, that are dead as a whole while others are not."""
    by_name: dict[str, list[KnownValue]] = {}
    for one in paths:
        by_name.setdefault(one.key[1][place][1], []).append(one)
    lost = {name: found for name, found in by_name.items() if all(one.value <= 0 for one in found)}
    return lost if len(lost) < len(by_name) else {}


def _list_paths(known: KnownValues, metric: Metric, school: str, line: str) -> Iterator[KnownValue]:
    for region in known.regions:
        for family in FAMILY.values:
            found = known.find(metric, school, line, region, family)
            if found is not None:
                yield found


def _read_count(known: KnownValues, metric: Metric, school: str) -> StandingFact | None:
    found = known.find_standing(metric, school)
    return None if found is None else _as_fact(known, found)


def _as_fact(known: KnownValues, found: KnownValue) -> StandingFact:
    return StandingFact(int(found.value), found.since, found.heard, not found.is_fresh(known.clock()))
