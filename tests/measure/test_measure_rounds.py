from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.measure import rounds
from controller.measure.assessment.assess import Cause, LineState, Verdict, judge_school
from controller.measure.measurement import MBPS, Kind, Measurement, Outcome
from controller.measure.probes.probe_targets import Namespace
from controller.measure.probes.throughput import Throughput, line_lock
from controller.measure.probes.throughput_locks import alone
from controller.measure.rounds import Round, Site, Wanted
from controller.measure.store import Store, opened
from controller.model.city import City
from controller.model.network.packets import Family
from controller.model.policy_files import MEASUREMENT
from tests.measure.two_lines import PORT, SCHOOL, TRUTH, TwoLines, two_lines

PRIMARY, BACKUP = 80, 40

pytestmark = pytest.mark.lab

A_ROUND_OF_ECHOES = 3 * 2 * 98
"""Bytes of three echoes and their answers, with their Ethernet headers."""


@pytest.fixture(scope="module")
def lines() -> Iterator[TwoLines]:
    with two_lines(PRIMARY, BACKUP) as made:
        yield made


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with opened(tmp_path / "m.sqlite") as made:
        yield made


@pytest.fixture
def quick(city: City) -> City:
    method = city.measurement.method.model_copy(
        update={"seconds": 1, "connect_within": 0.5, "echoes": 3, "answer_within": 0.5}
    )
    return city.replace_file(MEASUREMENT, city.measurement.model_copy(update={"method": method}))


def measured(city: City, store: Store, lines: TwoLines, wanted: Wanted, tmp_path: Path) -> list[Measurement]:
    told: list[Measurement] = []
    throughput = Throughput(city.measurement.method, PORT, tmp_path / "locks")
    run = Round(city, store, throughput, f"run-{len(store.latest())}", told.append)
    found = run.measure([Site(city.school_by_id[SCHOOL], Namespace(lines.school))], wanted)
    assert sorted(found, key=lambda one: one.id) == sorted(told, key=lambda one: one.id) == store.run(run.run)
    return found


def test_both_lines_and_the_verdict_on_the_primary(quick: City, store: Store, lines: TwoLines, tmp_path: Path) -> None:
    patient = quick.measurement.method.model_copy(update={"answer_within": 3.0, "connect_within": 3.0})
    quick = quick.replace_file(MEASUREMENT, quick.measurement.model_copy(update={"method": patient}))
    found = measured(quick, store, lines, Wanted(regions=("tokyo",), families=(Family.V4,)), tmp_path)
    assert all(one.measured for one in found), [one.found.reason for one in found]
    assert sorted((one.path.line, str(one.found.kind)) for one in found) == sorted(
        (line, str(kind)) for line in ("primary", "backup") for kind in Kind
    )
    judged = judge_school(quick.school_by_id[SCHOOL], store.latest(), quick.measurement)
    assert judged.judged is not None
    assert judged.judged.measurement.path.line == "primary"
    assert judged.judged.mbps == pytest.approx(PRIMARY * TRUTH[Family.V4], rel=0.1)  # a test of one second only
    assert (judged.verdict, judged.causes) == (Verdict.BELOW, (Cause.LINE,))
    (backup,) = judged.line("backup").downloads
    assert backup.mbps == pytest.approx(BACKUP * TRUTH[Family.V4], rel=0.1)
    assert store.get(judged.judged.measurement.id).found.figures[MBPS] == judged.judged.mbps


def test_a_dead_line_is_down_and_tried_only_once(quick: City, store: Store, lines: TwoLines, tmp_path: Path) -> None:
    with lines.cut("primary", lines.region):
        found = measured(quick, store, lines, Wanted(families=(Family.V4,), lines=("primary",)), tmp_path)
    assert {one.found.outcome for one in found} == {Outcome.NO_ANSWER}
    heavy = [one.found.reason for one in found if one.found.kind in (Kind.DOWNLOAD, Kind.UPLOAD)]
    assert [reason.startswith("not tried, because the line is dead") for reason in heavy] == [False, True, True, True]
    judged = judge_school(quick.school_by_id[SCHOOL], store.latest(), quick.measurement)
    assert (judged.verdict, judged.judged) == (Verdict.NOT_MEASURED, None)
    assert [line.state for line in judged.lines] == [LineState.DOWN, LineState.UNKNOWN]


def test_only_what_is_judged_from_the_region_that_answers(
    quick: City, store: Store, lines: TwoLines, tmp_path: Path
) -> None:
    with lines.without_tokyo("primary"):
        found = measured(quick, store, lines, Wanted(only_judged=True), tmp_path)
    heavy = [one for one in found if one.found.kind in (Kind.DOWNLOAD, Kind.UPLOAD)]
    assert [(one.path.line, one.path.region, one.path.family, one.found.kind) for one in heavy] == [
        ("primary", "osaka", family, Kind.DOWNLOAD) for family in Family
    ]
    judged = judge_school(quick.school_by_id[SCHOOL], store.latest(), quick.measurement)
    assert judged.judged is not None
    assert judged.judged.measurement.path.family is Family.V6  # its headers are longer
    assert judged.line("primary").state is LineState.UP


def test_beside_a_test_of_throughput_no_echo_is_sent_and_the_line_is_not_down(
    quick: City, store: Store, lines: TwoLines, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rounds, "PATIENCE_SECONDS", 0.1)
    wanted = Wanted(lines=("primary",), regions=("tokyo",), families=(Family.V4,), throughput=False)
    (tmp_path / "locks").mkdir()
    with alone(tmp_path / "locks", [line_lock(lines.route().path)], 1.0):
        before, sent = lines.received("primary"), lines.echoes_sent()
        found = measured(quick, store, lines, wanted, tmp_path)
        assert lines.echoes_sent() == sent
        # What neighbours say by themselves weighs far less than a round of echoes.
        assert lines.received("primary") - before < A_ROUND_OF_ECHOES
    assert {one.found.outcome for one in found} == {Outcome.FAILED}
    assert all("has been in use by another measurement" in one.found.reason for one in found)
    judged = judge_school(quick.school_by_id[SCHOOL], store.latest(), quick.measurement)
    assert judged.line("primary").state is LineState.UNKNOWN
    echoes = [one for one in measured(quick, store, lines, wanted, tmp_path) if one.found.kind is Kind.ECHO]
    assert echoes
    assert all(one.measured for one in echoes), [one.found.reason for one in echoes]
    assert lines.echoes_sent() > sent  # the count would have shown them
