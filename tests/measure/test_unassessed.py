"""Both families are meant: what was asked for and has no figure is never left out of an assessment."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controller.measure.assessment.assess import LineState, ShortfallCause, UnassessedReason, assess_school
from controller.measure.assessment.json_documents import build_school_document
from controller.measure.assessment.terminal_tables import explain_assessment
from controller.measure.diagnosis.causes import Cause
from controller.measure.diagnosis.gather_evidence import diagnose_round, gather_evidence
from controller.measure.measurement import (
    LATENCY_MS,
    MTU_BYTES,
    OTHERS_MBPS,
    VANISHED_BYTES,
    Measurement,
    MeasurementKind,
    ProbeOutcome,
    ProbeResult,
)
from controller.measure.probes.loss_interval import LossCount
from controller.messages import load_catalogue
from controller.model.city import City
from controller.model.measurement import Assessment
from controller.model.network.packets import Family
from tests.measure.findings import echo, failed, measurement, path, throughput

SCHOOL = "kw-s01"
"""180 pupils: 323 Mbit/s are recommended, 64.6 of upload; its contract is 200."""
DOWN, UP = MeasurementKind.DOWNLOAD, MeasurementKind.UPLOAD
V4, V6 = Family
CONTRACT_AND_LINE = (ShortfallCause.CONTRACT, ShortfallCause.LINE)
NO_ANSWER, REFUSED = ProbeOutcome.NO_ANSWER, ProbeOutcome.REFUSED


def of(family: Family, found: ProbeResult, run: str = "run-1") -> Measurement:
    return measurement(path(SCHOOL, family=family), found, run=run)


def both(mbps: float, kind: MeasurementKind = DOWN) -> list[Measurement]:
    return [of(family, throughput(mbps, kind)) for family in Family]


@pytest.mark.parametrize(
    ("others", "reason"),
    [
        ([of(V6, echo(1.0))], "ipv6-no-answer"),  # nobody answered, so it was not tested at all
        ([of(V6, echo(1.0)), of(V6, failed(DOWN, NO_ANSWER))], "ipv6-no-answer"),
        ([of(V6, echo()), of(V6, failed(DOWN, NO_ANSWER))], "ipv6-no-answer"),  # it died in the middle of the test
        ([of(V6, echo()), of(V6, failed(DOWN, REFUSED))], "ipv6-no-figure"),
        ([of(V6, throughput(400)), of(V4, failed(UP, NO_ANSWER))], "upload-no-answer"),
    ],
)
def test_a_family_without_a_figure_never_meets(city: City, others: list[Measurement], reason: str) -> None:
    found = [of(V4, echo()), of(V4, throughput(400)), *others]
    assessed = assess_school(city.school_by_id[SCHOOL], found, city.measurement)
    assert (assessed.assessment, assessed.assessed_bandwidth) == (Assessment.NOT_MEASURED, None)
    assert assessed.assessed_line.reasons == (UnassessedReason(reason),)
    assert assessed.assessed_line.state is LineState.UP
    assert assessed.assessed_line.downloads[0].mbps == 400, "what was measured is still shown"
    texts = load_catalogue("en")
    assert explain_assessment(assessed, texts) == texts[f"measure.reason-{reason}"]
    assert build_school_document(assessed, city.timezone)["reasons"] == [reason]


def test_ipv4_is_as_much_asked_for(city: City) -> None:
    found = [of(V4, echo(1.0)), of(V6, throughput(400))]
    assert assess_school(city.school_by_id[SCHOOL], found, city.measurement).assessed_line.reasons == (
        UnassessedReason.IPV4_NO_ANSWER,
    )


def test_what_is_below_already_is_below_whatever_the_other_family_does(city: City) -> None:
    found = [of(V4, throughput(100)), of(V6, echo(1.0))]
    assessed = assess_school(city.school_by_id[SCHOOL], found, city.measurement)
    assert (assessed.assessment, assessed.assessed_line.reasons) == (
        Assessment.BELOW,
        (UnassessedReason.IPV6_NO_ANSWER,),
    )


def test_a_family_that_nobody_asked_for_is_not_missing(city: City) -> None:
    before = [of(V6, echo(1.0), run="before"), of(V4, throughput(90), run="before")]
    found = [*before, of(V4, throughput(400), run="now")]
    assert assess_school(city.school_by_id[SCHOOL], found, city.measurement).assessment is Assessment.MEETS


def test_a_family_that_died_after_the_test_is_missing(city: City) -> None:
    found = [*both(400), of(V4, echo(), run="later"), of(V6, echo(1.0), run="later")]
    died = assess_school(city.school_by_id[SCHOOL], found, city.measurement)
    assert (died.assessment, died.assessed_line.reasons) == (
        Assessment.NOT_MEASURED,
        (UnassessedReason.IPV6_NO_ANSWER,),
    )
    # One that never answered an echo, and was measured all the same, is only without ICMP.
    without = [of(V6, echo(1.0)), *both(400), of(V4, echo())]
    assert assess_school(city.school_by_id[SCHOOL], without, city.measurement).assessment is Assessment.MEETS


@pytest.mark.parametrize("outcome", [REFUSED, NO_ANSWER, ProbeOutcome.FAILED])
def test_an_upload_that_one_family_alone_has_does_not_meet(city: City, outcome: ProbeOutcome) -> None:
    """The server went away, or the test broke off, after one family's figure was there."""
    school, found = city.school_by_id[SCHOOL], [*both(400), of(V4, throughput(90, UP)), of(V6, failed(UP, outcome))]
    assessed = assess_school(school, found, city.measurement).assessed_line
    assert (assessed.upload_assessment, assessed.upload) == (Assessment.NOT_MEASURED, None)
    assert assessed.uploads[0].mbps == 90, "what was measured is still shown"
    slow = [*both(400), of(V4, throughput(1, UP)), of(V6, failed(UP, outcome))]
    assert assess_school(school, slow, city.measurement).assessed_line.upload_assessment is Assessment.BELOW


def test_the_upload_has_a_figure_and_a_cause_of_its_own(city: City) -> None:
    school = city.school_by_id[SCHOOL]
    slow = assess_school(school, [*both(400), *both(1.04, UP)], city.measurement)
    assert (slow.assessment, slow.assessed_line.upload_assessment) == (Assessment.MEETS, Assessment.BELOW)
    assert slow.causes == (ShortfallCause.UPLOAD,)
    assert explain_assessment(slow, load_catalogue("en")) == "the upload is below its share: 1.0 Mbit/s"
    document = build_school_document(slow, city.timezone)
    assert [document[key] for key in ("upload_mbps", "upload_assessment", "causes")] == [1.0, "below", ["upload"]]
    good = assess_school(school, [*both(400), *both(80, UP)], city.measurement)
    assert (good.assessed_line.upload_assessment, good.causes) == (Assessment.MEETS, ())
    whole = assess_school(school, [*both(60), *both(58, UP)], city.measurement)  # the line is slow, either way
    assert (whole.causes, whole.assessed_line.upload_assessment) == (CONTRACT_AND_LINE, Assessment.BELOW)
    assert ShortfallCause.UPLOAD in assess_school(school, [*both(60), *both(30, UP)], city.measurement).causes
    assert assess_school(school, both(400), city.measurement).assessed_line.upload_assessment is Assessment.NOT_MEASURED


def test_a_black_hole_is_no_slow_line(city: City) -> None:
    school = city.school_by_id["sw-h01"]
    where = path(school.id)
    figures = {MTU_BYTES: 1280.0, VANISHED_BYTES: 1300.0}
    found = [
        measurement(where, echo()),
        measurement(where, throughput(0.0)),
        measurement(where, ProbeResult(MeasurementKind.PATH_MTU, ProbeOutcome.MEASURED, "t", "ping", figures)),
    ]
    assessed = assess_school(school, found, city.measurement)
    assert (assessed.assessment, assessed.causes) == (Assessment.BELOW, (ShortfallCause.PATH_MTU,))
    told = "small packets pass, large ones do not: path MTU about 1280 bytes"
    assert explain_assessment(assessed, load_catalogue("en")) == told
    assert assess_school(school, found[:2], city.measurement).causes == (ShortfallCause.NO_DATA,)


def test_a_small_mtu_that_the_path_tells_is_no_fault(city: City) -> None:
    school = city.school_by_id["sw-h01"]
    where = path(school.id)
    told = ProbeResult(MeasurementKind.PATH_MTU, ProbeOutcome.MEASURED, "t", "ping", {MTU_BYTES: 1454.0})
    found = [measurement(where, throughput(300)), measurement(where, told)]
    assert assess_school(school, found, city.measurement).causes == (ShortfallCause.LINE,)


def test_a_slow_line_is_slow_and_below_because_of_its_latency(city: City) -> None:
    late = replace(echo(), figures={**echo().figures, LATENCY_MS: 900.0})
    far = throughput(3.0)
    far = replace(far, figures={**far.figures, "idle-ms": 900.0, "segments": 900.0, "retransmitted": 0.0})
    school = city.school_by_id["sw-h01"]
    found = [measurement(path(school.id), late), measurement(path(school.id), far)]
    assessed = assess_school(school, found, city.measurement)
    assert assessed.assessed_line.state is LineState.SLOW
    assert (assessed.assessment, assessed.causes) == (Assessment.BELOW, (ShortfallCause.LATENCY,))
    told = "limited by delay (900.0 ms); the line's capacity is not known"
    assert explain_assessment(assessed, load_catalogue("en")) == told


def test_a_flapping_line_has_no_figure(city: City) -> None:
    flapping = {"primary": LineState.FLAPPING}
    school = city.school_by_id[SCHOOL]
    assessed = assess_school(school, both(400), city.measurement, {"primary": flapping["primary"]})
    assert (assessed.assessment, assessed.assessed_line.reasons) == (
        Assessment.NOT_MEASURED,
        (UnassessedReason.LINE_FLAPPING,),
    )


@pytest.mark.parametrize(
    ("loss", "claimed"),
    [(LossCount(2, 10), False), (LossCount(5, 499), False), (LossCount(20, 500), True), (LossCount(4, 500), False)],
)
def test_a_loss_is_claimed_only_over_enough_echoes(city: City, loss: LossCount, *, claimed: bool) -> None:
    school = city.school_by_id["sw-h01"]
    where = path(school.id)
    found = [measurement(where, throughput(300))]
    assessed = assess_school(school, found, city.measurement, losses={where: loss})
    assert (ShortfallCause.LOSS in assessed.causes) == claimed
    assert assessed.loss == loss


def test_a_test_beside_others_traffic_is_no_slow_line(city: City) -> None:
    """20 Mbit/s in the test and 170 of others' meanwhile: the line of 200 carries what it should."""
    school = city.school_by_id["kw-s01"]
    busy = throughput(20)
    busy = replace(busy, figures={**busy.figures, OTHERS_MBPS: 170.0})
    found = [measurement(path("kw-s01"), busy)]
    assessed = assess_school(school, found, city.measurement)
    assert assessed.causes == (ShortfallCause.CONTRACT, ShortfallCause.BUSY)
    said = explain_assessment(assessed, load_catalogue("en"))
    assert "carried 170 Mbit/s of others' traffic during the test: it is not a slow line" in said
    (seen,) = gather_evidence(school, found, city.measurement).paths
    assert seen.download is not None
    assert seen.download.value == 190
    named = [cause for one in diagnose_round([school], found, city.measurement)[0].findings for cause in one.causes]
    assert Cause.DOWNLOAD_SLOW not in named
    few = replace(busy, figures={**busy.figures, OTHERS_MBPS: 40.0})
    assert ShortfallCause.LINE in assess_school(school, [measurement(path("kw-s01"), few)], city.measurement).causes
