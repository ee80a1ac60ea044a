"""A round of measurements, as people read it at a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from statistics import mean
from zoneinfo import ZoneInfo

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from controller.measure.assessment.assess import Bandwidth, Cause, LineJudgement, LineState, SchoolJudgement, Verdict
from controller.measure.assessment.shares import percent
from controller.measure.measurement import DURATION_MS, JITTER_MS, LATENCY_MS, LOSS_RATIO, Kind, Measurement
from controller.messages import Catalogue
from controller.model.city import City
from controller.model.network.packets import Family

NOTHING = "-"
STYLES = {
    Verdict.MEETS: "green",
    Verdict.BELOW: "red",
    Verdict.WITHIN_ERROR: "yellow",
    Verdict.NOT_MEASURED: "dim",
}
_HEADINGS = ("school", "line", "state", "down", "up", "latency", "jitter", "loss", "dns", "proxy")
_VERDICT_HEADINGS = ("school", "pupils", "recommended", "measured", "measured-at", "verdict")
WIDTH = 110
"""Columns that the tables need; a narrower terminal wraps their lines."""


def measurements_table(
    judgements: Sequence[SchoolJudgement], failures: Sequence[Measurement], city: City, texts: Catalogue
) -> RenderableType:
    """Two tables (lines, verdicts), what could not be measured, and the total."""
    regions = [region.id for region in city.lines.regions]
    return Group(
        _lines(judgements, regions, texts),
        Text(),
        _verdicts(judgements, city.timezone, texts),
        *_reasons(judgements, texts),
        *_failures(judgements, failures, texts),
        *_totals(judgements, texts),
    )


def _lines(judgements: Sequence[SchoolJudgement], regions: Sequence[str], texts: Catalogue) -> Table:
    order = ", ".join(f"{region} v4 v6" for region in regions)
    table = Table(title=texts.say("measure.lines-title", order=order), title_justify="left", pad_edge=False, box=None)
    for heading in _HEADINGS:
        table.add_column(texts[f"measure.{heading}"], justify="left" if heading in _HEADINGS[:3] else "right")
    for one in judgements:
        for line in one.lines:
            if line.state is not LineState.UNKNOWN or line.bandwidths:
                table.add_row(one.school.id, line.line, _state(line, texts), *_figures(line, regions))
    return table


def _state(line: LineJudgement, texts: Catalogue) -> Text:
    style = {LineState.UP: "green", LineState.DOWN: "bold red", LineState.UNKNOWN: "dim"}[line.state]
    return Text(texts[f"measure.line-{line.state}"], style)


def _figures(line: LineJudgement, regions: Sequence[str]) -> list[str]:
    losses = line.figures(Kind.ECHO, LOSS_RATIO)
    return [
        _by_path(line.downloads, regions),
        _by_path(line.uploads, regions),
        _mean(line.figures(Kind.ECHO, LATENCY_MS)),
        _mean(line.figures(Kind.ECHO, JITTER_MS)),
        f"{100 * max(losses):.0f}%" if losses else NOTHING,
        _mean(line.figures(Kind.DNS, DURATION_MS)),
        _mean(line.figures(Kind.PROXY, DURATION_MS)),
    ]


def _by_path(bandwidths: Sequence[Bandwidth], regions: Sequence[str]) -> str:
    found = {(one.measurement.path.region, one.measurement.path.family): f"{one.mbps:.0f}" for one in bandwidths}
    parts = [" ".join(found.get((region, family), NOTHING) for family in Family) for region in regions]
    return ", ".join(parts) if found else NOTHING


def _mean(figures: Sequence[float]) -> str:
    if not figures:
        return NOTHING
    shown = mean(figures)
    return f"{shown:.1f}" if shown >= 1 else f"{shown:.2f}"


def _verdicts(judgements: Sequence[SchoolJudgement], timezone: ZoneInfo, texts: Catalogue) -> Table:
    table = Table(pad_edge=False, box=None)
    for heading in _VERDICT_HEADINGS:
        right = heading in ("pupils", "recommended", "measured")
        table.add_column(texts[f"measure.{heading}"], justify="right" if right else "left")
    for one in judgements:
        recommended = f"{one.recommended.mbps:.0f} ({texts[f'measure.{one.recommended.basis}']})"
        at = f"{one.measured_at.astimezone(timezone):%m-%d %H:%M}" if one.measured_at else NOTHING
        table.add_row(
            one.school.id,
            str(one.school.pupils),
            recommended,
            f"{one.judged.mbps:.0f}" if one.judged else NOTHING,
            at,
            Text(texts[f"states.{one.verdict}"], STYLES[one.verdict]),
        )
    return table


def why(one: SchoolJudgement, texts: Catalogue) -> str:
    """Why a school is below its recommendation or not measured, in words."""
    if one.verdict is Verdict.NOT_MEASURED:
        return texts["states.line-down"] if one.decisive.state is LineState.DOWN else ""
    losses = one.decisive.figures(Kind.ECHO, LOSS_RATIO)
    marks: dict[Cause, dict[str, object]] = {
        Cause.CONTRACT: {"contract": one.contract_mbps},
        Cause.LINE: {"contract": one.contract_mbps},
        Cause.LOSS: {"loss": f"{100 * max(losses, default=0.0):.0f}"},
    }
    return texts["measure.and"].join(texts.say(f"measure.cause-{cause}", **marks[cause]) for cause in one.causes)


def _reasons(judgements: Sequence[SchoolJudgement], texts: Catalogue) -> list[Text]:
    said = [(one, why(one, texts)) for one in judgements]
    lines = [Text(f"{one.school.id}: {reason}") for one, reason in said if reason]
    return [Text(), *lines] if lines else []


def _failures(judgements: Sequence[SchoolJudgement], failures: Sequence[Measurement], texts: Catalogue) -> list[Text]:
    dead = {(one.school.id, line.line) for one in judgements for line in one.lines if line.state is LineState.DOWN}
    said = [texts.say("measure.is-down", school=school, line=line) for school, line in sorted(dead)]
    said += [
        f"{one.path}: {texts[f'measure.{one.found.kind}']}: {one.found.reason}"
        for one in failures
        if (one.path.school, one.path.line) not in dead
    ]
    return [Text(), *(Text(f"x {line}", "red") for line in said)] if said else []


def _totals(judgements: Sequence[SchoolJudgement], texts: Catalogue) -> list[Text]:
    counts = Counter(one.verdict for one in judgements)
    whole = len(judgements)
    parts = [f"{texts[f'states.{verdict}']} {counts[verdict]}" for verdict in Verdict]
    share = percent(counts[Verdict.MEETS], whole)
    return [Text(), Text(texts.say("measure.total", schools=whole, parts=", ".join(parts), share=share))]
