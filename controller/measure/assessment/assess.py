"""From measurements to a assessment on a school: pure functions, no probe and no store.

A line that carries little is `below`; a line that carries nothing is not measured, and is down: the two are never taken
for each other. Nothing here is rounded; people's figures are rounded where they are shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from controller.measure.measurement import LOSS_RATIO, MBPS, Measurement, MeasurementKind, ProbeOutcome
from controller.model.measurement import Assessment, MeasurementFile, Method, Recommendation
from controller.model.sites.contracted_lines import AccessLineName
from controller.model.sites.schools import School

CARRIED = 1428 / 1514
"""What TCP over IPv6 carries of a line's rate: a full segment of a full Ethernet frame. IPv4 carries a little more."""


class LineState(StrEnum):
    """Whether a line carries anything at all; `unknown` where nobody has looked.

    `slow`: it answers, and every round trip takes longer than the policy allows. `flapping`: it goes down and comes
    back again and again.
    """

    UP = "up"
    SLOW = "slow"
    FLAPPING = "flapping"
    DOWN = "down"
    UNKNOWN = "unknown"


class ShortfallCause(StrEnum):
    """Why a school is below its recommendation, as far as the measurements and the contract can say.

    `contract`: the line was ordered smaller than the recommendation. `line`: it was ordered large enough and carries
    less (equipment, settings, congestion, the carrier: to be looked for part by part). `loss`: it loses packets.
    """

    CONTRACT = "contract"
    LINE = "line"
    LOSS = "loss"


@dataclass(frozen=True, slots=True)
class Bandwidth:
    """A throughput in Mbit/s as measured, with the measurement that it comes from."""

    mbps: float
    measurement: Measurement


@dataclass(frozen=True, slots=True)
class LineAssessment:
    """A line of a school; `downloads` and `uploads` hold the latest of each region and family."""

    line: AccessLineName
    state: LineState
    assessment: Assessment
    assessed_bandwidth: Bandwidth | None
    downloads: tuple[Bandwidth, ...]
    uploads: tuple[Bandwidth, ...]
    others: tuple[Measurement, ...]
    failures: tuple[Measurement, ...]

    @property
    def bandwidths(self) -> tuple[Bandwidth, ...]:
        """Every throughput of the line."""
        return (*self.downloads, *self.uploads)

    def figures(self, kind: MeasurementKind, name: str) -> list[float]:
        """A figure of every measurement of a kind that has it."""
        found = (one.figure(name) for one in self.others if one.result.kind is kind)
        return [figure for figure in found if figure is not None]


@dataclass(frozen=True, slots=True)
class SchoolAssessment:
    """A school; `decisive` is the line that the policy assesses."""

    school: School
    recommended: Recommendation
    assessed_line: LineAssessment
    lines: tuple[LineAssessment, ...]
    causes: tuple[ShortfallCause, ...]

    @property
    def assessment(self) -> Assessment:
        """Whether the school has what is recommended."""
        return self.assessed_line.assessment

    @property
    def assessed_bandwidth(self) -> Bandwidth | None:
        """The figure that decided, where there is one."""
        return self.assessed_line.assessed_bandwidth

    @property
    def measured_at(self) -> datetime | None:
        """When the assessed figure was measured."""
        return self.assessed_bandwidth.measurement.at if self.assessed_bandwidth else None

    @property
    def contract_mbps(self) -> int:
        """What the contract of its primary line says."""
        return self.school.lines.primary.mbps

    def line(self, name: AccessLineName) -> LineAssessment:
        """One of its lines."""
        return next(line for line in self.lines if line.line == name)


def assess_bandwidth(mbps: float | None, recommended: float, method: Method) -> Assessment:
    """How a bandwidth compares with a recommendation, said only where the method's error cannot turn it around.

    >>> method = city.measurement.method  # up to 200 Mbit/s a figure may be wrong by 5%
    >>> [str(assess_bandwidth(mbps, 100, method)) for mbps in (None, 95.2, 100, 105.3)]
    ['not-measured', 'below', 'within-error', 'meets']
    """
    if mbps is None:
        return Assessment.NOT_MEASURED
    error = method.relative_error(mbps)
    if mbps * (1 - error) >= recommended:
        return Assessment.MEETS
    return Assessment.BELOW if mbps * (1 + error) < recommended else Assessment.WITHIN_ERROR


def assess_school(
    school: School,
    latest: Iterable[Measurement],
    policy: MeasurementFile,
    states: Mapping[AccessLineName, LineState] = MappingProxyType({}),
) -> SchoolAssessment:
    """The assessment of a school from the latest measurement of each kind on each path of its lines.

    `states` are lines' states that somebody knows who looks more often than throughput is measured.

    >>> school = city.school_by_id["kw-s01"]
    >>> found = [measurement(path("kw-s01"), throughput(400)), measurement(path("kw-s01", "backup"), throughput(90))]
    >>> one = assess_school(school, found, city.measurement)
    >>> one.recommended.mbps, one.assessed_bandwidth.mbps, str(one.assessment)
    (323.0, 400, 'meets')
    >>> str(assess_school(school, found[1:], city.measurement).assessment)  # its backup line says nothing of it
    'not-measured'
    >>> down = {"primary": LineState.DOWN}
    >>> str(assess_school(school, found, city.measurement, down).assessment)  # what it carried before is history
    'not-measured'
    """
    mine = [one for one in latest if one.path.school == school.id]
    recommended = policy.recommended.recommend_bandwidth(school.pupils)
    lines = tuple(
        _assess_line(name, [one for one in mine if one.path.line == name], recommended, policy, states.get(name))
        for name in school.lines.by_name
    )
    # A school without the line that is judged is judged by its primary one.
    decisive = next((line for line in lines if line.line == policy.judged.line), lines[0])
    causes = tuple(_causes(school, decisive, recommended, policy)) if decisive.assessment is Assessment.BELOW else ()
    return SchoolAssessment(school, recommended, decisive, lines, causes)


def determine_line_state(measurements: Iterable[Measurement]) -> LineState:
    """Up if anything was heard over it; down only if everybody was asked for an echo and nobody answered.

    >>> answered, lost = measurement(path("kw-s01"), echo()), measurement(path("kw-s01"), echo(1.0))
    >>> [str(determine_line_state(found)) for found in ([answered, lost], [lost], [])]
    ['up', 'down', 'unknown']
    """
    found = [one.result for one in measurements]
    if any(one.outcome in (ProbeOutcome.MEASURED, ProbeOutcome.REFUSED) for one in found):
        return LineState.UP
    echoes = [one for one in found if one.kind is MeasurementKind.ECHO and one.outcome is ProbeOutcome.NO_ANSWER]
    return LineState.DOWN if echoes else LineState.UNKNOWN


def _assess_line(
    name: AccessLineName,
    mine: Sequence[Measurement],
    recommended: Recommendation,
    policy: MeasurementFile,
    known: LineState | None,
) -> LineAssessment:
    state = known or determine_line_state(_newest_run(mine))
    # What a line carried before it went down is no figure of the line as it is.
    carried = () if state is LineState.DOWN else mine
    downloads = _bandwidths(carried, MeasurementKind.DOWNLOAD)
    tested = _newest_run([one for one in carried if one.result.kind is MeasurementKind.DOWNLOAD])
    assessed = _decisive(_bandwidths(tested, MeasurementKind.DOWNLOAD), policy.judged.regions)
    return LineAssessment(
        line=name,
        state=state,
        assessment=assess_bandwidth(assessed.mbps if assessed else None, recommended.mbps, policy.method),
        assessed_bandwidth=assessed,
        downloads=downloads,
        uploads=_bandwidths(carried, MeasurementKind.UPLOAD),
        others=tuple(
            one
            for one in carried
            if one.measured and one.result.kind not in (MeasurementKind.DOWNLOAD, MeasurementKind.UPLOAD)
        ),
        failures=tuple(one for one in mine if not one.measured),
    )


def _newest_run(mine: Sequence[Measurement]) -> list[Measurement]:
    """Only the newest run says whether a line is up, and what it carries: one before it may be of another day."""
    newest = max(mine, key=lambda one: one.id, default=None)
    return [one for one in mine if newest is not None and one.run == newest.run]


def _bandwidths(mine: Iterable[Measurement], kind: MeasurementKind) -> tuple[Bandwidth, ...]:
    return tuple(Bandwidth(one.result.figures[MBPS], one) for one in mine if one.result.kind is kind and one.measured)


def _decisive(downloads: Sequence[Bandwidth], regions: Sequence[str]) -> Bandwidth | None:
    """Of the newest run that tested the line's download: the first region that it measured, there the slower family.

    Where that run measured none, nothing decides: an older figure, of another region even, is not the line as it is.
    """
    for region in regions:
        there = [one for one in downloads if one.measurement.path.region == region]
        if there:
            return min(there, key=lambda one: one.mbps)
    return None


def _causes(
    school: School, line: LineAssessment, recommended: Recommendation, policy: MeasurementFile
) -> Iterable[ShortfallCause]:
    contract = school.lines.by_name[line.line]
    if contract.mbps < recommended.mbps:
        yield ShortfallCause.CONTRACT
    if line.assessed_bandwidth and assess_bandwidth(
        line.assessed_bandwidth.mbps, min(contract.mbps * CARRIED, recommended.mbps), policy.method
    ) is (Assessment.BELOW):
        yield ShortfallCause.LINE
    losses = [one.figure(LOSS_RATIO) or 0.0 for one in line.others if one.result.kind is MeasurementKind.ECHO]
    if losses and 100 * max(losses) >= policy.loss_is_a_cause_from:
        yield ShortfallCause.LOSS
