"""Each fault does to packets what it says, as strongly as it says, and nothing is left of it when it is repaired."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from controller.lab.faults import fault_injection
from controller.lab.faults.router_readings import ask_router
from controller.lab.network.programs import ProgramContext, run_program
from controller.lab.state.lab_faults import FaultKind, LabFault
from controller.lab.state.layout import Layout
from controller.lab.state.processes import wait_until
from controller.measure.measurement import DURATION_MS, LATENCY_MS, LinePath, ProbeOutcome, ProbeResult
from controller.measure.probes.dns_probe import DnsProbe
from controller.measure.probes.ping_probe import PingProbe
from controller.measure.probes.probe_path import NamespaceHost, ProbePath
from controller.model.city import City
from controller.model.network.packets import Family

pytestmark = [pytest.mark.lab]
SCHOOL = "kw-s01"


@contextmanager
def broken(kind: FaultKind, strength: float = 0.0) -> Iterator[None]:
    fault = LabFault(where=SCHOOL, kind=kind, strength=strength)
    assert fault_injection.inject_fault(fault)
    try:
        yield
    finally:
        assert fault_injection.repair_fault(fault)


@pytest.fixture
def route(lab: Layout) -> ProbePath:
    school, region = lab.school(SCHOOL), lab.regions[0]
    line = school.line("primary")
    return ProbePath(
        LinePath(SCHOOL, "primary", region.id, Family.V4),
        NamespaceHost(school.router),
        line.interface,
        line.address.of(Family.V4),
        region.addresses["primary"].of(Family.V4),
    )


def ping(route: ProbePath, *words: str) -> str:
    ran = route.host.run(("ping", "-n", "-q", "-I", route.interface, *words, route.target), 20)
    return ran.stdout


def look_up(city: City, route: ProbePath) -> ProbeResult:
    return DnsProbe(city.measurement.targets.dns, 2.0).measure(route)


def show_shapers(lab: Layout) -> list[str]:
    school = lab.school(SCHOOL)
    line = school.line("primary")
    ends = ((school.router, line.interface), (lab.carrier("primary").namespace, line.port))
    return [run_program(("tc", "-n", inside, "qdisc", "show", "dev", port)) for inside, port in ends]


def test_a_slow_line_is_as_slow_as_it_was_said_in_the_direction_that_was_said(lab: Layout) -> None:
    before = show_shapers(lab)
    for kind, slow in (
        (FaultKind.SLOW_LINE, (True, True)),
        (FaultKind.SLOW_UPLOAD, (True, False)),
        (FaultKind.SLOW_DOWNLOAD, (False, True)),
    ):
        with broken(kind, 37):
            assert tuple("rate 37Mbit" in one for one in show_shapers(lab)) == slow
        assert show_shapers(lab) == before


def test_a_lossy_line_loses_about_what_was_said(route: ProbePath) -> None:
    with broken(FaultKind.LOSSY_LINE, 20):
        said = ping(route, "-c", "200", "-i", "0.01", "-W", "0.2")
        lost = float(said.partition("% packet loss")[0].rpartition(" ")[2])
        assert 20 < lost < 55  # each way: 36%
    assert " 0% packet loss" in ping(route, "-c", "50", "-i", "0.01")


def test_a_late_line_is_as_late_as_it_was_said_and_survives_a_cut(city: City, route: ProbePath) -> None:
    probe = PingProbe(city.measurement.method)
    with broken(FaultKind.LATE_LINE, 40):
        assert wait_until(lambda: probe.measure(route).outcome is ProbeOutcome.MEASURED, 10)
        assert probe.measure(route).figures[LATENCY_MS] == pytest.approx(80, abs=8)
        with broken(FaultKind.PRIMARY):
            assert probe.measure(route).outcome is ProbeOutcome.NO_ANSWER
        assert wait_until(lambda: probe.measure(route).outcome is ProbeOutcome.MEASURED, 10)
        assert probe.measure(route).figures[LATENCY_MS] == pytest.approx(80, abs=8)
    assert wait_until(lambda: probe.measure(route).figures.get(LATENCY_MS, 99.0) < 10, 10)


def test_large_packets_vanish_and_small_ones_pass(route: ProbePath) -> None:
    large, small = ("-s", "1273", "-M", "do", "-c", "2", "-W", "0.3"), ("-s", "1272", "-M", "do", "-c", "2")
    with broken(FaultKind.PATH_MTU, 1300):
        assert "100% packet loss" in ping(route, *large)
        assert " 0% packet loss" in ping(route, *small)
    assert " 0% packet loss" in ping(route, *large)


def test_a_name_server_is_slow_or_silent_for_the_school_alone(city: City, route: ProbePath) -> None:
    with broken(FaultKind.SLOW_DNS, 300):
        assert 300 <= look_up(city, route).figures[DURATION_MS] < 900
    with broken(FaultKind.DEAD_DNS):
        assert look_up(city, route).outcome is ProbeOutcome.NO_ANSWER
    assert look_up(city, route).figures[DURATION_MS] < 250


def test_the_test_server_refuses(route: ProbePath) -> None:
    def connect() -> None:
        with route.open_bound_socket(socket.SOCK_STREAM) as opened:
            opened.settimeout(2)
            opened.connect((route.target, 5201))

    with broken(FaultKind.DEAD_TEST_SERVER), pytest.raises(ConnectionRefusedError):
        connect()


def test_a_full_table_lets_no_new_connection_through_and_the_router_says_so(lab: Layout) -> None:
    school = lab.school(SCHOOL)
    before = ask_router(school)
    assert before.most_translations is None or before.most_translations > 10_000
    with broken(FaultKind.FULL_NAT, 60):
        assert wait_until(lambda: (ask_router(school).translations or 0) >= 60, 60)
        assert ask_router(school).most_translations == 60
    assert ask_router(school).most_translations == before.most_translations


def test_a_slow_port_to_the_switch_is_read_as_that(lab: Layout) -> None:
    school = lab.school(SCHOOL)
    before = ask_router(school).lan_port_mbps
    with broken(FaultKind.SLOW_LAN_PORT, 100):
        assert ask_router(school).lan_port_mbps == pytest.approx(100)
    assert before is not None
    assert ask_router(school).lan_port_mbps == before > 800
    assert "tbf" not in run_program(
        ("tc", "qdisc", "show", "dev", school.gateways[0].port), around=ProgramContext(school.router)
    )


def test_a_fault_that_is_broken_anew_is_as_strong_as_the_last_word(lab: Layout) -> None:
    with broken(FaultKind.SLOW_LINE, 50):
        assert not fault_injection.inject_fault(LabFault(where=SCHOOL, kind=FaultKind.SLOW_LINE, strength=5))
        assert all("rate 5Mbit" in one for one in show_shapers(lab))
