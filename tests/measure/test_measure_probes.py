"""The probes on two shaped lines between namespaces of the tests' own: what a line carries is known there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from controller.errors import TsunaguError
from controller.measure.measurement import (
    DURATION_MS,
    ECHOES,
    JITTER_MS,
    LATENCY_MS,
    LOSS_RATIO,
    MBPS,
    OTHERS_MBPS,
    MeasurementKind,
    ProbeOutcome,
    ProbeResult,
)
from controller.measure.probes import probe_path
from controller.measure.probes.dns_probe import DnsProbe
from controller.measure.probes.http_probe import HttpProbe
from controller.measure.probes.ping_probe import PingProbe
from controller.measure.probes.probe_path import NamespaceHost, PlaceGone
from controller.measure.probes.throughput_locks import LineBusy, hold_exclusive_locks, hold_shared_lock
from controller.measure.probes.throughput_probe import ThroughputProbe
from controller.model.city import City
from controller.model.measurement import NameTarget
from controller.model.network.packets import Family
from tests.measure.two_lines import LAB_LINES, NAME_PORT, PORT, TRUTH, TwoLines, two_lines

SLOW, FAST = 100, 400


@pytest.fixture(scope="module")
def lines() -> Iterator[TwoLines]:
    with two_lines(FAST, SLOW) as made:
        yield made


@pytest.fixture
def throughput(city: City, tmp_path: Path) -> ThroughputProbe:
    return ThroughputProbe(city.measurement.method, PORT, tmp_path / "locks")


def mbps(found: ProbeResult) -> float:
    assert found.outcome is ProbeOutcome.MEASURED, found.reason
    return found.figures[MBPS]


@pytest.mark.lab
@pytest.mark.alone
@pytest.mark.parametrize("family", list(Family))
def test_a_slow_line_is_measured_within_the_method_s_error(
    lines: TwoLines, throughput: ThroughputProbe, family: Family
) -> None:
    # Headers differ by family and not by direction: one upload is enough.
    for kind in (MeasurementKind.DOWNLOAD, MeasurementKind.UPLOAD)[: 2 if family is Family.V4 else 1]:
        found = throughput.measure(lines.route("backup", family), kind)
        truth = SLOW * TRUTH[family]
        assert mbps(found) == pytest.approx(truth, rel=throughput.method.relative_error(truth))
        assert OTHERS_MBPS not in found.figures
        assert json.loads(found.raw)["end"]["sum_received"]["bits_per_second"] == mbps(found) * 1e6


@pytest.mark.lab
@pytest.mark.alone
def test_a_fast_line_is_measured_within_the_method_s_error(lines: TwoLines, throughput: ThroughputProbe) -> None:
    truth = FAST * TRUTH[Family.V4]
    found = throughput.measure(lines.route(), MeasurementKind.DOWNLOAD)
    assert mbps(found) == pytest.approx(truth, rel=throughput.method.relative_error(truth))


@pytest.mark.lab
@pytest.mark.alone
def test_others_traffic_during_a_test_is_beside_its_figure(lines: TwoLines, throughput: ThroughputProbe) -> None:
    """Somebody sends 60 Mbit/s into a line of 100: the test has the rest, and knows that the other part was not its."""
    with filling(lines, 60):
        before, since = lines.count_untaken_datagrams(), time.monotonic()
        found = throughput.measure(lines.route("backup"), MeasurementKind.DOWNLOAD)
        seconds, came = time.monotonic() - since, lines.count_untaken_datagrams() - before
    # How much of the 60 the line's queue throws away is not known; what came through the school's kernel counts.
    truth = 8 * FILLER_FRAME * came / seconds / 1e6
    assert mbps(found) < 0.95 * SLOW * TRUTH[Family.V4]
    assert 0.75 * truth - 3 <= found.figures[OTHERS_MBPS] <= 1.05 * truth + 1
    assert mbps(found) + found.figures[OTHERS_MBPS] == pytest.approx(0.9 * SLOW, rel=0.15)


@contextmanager
def filling(lines: TwoLines, rate: int) -> Iterator[None]:
    """Send so many Mbit/s over the backup line to the school; in a process of its own, so that it keeps its pace."""
    words = ["ip", "netns", "exec", lines.region, sys.executable, "-c", FILLER, lines.route("backup").source]
    words += [str(rate), str(FILLER_FRAME)]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as running:
        try:
            assert running.stdout is not None
            assert running.stdout.read(1) == b"."
            yield
        finally:
            running.terminate()


FILLER_FRAME = 1428
"""Bytes of each of its frames, headers and all."""
FILLER = """
import socket, sys, time
made, due = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), time.monotonic()
frame = int(sys.argv[3])
each = frame * 8 / (float(sys.argv[2]) * 1e6)
sys.stdout.write("."); sys.stdout.flush()
while True:
    while due <= time.monotonic():
        made.sendto(bytes(frame - 42), (sys.argv[1], 9)); due += each
    time.sleep(0.002)
"""


@pytest.mark.lab
@pytest.mark.alone
def test_while_the_backup_is_measured_only_its_own_counters_rise(lines: TwoLines, throughput: ThroughputProbe) -> None:
    before = {line: lines.received(line) for line in LAB_LINES}
    carried = (
        mbps(throughput.measure(lines.route("backup"), MeasurementKind.DOWNLOAD)) * 1e6 / 8 * throughput.method.seconds
    )
    rose = {line: lines.received(line) - before[line] for line in LAB_LINES}
    assert rose["backup"] > 0.9 * carried
    assert rose["primary"] < 1000  # a neighbour may ask for an address meanwhile


@pytest.mark.lab
@pytest.mark.parametrize("at_the_school", [True, False])
def test_a_dead_line_is_not_measured_over_the_other_one(
    lines: TwoLines, throughput: ThroughputProbe, city: City, *, at_the_school: bool
) -> None:
    method = city.measurement.method.model_copy(update={"connect_within": 0.5, "answer_within": 0.3})
    throughput = replace(throughput, method=method)
    with lines.cut("backup", lines.school if at_the_school else lines.region):
        before = lines.received("primary")
        for family in Family:
            route = lines.route("backup", family)
            found = [
                throughput.measure(route, MeasurementKind.DOWNLOAD),
                PingProbe(method).measure(route),
                DnsProbe(city.measurement.targets.dns, 0.3).measure(route),
                HttpProbe(city.measurement.targets.proxy, 0.3).measure(route),
            ]
            assert [one.outcome for one in found] == [ProbeOutcome.NO_ANSWER] * 4, found
            assert found[1].figures == {LOSS_RATIO: 1.0, ECHOES: method.echoes}
        assert lines.received("primary") - before < 1000


@pytest.mark.lab
@pytest.mark.parametrize("family", list(Family))
def test_latency_names_and_pages(lines: TwoLines, city: City, family: Family) -> None:
    route = lines.route("primary", family)
    echo = PingProbe(city.measurement.method).measure(route)
    assert set(echo.figures) == {LATENCY_MS, JITTER_MS, LOSS_RATIO, ECHOES}
    assert (echo.outcome, echo.figures[LOSS_RATIO]) == (ProbeOutcome.MEASURED, 0.0)
    assert 0 < echo.figures[LATENCY_MS] < 100
    for found in (
        DnsProbe(city.measurement.targets.dns, 2.0).measure(route),
        HttpProbe(city.measurement.targets.proxy, 2.0).measure(route),
    ):
        assert found.outcome is ProbeOutcome.MEASURED, found.reason
        assert 0 < found.figures[DURATION_MS] < 2000


@pytest.mark.lab
def test_a_wrong_target_is_told_apart_from_a_dead_line_and_says_what_to_do(
    lines: TwoLines, throughput: ThroughputProbe, city: City
) -> None:
    targets = city.measurement.targets
    route = lines.route()
    nobody = replace(throughput, port=5999).measure(route, MeasurementKind.DOWNLOAD)
    other_service = replace(throughput, port=80).measure(route, MeasurementKind.DOWNLOAD)
    for found in (nobody, other_service):
        assert found.outcome is ProbeOutcome.REFUSED, found.reason
        assert "targets.throughput in policies/measurement.yaml" in found.reason
    no_server = DnsProbe(targets.dns.model_copy(update={"port": 54}), 1.0).measure(route)
    no_name = DnsProbe(NameTarget(port=NAME_PORT, name="nowhere.example.jp"), 1.0).measure(route)
    no_page = HttpProbe(targets.proxy.model_copy(update={"path": "/missing"}), 1.0).measure(route)
    no_http = HttpProbe(targets.proxy.model_copy(update={"port": PORT}), 1.0).measure(route)
    no_tls = HttpProbe(targets.proxy.model_copy(update={"scheme": "https"}), 1.0).measure(route)
    for found, setting in ((no_server, "dns"), (no_name, "dns"), (no_page, "proxy"), (no_tls, "proxy")):
        assert found.outcome is ProbeOutcome.REFUSED, found.reason
        assert f"targets.{setting} in policies/measurement.yaml" in found.reason
    assert no_http.outcome is not ProbeOutcome.MEASURED
    assert "404" in no_page.reason


@pytest.mark.lab
def test_a_place_that_is_not_there_is_an_error(lines: TwoLines, city: City) -> None:
    route = replace(lines.route(), host=NamespaceHost("no-such-place"))
    with pytest.raises(TsunaguError, match=r"no network namespace no-such-place$"):
        PingProbe(city.measurement.method).measure(route)
    with pytest.raises(TsunaguError, match="apt-get install missing-program"):
        lines.route().host.run(("missing-program",), 5.0)


@pytest.mark.lab
def test_a_program_that_takes_too_long_is_ended_with_what_it_started(lines: TwoLines) -> None:
    ran = lines.route().host.run(("sh", "-c", "echo begun; sleep 60; echo never"), 0.5)
    assert (ran.returncode, ran.stdout) == (None, "begun\n")


def test_a_program_that_ended_at_a_ctrl_c_leaves_its_number_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(running: subprocess.Popen[str], timeout: float) -> None:
        running.wait(timeout)
        raise KeyboardInterrupt

    sent: list[int] = []
    monkeypatch.setattr(probe_path, "_ENTER", ("env",))
    monkeypatch.setattr(subprocess.Popen, "communicate", interrupt)
    monkeypatch.setattr(os, "killpg", lambda group, _: sent.append(group))
    with pytest.raises(KeyboardInterrupt):
        NamespaceHost("true").run((), 30.0)
    assert not sent


@pytest.mark.lab
@pytest.mark.alone
def test_two_tests_on_one_line_wait_for_each_other(lines: TwoLines, throughput: ThroughputProbe) -> None:
    throughput = replace(throughput, method=throughput.method.model_copy(update={"seconds": 1}))
    found: list[ProbeResult] = []
    threads = [
        threading.Thread(
            target=lambda: found.append(throughput.measure(lines.route("backup"), MeasurementKind.DOWNLOAD))
        )
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    truth = SLOW * TRUTH[Family.V4]
    # At once, each would have had about the half.
    assert [mbps(one) for one in found] == pytest.approx([truth, truth], rel=0.1)


def test_a_lock_holds_and_is_let_go(tmp_path: Path) -> None:
    with hold_exclusive_locks(tmp_path, ["a line", "a server"], 1.0):
        busy = "a line has been in use by another measurement for 0 s"
        with pytest.raises(LineBusy, match=busy), hold_exclusive_locks(tmp_path, ["a line"], 0.1):
            pass
        with hold_exclusive_locks(tmp_path, ["another line"], 0.1):
            pass
    with hold_exclusive_locks(tmp_path, ["a server", "a line"], 0.1):
        pass


def test_light_probes_share_a_line_and_wait_for_who_is_alone_there(tmp_path: Path) -> None:
    shared = hold_shared_lock(tmp_path, "a line", 1.0), hold_shared_lock(tmp_path, "a line", 0.1)
    with shared[0], shared[1], pytest.raises(LineBusy), hold_exclusive_locks(tmp_path, ["a line"], 0.1):
        pass
    with (
        hold_exclusive_locks(tmp_path, ["a line"], 0.1),
        pytest.raises(LineBusy),
        hold_shared_lock(tmp_path, "a line", 0.1),
    ):
        pass


HOLDER = """
import sys, time
from pathlib import Path
from controller.measure.probes.throughput_locks import hold_exclusive_locks
with hold_exclusive_locks(Path(sys.argv[1]), ["a line"], 5.0):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_lock_holds_between_processes_and_a_dead_one_lets_go(tmp_path: Path) -> None:
    words = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(LineBusy), hold_exclusive_locks(tmp_path, ["a line"], 0.2):
            pass
        holder.kill()
        with hold_exclusive_locks(tmp_path, ["a line"], 5.0):
            pass


def test_a_lock_of_a_city_that_is_gone_makes_no_folder(tmp_path: Path) -> None:
    with (
        pytest.raises(PlaceGone, match=r"gone: no such folder$"),
        hold_exclusive_locks(tmp_path / "gone" / "locks", ["a"], 1.0),
    ):
        pass
    assert not (tmp_path / "gone").exists()
