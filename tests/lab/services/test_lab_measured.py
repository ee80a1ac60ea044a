"""Measuring the virtual city: its lines carry what `policies/city/lab.yaml` says, so the truth is known."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Timer
from typing import Any

import pytest

from controller.cli.output import Exit
from controller.lab.faults import fault_injection
from controller.lab.network.connectivity import list_exits
from controller.lab.state import paths
from controller.lab.state.lab_faults import FaultKind, LabFault
from controller.lab.state.layout import Layout
from controller.lab.state.processes import wait_until
from controller.measure.probes.probe_path import NamespaceHost
from controller.measure.probes.throughput_probe import read_interface_counters
from controller.model.city import City
from tests.cli.running import PROGRAM, ROOT, here
from tests.policies import SHIPPED, PolicyFolder

pytestmark = [pytest.mark.lab, pytest.mark.alone]
TRUTH = {4: 1448 / 1514, 6: 1428 / 1514}
PROMISED = 5.0


def measured(tmp_path: Path, *options: str, policies: Path = SHIPPED) -> tuple[int, dict[str, Any]]:
    done = here("measure", "--lab", "--json", "--policies", str(policies), *options, cwd=tmp_path)
    assert done.said, done.errors
    document: dict[str, Any] = json.loads(done.said)
    return done.code, document


@contextmanager
def broken(fault: LabFault) -> Iterator[None]:
    fault_injection.inject_fault(fault)
    try:
        yield
    finally:
        fault_injection.repair_fault(fault)


def test_the_shaped_truth_is_measured_within_the_method_s_error(city: City, lab: Layout, tmp_path: Path) -> None:
    code, document = measured(tmp_path, "--all", "--quick")
    assert code == Exit.GOOD
    for school in document["schools"]:
        rate = city.virtual_estate.rates[school["id"]].primary
        for one in school["throughput"]:
            truth = rate * TRUTH[one["family"]]
            assert one["mbps"] == pytest.approx(truth, rel=city.measurement.method.relative_error(truth)), school["id"]
    found = {school["id"]: school for school in document["schools"]}
    assert set(found) == {school.id for school in lab.schools}
    assert (found["as-e04"]["assessment"], found["as-e04"]["causes"]) == ("below", ["contract"])
    assert (found["as-e04"]["basis"], found["as-e04"]["lines"]) == ("estimated", {"primary": "up", "backup": "up"})
    assert (found["kw-s01"]["assessment"], found["kw-s01"]["basis"]) == ("meets", "anchor")
    assert found["kw-s01"]["recommended_mbps"] == 323
    numbers = {one["id"]: one for one in document["measurements"]}
    assert numbers[found["kw-s01"]["measurement"]]["figures"]["mbps"] == pytest.approx(
        found["kw-s01"]["measured_mbps"], abs=0.05
    )


def test_while_the_backup_is_measured_only_its_own_counters_rise(city: City, lab: Layout, tmp_path: Path) -> None:
    school = lab.school("as-e04")
    router = NamespaceHost(school.router)
    before = read_interface_counters(router)
    options = ("--school", "as-e04", "--line", "backup", "--region", "osaka", "--family", "4")
    code, document = measured(tmp_path, *options)
    rose = {name: (after - before[name]).total for name, after in read_interface_counters(router).items()}
    assert code == Exit.GOOD
    (found,) = document["schools"]
    assert {one["line"] for one in found["throughput"]} == {"backup"}
    carried = 2 * lab.school("as-e04").line("backup").mbps * 1e6 / 8 * city.measurement.method.seconds
    assert rose["wan1"] > 0.9 * carried
    assert rose["wan0"] < 0.02 * carried  # what BGP and BFD say all the time


@pytest.mark.parametrize("kind", [FaultKind.PRIMARY, FaultKind.BLACKHOLE])
def test_a_dead_line_is_not_measured_and_down(lab: Layout, tmp_path: Path, kind: FaultKind) -> None:
    with broken(LabFault(where=lab.schools[0].id, kind=kind)):
        code, document = measured(tmp_path, "--school", lab.schools[0].id, "--quick", "--family", "4")
    assert code == Exit.FAILED
    (found,) = document["schools"]
    assert (found["assessment"], found["measured_mbps"]) == ("not-measured", None)
    assert found["lines"] == {"primary": "down", "backup": "up"}


def test_a_wrong_target_is_a_clear_error_and_no_dead_line(lab: Layout, tmp_path: Path) -> None:
    folder = PolicyFolder(tmp_path)
    folder.edit("measurement.yaml", "port: 5201", "port: 5999")
    options = ("--school", lab.schools[0].id, "--quick", "--family", "4", "--policies", str(folder.path))
    done = here("measure", "--lab", *options, cwd=tmp_path)
    assert done.code == Exit.FAILED
    assert "no iperf3 server at 100.64.0.1 port 5999" in done.said
    assert "see targets.throughput in policies/measurement.yaml, or start one there: iperf3 --server" in done.said
    assert "DOWN" not in done.said


def test_the_watch_tells_a_cut_line_in_time(lab: Layout, tmp_path: Path) -> None:
    school = lab.schools[0].id
    # What an earlier test has mended takes seconds to carry traffic again, and only then can it be lost.
    assert wait_until(lambda: {line for line, _ in list_exits(lab, lab.schools[0], paths.STATE)} == {"primary"}, 60.0)
    words = [sys.executable, "-c", PROGRAM, "measure", "--watch", "--lab", "--school", school, "--json"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    options = ["--policies", str(SHIPPED)]
    with subprocess.Popen(
        [*words, *options], cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as watch:
        assert watch.stdout is not None
        assert watch.stderr is not None
        # A line that never comes ends the test, not the patience of whoever waits for it.
        deadline = Timer(90.0, watch.kill)
        deadline.start()
        try:
            assert watch.stderr.readline().startswith("watching 1 schools")
            with broken(LabFault(where=school, kind=FaultKind.PRIMARY)):
                began = time.monotonic()
                line = json.loads(watch.stdout.readline())
                assert time.monotonic() - began < PROMISED
                assert (line["event"], line["school"], line["line"]) == ("line-down", school, "primary")
                line = json.loads(watch.stdout.readline())
                assert (line["event"], line["line"]) == ("failover", "backup")
            assert json.loads(watch.stdout.readline())["event"] == "line-up"
        finally:
            watch.send_signal(signal.SIGTERM)
            watch.wait(30)
            deadline.cancel()
        assert watch.returncode == Exit.GOOD
