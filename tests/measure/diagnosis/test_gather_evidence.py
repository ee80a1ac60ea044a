from __future__ import annotations

from controller.measure.diagnosis.causes import Cause
from controller.measure.diagnosis.evidence import Answer, LossReading
from controller.measure.diagnosis.gather_evidence import diagnose_round, gather_evidence
from controller.measure.measurement import Measurement, MeasurementKind, ProbeOutcome
from controller.model.city import City
from tests.measure.findings import echo, failed, measurement, path, throughput


def test_an_outcome_becomes_an_answer_and_a_probe_that_failed_says_nothing(city: City) -> None:
    school = city.school_by_id["kw-s01"]
    found = [
        measurement(path("kw-s01"), failed(MeasurementKind.DOWNLOAD, ProbeOutcome.REFUSED)),
        measurement(path("kw-s01"), failed(MeasurementKind.UPLOAD, ProbeOutcome.FAILED)),
        measurement(path("kw-s01"), failed(MeasurementKind.DNS, ProbeOutcome.NO_ANSWER)),
        measurement(path("kw-s01"), echo(0.2)),
        measurement(path("as-e04"), throughput(190)),
    ]
    (seen,) = gather_evidence(school, found, city.measurement).paths
    assert seen.download is not None
    assert seen.dns is not None
    assert (seen.download.answer, seen.dns.answer, seen.upload) == (Answer.REFUSED, Answer.SILENT, None)
    assert seen.loss == LossReading(2, 10, (found[3].id,))


def test_another_school_s_figure_clears_the_region(city: City) -> None:
    school = city.school_by_id["kw-s01"]

    def causes(*others: Measurement) -> set[Cause]:
        mine = [
            measurement(path("kw-s01"), throughput(100)),
            measurement(path("kw-s01"), throughput(100, MeasurementKind.UPLOAD)),
        ]
        (diagnosis,) = diagnose_round([school], [*mine, *others], city.measurement)
        return set(diagnosis.findings[0].causes)

    assert causes() == {Cause.LINE_SLOW, Cause.ROUTER_SLOW, Cause.UPSTREAM_SLOW}
    assert causes(measurement(path("as-e04"), throughput(190))) == {Cause.LINE_SLOW, Cause.ROUTER_SLOW}


def test_the_expected_figure_is_the_contract_s_or_the_recommendation_s_without_the_method_s_error(city: City) -> None:
    seen = gather_evidence(city.school_by_id["kw-s01"], [], city.measurement)
    assert 175 < seen.expected_mbps["primary"] < 189
    assert seen.contract_mbps["primary"] == 200
    assert seen.groups == {"ward": "kawasaki", "carrier": "fixed-ip"}
    assert seen.of_line("primary") == ()
