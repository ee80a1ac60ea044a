"""The charts of the bandwidth report."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from markupsafe import Markup

from controller.measure.assessment.assess import SchoolJudgement, Verdict
from controller.measure.report.drawing import line, marker, path, picture, rectangle, scale, words
from controller.measure.report.figures import Counts
from controller.messages import Catalogue
from controller.model.measurement import Method, RecommendationTable

WIDTH = 960.0
SHAPES = {
    Verdict.MEETS: "circle",
    Verdict.BELOW: "triangle",
    Verdict.WITHIN_ERROR: "diamond",
    Verdict.NOT_MEASURED: "ring",
}
"""Each verdict has a shape, so that no chart speaks by colour alone."""
ORDER = (Verdict.MEETS, Verdict.WITHIN_ERROR, Verdict.BELOW, Verdict.NOT_MEASURED)

_LABEL = 190.0
_ROW = 34.0
_RIGHT = 78.0
_NARROW = 22.0
_WIDEST = 60.0
"""Of one school in a ward's bar: a few schools shall not look like many."""


def ward_bars(wards: Mapping[str, Counts], names: Mapping[str, str], texts: Catalogue) -> Markup:
    """A bar a ward, divided by verdict; the share that has the recommended bandwidth at its end."""
    room = WIDTH - _LABEL - _RIGHT
    unit = min(room / max(counts.schools for counts in wards.values()), _WIDEST)

    def parts() -> Iterator[Markup]:
        for row, (ward, counts) in enumerate(wards.items()):
            top = row * _ROW
            yield words(_LABEL - 12, top + 22, names[ward], "label", "end")
            x = _LABEL
            for verdict in ORDER:
                number = counts.by_verdict[verdict]
                width = unit * number
                if number:
                    yield rectangle(x, top + 5, width, _ROW - 10, f"fill {verdict}")
                if width >= _NARROW:
                    yield words(x + width / 2, top + 22, str(number), f"inside {verdict}", "middle")
                x += width
            yield words(x + 10, top + 22, counts.share, "value")

    return picture("wards-chart", (WIDTH, _ROW * len(wards) + 4), texts["report.wards-title"], parts())


def school_bars(schools: Sequence[SchoolJudgement], method: Method, texts: Catalogue) -> Markup:
    """A bar a school for what was measured, with the method's error, and a mark at what is recommended."""
    figures = [(one, one.judged.mbps) for one in schools if one.judged]
    largest = max(
        (max(mbps * (1 + method.relative_error(mbps)), one.recommended.mbps) for one, mbps in figures), default=1
    )
    ticks = scale(largest)
    x_of = _across(ticks[-1], _LABEL + 40, WIDTH - 24)
    bottom = _ROW * len(figures) + 6

    def parts() -> Iterator[Markup]:
        yield from _grid(ticks, x_of, bottom)
        for row, (one, mbps) in enumerate(figures):
            top = row * _ROW + 4
            error = method.relative_error(mbps)
            yield words(_LABEL + 28, top + 14, one.school.name, "label", "end")
            yield words(_LABEL + 28, top + 27, one.school.id, "small", "end")
            yield rectangle(x_of(0), top + 6, x_of(mbps) - x_of(0), _ROW - 14, f"fill {one.verdict}")
            middle = top + 6 + (_ROW - 14) / 2
            low, high = x_of(mbps * (1 - error)), x_of(mbps * (1 + error))
            ends = [((low, middle), (high, middle))]
            ends += [((end, middle - 4), (end, middle + 4)) for end in (low, high)]
            for css in ("halo", "whisker"):
                yield from (line(start, end, css) for start, end in ends)
            wanted = x_of(one.recommended.mbps)
            yield line((wanted, top + 1), (wanted, top + _ROW - 3), "recommended")

    return picture("schools-chart", (WIDTH, bottom + 26), texts["report.schools-title"], parts())


def recommendation_curve(schools: Sequence[SchoolJudgement], table: RecommendationTable, texts: Catalogue) -> Markup:
    """Pupils against Mbit/s: the recommendation as a line with its published rows, the schools as marks."""
    figures = [(one, one.judged.mbps) for one in schools if one.judged]
    pupils = scale(max([row.pupils for row in table.table] + [one.school.pupils for one, _ in figures]), 7)
    figures_up = [mbps for _, mbps in figures] + [table.of(int(pupils[-1])).mbps]
    mbps_ticks = scale(max(figures_up))
    height, left = 380.0, 64.0
    x_of = _across(pupils[-1], left, WIDTH - 24)
    y_of = _across(mbps_ticks[-1], height - 44, 30)

    def parts() -> Iterator[Markup]:
        for tick in mbps_ticks:
            yield line((left, y_of(tick)), (WIDTH - 24, y_of(tick)), "grid")
            yield words(left - 8, y_of(tick) + 4, f"{tick:,.0f}", "tick", "end")
        for tick in pupils:
            yield words(x_of(tick), height - 24, f"{tick:,.0f}", "tick", "middle")
        yield words(left, 10, "Mbit/s", "tick", "end")
        yield words(WIDTH - 24, height - 6, texts["report.pupils"], "tick", "end")
        rows = [(0, 0.0), *((row.pupils, row.mbps) for row in table.table)]
        last = int(pupils[-1])
        yield path([(x_of(x), y_of(y)) for x, y in [*rows, (last, table.of(last).mbps)]], "curve")
        for row in table.table:
            yield rectangle(x_of(row.pupils) - 3, y_of(row.mbps) - 3, 6, 6, "anchor")
        for one, mbps in figures:
            x, y = x_of(one.school.pupils), y_of(mbps)
            yield line((x, y), (x, y_of(one.recommended.mbps)), f"gap {one.verdict}")
            yield marker(x, y, SHAPES[one.verdict], f"mark {one.verdict}")
            near_the_edge = x > WIDTH - 100
            yield words(
                x - 11 if near_the_edge else x + 11, y + 4, one.school.id, "small", "end" if near_the_edge else "start"
            )

    return picture("curve-chart", (WIDTH, height), texts["report.curve-title"], parts())


def legend_mark(verdict: Verdict) -> Markup:
    """The mark of a verdict, for a legend or a table; the word stands beside it."""
    inside = marker(9, 9, SHAPES[verdict], f"mark {verdict}")
    return Markup('<svg class="key" viewBox="0 0 18 18" aria-hidden="true">{}</svg>').format(inside)


def _across(most: float, start: float, end: float) -> Callable[[float], float]:
    return lambda value: start + (end - start) * value / most


def _grid(ticks: Sequence[float], x_of: Callable[[float], float], bottom: float) -> Iterator[Markup]:
    for tick in ticks:
        yield line((x_of(tick), 2), (x_of(tick), bottom), "grid")
        yield words(x_of(tick), bottom + 18, f"{tick:,.0f}", "tick", "middle")
