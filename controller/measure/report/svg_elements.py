"""Scalable vector graphics in a few elements: every text escaped, every colour a class of the style sheet."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from markupsafe import Markup, escape

Attributes = dict[str, str | float]


def make_element(name: str, attributes: Attributes, text: str = "") -> Markup:
    """One element; an underscore in an attribute's name stands for a dash."""
    shown = Markup("").join(
        Markup(' {}="{}"').format(key.rstrip("_").replace("_", "-"), _number(value))
        for key, value in attributes.items()
    )
    return Markup("<{0}{1}>{2}</{0}>").format(Markup(name), shown, text)  # noqa: S704 the name is ours


def draw_rectangle(x: float, y: float, width: float, height: float, css: str) -> Markup:
    """A filled box."""
    return make_element("rect", {"x": x, "y": y, "width": max(width, 0.0), "height": height, "class": css})


def draw_line(start: tuple[float, float], end: tuple[float, float], css: str) -> Markup:
    """A straight line."""
    return make_element("line", {"x1": start[0], "y1": start[1], "x2": end[0], "y2": end[1], "class": css})


def draw_path(points: Sequence[tuple[float, float]], css: str) -> Markup:
    """A line through points."""
    steps = " L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    return make_element("path", {"d": f"M{steps}", "class": css})


def draw_text(x: float, y: float, text: str, css: str = "", anchor: str = "start") -> Markup:
    """Text at a place; `anchor` is start, middle or end."""
    return make_element("text", {"x": x, "y": y, "class": css, "text_anchor": anchor}, text)


def draw_marker(x: float, y: float, shape: str, css: str) -> Markup:
    """A mark that is told apart by its shape, too: circle, triangle, diamond or ring."""
    if shape in ("circle", "ring"):
        return make_element("circle", {"cx": x, "cy": y, "r": 6.5, "class": css})
    corners = {
        "triangle": [(-7, -6), (7, -6), (0, 7)],
        "diamond": [(0, -8), (8, 0), (0, 8), (-8, 0)],
    }[shape]
    return make_element(
        "path", {"d": "M" + " L".join(f"{x + dx:.1f} {y + dy:.1f}" for dx, dy in corners) + "Z", "class": css}
    )


def draw_picture(identity: str, size: tuple[float, float], title: str, parts: Iterable[Markup]) -> Markup:
    """The whole drawing, with a title for those who do not see it; the table beside it has the figures."""
    width, height = size
    inside = Markup("").join(parts)
    return Markup(
        '<svg viewBox="0 0 {w} {h}" role="img" aria-labelledby="{i}" preserveAspectRatio="xMinYMin meet">'
        '<title id="{i}">{t}</title>{p}</svg>'
    ).format(w=_number(width), h=_number(height), i=identity, t=escape(title), p=inside)


def choose_axis_ticks(most: float, steps: int = 5) -> list[float]:
    """Round figures for an axis from 0 to at least `most`."""
    if most <= 0:
        return [0.0, 1.0]
    rough = most / steps
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough)
    return [step * number for number in range(math.ceil(most / step) + 1)]


def _number(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:.2f}".rstrip("0").rstrip(".")
