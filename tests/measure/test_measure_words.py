"""What programs say, and what the probes make of it; a place that says what the test wants takes the programs' part."""

from __future__ import annotations

import errno
import json
import os
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
    JITTER_MS,
    LATENCY_MS,
    LOSS_RATIO,
    MBPS,
    Found,
    Kind,
    LinePath,
    Measurement,
    Outcome,
)
from controller.measure.probes.ping import Echoes
from controller.measure.probes.probe_targets import Namespace, Ran, Route
from controller.measure.probes.throughput import Throughput
from controller.measure.probes.throughput_locks import alone
from controller.measure.rounds import Round, Site, Wanted
from controller.measure.store import opened
from controller.model.city import City
from controller.model.loading.load import load_city
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
    """A place whose programs say what they are told to; the interface carries so many bytes a test."""

    said: str
    errors: str = ""
    code: int | None = 0
    carries: int = 10**9
    asked: list[tuple[str, ...]] = field(default_factory=list)
    _carried: int = 0

    def run(self, words: Sequence[str], timeout: float) -> Ran:
        assert timeout > 0
        if words[0] == "ip":
            stats = {"rx": {"bytes": self._carried}, "tx": {"bytes": 0}}
            return Ran(0, json.dumps([{"ifname": "wan0", "stats64": stats}]), "")
        self.asked.append(tuple(words))
        self._carried += self.carries
        return Ran(self.code, self.said, self.errors)

    def socket(self, family: socket.AddressFamily, kind: socket.SocketKind, protocol: int = 0) -> socket.socket:
        raise NotImplementedError


class Deaf(Stage):
    """A place whose network takes nothing but the programs'."""

    def socket(self, family: socket.AddressFamily, kind: socket.SocketKind, protocol: int = 0) -> socket.socket:
        del family, kind, protocol
        raise OSError(errno.ENETUNREACH, os.strerror(errno.ENETUNREACH))


def route(place: Stage) -> Route:
    return Route(LinePath("s", "primary", "tokyo", Family.V4), place, "wan0", "100.64.0.17", "100.64.0.1")


def probed(place: Stage, folder: Path) -> Found:
    return Throughput(METHOD, 5201, folder).measure(route(place), Kind.DOWNLOAD)


def result(bits: float, received: int) -> str:
    return json.dumps({"end": {"sum_received": {"bits_per_second": bits, "bytes": received}}})


def test_the_program_is_bound_to_the_line_and_told_what_the_policy_says(tmp_path: Path) -> None:
    place = Stage(result(95.5e6, 1000))
    assert probed(place, tmp_path).figures == {MBPS: 95.5}
    Throughput(METHOD, 5201, tmp_path).measure(route(place), Kind.UPLOAD)
    down, up = (" ".join(words) for words in place.asked)
    assert down == up + " --reverse"
    for part in ("--bind 100.64.0.17", "--bind-dev wan0", "--parallel 4", "--time 2", "--connect-timeout 1500"):
        assert f" {part} " in f"{up} "


def test_the_time_of_a_test_is_when_it_began_and_not_when_it_was_asked_for(city: City, tmp_path: Path) -> None:
    """It waits until nobody else uses the line; meanwhile lessons may have begun."""
    throughput = Throughput(METHOD, 5201, tmp_path / "locks")
    wanted = Wanted(lines=("primary",), regions=("tokyo",), families=(Family.V4,))
    site = Site(city.school_by_id["as-e04"], Deaf(result(95.5e6, 1000)))
    light = Event()

    def told(one: Measurement) -> None:
        if one.found.kind is Kind.PROXY:
            light.set()

    with opened(tmp_path / "m.sqlite") as store, ThreadPoolExecutor(1) as pool:
        round_ = Round(city, store, throughput, "run", told)
        with alone(throughput.locks, ["server 100.64.0.1 port 5201"], 1.0):
            measuring = pool.submit(round_.measure, [site], wanted)
            assert light.wait(10.0)
            Event().wait(0.3)
            released = datetime.now(UTC)
        found = measuring.result(10.0)
    heavy = [one for one in found if one.found.kind in (Kind.DOWNLOAD, Kind.UPLOAD)]
    assert len(heavy) == 2
    assert all(one.measured and one.at >= released for one in heavy)


def test_a_figure_of_another_line_is_none(tmp_path: Path) -> None:
    found = probed(Stage(result(95.5e6, 1000), carries=999), tmp_path)
    assert found.outcome is Outcome.FAILED
    assert found.figures == {}
    assert "wan0 did not carry them" in found.reason


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        ("unable to connect to server: Connection refused", Outcome.REFUSED),
        ("unable to receive control message: Connection reset by peer", Outcome.REFUSED),
        ("unable to connect to server: Connection timed out", Outcome.NO_ANSWER),
        ("unable to connect to server: No route to host", Outcome.NO_ANSWER),
        ("unable to connect to server: Network is unreachable", Outcome.NO_ANSWER),
        ("unable to connect to server: Cannot assign requested address", Outcome.NO_ANSWER),
        ("something that no release has said so far", Outcome.FAILED),
    ],
)
def test_errors_are_told_apart(tmp_path: Path, error: str, outcome: Outcome) -> None:
    found = probed(Stage(json.dumps({"start": {}, "end": {}, "error": error}), code=1), tmp_path)
    assert (found.outcome, found.figures) == (outcome, {})
    assert found.reason


def test_a_test_that_never_ends_is_no_figure(tmp_path: Path) -> None:
    assert probed(Stage("", code=None), tmp_path).outcome is Outcome.NO_ANSWER


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
    found = probed(Stage(said, code=code), tmp_path_factory.getbasetemp())
    assert found.outcome is not Outcome.NO_ANSWER or found.reason
    assert (found.outcome is Outcome.MEASURED) == bool(found.figures)
    assert found.outcome is Outcome.MEASURED or found.reason


def test_interfaces_that_cannot_be_read_are_an_error(tmp_path: Path) -> None:
    class Blind(Stage):
        def run(self, words: Sequence[str], timeout: float) -> Ran:
            del words, timeout
            return Ran(1, "", "no permission")

    with pytest.raises(TsunaguError, match="cannot be read: no permission"):
        probed(Blind(""), tmp_path)


def test_latency_jitter_and_loss_of_what_ping_said() -> None:
    found = Echoes(METHOD).measure(route(Stage(PINGED, code=0)))
    assert found.outcome is Outcome.MEASURED
    assert found.figures == {
        LATENCY_MS: pytest.approx(2.0),
        JITTER_MS: pytest.approx(1.5),
        LOSS_RATIO: pytest.approx(0.7),
    }
    assert found.raw == PINGED


@pytest.mark.parametrize(
    ("said", "errors", "code", "outcome"),
    [
        ("10 packets transmitted, 0 received, 100% packet loss", "", 1, Outcome.NO_ANSWER),
        ("From 100.64.0.17 icmp_seq=1 Destination Host Unreachable", "", 1, Outcome.NO_ANSWER),
        ("", "ping: connect: Network is unreachable", 2, Outcome.NO_ANSWER),
        ("", "", None, Outcome.NO_ANSWER),
        ("", "ping: invalid option -- 'Q'", 2, Outcome.FAILED),
    ],
)
def test_no_echo_is_a_dead_line_only_if_the_echo_was_sent(
    said: str, errors: str, code: int | None, outcome: Outcome
) -> None:
    found = Echoes(METHOD).measure(route(Stage(said, errors, code)))
    assert found.outcome is outcome
    assert found.figures == ({LOSS_RATIO: 1.0} if outcome is Outcome.NO_ANSWER else {})


def test_an_interrupt_is_one_also_when_the_program_has_just_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(running: subprocess.Popen[str], timeout: float) -> None:
        running.wait(timeout)  # as `communicate` does before it lets a Ctrl-C through
        raise KeyboardInterrupt

    monkeypatch.setattr(subprocess.Popen, "communicate", interrupted)
    with pytest.raises(KeyboardInterrupt):
        Namespace("nowhere").run(("true",), 5.0)
