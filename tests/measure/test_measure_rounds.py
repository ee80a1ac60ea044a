from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.measure import measurement_round
from controller.measure.assessment.assess import LineState, ShortfallCause, assess_school
from controller.measure.measurement import MBPS, Measurement, MeasurementKind, ProbeOutcome
from controller.measure.measurement_round import MeasurementRound, ProbeSite, RoundScope
from controller.measure.measurement_store import MeasurementStore, open_measurement_store
from controller.measure.probes.probe_path import NamespaceHost
from controller.measure.probes.throughput_locks import hold_exclusive_locks
from controller.measure.probes.throughput_probe import ThroughputProbe, name_line_lock
from controller.model.city import City
from controller.model.measurement import Assessment
from controller.model.network.packets import Family
from controller.model.policy_files import MEASUREMENT
from tests.measure.two_lines import PORT, SCHOOL, TRUTH, TwoLines, two_lines

PRIMARY, BACKUP = 80, 40

pytestmark = [pytest.mark.lab, pytest.mark.alone]

A_ROUND_OF_ECHOES = 3 * 2 * 98
"""Bytes of three echoes and their answers, with their Ethernet headers."""


@pytest.fixture(scope="module")
def lines() -> Iterator[TwoLines]:
    with two_lines(PRIMARY, BACKUP) as made:
        yield made


@pytest.fixture
def store(tmp_path: Path) -> Iterator[MeasurementStore]:
    with open_measurement_store(tmp_path / "m.sqlite") as made:
        yield made


@pytest.fixture
def quick(city: City) -> City:
    method = city.measurement.method.model_copy(
        update={"seconds": 1, "connect_within": 0.5, "echoes": 3, "answer_within": 0.5}
    )
    return city.replace_file(MEASUREMENT, city.measurement.model_copy(update={"method": method}))


def measured(
    city: City, store: MeasurementStore, lines: TwoLines, wanted: RoundScope, tmp_path: Path
) -> list[Measurement]:
    told: list[Measurement] = []
    throughput = ThroughputProbe(city.measurement.method, PORT, tmp_path / "locks")
    run = MeasurementRound(city, store, throughput, f"run-{len(store.read_latest())}", told.append)
    found = run.measure([ProbeSite(city.school_by_id[SCHOOL], NamespaceHost(lines.school))], wanted)
    assert sorted(found, key=lambda one: one.id) == sorted(told, key=lambda one: one.id) == store.read_run(run.run)
    return found


def test_both_lines_and_the_verdict_on_the_primary(
    quick: City, store: MeasurementStore, lines: TwoLines, tmp_path: Path
) -> None:
    patient = quick.measurement.method.model_copy(update={"answer_within": 3.0, "connect_within": 3.0})
    quick = quick.replace_file(MEASUREMENT, quick.measurement.model_copy(update={"method": patient}))
    found = measured(quick, store, lines, RoundScope(regions=("tokyo",), families=(Family.V4,)), tmp_path)
    assert all(one.measured for one in found), [one.result.reason for one in found]
    assert sorted((one.path.line, str(one.result.kind)) for one in found) == sorted(
        (line, str(kind)) for line in ("primary", "backup") for kind in MeasurementKind
    )
    assessed = assess_school(quick.school_by_id[SCHOOL], store.read_latest(), quick.measurement)
    assert assessed.assessed_bandwidth is not None
    assert assessed.assessed_bandwidth.measurement.path.line == "primary"
    assert assessed.assessed_bandwidth.mbps == pytest.approx(
        PRIMARY * TRUTH[Family.V4], rel=0.1
    )  # a test of one second only
    assert (assessed.assessment, assessed.causes) == (Assessment.BELOW, (ShortfallCause.LINE,))
    (backup,) = assessed.line("backup").downloads
    assert backup.mbps == pytest.approx(BACKUP * TRUTH[Family.V4], rel=0.1)
    assert (
        store.read_measurement(assessed.assessed_bandwidth.measurement.id).result.figures[MBPS]
        == assessed.assessed_bandwidth.mbps
    )


def test_a_dead_line_is_down_and_tried_only_once(
    quick: City, store: MeasurementStore, lines: TwoLines, tmp_path: Path
) -> None:
    with lines.cut("primary", lines.region):
        found = measured(quick, store, lines, RoundScope(families=(Family.V4,), lines=("primary",)), tmp_path)
    assert {one.result.outcome for one in found} == {ProbeOutcome.NO_ANSWER}
    heavy = [
        one.result.reason for one in found if one.result.kind in (MeasurementKind.DOWNLOAD, MeasurementKind.UPLOAD)
    ]
    assert [reason.startswith("not tried, because the line is dead") for reason in heavy] == [False, True, True, True]
    assessed = assess_school(quick.school_by_id[SCHOOL], store.read_latest(), quick.measurement)
    assert (assessed.assessment, assessed.assessed_bandwidth) == (Assessment.NOT_MEASURED, None)
    assert [line.state for line in assessed.lines] == [LineState.DOWN, LineState.UNKNOWN]


def test_only_what_is_judged_from_the_region_that_answers(
    quick: City, store: MeasurementStore, lines: TwoLines, tmp_path: Path
) -> None:
    with lines.without_tokyo("primary"):
        found = measured(quick, store, lines, RoundScope(only_assessed=True), tmp_path)
    heavy = [one for one in found if one.result.kind in (MeasurementKind.DOWNLOAD, MeasurementKind.UPLOAD)]
    assert [(one.path.line, one.path.region, one.path.family, one.result.kind) for one in heavy] == [
        ("primary", "osaka", family, kind)
        for family in Family
        for kind in (MeasurementKind.DOWNLOAD, MeasurementKind.UPLOAD)
    ]
    assessed = assess_school(quick.school_by_id[SCHOOL], store.read_latest(), quick.measurement)
    assert assessed.assessed_bandwidth is not None
    assert assessed.assessed_bandwidth.mbps == min(
        one.result.figures[MBPS] for one in heavy if one.result.kind is MeasurementKind.DOWNLOAD
    )
    assert assessed.line("primary").state is LineState.UP


def test_beside_a_test_of_throughput_no_echo_is_sent_and_the_line_is_not_down(
    quick: City, store: MeasurementStore, lines: TwoLines, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measurement_round, "PATIENCE_SECONDS", 0.1)
    wanted = RoundScope(lines=("primary",), regions=("tokyo",), families=(Family.V4,), throughput=False)
    (tmp_path / "locks").mkdir()
    with hold_exclusive_locks(tmp_path / "locks", [name_line_lock(lines.route().path)], 1.0):
        before, sent = lines.received("primary"), lines.echoes_sent()
        found = measured(quick, store, lines, wanted, tmp_path)
        assert lines.echoes_sent() == sent
        # What neighbours say by themselves weighs far less than a round of echoes.
        assert lines.received("primary") - before < A_ROUND_OF_ECHOES
    assert {one.result.outcome for one in found} == {ProbeOutcome.FAILED}
    assert all("has been in use by another measurement" in one.result.reason for one in found)
    assessed = assess_school(quick.school_by_id[SCHOOL], store.read_latest(), quick.measurement)
    assert assessed.line("primary").state is LineState.UNKNOWN
    echoes = [one for one in measured(quick, store, lines, wanted, tmp_path) if one.result.kind is MeasurementKind.ECHO]
    assert echoes
    assert all(one.measured for one in echoes), [one.result.reason for one in echoes]
    assert lines.echoes_sent() > sent  # the count would have shown them
