"""A round of measurements: every wanted path of every school, light probes side by side, throughput one at a time."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from itertools import product

from controller.measure.lessons import in_lessons
from controller.measure.measurement import Found, Kind, LinePath, Measurement, Outcome
from controller.measure.probes.answers import NameLookup, PageFetch
from controller.measure.probes.ping import Echoes
from controller.measure.probes.probe_targets import Place, Route
from controller.measure.probes.throughput import PATIENCE_SECONDS, Throughput, line_lock
from controller.measure.probes.throughput_locks import LineBusy, sharing
from controller.measure.store import Store
from controller.model.access.rules import Hours
from controller.model.city import City
from controller.model.network.packets import Family
from controller.model.sites.access_lines import LINE_NAMES, LineName
from controller.model.sites.schools import School

_AT_ONCE = 8
Told = Callable[[Measurement], None]
"""Hears of every measurement as soon as it is kept; in the thread that made it."""


@dataclass(frozen=True, slots=True)
class Site:
    """A school, and where its probes run."""

    school: School
    place: Place


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a round measures; `regions` None means all of them. `only_judged`: no more than the verdict needs."""

    lines: tuple[LineName, ...] = LINE_NAMES
    regions: tuple[str, ...] | None = None
    families: tuple[Family, ...] = tuple(Family)
    only_judged: bool = False
    throughput: bool = True


@dataclass(frozen=True)
class Round:
    """One round; all of its measurements carry the name `run`. `lessons` is when pupils use the lines, if any do."""

    city: City
    store: Store
    throughput: Throughput
    run: str
    told: Told
    lessons: Hours | None = None

    def measure(self, sites: Sequence[Site], wanted: Wanted) -> list[Measurement]:
        """Measure; what cannot be measured is a measurement too, and says why.

        Raises:
            TsunaguError: a program or a place is missing, or the store cannot be written.
        """
        routes = [route for site in sites for route in self.routes(site, wanted)]
        with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
            light = [one for some in pool.map(self._light, routes) for one in some]
        return [*light, *(self._heavy(routes, light, wanted) if wanted.throughput else ())]

    def routes(self, site: Site, wanted: Wanted) -> Iterator[Route]:
        """Every wanted path of a school, with the addresses that the policy gives it."""
        lines = self.city.lines
        for line, region, family in product(wanted.lines, lines.regions, wanted.families):
            if wanted.regions is None or region.id in wanted.regions:
                yield Route(
                    path=LinePath(site.school.id, line, region.id, family),
                    place=site.place,
                    interface=lines.link(line).interface,
                    source=str(lines.school_address(site.school, line, family)),
                    address=str(lines.region_address(region, line, family)),
                )

    def _light(self, route: Route) -> list[Measurement]:
        policy = self.city.measurement
        probes: dict[Kind, Callable[[Route], Found]] = {
            Kind.ECHO: Echoes(policy.method).measure,
            Kind.DNS: NameLookup(policy.targets.dns, policy.method.answer_within).measure,
            Kind.PROXY: PageFetch(policy.targets.proxy, policy.method.answer_within).measure,
        }
        try:
            with sharing(self.throughput.locks, line_lock(route.path), PATIENCE_SECONDS):
                return [self._keep(route, probe) for probe in probes.values()]
        except LineBusy as busy:
            return [self._keep(route, partial(_busy, str(busy), kind)) for kind in probes]

    def _heavy(self, routes: Iterable[Route], light: Sequence[Measurement], wanted: Wanted) -> Iterator[Measurement]:
        answering = {one.path for one in light if one.found.outcome in (Outcome.MEASURED, Outcome.REFUSED)}
        heard = {(path.school, path.line) for path in answering}
        gone: dict[tuple[str, LineName], Found] = {}
        kinds = (Kind.DOWNLOAD,) if wanted.only_judged else (Kind.DOWNLOAD, Kind.UPLOAD)
        chosen = list(self._judged(routes, answering)) if wanted.only_judged else list(routes)
        for route, kind in product(chosen, kinds):
            line = (route.path.school, route.path.line)
            # A line that answered no echo may only be without ICMP: it is tried once, and then believed to be dead.
            if line in gone:
                yield self._keep(route, partial(_dead, gone[line], kind))
                continue
            one = self._keep(route, partial(self.throughput.measure, kind=kind))
            if line not in heard and one.found.outcome is Outcome.NO_ANSWER:
                gone[line] = one.found
            yield one

    def _judged(self, routes: Iterable[Route], answering: set[LinePath]) -> Iterator[Route]:
        """The routes that decide a school's verdict: its judged line to the first region that answers."""
        judged = self.city.measurement.judged
        mine: dict[str, list[Route]] = {}
        for route in routes:
            if route.path.line == judged.line and route.path.region in judged.regions:
                mine.setdefault(route.path.school, []).append(route)
        for of_school in mine.values():
            alive = [route for route in of_school if route.path in answering] or of_school
            region = min((route.path.region for route in alive), key=judged.regions.index)
            yield from (route for route in alive if route.path.region == region)

    def _keep(self, route: Route, probe: Callable[[Route], Found]) -> Measurement:
        asked = datetime.now(UTC)
        found = probe(route)
        at, found = found.began or asked, replace(found, began=None)
        busy = self.lessons is not None and in_lessons(at, self.lessons, self.city.timezone)
        kept = self.store.add(self.run, at, route.path, found, in_lessons=busy)
        self.told(kept)
        return kept


def _busy(reason: str, kind: Kind, route: Route) -> Found:
    return Found(kind, Outcome.FAILED, route.address, "not tried", reason=reason)


def _dead(first: Found, kind: Kind, route: Route) -> Found:
    return replace(
        first, kind=kind, target=route.address, reason=f"not tried, because the line is dead: {first.reason}"
    )


def new_run(at: datetime) -> str:
    """A name for a round: when it began, and something that no other round of that second has."""
    return f"{at.astimezone(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
