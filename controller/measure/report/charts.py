"""The charts of the bandwidth report."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from markupsafe import Markup

from controller.measure.assessment.assess import SchoolAssessment
from controller.measure.report.city_figures import AssessmentCounts
from controller.measure.report.svg_elements import (
    choose_axis_ticks,
    draw_line,
    draw_marker,
    draw_path,
    draw_picture,
    draw_rectangle,
    draw_text,
)
from controller.messages import Catalogue
from controller.model.measurement import Assessment, Method, RecommendationTable

WIDTH = 960.0
SHAPES = {
    Assessment.MEETS: "circle",
    Assessment.BELOW: "triangle",
    Assessment.WITHIN_ERROR: "diamond",
    Assessment.NOT_MEASURED: "ring",
}
"""Each assessment has a shape, so that no chart speaks by colour alone."""
ORDER = (Assessment.MEETS, Assessment.WITHIN_ERROR, Assessment.BELOW, Assessment.NOT_MEASURED)

_LABEL = 190.0
_ROW = 34.0
_RIGHT = 78.0
_NARROW = 22.0
_WIDEST = 60.0
"""Of one school in a ward's bar: a few schools shall not look like many."""


def draw_ward_bars(wards: Mapping[str, AssessmentCounts], names: Mapping[str, str], texts: Catalogue) -> Markup:
    """A bar a ward, divided by assessment; the share that has the recommended bandwidth at its end."""
    room = WIDTH - _LABEL - _RIGHT
    unit = min(room / max(counts.schools for counts in wards.values()), _WIDEST)

    def parts() -> Iterator[Markup]:
        for row, (ward, counts) in enumerate(wards.items()):
            top = row * _ROW
            yield draw_text(_LABEL - 12, top + 22, names[ward], "label", "end")
            x = _LABEL
            for assessment in ORDER:
                number = counts.by_assessment[assessment]
                width = unit * number
                if number:
                    yield draw_rectangle(x, top + 5, width, _ROW - 10, f"fill {assessment}")
                if width >= _NARROW:
                    yield draw_text(x + width / 2, top + 22, str(number), f"inside {assessment}", "middle")
                x += width
            yield draw_text(x + 10, top + 22, counts.share, "value")

    return draw_picture("wards-chart", (WIDTH, _ROW * len(wards) + 4), texts["report.wards-title"], parts())


def draw_school_bars(schools: Sequence[SchoolAssessment], method: Method, texts: Catalogue) -> Markup:
    """A bar a school for what was measured, with the method's error, and a mark at what is recommended."""
    figures = [(one, one.assessed_bandwidth.mbps) for one in schools if one.assessed_bandwidth]
    largest = max(
        (max(mbps * (1 + method.relative_error(mbps)), one.recommended.mbps) for one, mbps in figures), default=1
    )
    ticks = choose_axis_ticks(largest)
    x_of = _across(ticks[-1], _LABEL + 40, WIDTH - 24)
    bottom = _ROW * len(figures) + 6

    def parts() -> Iterator[Markup]:
        yield from _grid(ticks, x_of, bottom)
        for row, (one, mbps) in enumerate(figures):
            top = row * _ROW + 4
            error = method.relative_error(mbps)
            yield draw_text(_LABEL + 28, top + 14, one.school.name, "label", "end")
            yield draw_text(_LABEL + 28, top + 27, one.school.id, "small", "end")
            yield draw_rectangle(x_of(0), top + 6, x_of(mbps) - x_of(0), _ROW - 14, f"fill {one.assessment}")
            middle = top + 6 + (_ROW - 14) / 2
            low, high = x_of(mbps * (1 - error)), x_of(mbps * (1 + error))
            ends = [((low, middle), (high, middle))]
            ends += [((end, middle - 4), (end, middle + 4)) for end in (low, high)]
            for css in ("halo", "whisker"):
                yield from (draw_line(start, end, css) for start, end in ends)
            wanted = x_of(one.recommended.mbps)
            yield draw_line((wanted, top + 1), (wanted, top + _ROW - 3), "recommended")

    return draw_picture("schools-chart", (WIDTH, bottom + 26), texts["report.schools-title"], parts())


def draw_recommendation_curve(
    schools: Sequence[SchoolAssessment], table: RecommendationTable, texts: Catalogue
) -> Markup:
    """Pupils against Mbit/s: the recommendation as a line with its published rows, the schools as marks."""
    figures = [(one, one.assessed_bandwidth.mbps) for one in schools if one.assessed_bandwidth]
    pupils = choose_axis_ticks(max([row.pupils for row in table.table] + [one.school.pupils for one, _ in figures]), 7)
    figures_up = [mbps for _, mbps in figures] + [table.recommend_bandwidth(int(pupils[-1])).mbps]
    mbps_ticks = choose_axis_ticks(max(figures_up))
    height, left = 380.0, 64.0
    x_of = _across(pupils[-1], left, WIDTH - 24)
    y_of = _across(mbps_ticks[-1], height - 44, 30)

    def parts() -> Iterator[Markup]:
        for tick in mbps_ticks:
            yield draw_line((left, y_of(tick)), (WIDTH - 24, y_of(tick)), "grid")
            yield draw_text(left - 8, y_of(tick) + 4, f"{tick:,.0f}", "tick", "end")
        for tick in pupils:
            yield draw_text(x_of(tick), height - 24, f"{tick:,.0f}", "tick", "middle")
        yield draw_text(left, 10, "Mbit/s", "tick", "end")
        yield draw_text(WIDTH - 24, height - 6, texts["report.pupils"], "tick", "end")
        rows = [(0, 0.0), *((row.pupils, row.mbps) for row in table.table)]
        last = int(pupils[-1])
        yield draw_path([(x_of(x), y_of(y)) for x, y in [*rows, (last, table.recommend_bandwidth(last).mbps)]], "curve")
        for row in table.table:
            yield draw_rectangle(x_of(row.pupils) - 3, y_of(row.mbps) - 3, 6, 6, "anchor")
        for one, mbps in figures:
            x, y = x_of(one.school.pupils), y_of(mbps)
            yield draw_line((x, y), (x, y_of(one.recommended.mbps)), f"gap {one.assessment}")
            yield draw_marker(x, y, SHAPES[one.assessment], f"mark {one.assessment}")
            near_the_edge = x > WIDTH - 100
            yield draw_text(
                x - 11 if near_the_edge else x + 11, y + 4, one.school.id, "small", "end" if near_the_edge else "start"
            )

    return draw_picture("curve-chart", (WIDTH, height), texts["report.curve-title"], parts())


def draw_legend_mark(assessment: Assessment) -> Markup:
    """The mark of a assessment, for a legend or a table; the word stands beside it."""
    inside = draw_marker(9, 9, SHAPES[assessment], f"mark {assessment}")
    return Markup('<svg class="key" viewBox="0 0 18 18" aria-hidden="true">{}</svg>').format(inside)


def _across(most: float, start: float, end: float) -> Callable[[float], float]:
    return lambda value: start + (end - start) * value / most


def _grid(ticks: Sequence[float], x_of: Callable[[float], float], bottom: float) -> Iterator[Markup]:
    for tick in ticks:
        yield draw_line((x_of(tick), 2), (x_of(tick), bottom), "grid")
        yield draw_text(x_of(tick), bottom + 18, f"{tick:,.0f}", "tick", "middle")
