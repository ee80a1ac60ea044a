"""From measurements to a assessment on a school: pure functions, no probe and no store.

A line that carries little is `below`; a line that carries nothing is not measured, and is down: the two are never taken
for each other. Nothing here is rounded; people's figures are rounded where they are shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from math import inf
from types import MappingProxyType

from controller.measure.measurement import (
    ECHOES,
    LATENCY_MS,
    LOSS_RATIO,
    MBPS,
    OTHERS_MBPS,
    VANISHED_BYTES,
    LinePath,
    Measurement,
    MeasurementKind,
    ProbeOutcome,
)
from controller.measure.probes.loss_interval import NOTHING_SENT, LossCount
from controller.measure.probes.throughput_limit import ThroughputLimit, find_throughput_limit, sum_retransmissions
from controller.model.measurement import Assessment, MeasurementFile, Method, Recommendation
from controller.model.network.packets import Family
from controller.model.sites.contracted_lines import AccessLineName
from controller.model.sites.schools import School

CARRIED = 1428 / 1514
"""What TCP over IPv6 carries of a line's rate: a full segment of a full Ethernet frame. IPv4 carries a little more."""
_THROUGHPUT = (MeasurementKind.DOWNLOAD, MeasurementKind.UPLOAD)


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
    less (equipment, settings, congestion, the carrier: to be looked for part by part). `loss` and `latency`: TCP was
    held back by them, so what the line could carry is not known. `path-mtu`: small packets pass and large ones vanish.
    `no-data`: not a byte of a test came through. `busy`: others' traffic filled it. `upload`: that is below its share.
    """

    CONTRACT = "contract"
    LINE = "line"
    LOSS = "loss"
    LATENCY = "latency"
    PATH_MTU = "path-mtu"
    NO_DATA = "no-data"
    BUSY = "busy"
    UPLOAD = "upload"


class UnassessedReason(StrEnum):
    """Why nothing good can be said of a line although something of it was measured.

    Both families are meant by a school that meets its recommendation: one that was asked for and has no figure leaves
    the line not measured, whatever the other one carries.
    """

    IPV4_NO_ANSWER = "ipv4-no-answer"
    IPV6_NO_ANSWER = "ipv6-no-answer"
    IPV4_NO_FIGURE = "ipv4-no-figure"
    IPV6_NO_FIGURE = "ipv6-no-figure"
    UPLOAD_NO_ANSWER = "upload-no-answer"
    LINE_FLAPPING = "line-flapping"


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
    reasons: tuple[UnassessedReason, ...]
    upload: Bandwidth | None
    upload_assessment: Assessment
    downloads: tuple[Bandwidth, ...]
    uploads: tuple[Bandwidth, ...]
    others: tuple[Measurement, ...]
    failures: tuple[Measurement, ...]

    @property
    def bandwidths(self) -> tuple[Bandwidth, ...]:
        """Every throughput of the line."""
        return (*self.downloads, *self.uploads)

    @property
    def loss(self) -> LossCount:
        """The echoes of the path that lost most."""
        counts = [
            LossCount(round((one.figure(LOSS_RATIO) or 0.0) * echoes), round(echoes))
            for one in self.others
            if one.result.kind is MeasurementKind.ECHO and (echoes := one.figure(ECHOES))
        ]
        return max(counts, key=lambda one: (one.ratio, one.sent), default=NOTHING_SENT)

    def find_other(self, kind: MeasurementKind, path: LinePath) -> Measurement | None:
        """The measurement of a kind on a path, where there is one with figures."""
        return next((one for one in self.others if one.result.kind is kind and one.path == path), None)

    def list_figures(self, kind: MeasurementKind, name: str) -> list[float]:
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
    limit: ThroughputLimit | None = None
    loss: LossCount = NOTHING_SENT

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
    losses: Mapping[LinePath, LossCount] = MappingProxyType({}),
) -> SchoolAssessment:
    """The assessment of a school from the latest measurement of each kind on each path of its lines.

    `states` and `losses` are what somebody knows who looks more often than throughput is measured.

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
    >>> silent = measurement(path("kw-s01", family=Family.V6), echo(1.0))
    >>> half = assess_school(school, [*found, silent], city.measurement)  # both families are meant
    >>> str(half.assessment), *map(str, half.assessed_line.reasons)
    ('not-measured', 'ipv6-no-answer')
    """
    mine = [one for one in latest if one.path.school == school.id]
    recommended = policy.recommended.recommend_bandwidth(school.pupils)
    lines = tuple(
        _assess_line(name, [one for one in mine if one.path.line == name], recommended, policy, states.get(name))
        for name in school.lines.by_name
    )
    # A school without the line that is judged is judged by its primary one.
    decisive = next((line for line in lines if line.line == policy.judged.line), lines[0])
    limit = _find_limit(decisive, policy)
    loss = _count_loss(decisive, limit, losses)
    found = set(_causes(school, decisive, recommended, policy, limit))
    if decisive.assessment is Assessment.BELOW and _is_lossy(loss, limit, policy):
        found.add(ShortfallCause.LOSS)
    return SchoolAssessment(
        school, recommended, decisive, lines, tuple(cause for cause in ShortfallCause if cause in found), limit, loss
    )


def determine_line_state(measurements: Iterable[Measurement], slow_ms: float = inf) -> LineState:
    """Up if anything was heard over it; down only if everybody was asked for an echo and nobody answered.

    Slow if all the echoes that were answered took longer than so many milliseconds.

    >>> answered, lost = measurement(path("kw-s01"), echo()), measurement(path("kw-s01"), echo(1.0))
    >>> [str(determine_line_state(found)) for found in ([answered, lost], [lost], [])]
    ['up', 'down', 'unknown']
    >>> str(determine_line_state([answered], slow_ms=2.0))
    'slow'
    """
    found = [one.result for one in measurements]
    if any(one.outcome in (ProbeOutcome.MEASURED, ProbeOutcome.REFUSED) for one in found):
        times = [one.figures[LATENCY_MS] for one in found if LATENCY_MS in one.figures]
        return LineState.SLOW if times and min(times) > slow_ms else LineState.UP
    echoes = [one for one in found if one.kind is MeasurementKind.ECHO and one.outcome is ProbeOutcome.NO_ANSWER]
    return LineState.DOWN if echoes else LineState.UNKNOWN


def _assess_line(
    name: AccessLineName,
    mine: Sequence[Measurement],
    recommended: Recommendation,
    policy: MeasurementFile,
    known: LineState | None,
) -> LineAssessment:
    state = known or determine_line_state(_newest_run(mine), policy.slow_from)
    # What a line carried before it went down is no figure of the line as it is.
    carried = () if state is LineState.DOWN else mine
    tested = _newest_run([one for one in carried if one.result.kind is MeasurementKind.DOWNLOAD])
    slowest = _decisive(_bandwidths(tested, MeasurementKind.DOWNLOAD), policy.judged.regions)
    assessment = assess_bandwidth(slowest.mbps if slowest else None, recommended.mbps, policy.method)
    reasons = tuple(_find_reasons(carried, tested, slowest, state))
    if reasons and assessment is not Assessment.BELOW:  # what was measured is below already, whatever the rest is
        slowest, assessment = None, Assessment.NOT_MEASURED
    sent = _newest_run([one for one in carried if one.result.kind is MeasurementKind.UPLOAD])
    upload = _decisive(_bandwidths(sent, MeasurementKind.UPLOAD), policy.judged.regions)
    wanted = recommended.mbps * policy.upload_percent / 100
    upload_assessment = assess_bandwidth(upload.mbps if upload else None, wanted, policy.method)
    # Both families are meant here, too: what one of them sent says nothing of the other.
    is_half = upload and any(one.path.region == upload.measurement.path.region and not one.measured for one in sent)
    if is_half and upload_assessment is not Assessment.BELOW:
        upload, upload_assessment = None, Assessment.NOT_MEASURED
    return LineAssessment(
        line=name,
        state=state,
        assessment=assessment,
        assessed_bandwidth=slowest,
        reasons=reasons,
        upload=upload,
        upload_assessment=upload_assessment,
        downloads=_bandwidths(carried, MeasurementKind.DOWNLOAD),
        uploads=_bandwidths(carried, MeasurementKind.UPLOAD),
        others=tuple(one for one in carried if one.measured and one.result.kind not in _THROUGHPUT),
        failures=tuple(one for one in mine if not one.measured),
    )


def _newest_run(mine: Sequence[Measurement]) -> list[Measurement]:
    """Only the newest run says whether a line is up, and what it carries: one before it may be of another day."""
    newest = max(mine, key=lambda one: one.id, default=None)
    return [one for one in mine if newest is not None and one.run == newest.run]


def _bandwidths(mine: Iterable[Measurement], kind: MeasurementKind) -> tuple[Bandwidth, ...]:
    return tuple(Bandwidth(one.result.figures[MBPS], one) for one in mine if one.result.kind is kind and one.measured)


def _decisive(downloads: Sequence[Bandwidth], regions: Sequence[str]) -> Bandwidth | None:
    """Of the newest run that tested the line: the first region that it measured, there the slower family.

    Where that run measured none, nothing decides: an older figure, of another region even, is not the line as it is.
    """
    for region in regions:
        there = [one for one in downloads if one.measurement.path.region == region]
        if there:
            return min(there, key=lambda one: one.mbps)
    return None


def _find_reasons(
    carried: Sequence[Measurement], tested: Sequence[Measurement], slowest: Bandwidth | None, state: LineState
) -> Iterable[UnassessedReason]:
    """What was asked for beside the figure that decides, and has none: judged is what was asked, not what answered."""
    if state is LineState.FLAPPING:
        yield UnassessedReason.LINE_FLAPPING
    if slowest is None:
        return
    region, began = slowest.measurement.path.region, min(one.id for one in tested)
    run = slowest.measurement.run
    asked = [one for one in carried if one.path.region == region and (one.id >= began or one.run == run)]
    for family in Family:
        mine = [one for one in asked if one.path.family is family]
        downloads = [one for one in mine if one.run == run and one.result.kind is MeasurementKind.DOWNLOAD]
        # A family that was measured, and answers no more since then, is as silent.
        measured = max((one.id for one in downloads if one.measured), default=0)
        silent_since = [one for one in mine if _is_silent(one, MeasurementKind.ECHO) and one.id > measured]
        if not mine or (measured and not silent_since):
            continue
        silent = silent_since or any(one.result.outcome is ProbeOutcome.NO_ANSWER for one in downloads or mine)
        yield UnassessedReason(f"ipv{int(family)}-{'no-answer' if silent else 'no-figure'}")
    if any(_is_silent(one, MeasurementKind.UPLOAD) for one in asked if one.run == run):
        yield UnassessedReason.UPLOAD_NO_ANSWER  # it answered when the download was tested, and no more


def _is_silent(one: Measurement, kind: MeasurementKind) -> bool:
    return one.result.kind is kind and one.result.outcome is ProbeOutcome.NO_ANSWER


def _find_limit(line: LineAssessment, policy: MeasurementFile) -> ThroughputLimit | None:
    found = line.assessed_bandwidth
    return find_throughput_limit(found.measurement.result.figures, policy.method.seconds) if found else None


def _count_loss(line: LineAssessment, limit: ThroughputLimit | None, losses: Mapping[LinePath, LossCount]) -> LossCount:
    """The loss that is shown: TCP's own where that held the test back, or the worst path's of the most echoes."""
    if limit is ThroughputLimit.LOSS and line.assessed_bandwidth is not None:
        return sum_retransmissions(line.assessed_bandwidth.measurement.result.figures)
    seen = [loss for path, loss in losses.items() if path.line == line.line]
    return max(seen, key=lambda one: (one.ratio, one.sent), default=line.loss)


def _is_lossy(loss: LossCount, limit: ThroughputLimit | None, policy: MeasurementFile) -> bool:
    is_limit = limit is ThroughputLimit.LOSS
    return is_limit or loss.decide_loss(policy.loss_is_a_cause_from / 100, policy.loss_needs) is True


def _causes(
    school: School,
    line: LineAssessment,
    recommended: Recommendation,
    policy: MeasurementFile,
    limit: ThroughputLimit | None,
) -> Iterable[ShortfallCause]:
    found = line.assessed_bandwidth
    if _is_upload_worse(line, found, policy.method):
        yield ShortfallCause.UPLOAD
    if line.assessment is not Assessment.BELOW or found is None:
        return
    contract = school.lines.by_name[line.line]
    if contract.mbps < recommended.mbps:
        yield ShortfallCause.CONTRACT
    if line.state is LineState.SLOW:
        yield ShortfallCause.LATENCY
    promised = min(contract.mbps * CARRIED, recommended.mbps)
    if assess_bandwidth(found.mbps, promised, policy.method) is Assessment.BELOW:
        carried = found.mbps + (found.measurement.figure(OTHERS_MBPS) or 0.0)
        full = assess_bandwidth(carried, promised, policy.method) is not Assessment.BELOW
        yield ShortfallCause.BUSY if full else _explain_shortfall(line, found, limit)


def _is_upload_worse(line: LineAssessment, found: Bandwidth | None, method: Method) -> bool:
    """Whether the upload is below its share, and not only because the whole line is."""
    if line.upload is None or line.upload_assessment is not Assessment.BELOW:
        return False
    if line.assessment is not Assessment.BELOW or found is None:
        return True
    return line.upload.mbps < found.mbps * (1 - 3 * method.relative_error(found.mbps))


def _explain_shortfall(line: LineAssessment, found: Bandwidth, limit: ThroughputLimit | None) -> ShortfallCause:
    """Why a line with a large enough contract carried less in a test."""
    probed = line.find_other(MeasurementKind.PATH_MTU, found.measurement.path)
    if probed is not None and probed.figure(VANISHED_BYTES) is not None:
        return ShortfallCause.PATH_MTU
    if found.mbps == 0:
        return ShortfallCause.NO_DATA
    return {None: ShortfallCause.LINE, ThroughputLimit.LOSS: ShortfallCause.LOSS}.get(limit, ShortfallCause.LATENCY)
