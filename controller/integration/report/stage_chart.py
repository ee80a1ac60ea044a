"""The chart of the report: a bar a ward, divided by stage."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from markupsafe import Markup

from controller.measure.report.svg_elements import draw_picture, draw_rectangle, draw_text
from controller.messages import Catalogue
from controller.model.sites.stages import STAGES, Stage

WIDTH, LABEL, RIGHT, ROW = 960, 150, 70, 34
_NARROW = 26
"""A part that is narrower has no room for its number."""


def draw_stage_bars(wards: Mapping[str, Mapping[Stage, int]], names: Mapping[str, str], texts: Catalogue) -> Markup:
    """Draw a bar a ward, with the number of schools in each stage; at its end how many are integrated."""
    unit = (WIDTH - LABEL - RIGHT) / max((sum(counts.values()) for counts in wards.values()), default=1)

    def parts() -> Iterator[Markup]:
        for row, (ward, counts) in enumerate(wards.items()):
            top, x = row * ROW, float(LABEL)
            yield draw_text(LABEL - 12, top + 22, names[ward], "label", "end")
            for stage in STAGES:
                number, width = counts[stage], unit * counts[stage]
                if number:
                    yield draw_rectangle(x, top + 5, width, ROW - 10, f"fill {stage}")
                if width >= _NARROW:
                    yield draw_text(x + width / 2, top + 22, str(number), f"inside {stage}", "middle")
                x += width
            yield draw_text(x + 10, top + 22, f"{counts[Stage.INTEGRATED]} / {sum(counts.values())}", "value")

    title = texts["integration.report-wards"]
    return draw_picture("stages-chart", (WIDTH, ROW * len(wards) + 4), title, parts())
