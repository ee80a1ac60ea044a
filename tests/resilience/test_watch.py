"""The watch on two lines between namespaces of the tests' own, which are cut and mended while it looks."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import product
from pathlib import Path

import pytest

from controller.errors import TsunaguError
from controller.measure.assessment.assess import LineState
from controller.measure.assessment.metrics_export import AssessmentMetrics
from controller.measure.latest_measurements import LatestMeasurements
from controller.measure.measurement_round import MeasurementRound, ProbeSite, RoundScope
from controller.measure.measurement_store import MeasurementStore, open_measurement_store
from controller.measure.probes.icmp_prober import IcmpProber
from controller.measure.probes.probe_path import NamespaceHost
from controller.measure.probes.throughput_probe import ThroughputProbe
from controller.measure.schedule.timetable import IntervalTimetable
from controller.model.city import City
from controller.model.measurement import Assessment
from controller.model.network.packets import Family
from controller.model.policy_files import MEASUREMENT
from controller.resilience.background_measurement import BackgroundMeasurement
from controller.resilience.egress_tracker import EgressTracker, choose_far_destination
from controller.resilience.line_monitor import LineMonitor
from controller.resilience.line_parts import SchoolLine
from controller.telemetry.otlp import Telemetry
from controller.telemetry.registry import (
    BANDWIDTH_ASSESSMENT,
    BANDWIDTH_MEASURED,
    DNS_DURATION,
    HTTP_DURATION,
    LINE_LATENCY,
    LINE_LOSS,
    LINE_UP,
    METRICS,
    PROBE_LAST_SUCCESS,
    EventKind,
    Metric,
)
from tests.measure.two_lines import INTERFACES, LAB_LINES, PORT, SCHOOL, TwoLines, ip, two_lines

pytestmark = [pytest.mark.lab, pytest.mark.alone]
PROMISED = 5.0
"""Seconds within which the page shows a line that was cut; the watch is a part of it."""


@dataclass
class Recorded:
    """Takes what would be sent."""

    values: dict[tuple[Metric, tuple[str, ...]], list[float]] = field(default_factory=dict)
    events: list[tuple[EventKind, Mapping[str, str]]] = field(default_factory=list)

    def telemetry(self) -> Telemetry:
        def writer(metric: Metric) -> Callable[[float, Mapping[str, str]], None]:
            return lambda value, at: self.values.setdefault((metric, tuple(at.values())), []).append(value)

        return Telemetry({metric: writer(metric) for metric in METRICS.values()}, None, None)

    def say(self, kind: EventKind, text: str, about: Mapping[str, str]) -> None:
        assert text
        self.events.append((kind, about))

    def kinds(self) -> list[EventKind]:
        return [kind for kind, _ in self.events]

    def last(self, metric: Metric, *at: str) -> float | None:
        values = self.values.get((metric, at))
        return values[-1] if values else None


@pytest.fixture
def lines() -> Iterator[TwoLines]:
    with two_lines(100, 50) as made:
        yield made


@pytest.fixture
def store(tmp_path: Path) -> Iterator[MeasurementStore]:
    with open_measurement_store(tmp_path / "m.sqlite") as made:
        yield made


@pytest.fixture
def quick(city: City) -> City:
    policy = city.measurement
    method = policy.method.model_copy(update={"seconds": 1, "connect_within": 0.5, "echoes": 2, "answer_within": 0.4})
    intervals = policy.intervals.model_copy(update={"light": 0.5, "answers": 1.0})
    return city.replace_file(MEASUREMENT, policy.model_copy(update={"method": method, "intervals": intervals}))


def until(condition: Callable[[], bool], seconds: float) -> float:
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds
        time.sleep(0.02)
    return time.monotonic() - began


def test_a_cut_line_is_told_in_time_and_measured_anew_when_it_is_mended(
    quick: City, store: MeasurementStore, lines: TwoLines, tmp_path: Path
) -> None:
    recorded = Recorded()
    sent = recorded.telemetry()
    site = ProbeSite(quick.school_by_id[SCHOOL], NamespaceHost(lines.school))

    def new_round() -> MeasurementRound:
        probe = ThroughputProbe(quick.measurement.method, PORT, tmp_path / "locks")
        return MeasurementRound(quick, store, probe, f"run-{time.monotonic()}", lambda _: None)

    metrics = AssessmentMetrics(sent, after=0)
    latest = LatestMeasurements(store)
    timetable = IntervalTimetable(quick.measurement, [SCHOOL], latest, lambda: datetime.now(UTC), time.monotonic)
    slow = BackgroundMeasurement(quick, [site], latest, sent, metrics, new_round, timetable)
    pulse = IcmpProber(list(new_round().list_probe_paths(site, RoundScope())))
    exits = EgressTracker([site], quick.lines, choose_far_destination(quick))
    watch = LineMonitor(quick, [site], latest, sent, metrics, pulse, exits, slow.request_throughput, recorded.say)
    stop = threading.Event()
    threads = [threading.Thread(target=work, args=(stop,)) for work in (watch.run, slow.run)]
    for thread in threads:
        thread.start()
    try:
        until(lambda: recorded.last(BANDWIDTH_MEASURED, SCHOOL) is not None, 15.0)
        first = recorded.last(BANDWIDTH_MEASURED, SCHOOL)
        until(lambda: recorded.last(BANDWIDTH_ASSESSMENT, SCHOOL) == Assessment.BELOW.number, PROMISED)
        assert recorded.events == []
        until(lambda: recorded.last(LINE_LOSS, SCHOOL, "backup", "osaka", "ipv6") == 0.0, 15.0)
        with lines.cut("primary", lines.school):
            until(lambda: recorded.last(LINE_UP, SCHOOL, "primary") == 0.0, PROMISED)
            until(lambda: recorded.last(BANDWIDTH_ASSESSMENT, SCHOOL) == Assessment.NOT_MEASURED.number, PROMISED)
            until(lambda: EventKind.FAILOVER in recorded.kinds(), PROMISED)
            assert recorded.events == [
                (EventKind.LINE_DOWN, {"school": SCHOOL, "line": "primary"}),
                (EventKind.FAILOVER, {"school": SCHOOL, "line": "backup"}),
            ]
            (assessed,) = watch.assess_schools()
            assert (assessed.assessment, assessed.assessed_line.state) == (Assessment.NOT_MEASURED, LineState.DOWN)
            assert assessed.line("backup").state is LineState.UP
        until(lambda: EventKind.LINE_UP in recorded.kinds(), PROMISED)
        until(
            lambda: len(recorded.values[BANDWIDTH_MEASURED, (SCHOOL,)]) > 1 and assessment(watch) is Assessment.BELOW,
            15.0,
        )
        assert first is not None
        assert first == pytest.approx(100_000_000 * 1428 / 1514, rel=0.1)
        until(lambda: recorded.last(DNS_DURATION, SCHOOL, "primary", "ipv4") is not None, PROMISED)
        until(lambda: recorded.last(HTTP_DURATION, SCHOOL, "backup", "ipv6") is not None, PROMISED)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert slow.failure is None
    latency = recorded.last(LINE_LATENCY, SCHOOL, "backup", "tokyo", "ipv4")
    assert latency is not None
    assert 0 < latency < 0.4


def assessment(watch: LineMonitor) -> Assessment:
    return watch.assess_schools()[0].assessment


def test_a_lost_region_is_told_and_no_line_is_blamed(
    quick: City, store: MeasurementStore, lines: TwoLines, tmp_path: Path
) -> None:
    recorded = Recorded()
    site = ProbeSite(quick.school_by_id[SCHOOL], NamespaceHost(lines.school))
    probe = ThroughputProbe(quick.measurement.method, PORT, tmp_path / "locks")
    routes = list(MeasurementRound(quick, store, probe, "r", lambda _: None).list_probe_paths(site, RoundScope()))
    exits = EgressTracker([site], quick.lines, choose_far_destination(quick))
    sent = recorded.telemetry()
    metrics = AssessmentMetrics(sent, after=0)
    watch = LineMonitor(
        quick, [site], LatestMeasurements(store), sent, metrics, IcmpProber(routes), exits, lambda _: None, recorded.say
    )
    watch.run_round()
    with lines.without_tokyo("primary"), lines.without_tokyo("backup"):
        watch.run_round()
        watch.run_round()
        assert recorded.events == [(EventKind.REGION_DOWN, {"school": SCHOOL, "region": "tokyo"})]
        assert set(watch.lines.states.values()) == {LineState.UP}
    watch.run_round()
    assert recorded.kinds() == [EventKind.REGION_DOWN, EventKind.REGION_UP]
    watch.prober.close()


def test_an_echo_beside_a_test_of_throughput_is_no_latency_of_the_line(
    quick: City, store: MeasurementStore, lines: TwoLines, tmp_path: Path
) -> None:
    recorded = Recorded()
    site = ProbeSite(quick.school_by_id[SCHOOL], NamespaceHost(lines.school))
    probe = ThroughputProbe(quick.measurement.method, PORT, tmp_path / "locks")
    routes = list(MeasurementRound(quick, store, probe, "r", lambda _: None).list_probe_paths(site, RoundScope()))
    exits = EgressTracker([site], quick.lines, choose_far_destination(quick))
    sent = recorded.telemetry()
    metrics = AssessmentMetrics(sent, after=0)
    filled: list[SchoolLine | None] = [(SCHOOL, "primary")]
    watch = LineMonitor(
        *(
            quick,
            [site],
            LatestMeasurements(store),
            sent,
            metrics,
            IcmpProber(routes),
            exits,
            lambda _: None,
            recorded.say,
        ),
        line_under_test=lambda: filled[-1],
    )
    watch.run_round()
    assert recorded.last(PROBE_LAST_SUCCESS, SCHOOL) is not None
    assert recorded.last(LINE_LATENCY, SCHOOL, "backup", "tokyo", "ipv4") is not None
    assert recorded.last(LINE_LATENCY, SCHOOL, "primary", "tokyo", "ipv4") is None
    filled.append(None)
    watch.run_round()
    assert recorded.last(LINE_LATENCY, SCHOOL, "primary", "tokyo", "ipv4") is not None
    watch.prober.close()


def test_a_pulse_hears_every_route_and_only_its_own_answers(lines: TwoLines) -> None:
    routes = [lines.route(line, family) for line, family in product(LAB_LINES, Family)]
    pulses = [IcmpProber(routes), IcmpProber(routes)]
    for _ in range(3):
        found = [pulse.probe_all(1.0) for pulse in pulses]
        assert all(took is not None and 0 < took < 1000 for one in found for took in one.answers.values())
    with lines.cut("backup", lines.region):
        answers = pulses[0].probe_all(0.3)
        assert {path.line for path, took in answers.answers.items() if took is None} == {"backup"}
    until(lambda: all(took is not None for took in pulses[0].probe_all(0.3).answers.values()), 5.0)
    for pulse in pulses:
        pulse.close()


def test_a_place_that_is_gone_says_nothing_of_its_lines(
    quick: City, store: MeasurementStore, lines: TwoLines, tmp_path: Path
) -> None:
    recorded = Recorded()
    site = ProbeSite(quick.school_by_id[SCHOOL], NamespaceHost(lines.school))
    probe = ThroughputProbe(quick.measurement.method, PORT, tmp_path / "locks")
    routes = list(MeasurementRound(quick, store, probe, "r", lambda _: None).list_probe_paths(site, RoundScope()))
    exits = EgressTracker([site], quick.lines, choose_far_destination(quick))
    sent = recorded.telemetry()
    metrics = AssessmentMetrics(sent, after=0)
    watch = LineMonitor(
        quick, [site], LatestMeasurements(store), sent, metrics, IcmpProber(routes), exits, lambda _: None, recorded.say
    )
    watch.run_round()
    subprocess.run(["ip", "netns", "del", lines.school], check=True)
    gone = f"{SCHOOL}: this machine has no network namespace .*"
    try:
        for line in LAB_LINES:  # for good: with the last socket the wires are gone, too
            ip("-n", lines.region, "link", "set", INTERFACES[line], "down")
        watch.run_round()  # the sockets that are open live on in a city without a name
        with pytest.raises(TsunaguError, match=gone):
            watch.run_round()
        assert recorded.events == []
        assert set(watch.lines.states.values()) == {LineState.UP}
    finally:
        watch.prober.close()
        subprocess.run(["ip", "netns", "add", lines.school], check=True)
