from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.errors import Origin
from controller.model.city import City
from controller.model.measurement import ErrorRow, Method, RecommendationRow, RecommendationTable
from tests.policies import PolicyFolder
from tests.soak import examples

FILE = "measurement.yaml"
PUBLISHED = {60: 108, 120: 216, 180: 323, 280: 408, 560: 525, 770: 607, 1050: 711, 1400: 834}
WRITTEN = Origin("measurement.yaml", 1)


@st.composite
def tables(draw: st.DrawFn) -> RecommendationTable:
    pupils = sorted(draw(st.sets(st.integers(1, 3000), min_size=2, max_size=10)))
    figures = sorted(draw(st.lists(st.integers(1, 2000), min_size=len(pupils), max_size=len(pupils))))
    rows = [
        RecommendationRow.model_validate({"pupils": p, "mbps": m, "origin": WRITTEN})
        for p, m in zip(pupils, figures, strict=True)
    ]
    return RecommendationTable.model_validate({"source": "drawn", "table": tuple(rows)})


def test_the_shipped_table_is_the_published_one(city: City) -> None:
    table = city.measurement.recommended
    assert {row.pupils: row.mbps for row in table.table} == PUBLISHED
    for pupils, mbps in PUBLISHED.items():
        assert (table.recommend_bandwidth(pupils).mbps, table.recommend_bandwidth(pupils).basis) == (mbps, "anchor")


@pytest.mark.parametrize(
    ("pupils", "mbps"),
    [(30, 54.0), (150, 269.5), (312, 408 + 32 * 117 / 280), (1169, 711 + 119 * 123 / 350), (1750, 834 + 123)],
)
def test_between_below_and_above_the_rows_it_is_estimated(city: City, pupils: int, mbps: float) -> None:
    found = city.measurement.recommended.recommend_bandwidth(pupils)
    assert math.isclose(found.mbps, mbps)
    assert found.basis == "estimated"


@given(table=tables(), pupils=st.integers(1, 5000))
@settings(max_examples=examples(200), deadline=None)
def test_more_pupils_never_need_less_and_one_more_never_jumps(table: RecommendationTable, pupils: int) -> None:
    here, next_ = table.recommend_bandwidth(pupils).mbps, table.recommend_bandwidth(pupils + 1).mbps
    points = [(0, 0.0), *((row.pupils, row.mbps) for row in table.table)]
    steepest = max((y1 - y0) / (x1 - x0) for (x0, y0), (x1, y1) in pairwise(points))
    assert here <= next_ + 1e-9
    assert next_ - here <= steepest + 1e-6


@given(table=tables())
@settings(max_examples=examples(100), deadline=None)
def test_at_every_row_it_is_the_row(table: RecommendationTable) -> None:
    for row in table.table:
        assert table.recommend_bandwidth(row.pupils) == table.recommend_bandwidth(row.pupils)
        assert (table.recommend_bandwidth(row.pupils).mbps, table.recommend_bandwidth(row.pupils).basis) == (
            row.mbps,
            "anchor",
        )


def test_the_error_of_the_method(city: City) -> None:
    method = city.measurement.method
    found = [method.relative_error(mbps) for mbps in (0.0, 50.0, 200.0, 500.0, 800.0, 2000.0)]
    assert found == pytest.approx([0.05, 0.05, 0.05, 0.075, 0.1, 0.1])


def test_one_row_of_error_holds_everywhere(city: City) -> None:
    row = ErrorRow.model_validate({"mbps": 100.0, "percent": 3.0, "origin": WRITTEN})
    method = city.measurement.method.model_copy(update={"error": (row,)})
    assert isinstance(method, Method)
    assert [method.relative_error(mbps) for mbps in (1.0, 100.0, 900.0)] == [0.03, 0.03, 0.03]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("{pupils: 120, mbps: 216}", "{pupils: 60, mbps: 216}", "must have more pupils than the one before it (60)"),
        ("{pupils: 120, mbps: 216}", "{pupils: 120, mbps: 100}", "not less Mbit/s (108)"),
        ("{mbps: 800, percent: 10}", "{mbps: 100, percent: 10}", "must be for more Mbit/s than the one before it"),
        ("{mbps: 800, percent: 10}", "{mbps: 200, percent: 10}", "must be for more Mbit/s than the one before it"),
        ("{port: 5201}", "{port: 70000}", "write 65535 or less (found 70000)"),
        ("streams: 4", "streams: none", "write a whole number in digits"),
        ("scheme: http", "scheme: ftp", "write one of: http, https (found 'ftp')"),
        ("regions: [tokyo, osaka]", "regions: [tokyo, nagoya]", "unknown region 'nagoya'; allowed: osaka, tokyo"),
        ("schools: [], regions: []", "schools: [as-e04, xx-e99], regions: []", "unknown school 'xx-e99'"),
        ("schools: [], regions: []", "schools: [], regions: [nagoya]", "unknown region 'nagoya'"),
        ("https: {port: 443}", "https: {port: 443, host: 'a b'}", "host"),
        ("program: iperf3", "program: iperf3\n  speed: 9", "unknown field; allowed: answer-within, connect-within"),
        ("throughput: 900", "throughput: 0.5", "write 10 or more"),
        ("days: [mon, tue, wed, thu, fri]", "days: free-days", "there are no lessons on free-days"),
    ],
)
def test_what_is_wrong_is_named_with_file_and_line(policies: PolicyFolder, old: str, new: str, said: str) -> None:
    edit = policies.edit(FILE, old, new)
    (problem,) = policies.problems()
    assert problem.startswith(f"{FILE}:")
    assert said in problem
    line = int(problem.split(":")[1])
    assert abs(line - edit.line) <= 2


def test_throughput_is_measured_as_often_as_echoes_or_less(policies: PolicyFolder) -> None:
    policies.edit(FILE, "{light: 1, answers: 15, throughput: 900}", "{light: 20, answers: 15, throughput: 20}")
    assert policies.problems() == []
    policies.edit(FILE, "light: 20", "light: 21")
    (problem,) = policies.problems()
    assert "intervals.throughput must not be shorter than intervals.light" in problem


def test_a_row_may_recommend_as_much_as_the_one_before_it_but_for_more_pupils() -> None:
    def table(*rows: tuple[int, float]) -> RecommendationTable:
        given = [{"pupils": pupils, "mbps": mbps, "origin": WRITTEN} for pupils, mbps in rows]
        return RecommendationTable.model_validate({"source": "drawn", "table": given})

    assert table((60, 108), (120, 108)).recommend_bandwidth(90).mbps == 108
    for second in ((60, 216), (60, 107), (59, 216), (120, 107)):
        with pytest.raises(ValueError, match="must have more pupils than the one before it"):
            table((60, 108), second)


def test_without_the_file_nothing_is_loaded(policies: PolicyFolder) -> None:
    (policies.path / FILE).unlink()
    assert policies.problems() == [f"{FILE}:1: file is missing"]
