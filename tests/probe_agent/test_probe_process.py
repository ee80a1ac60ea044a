"""A probe of a school as it runs there: it measures, tells, keeps while nobody hears, and is killed at any moment."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from controller.lab.state.processes import signal_process
from controller.probe_agent.version import VERSION
from controller.telemetry.enrolled_probes import revoke_probe
from controller.telemetry.registry import LINE_LATENCY, LINE_LOSS, LINE_UP, PROBE_LAST_SUCCESS
from tests.monitoring.running import Running, monitor, read_store, until
from tests.probe_agent.scene import (
    ENROLMENTS,
    PATHS,
    SCHOOL,
    Installed,
    configure,
    enrol,
    find_children,
    find_free_port,
    row,
)
from tests.started_processes import find_processes
from tools.make_probe import PACKAGE, build_package, build_probe

MOST_MEMORY = 60_000
"""Kilobytes."""


@pytest.fixture
def installed(tmp_path: Path) -> Installed:
    return Installed(tmp_path)


def count_waiting(installed: Installed) -> int:
    with closing(sqlite3.connect(installed.state / "results.db")) as store:
        [(count,)] = store.execute("SELECT COUNT(*) FROM result")
        return int(count)


def count_numbered(installed: Installed) -> int:
    """How many results the probe has kept since it began."""
    with closing(sqlite3.connect(installed.state / "results.db")) as store:
        [(numbered,)] = store.execute("SELECT seq FROM sqlite_sequence WHERE name = 'result'")
        return int(numbered)


def read_memory(*processes: int) -> int:
    """The most that processes together had in memory, in kilobytes."""
    lines = [line for one in processes for line in Path(f"/proc/{one}/status").read_text("ascii").splitlines()]
    return sum(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


def test_what_it_measures_is_on_the_page_and_it_stays_small(installed: Installed, running: Running) -> None:
    installed.install(configure(running.port, enrol()), VERSION)
    with installed.running() as process:
        until(lambda: running.tile(SCHOOL)["lines"] == {"primary": "up", "backup": "up"})
        until(lambda: row(running)["waiting"] != 0 and row(running)["version"] == VERSION)
        assert read_memory(process.pid, *find_children(process)) < MOST_MEMORY
    assert abs(float(str(row(running)["skew"]))) < 5
    kept = {metric for (metric,) in read_store(running, "SELECT metric FROM series")}
    assert {LINE_LATENCY.name, LINE_LOSS.name, LINE_UP.name, PROBE_LAST_SUCCESS.name} <= kept
    assert process.returncode == 0
    assert "Traceback" not in installed.said()


def test_while_nobody_hears_it_keeps_what_it_measures_and_catches_up(installed: Installed, tmp_path: Path) -> None:
    port, token = find_free_port(), enrol()
    installed.install(configure(port, token))
    with installed.running() as process:
        until(lambda: "cannot be reached" in said(installed) and count_waiting(installed) > 0)
        # Whatever ends at any moment: what waits is on the disk, and the supervisor begins the probe anew.
        [child] = find_processes(str(installed.program), "measure")
        before = count_waiting(installed)
        assert signal_process(child, signal.SIGKILL)
        until(lambda: find_children(process) not in ([], [child.pid]) and count_waiting(installed) > before)
        with monitor(tmp_path / "monitor.db", port) as running:
            until(lambda: count_waiting(installed) == 0)
            assert running.stop(signal.SIGKILL) == -signal.SIGKILL
        until(lambda: count_waiting(installed) > 0)
        with monitor(tmp_path / "monitor.db", port) as running:
            until(lambda: count_waiting(installed) == 0)
            delivered = count_numbered(installed) - count_waiting(installed)
            query = "SELECT metric, SUM(n) FROM bin JOIN series ON series.id = bin.series GROUP BY metric"
            kept = dict(read_store(running, query))[LINE_LOSS.name]
    with closing(sqlite3.connect(installed.state / "results.db")) as store:
        [(dropped,)] = store.execute("SELECT value FROM counter")
    rounds = delivered // len(results_of_a_round(installed))
    assert dropped == 0
    assert kept >= rounds * len(PATHS)  # every round that was kept has come; one twice where the answer was lost


def said(installed: Installed) -> str:
    return installed.said() if (installed.folder / "said").exists() else ""


def results_of_a_round(installed: Installed) -> list[str]:
    """The metrics of a whole round: five of each path (among them its state), one of each line, and that it lives."""
    del installed
    return [*(("loss", "echoes", "latency", "jitter", "up") * len(PATHS)), *{one.line for one in PATHS}, "lives"]


def test_a_supervisor_that_is_killed_leaves_no_probe_behind(installed: Installed) -> None:
    installed.install(configure(find_free_port(), enrol()))
    with installed.running() as process:
        until(lambda: len(find_children(process)) == 1 and (installed.state / "results.db").exists())
        [child] = find_children(process)
        process.kill()
        process.wait(10)
        until(lambda: not Path(f"/proc/{child}/cmdline").exists() or not Path(f"/proc/{child}/cmdline").read_bytes())


def test_a_revoked_probe_keeps_what_it_has_and_says_what_is_wrong(installed: Installed, running: Running) -> None:
    installed.install(configure(running.port, enrol()))
    assert installed.run("check").returncode == 0
    revoke_probe(ENROLMENTS, SCHOOL, datetime.now(UTC))
    done = installed.run("check")
    assert done.returncode == 1
    assert "401" in done.stderr
    assert count_waiting(installed) > 0


def test_the_bytes_of_the_file_and_the_package_are_always_the_same(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tools.make_probe", "--output", str(tmp_path)],
        cwd=PACKAGE.parents[1],
        env={**os.environ, "TZ": "Asia/Tokyo", "PYTHONHASHSEED": "7"},
        capture_output=True,
        check=True,
        timeout=60,
    )
    assert len(done.stdout.splitlines()) == 2
    probe = build_probe()
    assert (tmp_path / "tsunagu-probe.pyz").read_bytes() == probe
    assert (tmp_path / f"tsunagu-probe_{VERSION}_all.deb").read_bytes() == build_package(probe)
    fields = subprocess.run(
        ["dpkg-deb", "--field", str(tmp_path / f"tsunagu-probe_{VERSION}_all.deb"), "Architecture", "Version"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert fields.split() == ["Architecture:", "all", "Version:", VERSION]


def test_it_needs_nothing_but_the_standard_library(installed: Installed) -> None:
    """Every module of it, as it is installed: without site packages and without this folder."""
    installed.program.write_bytes(build_probe())
    code = (
        "import sys, zipfile, importlib, json; place = sys.argv[1]; sys.path.insert(0, place); "
        "names = [n[:-3].replace('/', '.').removesuffix('.__init__') for n in zipfile.ZipFile(place).namelist() "
        "if n.endswith('.py') and n != '__main__.py']; [importlib.import_module(n) for n in names]; "
        "foreign = [m for m, v in sys.modules.items() if 'site-packages' in str(getattr(v, '__file__', ''))]; "
        "print(json.dumps([len(names), foreign]))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code, str(installed.program)], capture_output=True, text=True, check=True
    )
    count, foreign = json.loads(done.stdout)
    assert count > 20
    assert foreign == []
