"""The same file in a router's namespace: what it tells a real monitor over TLS is what the shaped lines carry."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from controller.model.network.packets import Family
from controller.probe_agent.configuration import LightTests, ProbedPath, ThroughputTests
from controller.telemetry.registry import (
    DNS_DURATION,
    HTTP_DURATION,
    LINE_HTTPS_LIMIT,
    LINE_HTTPS_THROUGHPUT,
    LINE_THROUGHPUT,
    LINE_THROUGHPUT_LIMIT,
    LINE_UP,
)
from tests.measure.two_lines import ADDRESSES, INTERFACES, NAME_PORT, PAGE_PORT, PORT, TRUTH, TwoLines, two_lines
from tests.monitoring.running import Running, read_store
from tests.probe_agent.endpoint_scene import region_endpoint
from tests.probe_agent.scene import Installed, configure, enrol
from tests.probe_agent.tls_front import make_certificate, tls_front

RATES = {"primary": 200, "backup": 50}
"""Mbit/s of Ethernet frames, each way."""
SCHOOL, FRONT, FRONT_PORT = "kw-e01", ADDRESSES["primary", Family.V4][1], 8443
PATHS = (
    ProbedPath("primary", "tokyo", "ipv4", ADDRESSES["primary", Family.V4][1], INTERFACES["primary"]),
    ProbedPath("backup", "tokyo", "ipv6", ADDRESSES["backup", Family.V6][1], INTERFACES["backup"]),
)
FAMILIES = {"ipv4": Family.V4, "ipv6": Family.V6}


@pytest.fixture(scope="module")
def lines() -> Iterator[TwoLines]:
    with two_lines(RATES["primary"], RATES["backup"]) as made:
        yield made


def read_latest(running: Running, metric: str) -> dict[tuple[str, ...], float]:
    """What the monitor has newest of a metric of the school, by line and direction."""
    rows = read_store(running, "SELECT metric, attributes, value FROM latest JOIN series ON series.id = latest.series")
    found = {}
    for name, text, value in rows:
        said = dict(json.loads(text))
        if name == metric and said.get("school") == SCHOOL:
            found[tuple(said[one] for one in ("line", "direction") if one in said)] = float(value)
    return found


def check(installed: Installed, lines: TwoLines) -> None:
    words = [sys.executable, "-I", "-S", str(installed.program), "check"]
    words += ["--config", str(installed.folder / "probe.json"), "--state", str(installed.state)]
    done = subprocess.run(
        ["ip", "netns", "exec", lines.school, *words], capture_output=True, text=True, check=False, timeout=90
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.lab
@pytest.mark.alone
def test_by_https_it_tells_what_the_lines_carry_under_that_name(
    lines: TwoLines, running: Running, tmp_path: Path
) -> None:
    """Where nothing but port 443 gets through, and the endpoint is the same file."""
    token, before = enrol(SCHOOL), read_latest(running, LINE_THROUGHPUT.name)
    with region_endpoint(lines.region, tmp_path, FRONT, {SCHOOL: token}) as endpoint:
        certificate = tmp_path / "front.pem"
        built = configure(
            running.port,
            token,
            school=SCHOOL,
            monitor=f"https://{FRONT}:{FRONT_PORT}",
            ca=certificate.read_text("ascii"),
            paths=tuple(replace(one, throughput="https") for one in PATHS),
            light=LightTests(answer_within=1),
            throughput=ThroughputTests(every_seconds=0.001, https_host=endpoint.host, seconds=1),
        )
        installed = Installed(tmp_path)
        installed.install(built)
        with tls_front(lines.region, FRONT, FRONT_PORT, running.port, certificate):
            check(installed, lines)
    assert read_latest(running, LINE_THROUGHPUT.name) == before
    rates = read_latest(running, LINE_HTTPS_THROUGHPUT.name)
    for path in PATHS:
        for direction in ("download", "upload"):
            truth = RATES[path.line] * TRUTH[FAMILIES[path.family]] * 1e6
            assert rates[path.line, direction] == pytest.approx(truth, rel=0.05)
    assert set(read_latest(running, LINE_HTTPS_LIMIT.name).values()) == {0}


@pytest.mark.lab
@pytest.mark.alone
def test_what_it_tells_over_tls_is_what_the_lines_carry(lines: TwoLines, running: Running, tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path, FRONT)
    light = LightTests(answer_within=1, dns_port=NAME_PORT, dns_name="www.example.jp", page_port=PAGE_PORT)
    built = configure(
        running.port,
        enrol(SCHOOL),
        school=SCHOOL,
        monitor=f"https://{FRONT}:{FRONT_PORT}",
        ca=certificate.read_text("ascii"),
        paths=PATHS,
        light=light,
        throughput=ThroughputTests(every_seconds=0.001, port=PORT, seconds=1),
    )
    installed = Installed(tmp_path)
    installed.install(built)
    with tls_front(lines.region, FRONT, FRONT_PORT, running.port, certificate):
        check(installed, lines)
        rates = read_latest(running, LINE_THROUGHPUT.name)
        assert set(rates) == {(one.line, direction) for one in PATHS for direction in ("download", "upload")}
        for path in PATHS:
            truth = RATES[path.line] * TRUTH[FAMILIES[path.family]] * 1e6
            for direction in ("download", "upload"):
                assert rates[path.line, direction] == pytest.approx(truth, rel=0.05)
        # What the lines themselves held back is told as that: such a figure may count as a slow line.
        limits = read_latest(running, LINE_THROUGHPUT_LIMIT.name)
        assert (set(limits), set(limits.values())) == (set(rates), {0})
        for metric in (DNS_DURATION, HTTP_DURATION):
            assert all(0 < value < 1 for value in read_latest(running, metric.name).values())
            assert len(read_latest(running, metric.name)) == len(PATHS)
        assert read_latest(running, LINE_UP.name) == {("primary",): 1, ("backup",): 1}
        # The report itself still arrives: by the line that is left.
        installed.install(replace(built, throughput=ThroughputTests()))
        with lines.cut("primary", lines.school):
            check(installed, lines)
        assert read_latest(running, LINE_UP.name) == {("primary",): 0, ("backup",): 1}
