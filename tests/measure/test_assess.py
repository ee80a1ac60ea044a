from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.measure.assessment.assess import (
    CARRIED,
    LineState,
    ShortfallCause,
    assess_bandwidth,
    assess_school,
    determine_line_state,
)
from controller.measure.measurement import JITTER_MS, LATENCY_MS, LOSS_RATIO, MeasurementKind, ProbeOutcome, ProbeResult
from controller.model.city import City
from controller.model.loading.load_city import load_city
from controller.model.measurement import Assessment, RecommendationTable
from controller.model.network.packets import Family
from controller.model.sites.schools import School
from tests.measure.findings import echo, failed, measurement, path, throughput
from tests.policies import SHIPPED
from tests.soak import examples
from tests.test_doctests import list_public_functions

METHOD = load_city(SHIPPED).measurement.method
MEGABITS = st.floats(0, 3000, allow_nan=False)
RECOMMENDED = st.floats(1, 2500, allow_nan=False)
ORDER = [Assessment.BELOW, Assessment.WITHIN_ERROR, Assessment.MEETS]


def school(city: City, id_: str, *, pupils: int = 280, mbps: int = 1000) -> School:
    found = city.school_by_id[id_]
    primary = found.lines.primary.model_copy(update={"mbps": mbps})
    lines = found.lines.model_copy(update={"primary": primary})
    return found.model_copy(update={"pupils": pupils, "lines": lines})


def test_a_verdict_that_the_error_cannot_turn_around() -> None:
    assert assess_bandwidth(None, 100, METHOD) is Assessment.NOT_MEASURED
    assert assess_bandwidth(0.0, 100, METHOD) is Assessment.BELOW
    found = [assess_bandwidth(mbps, 100, METHOD) for mbps in (95.2, 95.3, 100.0, 105.2, 105.3)]
    assert found == [Assessment.BELOW, *[Assessment.WITHIN_ERROR] * 3, Assessment.MEETS]


@given(MEGABITS, MEGABITS, RECOMMENDED)
@settings(max_examples=examples(300), deadline=None)
def test_more_bandwidth_never_makes_the_verdict_worse(one: float, other: float, recommended: float) -> None:
    less, more = sorted((one, other))
    first, second = assess_bandwidth(less, recommended, METHOD), assess_bandwidth(more, recommended, METHOD)
    assert ORDER.index(first) <= ORDER.index(second)


@given(st.floats(1, 3000), RECOMMENDED, st.floats(-1, 1))
@settings(max_examples=examples(300), deadline=None)
def test_a_figure_inside_the_error_is_never_judged_wrong(truth: float, recommended: float, miss: float) -> None:
    # Whatever the line really carries, a figure that misses it by no more than the method may cannot hide it.
    measured = truth * (1 + miss * METHOD.relative_error(truth) * 0.9)
    assessment = assess_bandwidth(measured, recommended, METHOD)
    if assessment is Assessment.MEETS:
        assert truth >= recommended * 0.98
    if assessment is Assessment.BELOW:
        assert truth <= recommended * 1.02


def test_the_slower_family_of_the_first_region_that_answers_decides(city: City) -> None:
    one = school(city, "as-e04")
    found = [
        measurement(path(one.id), throughput(500)),
        measurement(path(one.id, family=Family.V6), throughput(490)),
        measurement(path(one.id, region="osaka"), throughput(30)),
        measurement(path(one.id, line="backup"), throughput(20)),
        measurement(path(one.id), throughput(10, MeasurementKind.UPLOAD)),
        measurement(path("kw-s01"), throughput(1)),
    ]
    assessed = assess_school(one, found, city.measurement)
    assert assessed.assessed_bandwidth is not None
    assert (assessed.assessment, assessed.assessed_bandwidth.mbps) == (Assessment.MEETS, 490)
    assert assessed.assessed_bandwidth.measurement is found[1]
    assert assessed.line("backup").assessment is Assessment.BELOW
    assert (assessed.recommended.mbps, assessed.recommended.basis) == (408, "anchor")
    only_osaka = assess_school(one, found[2:], city.measurement)
    assert (only_osaka.assessment, only_osaka.assessed_bandwidth and only_osaka.assessed_bandwidth.mbps) == (
        Assessment.BELOW,
        30,
    )


def test_the_newest_run_that_tested_the_download_decides(city: City) -> None:
    """An old figure says nothing of a line whose newest test failed; a run without throughput says nothing of it."""
    one = school(city, "as-e04")
    before = [
        measurement(path(one.id), throughput(900), run="before"),
        measurement(path(one.id, region="osaka"), throughput(800), run="before"),
    ]
    light = [measurement(path(one.id), echo(), run="light")]
    kept = assess_school(one, [*before, *light], city.measurement)
    assert (kept.assessment, kept.assessed_bandwidth and kept.assessed_bandwidth.mbps) == (Assessment.MEETS, 900)
    refused = measurement(path(one.id), failed(MeasurementKind.DOWNLOAD, ProbeOutcome.REFUSED), run="now")
    gone = assess_school(one, [before[1], *light, refused], city.measurement)
    assert (gone.assessment, gone.assessed_bandwidth) == (Assessment.NOT_MEASURED, None)
    assert gone.line("primary").downloads[0].mbps == 800, "what was measured before is still shown"
    # The same run went on to the second region; there the slower family decides.
    osaka = [
        measurement(path(one.id, region="osaka"), throughput(300), run="now"),
        measurement(path(one.id, region="osaka", family=Family.V6), throughput(290), run="now"),
    ]
    instead = assess_school(one, [before[1], *light, refused, *osaka], city.measurement)
    assert (instead.assessment, instead.assessed_bandwidth and instead.assessed_bandwidth.mbps) == (
        Assessment.BELOW,
        290,
    )
    # The first region did not even answer an echo, so that run tested the second only; it is newer than the first's.
    only = assess_school(one, [before[0], *light, *osaka], city.measurement)
    assert (only.assessment, only.assessed_bandwidth and only.assessed_bandwidth.mbps) == (Assessment.BELOW, 290)


def test_a_line_that_is_alive_but_slow_is_below(city: City) -> None:
    one = school(city, "as-e04")
    found = [measurement(path(one.id), echo()), measurement(path(one.id), throughput(0.4))]
    assessed = assess_school(one, found, city.measurement)
    assert assessed.assessment is Assessment.BELOW
    assert assessed.line("primary").state is LineState.UP
    assert assessed.causes == (ShortfallCause.LINE,)


def test_a_dead_line_is_not_measured_and_down_even_if_it_was_fast_before(city: City) -> None:
    one = school(city, "as-e04")
    before = [measurement(path(one.id), throughput(900), run="before")]
    dead = [measurement(path(one.id), echo(loss=1.0)), measurement(path(one.id, line="backup"), echo())]
    assessed = assess_school(one, [*before, *dead], city.measurement)
    assert (assessed.assessment, assessed.assessed_bandwidth, assessed.causes) == (Assessment.NOT_MEASURED, None, ())
    assert [line.state for line in assessed.lines] == [LineState.DOWN, LineState.UP]
    assert assessed.line("primary").bandwidths == ()


@pytest.mark.parametrize("outcome", [ProbeOutcome.REFUSED, ProbeOutcome.FAILED, ProbeOutcome.NO_ANSWER])
def test_a_test_that_failed_is_never_taken_for_a_dead_line(city: City, outcome: ProbeOutcome) -> None:
    one = school(city, "as-e04")
    found = [measurement(path(one.id), echo()), measurement(path(one.id), failed(MeasurementKind.DOWNLOAD, outcome))]
    assessed = assess_school(one, found, city.measurement)
    assert assessed.assessment is Assessment.NOT_MEASURED
    assert assessed.line("primary").state is LineState.UP
    assert assessed.line("primary").failures == (found[1],)


def test_nobody_looked_is_unknown(city: City) -> None:
    assessed = assess_school(school(city, "as-e04"), [], city.measurement)
    assert assessed.assessment is Assessment.NOT_MEASURED
    assert {line.state for line in assessed.lines} == {LineState.UNKNOWN}
    only_failed = [measurement(path("as-e04"), failed(MeasurementKind.DOWNLOAD, ProbeOutcome.NO_ANSWER))]
    assert determine_line_state(only_failed) is LineState.UNKNOWN


def test_one_region_that_answers_keeps_a_line_up() -> None:
    found = [measurement(path("x"), echo(loss=1.0)), measurement(path("x", region="osaka"), echo())]
    assert determine_line_state(found) is LineState.UP
    assert determine_line_state(found[:1]) is LineState.DOWN


@pytest.mark.parametrize(
    ("contract", "mbps", "loss", "causes"),
    [
        (200, 188, 0.0, (ShortfallCause.CONTRACT,)),
        (200, 90, 0.0, (ShortfallCause.CONTRACT, ShortfallCause.LINE)),
        (1000, 90, 0.0, (ShortfallCause.LINE,)),
        (1000, 90, 0.2, (ShortfallCause.LINE,)),  # two of ten say nothing of one in a hundred
        (1000, 900, 0.2, ()),
    ],
)
def test_why_a_school_is_below(
    city: City, contract: int, mbps: float, loss: float, causes: tuple[ShortfallCause, ...]
) -> None:
    one = school(city, "as-e04", mbps=contract)
    found = [measurement(path(one.id), echo(loss)), measurement(path(one.id), throughput(mbps))]
    assert assess_school(one, found, city.measurement).causes == causes


def test_what_tcp_carries_of_a_line_is_told_by_its_headers() -> None:
    """A packet of 1500 bytes without the headers of IPv6 and TCP and its timestamps, of a frame with its own header."""
    assert CARRIED == (1500 - 40 - 20 - 12) / (1500 + 14)


def test_a_line_holds_each_measurement_once_by_what_it_says(city: City) -> None:
    one = school(city, "as-e04")
    kinds = (MeasurementKind.DOWNLOAD, MeasurementKind.UPLOAD)
    found = [
        measurement(path(one.id), echo()),
        measurement(path(one.id, region="osaka"), echo(1.0)),
        *(measurement(path(one.id), throughput(400, kind)) for kind in kinds),
        *(measurement(path(one.id, region="osaka"), failed(kind, ProbeOutcome.FAILED)) for kind in kinds),
        measurement(path(one.id), failed(MeasurementKind.DNS, ProbeOutcome.NO_ANSWER)),
    ]
    line = assess_school(one, found, city.measurement).line("primary")
    assert line.others == (found[0],)
    assert [bandwidth.measurement for bandwidth in line.bandwidths] == found[2:4]
    assert line.failures == (found[1], *found[4:])


def test_one_echo_answer_has_no_jitter_and_is_left_out_of_it(city: City) -> None:
    one = school(city, "as-e04")
    alone = ProbeResult(MeasurementKind.ECHO, ProbeOutcome.MEASURED, "t", "ping", {LATENCY_MS: 4.0, LOSS_RATIO: 0.9})
    found = [measurement(path(one.id), alone), measurement(path(one.id, region="osaka"), echo())]
    line = assess_school(one, found, city.measurement).line("primary")
    assert line.list_figures(MeasurementKind.ECHO, LATENCY_MS) == [4.0, 4.2]
    assert line.list_figures(MeasurementKind.ECHO, JITTER_MS) == [0.3]
    assert line.list_figures(MeasurementKind.DNS, LATENCY_MS) == []


def test_every_public_function_of_the_assessment_has_an_example() -> None:
    functions = dict(list_public_functions("controller/measure/assessment/assess.py"))
    assert set(functions) == {"assess_bandwidth", "assess_school", "determine_line_state"}
    assert [name for name, text in functions.items() if ">>> " not in text] == []
    assert ">>> " in (RecommendationTable.recommend_bandwidth.__doc__ or "")
