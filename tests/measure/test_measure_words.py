"""What programs say, and what the probes make of it; a place that says what the test wants takes the programs' part."""

from __future__ import annotations

import errno
import json
import os
import re
import socket
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from threading import Event

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.errors import TsunaguError
from controller.measure.measurement import (
    ECHOES,
    JITTER_MS,
    LATENCY_MS,
    LOSS_RATIO,
    MBPS,
    OTHERS_MBPS,
    QUEUED_MS,
    LinePath,
    Measurement,
    MeasurementKind,
    ProbeOutcome,
    ProbeResult,
)
from controller.measure.measurement_round import MeasurementRound, ProbeSite, RoundScope
from controller.measure.measurement_store import open_measurement_store
from controller.measure.probes.ping_probe import PingProbe
from controller.measure.probes.probe_path import CompletedProcess, NamespaceHost, ProbePath
from controller.measure.probes.throughput_locks import hold_exclusive_locks
from controller.measure.probes.throughput_probe import ThroughputProbe
from controller.model.city import City
from controller.model.loading.load_city import load_city
from controller.model.network.packets import Family
from tests.policies import SHIPPED
from tests.soak import examples

METHOD = load_city(SHIPPED).measurement.method
PINGED = """\
PING 100.64.0.1 (100.64.0.1) from 100.64.0.17 wan0: 56(84) bytes of data.
64 bytes from 100.64.0.1: icmp_seq=1 ttl=64 time=1.00 ms
64 bytes from 100.64.0.1: icmp_seq=2 ttl=64 time=3.00 ms
64 bytes from 100.64.0.1: icmp_seq=2 ttl=64 time=3.50 ms (DUP!)
64 bytes from 100.64.0.1: icmp_seq=5 ttl=64 time=2.00 ms

--- 100.64.0.1 ping statistics ---
10 packets transmitted, 3 received, +1 duplicates, 70% packet loss, time 454ms
rtt min/avg/max/mdev = 1.000/2.000/3.000/0.816 ms
"""


@dataclass
class Stage:
    """A place whose programs say what they are told to; the interface carries what a test says it received.

    With `carries` it carries so many bytes.
    """

    stdout: str
    stderr: str = ""
    returncode: int | None = 0
    carries: int | None = None
    asked: list[tuple[str, ...]] = field(default_factory=list)
    _carried: int = 0

    def run(self, words: Sequence[str], timeout: float) -> CompletedProcess:
        assert timeout > 0
        if words[0] == "ip":
            stats = {"rx": {"bytes": self._carried}, "tx": {"bytes": 0}}
            return CompletedProcess(0, json.dumps([{"ifname": "wan0", "stats64": stats}]), "")
        self.asked.append(tuple(words))
        told = re.search(r'"sum_received": [^}]*"bytes": ([0-9]+)', self.stdout)
        self._carried += self.carries if self.carries is not None else int(told[1]) if told else 0
        return CompletedProcess(self.returncode, self.stdout, self.stderr)

    def open_socket(self, family: socket.AddressFamily, kind: socket.SocketKind, protocol: int = 0) -> socket.socket:
        message = f"not asked here: {family}, {kind}, {protocol}"
        raise AssertionError(message)


class Vanishing(Stage):
    """A place whose interface is gone after the test."""

    def run(self, words: Sequence[str], timeout: float) -> CompletedProcess:
        return CompletedProcess(0, "[]", "") if words[0] == "ip" and self.asked else super().run(words, timeout)


class Deaf(Stage):
    """A place whose network takes nothing but the programs'."""

    def open_socket(self, family: socket.AddressFamily, kind: socket.SocketKind, protocol: int = 0) -> socket.socket:
        del family, kind, protocol
        raise OSError(errno.ENETUNREACH, os.strerror(errno.ENETUNREACH))


def route(place: Stage) -> ProbePath:
    return ProbePath(LinePath("s", "primary", "tokyo", Family.V4), place, "wan0", "100.64.0.17", "100.64.0.1")


def probed(place: Stage, folder: Path) -> ProbeResult:
    return ThroughputProbe(METHOD, 5201, folder).measure(route(place), MeasurementKind.DOWNLOAD)


def result(bits: float, received: int) -> str:
    return json.dumps({"end": {"sum_received": {"bits_per_second": bits, "bytes": received}}})


def test_the_program_is_bound_to_the_line_and_told_what_the_policy_says(tmp_path: Path) -> None:
    place = Stage(result(95.5e6, 1000))
    assert probed(place, tmp_path).figures == {MBPS: 95.5}
    ThroughputProbe(METHOD, 5201, tmp_path).measure(route(place), MeasurementKind.UPLOAD)
    down, up = (" ".join(words) for words in place.asked)
    assert down == up + " --reverse"
    for part in ("--bind 100.64.0.17", "--bind-dev wan0", "--parallel 4", "--time 2", "--connect-timeout 1500"):
        assert f" {part} " in f"{up} "


def test_what_the_line_carried_of_others_meanwhile_is_beside_the_figure(tmp_path: Path) -> None:
    """20 Mbit/s for 2 s are 5 MB; the other 20 MB were others' 80, less what the headers can have been."""
    busy = probed(Stage(result(20e6, 5_000_000), carries=25_000_000), tmp_path)
    assert busy.figures[OTHERS_MBPS] == pytest.approx(78.6, abs=0.1)
    # The test's own headers and what was sent again are nobody else's traffic.
    alone = probed(Stage(result(95e6, 23_750_000), carries=25_300_000), tmp_path)
    assert OTHERS_MBPS not in alone.figures


def test_what_the_test_itself_left_in_a_deep_queue_is_nobody_else_s(tmp_path: Path) -> None:
    """A line that queues 800 ms carries 9.5 MB of the test after its end: its figure stays the line's own."""
    said = json.loads(result(95e6, 23_750_000))
    windows = [{"streams": [{"snd_cwnd": 9_500_000}], "sum": {}}]
    deep = probed(Stage(json.dumps({**said, "intervals": windows}), carries=34_000_000), tmp_path)
    assert deep.figures[QUEUED_MS] == pytest.approx(800)
    assert OTHERS_MBPS not in deep.figures


def test_a_line_that_is_gone_after_a_test_of_which_nothing_arrived_has_a_figure(tmp_path: Path) -> None:
    assert probed(Vanishing(result(0, 0)), tmp_path).figures == {MBPS: 0.0}
    assert probed(Vanishing(result(95e6, 23_750_000)), tmp_path).outcome is ProbeOutcome.FAILED


def test_the_time_of_a_test_is_when_it_began_and_not_when_it_was_asked_for(city: City, tmp_path: Path) -> None:
    """It waits until nobody else uses the line; meanwhile lessons may have begun."""
    throughput = ThroughputProbe(METHOD, 5201, tmp_path / "locks")
    wanted = RoundScope(lines=("primary",), regions=("tokyo",), families=(Family.V4,))
    site = ProbeSite(city.school_by_id["as-e04"], Deaf(result(95.5e6, 1000)))
    light = Event()

    def told(one: Measurement) -> None:
        if one.result.kind is MeasurementKind.HTTP:
            light.set()

    with open_measurement_store(tmp_path / "m.sqlite") as store, ThreadPoolExecutor(1) as pool:
        round_ = MeasurementRound(city, store, throughput, "run", told)
        with hold_exclusive_locks(throughput.locks, ["server 100.64.0.1 port 5201"], 1.0):
            measuring = pool.submit(round_.measure, [site], wanted)
            assert light.wait(10.0)
            Event().wait(0.3)
            released = datetime.now(UTC)
        found = measuring.result(10.0)
    heavy = [one for one in found if one.result.kind in (MeasurementKind.DOWNLOAD, MeasurementKind.UPLOAD)]
    assert len(heavy) == 2
    assert all(one.measured and one.at >= released for one in heavy)


def test_a_figure_of_another_line_is_none(tmp_path: Path) -> None:
    found = probed(Stage(result(95.5e6, 1000), carries=999), tmp_path)
    assert found.outcome is ProbeOutcome.FAILED
    assert found.figures == {}
    assert "wan0 did not carry them" in found.reason


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        ("unable to connect to server: Connection refused", ProbeOutcome.REFUSED),
        ("unable to receive control message: Connection reset by peer", ProbeOutcome.REFUSED),
        ("unable to connect to server: Connection timed out", ProbeOutcome.NO_ANSWER),
        ("unable to connect to server: No route to host", ProbeOutcome.NO_ANSWER),
        ("unable to connect to server: Network is unreachable", ProbeOutcome.NO_ANSWER),
        ("unable to connect to server: Cannot assign requested address", ProbeOutcome.NO_ANSWER),
        ("something that no release has said so far", ProbeOutcome.FAILED),
    ],
)
def test_errors_are_told_apart(tmp_path: Path, error: str, outcome: ProbeOutcome) -> None:
    found = probed(Stage(json.dumps({"start": {}, "end": {}, "error": error}), returncode=1), tmp_path)
    assert (found.outcome, found.figures) == (outcome, {})
    assert found.reason


def test_a_test_that_never_ends_is_no_figure(tmp_path: Path) -> None:
    assert probed(Stage("", returncode=None), tmp_path).outcome is ProbeOutcome.NO_ANSWER


_JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["end", "error", "sum_received", "bits_per_second", "bytes"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@given(st.text(max_size=60) | _JSON.map(json.dumps), st.integers(0, 2))
@settings(max_examples=examples(300), deadline=None)
def test_whatever_the_program_says_there_is_an_outcome(
    tmp_path_factory: pytest.TempPathFactory, said: str, code: int
) -> None:
    found = probed(Stage(said, returncode=code), tmp_path_factory.getbasetemp())
    assert found.outcome is not ProbeOutcome.NO_ANSWER or found.reason
    assert (found.outcome is ProbeOutcome.MEASURED) == bool(found.figures)
    assert found.outcome is ProbeOutcome.MEASURED or found.reason


def test_interfaces_that_cannot_be_read_are_an_error(tmp_path: Path) -> None:
    class Blind(Stage):
        def run(self, words: Sequence[str], timeout: float) -> CompletedProcess:
            del words, timeout
            return CompletedProcess(1, "", "no permission")

    with pytest.raises(TsunaguError, match="cannot be read: no permission"):
        probed(Blind(""), tmp_path)


def test_one_answer_of_ping_has_no_jitter() -> None:
    once = "64 bytes from 100.64.0.1: icmp_seq=1 ttl=64 time=1.50 ms\n"
    found = PingProbe(METHOD).measure(route(Stage(once, returncode=0)))
    assert found.figures == {LATENCY_MS: 1.5, LOSS_RATIO: pytest.approx(1 - 1 / METHOD.echoes), ECHOES: METHOD.echoes}


def test_latency_jitter_and_loss_of_what_ping_said() -> None:
    found = PingProbe(METHOD).measure(route(Stage(PINGED, returncode=0)))
    assert found.outcome is ProbeOutcome.MEASURED
    assert found.figures == {
        LATENCY_MS: pytest.approx(2.0),
        JITTER_MS: pytest.approx(1.5),
        LOSS_RATIO: pytest.approx(0.7),
        ECHOES: 10,
    }
    assert found.raw == PINGED


@pytest.mark.parametrize(
    ("said", "errors", "code", "outcome"),
    [
        ("10 packets transmitted, 0 received, 100% packet loss", "", 1, ProbeOutcome.NO_ANSWER),
        ("From 100.64.0.17 icmp_seq=1 Destination Host Unreachable", "", 1, ProbeOutcome.NO_ANSWER),
        ("", "ping: connect: Network is unreachable", 2, ProbeOutcome.NO_ANSWER),
        ("", "", None, ProbeOutcome.NO_ANSWER),
        ("", "ping: invalid option -- 'Q'", 2, ProbeOutcome.FAILED),
    ],
)
def test_no_echo_is_a_dead_line_only_if_the_echo_was_sent(
    said: str, errors: str, code: int | None, outcome: ProbeOutcome
) -> None:
    found = PingProbe(METHOD).measure(route(Stage(said, errors, code)))
    assert found.outcome is outcome
    assert found.figures == ({LOSS_RATIO: 1.0, ECHOES: METHOD.echoes} if outcome is ProbeOutcome.NO_ANSWER else {})


def test_an_interrupt_is_one_also_when_the_program_has_just_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(running: subprocess.Popen[str], timeout: float) -> None:
        running.wait(timeout)  # as `communicate` does before it lets a Ctrl-C through
        raise KeyboardInterrupt

    monkeypatch.setattr(subprocess.Popen, "communicate", interrupted)
    with pytest.raises(KeyboardInterrupt):
        NamespaceHost("nowhere").run(("true",), 5.0)
