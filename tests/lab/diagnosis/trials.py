"""One trial: faults are put into the virtual city, a school is measured, and what the diagnosis says is compared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from random import Random
from types import MappingProxyType

from controller.lab.estate import list_probe_sites, make_throughput_probe
from controller.lab.faults import fault_injection
from controller.lab.faults.router_readings import ask_router
from controller.lab.state.lab_faults import FaultKind, LabFault
from controller.lab.state.layout import Layout
from controller.lab.state.processes import wait_until
from controller.measure.diagnosis.causes import Cause, Diagnosis, Fact
from controller.measure.diagnosis.gather_evidence import diagnose_round
from controller.measure.measurement import LATENCY_MS, LOSS_RATIO, Measurement, MeasurementKind
from controller.measure.measurement_round import MeasurementRound, ProbeSite, RoundScope, make_run_name
from controller.measure.measurement_store import MeasurementStore
from controller.measure.probes.ping_probe import PingProbe
from controller.measure.probes.probe_path import ProbePath
from controller.model.network.packets import Family
from controller.model.policy_files import MEASUREMENT
from controller.model.virtual_city import VirtualCity
from controller.plan.select import Selection

SCHOOL = "kw-s01"
"""Its line carries 400 Mbit/s, its contract is 200, its recommendation 323: it meets it while nothing is broken."""
REGION = "tokyo"
_SETTLED_SECONDS = 60.0
_FULL_SECONDS = 10.0
_ECHOES, _EVERY = 150, 0.01


@dataclass(frozen=True, slots=True)
class Injected:
    """A kind of fault: the cause that is right, and the strengths between which one is drawn."""

    cause: Cause
    least: float = 0.0
    most: float = 0.0


FAULTS: Mapping[FaultKind, Injected] = MappingProxyType({
    FaultKind.SLOW_LINE: Injected(Cause.LINE_SLOW, 10, 70),
    FaultKind.SLOW_DOWNLOAD: Injected(Cause.DOWNLOAD_SLOW, 10, 120),
    FaultKind.SLOW_UPLOAD: Injected(Cause.UPLOAD_SLOW, 2, 50),
    FaultKind.LOSSY_LINE: Injected(Cause.LINE_LOSS, 1, 10),
    FaultKind.LATE_LINE: Injected(Cause.LINE_DELAY, 30, 200),
    FaultKind.PATH_MTU: Injected(Cause.PATH_MTU, 1290, 1390),
    FaultKind.SLOW_DNS: Injected(Cause.DNS_SLOW, 200, 800),
    FaultKind.DEAD_DNS: Injected(Cause.DNS_DOWN),
    FaultKind.DEAD_TEST_SERVER: Injected(Cause.TEST_SERVER),
    FaultKind.FULL_NAT: Injected(Cause.NAT_FULL, 20, 400),
    FaultKind.SLOW_LAN_PORT: Injected(Cause.LAN_PORT_SLOW, 10, 300),
    FaultKind.PRIMARY: Injected(Cause.LINE_DOWN),
    FaultKind.BLACKHOLE: Injected(Cause.LINE_DOWN),
    FaultKind.REGION: Injected(Cause.REGION_DOWN),
})  # fmt: skip
"""A slow line is slower than the backup's 95 Mbit/s: else nothing clears the router, and it is not told apart."""


def make_random(seed: int) -> Random:
    """The chance of a run: the same seed breaks the same things as strongly."""
    return Random(seed)  # noqa: S311 no secret


def draw_fault(kind: FaultKind, random: Random) -> LabFault:
    """A fault of a kind, as strong as chance has it.

    >>> draw_fault(FaultKind.REGION, Random(1))
    LabFault(where='tokyo', kind=<FaultKind.REGION: 'region'>, strength=0.0)
    """
    known = FAULTS[kind]
    strength = round(random.uniform(known.least, known.most), 1)
    return LabFault(where=REGION if kind is FaultKind.REGION else SCHOOL, kind=kind, strength=strength)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the diagnosis said: the causes that it named, those that it did not tell apart, what it could not know."""

    named: tuple[str, ...]
    not_told_apart: tuple[tuple[str, ...], ...] = ()
    hidden: bool = False

    @property
    def shown(self) -> str:
        """The outcome as a column of the table."""
        if self.named:
            return " + ".join(self.named)
        return "not told apart" if self.not_told_apart else "nothing"


def summarize_diagnosis(diagnosis: Diagnosis) -> Outcome:
    """What a diagnosis says but that the contract is small, which is so with and without a fault."""
    findings = [one for one in diagnosis.findings if one.causes != (Cause.CONTRACT,)]
    return Outcome(
        named=tuple(sorted({str(one.named) for one in findings if one.named is not None})),
        not_told_apart=tuple(tuple(map(str, one.causes)) for one in findings if one.named is None),
        hidden=any(proof.fact is Fact.CAPACITY_UNKNOWN for one in findings for proof in one.proofs),
    )


_BOTH_WAYS = {str(Cause.DOWNLOAD_SLOW), str(Cause.UPLOAD_SLOW)}


def compare_outcome(causes: Iterable[str], outcome: Outcome) -> str:
    """`right`: all causes are named and nothing else is said. `partly`: some are. `not told apart`, else `wrong`.

    A line that is slow both ways is a slow line.
    """
    wanted, named = set(causes), set(outcome.named)
    if wanted >= _BOTH_WAYS and Cause.LINE_SLOW in named:
        named = named - {str(Cause.LINE_SLOW)} | _BOTH_WAYS
    if named - wanted:
        return "wrong"
    if named == wanted and not outcome.not_told_apart:
        return "right"
    if named:
        return "partly"
    return "not told apart" if any(wanted & set(one) for one in outcome.not_told_apart) else "wrong"


@dataclass(frozen=True)
class TrialBench:
    """The virtual city that trials are made in, and where their measurements are kept."""

    city: VirtualCity
    layout: Layout
    store: MeasurementStore

    @classmethod
    def prepare(cls, city: VirtualCity, layout: Layout, store: MeasurementStore) -> TrialBench:
        """A bench whose probes send more echoes, faster, and test throughput for one second."""
        method = city.measurement.method.model_copy(update={"echoes": _ECHOES, "echo_every": _EVERY, "seconds": 1})
        policy = city.measurement.model_copy(update={"method": method})
        return cls(city.replace_file(MEASUREMENT, policy), layout, store)

    @cached_property
    def site(self) -> ProbeSite:
        """The school of the trials."""
        (site,) = list_probe_sites(self.city, Selection(schools=(SCHOOL,)))
        return site

    def try_faults(self, faults: Sequence[LabFault]) -> Outcome:
        """Break, measure, repair, and wait until all is as it was.

        Raises:
            LabError: the virtual city could not be broken or repaired.
            TimeoutError: a path is dead after the repair.
        """
        with ExitStack() as repairs:
            for fault in faults:
                repairs.callback(fault_injection.repair_fault, fault)
                fault_injection.inject_fault(fault)
            if any(fault.kind is FaultKind.FULL_NAT for fault in faults):
                wait_until(self._is_table_full, _FULL_SECONDS)
            router = ask_router(self.layout.school(SCHOOL))
            found = self._measure()
        self.settle()
        (diagnosis,) = diagnose_round([self.site.school], found, self.city.measurement, {SCHOOL: router})
        return summarize_diagnosis(diagnosis)

    def settle(self) -> None:
        """Wait until every path answers every echo.

        Raises:
            TimeoutError: one does not, so that later trials would be of a city that is broken.
        """
        probe = PingProbe(self.city.measurement.method.model_copy(update={"echoes": 2, "answer_within": 0.3}))

        def answers(route: ProbePath) -> bool:
            return probe.measure(route).figures.get(LOSS_RATIO) == 0.0

        for route in self._new_round().list_probe_paths(self.site, RoundScope()):
            if not wait_until(lambda route=route: answers(route), _SETTLED_SECONDS):  # type: ignore[misc]
                message = f"{route.path} does not answer after the repair"
                raise TimeoutError(message)

    def _is_table_full(self) -> bool:
        read = ask_router(self.layout.school(SCHOOL))
        return (read.translations or 0) >= (read.most_translations or 0)

    def _new_round(self) -> MeasurementRound:
        probe = make_throughput_probe(self.city)
        return MeasurementRound(self.city, self.store, probe, make_run_name(datetime.now(UTC)), lambda _: None)

    def _measure(self) -> list[Measurement]:
        """All light probes, and of throughput what tells the parts apart: both directions, and the other line."""
        one_round = self._new_round()
        light = one_round.measure([self.site], RoundScope(throughput=False))
        alive = {one.path for one in light if one.result.kind is MeasurementKind.ECHO and one.measured}
        routes = list(one_round.list_probe_paths(self.site, RoundScope(families=(Family.V4,))))
        tested: list[Measurement] = []
        for line, kinds in (
            ("primary", (MeasurementKind.DOWNLOAD, MeasurementKind.UPLOAD)),
            ("backup", (MeasurementKind.DOWNLOAD,)),
        ):
            for route in [one for one in routes if one.path.line == line and one.path in alive][:1]:
                idle = next(one.figure(LATENCY_MS) for one in light if _is_echo(one, route))
                tested += [self._test(one_round, route, kind, idle) for kind in kinds]
        return [*light, *tested]

    def _test(
        self, one_round: MeasurementRound, route: ProbePath, kind: MeasurementKind, idle_ms: float | None
    ) -> Measurement:
        found = one_round.throughput.measure(route, kind, idle_ms=idle_ms)
        began = found.began or datetime.now(UTC)
        return self.store.add_measurement(
            one_round.run, began, route.path, replace(found, began=None), in_lessons=False
        )


def _is_echo(one: Measurement, route: ProbePath) -> bool:
    return one.path == route.path and one.result.kind is MeasurementKind.ECHO
