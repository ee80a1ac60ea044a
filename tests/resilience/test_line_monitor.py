"""The line monitor over rounds that a test makes up: what it says, sends and wants to be measured."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

import pytest

from controller.measure.assessment.assess import LineState
from controller.measure.assessment.metrics_export import AssessmentMetrics
from controller.measure.latest_measurements import LatestMeasurements
from controller.measure.measurement import LinePath
from controller.measure.measurement_round import ProbeSite
from controller.measure.measurement_store import open_measurement_store
from controller.measure.probes.icmp_prober import EchoRound, IcmpProber
from controller.measure.probes.probe_path import NamespaceHost, ProbePath
from controller.model.city import City
from controller.model.network.packets import Family
from controller.model.sites.contracted_lines import AccessLineName
from controller.resilience.egress_tracker import EgressTracker
from controller.resilience.line_monitor import LineMonitor
from controller.telemetry.otlp import Telemetry
from controller.telemetry.registry import (
    LINE_FLAPPING,
    LINE_LOSS,
    LINE_SLOW,
    LINE_UP,
    METRICS,
    PATH_ECHOES,
    PATH_UP,
    EventKind,
    Metric,
)
from tests.measure.findings import path

SCHOOL = "kw-e01"
LINES: tuple[AccessLineName, ...] = ("primary", "backup")
PATHS = [path(SCHOOL, line, region, family) for line, region, family in product(LINES, ("tokyo", "osaka"), Family)]
HERE = NamespaceHost("nowhere")


class MadeUp(IcmpProber):
    """A prober whose next round is what the test says."""

    def __init__(self) -> None:
        super().__init__([ProbePath(one, HERE, "wan0", "s", "t") for one in PATHS])
        self.next = EchoRound({})
        self.forgotten: list[tuple[str, str]] = []

    def probe_all(self, within: float) -> EchoRound:
        assert within > 0
        return self.next

    def forget_line(self, school: str, line: str) -> None:
        self.forgotten.append((school, line))


@dataclass
class Watched:
    """A monitor of one school, whose clock goes on by a second a round."""

    monitor: LineMonitor
    prober: MadeUp
    clock: list[float]
    told: list[tuple[EventKind, str, Mapping[str, str]]]
    wanted: list[str]
    values: dict[tuple[Metric, tuple[str, ...]], float] = field(default_factory=dict)

    def round(self, dead: object = None, *, late: float | None = None, lost: int = 0) -> None:
        """A round in which the paths for which `dead` holds give no answer; with `late`, all answer only so late."""
        assert dead is None or callable(dead)
        answers = {one: None if late or (dead is not None and dead(one)) else 5.0 for one in PATHS}
        lates = {one: [late] for one in PATHS} if late else {}
        losses = {one: lost for one, took in answers.items() if took is None and lost}
        self.prober.next = EchoRound(answers, lates, losses)
        self.clock[0] += 1
        self.monitor.run_round()

    def kinds(self) -> list[EventKind]:
        return [kind for kind, _, _ in self.told]

    def value(self, metric: Metric, *at: str) -> float | None:
        return self.values.get((metric, (SCHOOL, *at)))


@pytest.fixture
def watched(city: City, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Watched:
    clock, told, wanted = [1000.0], list[tuple[EventKind, str, Mapping[str, str]]](), list[str]()
    values: dict[tuple[Metric, tuple[str, ...]], float] = {}

    def writer(metric: Metric) -> Callable[[float, Mapping[str, str]], None]:
        return lambda value, at: values.update({(metric, tuple(at.values())): value})

    sent = Telemetry({metric: writer(metric) for metric in METRICS.values()}, None, None)
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    with open_measurement_store(tmp_path / "m.sqlite") as store:
        latest = LatestMeasurements(store)
    prober = MadeUp()
    monitor = LineMonitor(
        city,
        [ProbeSite(city.school_by_id[SCHOOL], HERE)],
        latest,
        sent,
        AssessmentMetrics(sent, after=0),
        prober,
        EgressTracker([], city.lines, "192.0.2.1"),
        lambda site: wanted.append(site.school.id),
        lambda kind, text, about: told.append((kind, text, about)),
    )
    return Watched(monitor, prober, clock, told, wanted, values)


def on_primary(one: LinePath) -> bool:
    return one.line == "primary"


def test_a_line_is_down_and_up_and_then_measured(watched: Watched) -> None:
    watched.round()
    for _ in range(3):
        watched.round(on_primary)
    assert watched.kinds() == [EventKind.LINE_DOWN], "nothing is said of the families of a dead line"
    assert watched.value(LINE_UP, "primary") == 0
    assert watched.value(PATH_UP, "primary", "tokyo", "ipv4") == 0
    assert watched.value(LINE_LOSS, "primary", "tokyo", "ipv4") == 1.0
    assert watched.wanted == []
    watched.round()
    assert watched.kinds() == [EventKind.LINE_DOWN, EventKind.LINE_UP]
    assert (watched.value(LINE_UP, "primary"), watched.wanted) == (1, [SCHOOL])


def test_late_answers_make_a_line_slow_and_not_dead(watched: Watched) -> None:
    watched.round()
    for _ in range(4):
        watched.round(late=900.0)
    assert watched.kinds() == [EventKind.LINE_SLOW] * 2
    assert watched.told[0][1] == "the primary line is slow: it answers, and no round trip takes less than 500 ms"
    assert [watched.value(metric, "primary") for metric in (LINE_UP, LINE_SLOW, LINE_FLAPPING)] == [1, 1, 0]
    assert watched.monitor.states_of(SCHOOL) == dict.fromkeys(LINES, LineState.SLOW)
    assert watched.value(LINE_LOSS, "primary", "tokyo", "ipv4") == 0.0


def test_a_dead_family_of_a_line_is_told_once(watched: Watched) -> None:
    watched.round()
    for _ in range(4):
        watched.round(lambda one: on_primary(one) and one.family is Family.V6)
    [(kind, text, about)] = watched.told
    assert (kind, text) == (EventKind.PATH_DOWN, "IPv6 does not answer over the primary line, which answers otherwise")
    assert about == {"school": SCHOOL, "line": "primary", "family": "ipv6"}
    assert [watched.value(PATH_UP, "primary", "osaka", family) for family in ("ipv4", "ipv6")] == [1, 0]
    assert watched.value(LINE_UP, "primary") == 1
    assert watched.monitor.is_family_silent(SCHOOL, "primary", Family.V6)
    assert not watched.monitor.is_family_silent(SCHOOL, "primary", Family.V4)
    watched.round()
    assert watched.kinds() == [EventKind.PATH_DOWN, EventKind.PATH_UP]


def test_a_dead_region_of_one_line_is_told_with_the_line(watched: Watched) -> None:
    watched.round()
    for _ in range(3):
        watched.round(lambda one: on_primary(one) and one.region == "osaka")
    [(kind, text, about)] = watched.told
    assert (kind, about) == (EventKind.PATH_DOWN, {"school": SCHOOL, "line": "primary", "region": "osaka"})
    assert text == "osaka does not answer over the primary line, which answers otherwise"


def test_a_region_that_no_school_hears_is_told_and_no_line_blamed(watched: Watched) -> None:
    watched.round()
    for _ in range(3):
        watched.round(lambda one: one.region == "tokyo")
    assert watched.kinds() == [EventKind.REGION_DOWN]


@pytest.mark.parametrize("silent", [1, 2])
def test_a_flapping_line_is_one_event_and_is_not_measured(watched: Watched, silent: int) -> None:
    """With one silent round of two, half of the echoes were lost, and nothing was told at all."""
    watched.round()
    for second in range(120):
        watched.round(on_primary if second % (2 * silent) < silent else None)
    flapping = watched.kinds().index(EventKind.LINE_FLAPPING)
    assert watched.kinds().count(EventKind.LINE_FLAPPING) == 1
    assert flapping <= 5
    assert watched.kinds()[flapping:] == [EventKind.LINE_FLAPPING]
    assert "6 changes in" in watched.told[flapping][1]
    assert [watched.value(metric, "primary") for metric in (LINE_UP, LINE_FLAPPING)] == [1, 1]
    before = len(watched.wanted)
    assert before <= 2, "no test of throughput while it flaps"
    for _ in range(40):
        watched.round()
    assert watched.kinds()[flapping:] == [EventKind.LINE_FLAPPING, EventKind.LINE_UP]
    assert "is steady again after" in watched.told[-1][1]
    assert (len(watched.wanted), watched.value(LINE_FLAPPING, "primary")) == (before + 1, 0)


def test_loss_is_counted_over_enough_echoes_to_say_one_percent(watched: Watched) -> None:
    for second in range(700):
        watched.round((lambda one: one == PATHS[0]) if second % 50 == 0 else None, lost=1)
    at = ("primary", "tokyo", "ipv4")
    assert watched.value(PATH_ECHOES, *at) == 600
    assert watched.value(LINE_LOSS, *at) == pytest.approx(0.02)
    [assessed] = watched.monitor.assess_schools()
    assert (assessed.loss.lost, assessed.loss.sent) == (12, 600)
    assert watched.kinds() == []


def test_what_fills_a_line_is_neither_its_loss_nor_its_latency(watched: Watched) -> None:
    watched.monitor.line_under_test = lambda: (SCHOOL, "primary")
    watched.round(on_primary, lost=1)
    assert watched.value(LINE_LOSS, "primary", "tokyo", "ipv4") is None
    assert watched.value(LINE_LOSS, "backup", "tokyo", "ipv4") == 0.0
    assert watched.prober.forgotten == [(SCHOOL, "primary")]
