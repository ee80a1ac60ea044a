"""A round of measurements: every wanted path of every school, light probes side by side, throughput one at a time."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from itertools import product

from controller.measure.lesson_hours import is_lesson_time
from controller.measure.measurement import (
    LATENCY_MS,
    LinePath,
    Measurement,
    MeasurementKind,
    ProbeOutcome,
    ProbeResult,
)
from controller.measure.measurement_store import MeasurementStore
from controller.measure.probes.dns_probe import DnsProbe
from controller.measure.probes.http_probe import HttpProbe
from controller.measure.probes.mtu_probe import MtuProbe
from controller.measure.probes.ping_probe import PingProbe
from controller.measure.probes.probe_path import ProbeHost, ProbePath
from controller.measure.probes.throughput_locks import LineBusy, hold_shared_lock
from controller.measure.probes.throughput_probe import PATIENCE_SECONDS, ThroughputProbe, name_line_lock
from controller.model.city import City
from controller.model.network.packets import Family
from controller.model.sites.contracted_lines import ACCESS_LINE_NAMES, AccessLineName
from controller.model.sites.schools import School
from controller.telemetry.traces.phases import Phase, keep_phase, trace_phase

_AT_ONCE = 8
OnMeasurement = Callable[[Measurement], None]
"""Hears of every measurement as soon as it is kept; in the thread that made it."""


@dataclass(frozen=True, slots=True)
class ProbeSite:
    """A school, and where its probes run."""

    school: School
    host: ProbeHost


@dataclass(frozen=True, slots=True)
class RoundScope:
    """What a round measures; `regions` None means all of them. `only_assessed`: no more than the assessment needs."""

    lines: tuple[AccessLineName, ...] = ACCESS_LINE_NAMES
    regions: tuple[str, ...] | None = None
    families: tuple[Family, ...] = tuple(Family)
    only_assessed: bool = False
    throughput: bool = True


@dataclass(frozen=True)
class MeasurementRound:
    """One round; all of its measurements carry the name `run`. `has_lessons`: pupils use these lines."""

    city: City
    store: MeasurementStore
    throughput: ThroughputProbe
    run: str
    on_measurement: OnMeasurement
    has_lessons: bool = False

    def measure(self, sites: Sequence[ProbeSite], wanted: RoundScope) -> list[Measurement]:
        """Measure; what cannot be measured is a measurement too, and says why.

        Raises:
            TsunaguError: a program or a place is missing, or the store cannot be written.
        """
        routes = [route for site in sites for route in self.list_probe_paths(site, wanted)]
        with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
            light = [one for some in pool.map(keep_phase(self._light), routes) for one in some]
        return [*light, *(self._heavy(routes, light, wanted) if wanted.throughput else ())]

    def list_probe_paths(self, site: ProbeSite, wanted: RoundScope) -> Iterator[ProbePath]:
        """Every wanted path of a school, with the addresses that the policy gives it."""
        lines = self.city.lines
        used = [family for family in wanted.families if family in self.city.families]
        for line, region, family in product(wanted.lines, lines.regions, used):
            if line in site.school.lines.by_name and (wanted.regions is None or region.id in wanted.regions):
                yield ProbePath(
                    path=LinePath(site.school.id, line, region.id, family),
                    host=site.host,
                    interface=lines.get_link(line).interface,
                    source=str(lines.school_address(site.school, line, family)),
                    target=str(lines.region_address(region, line, family)),
                )

    def _light(self, route: ProbePath) -> list[Measurement]:
        with _trace_path("measure line", route.path):
            return self._measure_light(route)

    def _measure_light(self, route: ProbePath) -> list[Measurement]:
        policy = self.city.measurement
        probes: dict[MeasurementKind, Callable[[ProbePath], ProbeResult]] = {
            MeasurementKind.ECHO: PingProbe(policy.method).measure,
            MeasurementKind.DNS: DnsProbe(policy.targets.dns, policy.method.answer_within).measure,
            MeasurementKind.HTTP: HttpProbe(policy.targets.proxy, policy.method.answer_within).measure,
        }
        try:
            with hold_shared_lock(self.throughput.locks, name_line_lock(route.path), PATIENCE_SECONDS):
                found = [self._keep(route, probe) for probe in probes.values()]
                # Where small packets do not pass, nothing is to be learnt of large ones.
                return [*found, *([self._keep(route, MtuProbe(policy.method).measure)] if found[0].measured else ())]
        except LineBusy as busy:
            return [self._keep(route, partial(_busy, str(busy), kind)) for kind in probes]

    def _heavy(
        self, routes: Iterable[ProbePath], light: Sequence[Measurement], wanted: RoundScope
    ) -> Iterator[Measurement]:
        answering = {one.path for one in light if one.result.outcome in (ProbeOutcome.MEASURED, ProbeOutcome.REFUSED)}
        heard = {(path.school, path.line) for path in answering}
        gone: dict[tuple[str, AccessLineName], ProbeResult] = {}
        idle = {one.path: one.figure(LATENCY_MS) for one in light if one.result.kind is MeasurementKind.ECHO}
        kinds = (MeasurementKind.DOWNLOAD, MeasurementKind.UPLOAD)
        chosen = list(self._assessed(routes, answering)) if wanted.only_assessed else list(routes)
        for route, kind in product(chosen, kinds):
            line = (route.path.school, route.path.line)
            # A line that answered no echo may only be without ICMP: it is tried once, and then believed to be dead.
            if line in gone:
                yield self._keep(route, partial(_dead, gone[line], kind))
                continue
            with _trace_path("measure throughput", route.path) as phase:
                one = self._keep(route, partial(self.throughput.measure, kind=kind, idle_ms=idle.get(route.path)))
                phase.add_attributes(kind=str(kind), outcome=str(one.result.outcome))
            if line not in heard and one.result.outcome is ProbeOutcome.NO_ANSWER:
                gone[line] = one.result
            yield one

    def _assessed(self, routes: Iterable[ProbePath], answering: set[LinePath]) -> Iterator[ProbePath]:
        """The routes that decide a school's assessment: its assessed line to the first region that answers."""
        judged = self.city.measurement.judged
        mine: dict[str, list[ProbePath]] = {}
        for route in routes:
            if route.path.line == judged.line and route.path.region in judged.regions:
                mine.setdefault(route.path.school, []).append(route)
        for of_school in mine.values():
            alive = [route for route in of_school if route.path in answering] or of_school
            region = min((route.path.region for route in alive), key=judged.regions.index)
            yield from (route for route in alive if route.path.region == region)

    def _keep(self, route: ProbePath, probe: Callable[[ProbePath], ProbeResult]) -> Measurement:
        asked = datetime.now(UTC)
        found = probe(route)
        at, found = found.began or asked, replace(found, began=None)
        busy = self.has_lessons and is_lesson_time(at, self.city, self.city.school_by_id[route.path.school])
        kept = self.store.add_measurement(self.run, at, route.path, found, in_lessons=busy)
        self.on_measurement(kept)
        return kept


def _trace_path(name: str, path: LinePath) -> AbstractContextManager[Phase]:
    family = f"ipv{int(path.family)}"
    return trace_phase(name, school=path.school, line=path.line, region=path.region, family=family)


def _busy(reason: str, kind: MeasurementKind, route: ProbePath) -> ProbeResult:
    return ProbeResult(kind, ProbeOutcome.FAILED, route.target, "not tried", reason=reason)


def _dead(first: ProbeResult, kind: MeasurementKind, route: ProbePath) -> ProbeResult:
    return replace(first, kind=kind, target=route.target, reason=f"not tried, because the line is dead: {first.reason}")


def make_run_name(at: datetime) -> str:
    """A name for a round: when it began, and something that no other round of that second has."""
    return f"{at.astimezone(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
