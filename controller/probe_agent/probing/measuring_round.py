"""One round over all paths, as results in the registry's names and units."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path

from controller.probe_agent.configuration import Configuration, ProbedPath
from controller.probe_agent.probing.echoes import Echoes, measure_echoes
from controller.probe_agent.probing.https_path_test import measure_path_by_https
from controller.probe_agent.probing.name_lookup import measure_lookup
from controller.probe_agent.probing.page_request import PageTimes, measure_page
from controller.probe_agent.probing.slot_outcome import SlotOutcome
from controller.probe_agent.probing.throughput import (
    DIRECTIONS,
    RateLimits,
    hold_throughput_lock,
    measure_throughput,
)
from controller.probe_agent.problems import tell
from controller.probe_agent.result_store import Result
from controller.probe_agent.throughput_protocol.sender_limits import ThroughputLimit
from controller.telemetry.registry import (
    DNS_DURATION,
    DNS_UP,
    HTTP_DURATION,
    HTTP_UP,
    LINE_HTTPS_LIMIT,
    LINE_HTTPS_THROUGHPUT,
    LINE_JITTER,
    LINE_LATENCY,
    LINE_LOSS,
    LINE_THROUGHPUT,
    LINE_THROUGHPUT_LIMIT,
    LINE_UP,
    PATH_ECHOES,
    PATH_UP,
    PROBE_LAST_SUCCESS,
    Metric,
)

_SCALES = {"s": 1.0, "ms": 1e3, "bit/s": 1.0, "Mbit/s": 1e-6}
"""How many of a unit are one second, or one bit a second."""
_IDLE_ECHOES = 3
_LIMITS = {None: 0.0, ThroughputLimit.LOSS: 1.0, ThroughputLimit.DELAY: 2.0}
Clock = Callable[[], float]


class RoundRecorder:
    """Makes results of a school's figures; a metric takes of a path what the registry tells its values apart by."""

    def __init__(self, school: str, clock: Clock) -> None:
        self._school = school
        self._clock = clock

    def record(self, metric: Metric, value: float, path: ProbedPath | None = None, **further: str) -> Result:
        """A result of now; `value` is in seconds, bits a second, or without a unit."""
        known = {"school": self._school, **further}
        if path is not None:
            known |= {"line": path.line, "region": path.region, "family": path.family}
        attributes = tuple((one.name, known[one.name]) for one in metric.attributes)
        return Result(metric.name, attributes, self._clock(), value * _SCALES.get(metric.unit, 1.0))


def measure_light(configuration: Configuration, clock: Clock) -> list[Result]:
    """Echoes over all paths at once, then a name and a page over one after the other.

    Raises:
        ProbeProblem: this user may send no echoes.
    """
    tests, recorder = configuration.light, RoundRecorder(configuration.school, clock)
    found: list[Result] = []
    alive: dict[str, bool] = {}
    services: dict[tuple[Metric, ProbedPath], bool] = {}
    for path, echoes in measure_echoes(configuration.paths, tests).items():
        page = measure_page(path, tests) if tests.page_port else PageTimes()
        found += _record_echoes(recorder, path, echoes)
        if page.answered is not None:
            found.append(recorder.record(HTTP_DURATION, page.answered, path))
        lookup = None
        if tests.dns_port:
            lookup = measure_lookup(path, tests.dns_port, tests.dns_name, tests.answer_within)
            found += [] if lookup is None else [recorder.record(DNS_DURATION, lookup, path)]
        # A line that filters echoes is not dead.
        is_path_alive = bool(echoes.times) or page.connected is not None or lookup is not None
        found.append(recorder.record(PATH_UP, float(is_path_alive), path))
        alive[path.line] = alive.get(path.line, False) or is_path_alive
        if is_path_alive:  # of a dead path nothing else is said
            services |= {(HTTP_UP, path): page.answered is not None} if tests.page_port else {}
            services |= {(DNS_UP, path): lookup is not None} if tests.dns_port else {}
    found += _record_services(recorder, services)
    for line, is_alive in alive.items():
        found.append(recorder.record(LINE_UP, float(is_alive), line=line))
    return found


def _record_services(recorder: RoundRecorder, services: Mapping[tuple[Metric, ProbedPath], bool]) -> Iterator[Result]:
    """Whether names and pages answer over a line in a family, from whichever region."""
    answered: dict[tuple[Metric, str, str], tuple[ProbedPath, bool]] = {}
    for (metric, path), answers in services.items():
        place = (metric, path.line, path.family)
        answered[place] = (path, answers or answered.get(place, (path, False))[1])
    for (metric, _, _), (path, answers) in answered.items():
        yield recorder.record(metric, float(answers), path)


def find_alive_paths(paths: Sequence[ProbedPath], results: Sequence[Result]) -> frozenset[ProbedPath]:
    """The paths that answered, by the results of a round."""
    alive = {
        tuple(text for name, text in one.attributes if name != "school")
        for one in results
        if one.metric == PATH_UP.name and one.value
    }
    return frozenset(one for one in paths if (one.line, one.region, one.family) in alive)


def record_success(configuration: Configuration, clock: Clock) -> Result:
    """That this probe lives and measured, now."""
    return RoundRecorder(configuration.school, clock).record(PROBE_LAST_SUCCESS, clock())


def measure_heavy(configuration: Configuration, state: Path, clock: Clock) -> list[Result]:
    """Throughput of every path and direction, one test after the other.

    Raises:
        ProbeProblem: iperf3 is not installed, or this user may send no echoes.
    """
    recorder = RoundRecorder(configuration.school, clock)
    found: list[Result] = []
    with hold_throughput_lock(state) as is_alone:
        if not is_alone:
            tell("throughput is not measured: another probe on this machine does so now")
            return []
        idle = measure_idle(configuration, configuration.paths)
        for path, direction in product(configuration.paths, DIRECTIONS):
            rate = measure_rate(configuration, recorder, path, direction, RateLimits(idle.get(path)))
            found += [] if isinstance(rate, SlotOutcome) else rate
    return found


def measure_idle(configuration: Configuration, paths: Sequence[ProbedPath]) -> dict[ProbedPath, float]:
    """The round trip in milliseconds before the tests over each path that iperf3 tests; none where nothing answers.

    Raises:
        ProbeProblem: this user may send no echoes.
    """
    wanted = [one for one in paths if one.throughput != "https"]
    if not wanted:
        return {}  # a test over HTTPS asks its own connection
    echoes = measure_echoes(wanted, replace(configuration.light, echoes=_IDLE_ECHOES))
    return {path: 1000 * found.latency for path, found in echoes.items() if found.latency is not None}


def measure_rate(
    configuration: Configuration, recorder: RoundRecorder, path: ProbedPath, direction: str, limits: RateLimits
) -> list[Result] | SlotOutcome:
    """A path's rate under its method's own name, and what held it back; why not, where there is none.

    Figures of two methods are never one series.

    Raises:
        ProbeProblem: iperf3 is not installed.
    """
    if path.throughput == "https":
        found = measure_path_by_https(configuration, path, direction, limits.patience)
        if isinstance(found, SlotOutcome):
            return found
        return [
            recorder.record(LINE_HTTPS_THROUGHPUT, found.rate, path, direction=direction),
            recorder.record(LINE_HTTPS_LIMIT, _LIMITS[found.limit], path, direction=direction),
        ]
    tested = measure_throughput(path, direction, configuration.throughput, limits)
    if isinstance(tested, SlotOutcome):
        return tested
    rate = recorder.record(LINE_THROUGHPUT, tested.rate, path, direction=direction)
    if not tested.is_limit_known:
        return [rate]
    return [rate, recorder.record(LINE_THROUGHPUT_LIMIT, _LIMITS[tested.limit], path, direction=direction)]


def _record_echoes(recorder: RoundRecorder, path: ProbedPath, echoes: Echoes) -> Iterator[Result]:
    yield recorder.record(LINE_LOSS, echoes.loss, path)
    yield recorder.record(PATH_ECHOES, float(echoes.sent), path)
    if echoes.latency is not None:
        yield recorder.record(LINE_LATENCY, echoes.latency, path)
    if echoes.jitter is not None:
        yield recorder.record(LINE_JITTER, echoes.jitter, path)
