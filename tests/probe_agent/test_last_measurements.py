"""`tsunagu measure` at real schools: what each school's own probe measured last, from the monitor's store."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from controller.cli.measurement.probe_measurements import SHOWN_METRICS
from controller.cli.output import Exit
from controller.telemetry.enrolled_probes import enrol_probe, find_enrolment_file, make_probe_token, revoke_probe
from controller.telemetry.registry import (
    LINE_HTTPS_LIMIT,
    LINE_HTTPS_THROUGHPUT,
    LINE_LOSS,
    LINE_THROUGHPUT,
    LINE_UP,
    Metric,
)
from monitoring.timeseries.records import GaugeValue, TelemetryBatch
from monitoring.timeseries.time_series_store import TimeSeriesStore
from tests.cli.running import Done, here
from tests.policies import SHIPPED

SCHOOL = "as-e04"
AT = datetime(2026, 11, 30, 1, 2, 3, tzinfo=UTC)


class Machine:
    """The monitor's machine: who is enrolled, and a monitor's store, which may be in use."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.enrolments = find_enrolment_file(folder / "office/probe")
        self.store = folder / "monitor.db"

    def measure(self, *words: str, lang: str = "en") -> Done:
        fixed = ("--policies", str(SHIPPED), "--monitor-store", str(self.store), "--lang", lang)
        return here("measure", *words, *fixed, cwd=SHIPPED.parent)

    def enrol(self) -> None:
        enrol_probe(self.enrolments, SCHOOL, make_probe_token(), AT)

    def keep(self, metric: Metric, value: float, **place: str) -> None:
        attributes = tuple((one.name, {"school": SCHOOL, **place}[one.name]) for one in metric.attributes)
        with TimeSeriesStore(self.store) as store:
            store.write([TelemetryBatch(values=[GaugeValue((metric, attributes), AT.timestamp(), value)])])


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    office = tmp_path / "office"
    office.mkdir(mode=0o700)
    operators = office / "operations.yaml"
    operators.write_text(f"format: 1\ntokens: {{probe: {office}/probe}}\n", "utf-8")
    operators.chmod(0o600)
    monkeypatch.setenv("TSUNAGU_OPERATIONS", str(operators))
    return Machine(tmp_path)


def test_the_last_values_stand_with_their_times_and_paths(machine: Machine) -> None:
    machine.enrol()
    path = {"line": "primary", "region": "tokyo", "family": "ipv4"}
    machine.keep(LINE_UP, 0.0, line="backup")
    machine.keep(LINE_THROUGHPUT, 95_100_000.0, **path, direction="download")
    machine.keep(LINE_LOSS, 0.01, **path)
    with TimeSeriesStore(machine.store):  # the monitor is at work
        done = machine.measure("--school", SCHOOL)
    assert (done.code, done.errors) == (0, "")
    assert [line.strip() for line in done.said.splitlines()[:4]] == [
        "as-e04: what its probe measured last (times in Asia/Tokyo)",
        "2026-11-30 10:02:03 backup down",
        "2026-11-30 10:02:03 primary tokyo ipv4 download 95.1 Mbit/s",
        "2026-11-30 10:02:03 primary tokyo ipv4 loss 1.0%",
    ]
    assert "tsunagu-probe.pyz check" in done.said
    [school] = json.loads(machine.measure("--school", SCHOOL, "--json").said)["schools"]
    assert school["probe"]["school"] == SCHOOL
    assert school["values"][1] == {
        "metric": "tsunagu.line.throughput",
        **path,
        "direction": "download",
        "value": 95_100_000.0,
        "unit": "bit/s",
        "measured_at": "2026-11-30T10:02:03+09:00",
    }


def test_every_kind_of_value_is_said_in_japanese(machine: Machine) -> None:
    machine.enrol()
    machine.keep(LINE_UP, 1.0, line="primary")
    machine.keep(LINE_UP, 0.0, line="backup")
    path = {"line": "primary", "region": "tokyo", "family": "ipv4", "direction": "download"}
    for metric in SHOWN_METRICS[1:]:
        machine.keep(metric, 0.0, **path)
    machine.keep(LINE_THROUGHPUT, 0.0, **{**path, "direction": "upload"})
    said = machine.measure("--school", SCHOOL, lang="ja").said
    english = {"up", "down", "download", "upload", "latency", "jitter", "loss"}
    assert said.count("\n") >= len(SHOWN_METRICS) + 2
    assert not english & set(said.split())
    assert {"稼働", "断", "下り", "上り", "遅延", "ゆらぎ", "損失"} <= set(said.split())


def test_where_the_probe_tests_by_https_its_figures_stand_under_that_name(machine: Machine) -> None:
    machine.enrol()
    path = {"line": "primary", "region": "osaka", "family": "ipv4"}
    for direction, limit in (("download", 0.0), ("upload", 1.0)):
        machine.keep(LINE_HTTPS_THROUGHPUT, 48_300_000.0, **path, direction=direction)
        machine.keep(LINE_HTTPS_LIMIT, limit, **path, direction=direction)
    done = machine.measure("--school", SCHOOL)
    assert (done.code, done.errors) == (0, "")
    assert [line.strip().partition("primary osaka ipv4 ")[2] for line in done.said.splitlines()[1:5]] == [
        "download by HTTPS 48.3 Mbit/s",
        "upload by HTTPS 48.3 Mbit/s",
        "download by HTTPS: held back by the line itself",
        "upload by HTTPS: held back by loss",
    ]


def test_a_school_without_a_probe_or_without_a_word_of_it_is_said(machine: Machine) -> None:
    none = machine.measure("--school", SCHOOL)
    assert none.code == Exit.NOT_SUPPORTED
    assert "as-e04: no probe is enrolled; tsunagu probe enrol" in none.said
    assert not machine.store.exists()
    machine.enrol()
    lost = machine.measure("--school", SCHOOL)
    assert lost.code == Exit.FAILED
    assert "no such file; name the monitor's store with --monitor-store" in lost.errors
    with TimeSeriesStore(machine.store):
        pass
    silent = machine.measure("--school", SCHOOL, "--school", "kw-s01")
    assert silent.code == Exit.FAILED
    assert "as-e04: a probe is enrolled, and the monitor has no value of it" in silent.said
    assert "kw-s01: no probe is enrolled" in silent.said
    revoke_probe(machine.enrolments, SCHOOL, AT)
    assert "as-e04: no probe is enrolled" in machine.measure("--school", SCHOOL).said


def test_a_file_that_is_no_monitor_s_store_is_named(machine: Machine) -> None:
    machine.enrol()
    machine.store.write_text("no store", "utf-8")
    done = machine.measure("--school", SCHOOL)
    assert done.code == Exit.FAILED
    assert "monitor.db: is no SQLite file" in done.errors
    assert "--monitor-store" in done.errors
    assert machine.store.read_text("utf-8") == "no store"


def test_options_of_a_test_that_is_made_here_are_refused(machine: Machine) -> None:
    done = machine.measure("--school", SCHOOL, "--quick")
    assert done.code == Exit.USAGE
    assert "a real school's probe measures by itself" in done.errors
