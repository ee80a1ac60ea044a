"""A round of measurements, as people read it at a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from statistics import mean
from zoneinfo import ZoneInfo

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from controller.measure.assessment.assess import Bandwidth, LineAssessment, LineState, SchoolAssessment, ShortfallCause
from controller.measure.assessment.format_share import format_share
from controller.measure.measurement import (
    DURATION_MS,
    JITTER_MS,
    LATENCY_MS,
    MTU_BYTES,
    OTHERS_MBPS,
    Measurement,
    MeasurementKind,
)
from controller.messages import Catalogue
from controller.model.city import City
from controller.model.measurement import Assessment
from controller.model.network.packets import Family

NOTHING = "-"
STYLES = {
    Assessment.MEETS: "green",
    Assessment.BELOW: "red",
    Assessment.WITHIN_ERROR: "yellow",
    Assessment.NOT_MEASURED: "dim",
}
_STATE_STYLES = {
    LineState.UP: "green",
    LineState.SLOW: "yellow",
    LineState.FLAPPING: "bold red",
    LineState.DOWN: "bold red",
    LineState.UNKNOWN: "dim",
}
_HEADINGS = ("school", "line", "state", "down", "up", "latency", "jitter", "loss", "dns", "http")
_ASSESSMENT_HEADINGS = ("school", "pupils", "recommended", "measured", "measured-at", "assessment")
WIDTH = 110
"""Columns that the tables need; a narrower terminal wraps their lines."""


def build_measurement_tables(
    assessments: Sequence[SchoolAssessment], failures: Sequence[Measurement], city: City, texts: Catalogue
) -> RenderableType:
    """Two tables (lines, assessments), what could not be measured, and the total.

    >>> one = assess_example(measurement(path("kw-s01"), throughput(400)))
    >>> tables = build_measurement_tables([one], [], city, texts)
    >>> [table.row_count for table in tables.renderables if isinstance(table, Table)]
    [1, 1]
    """
    regions = [region.id for region in city.lines.regions]
    return Group(
        _lines(assessments, regions, texts),
        Text(),
        _assessments(assessments, city.timezone, texts),
        *_reasons(assessments, texts),
        *_failures(assessments, failures, texts),
        *_totals(assessments, texts),
    )


def _lines(assessments: Sequence[SchoolAssessment], regions: Sequence[str], texts: Catalogue) -> Table:
    order = ", ".join(f"{region} v4 v6" for region in regions)
    table = Table(title=texts.say("measure.lines-title", order=order), title_justify="left", pad_edge=False, box=None)
    for heading in _HEADINGS:
        table.add_column(texts[f"measure.{heading}"], justify="left" if heading in _HEADINGS[:3] else "right")
    for one in assessments:
        for line in one.lines:
            if line.state is not LineState.UNKNOWN or line.bandwidths:
                table.add_row(one.school.id, line.line, _state(line, texts), *_figures(line, regions))
    return table


def _state(line: LineAssessment, texts: Catalogue) -> Text:
    return Text(texts[f"measure.line-{line.state}"], _STATE_STYLES[line.state])


def _figures(line: LineAssessment, regions: Sequence[str]) -> list[str]:
    return [
        _by_path(line.downloads, regions),
        _by_path(line.uploads, regions),
        _mean(line.list_figures(MeasurementKind.ECHO, LATENCY_MS)),
        _mean(line.list_figures(MeasurementKind.ECHO, JITTER_MS)),
        line.loss.short if line.loss.sent else NOTHING,
        _mean(line.list_figures(MeasurementKind.DNS, DURATION_MS)),
        _mean(line.list_figures(MeasurementKind.HTTP, DURATION_MS)),
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


def _assessments(assessments: Sequence[SchoolAssessment], timezone: ZoneInfo, texts: Catalogue) -> Table:
    table = Table(pad_edge=False, box=None)
    for heading in _ASSESSMENT_HEADINGS:
        right = heading in ("pupils", "recommended", "measured")
        table.add_column(texts[f"measure.{heading}"], justify="right" if right else "left")
    for one in assessments:
        recommended = f"{one.recommended.mbps:.0f} ({texts[f'measure.{one.recommended.basis}']})"
        at = f"{one.measured_at.astimezone(timezone):%m-%d %H:%M}" if one.measured_at else NOTHING
        table.add_row(
            one.school.id,
            str(one.school.pupils),
            recommended,
            f"{one.assessed_bandwidth.mbps:.0f}" if one.assessed_bandwidth else NOTHING,
            at,
            Text(texts[f"assessments.{one.assessment}"], STYLES[one.assessment]),
        )
    return table


def explain_assessment(one: SchoolAssessment, texts: Catalogue) -> str:
    """Why a school is below its recommendation or not measured, and what else is wrong with its line, in words.

    >>> explain_assessment(assess_example(measurement(path("kw-s01"), throughput(100))), texts)
    'its contract of 200 Mbit/s is below the recommendation; the line carries less than its contract of 200 Mbit/s'
    """
    return texts["measure.and"].join(_explanations(one, texts))


def _explanations(one: SchoolAssessment, texts: Catalogue) -> Iterator[str]:
    line = one.assessed_line
    if line.state is LineState.DOWN:
        yield texts["assessments.line-down"]
    elif one.assessment is not Assessment.MEETS:
        yield from (texts[f"measure.reason-{reason}"] for reason in line.reasons)
    latencies = line.list_figures(MeasurementKind.ECHO, LATENCY_MS)
    bytes_ = line.list_figures(MeasurementKind.PATH_MTU, MTU_BYTES)
    marks: dict[ShortfallCause, dict[str, object]] = {
        ShortfallCause.CONTRACT: {"contract": one.contract_mbps},
        ShortfallCause.LINE: {"contract": one.contract_mbps},
        ShortfallCause.LOSS: {"loss": one.loss},
        ShortfallCause.LATENCY: {"latency": _mean(latencies)},
        ShortfallCause.PATH_MTU: {"bytes": f"{min(bytes_, default=0):.0f}"},
        ShortfallCause.BUSY: {"others": _describe_others(one)},
        ShortfallCause.UPLOAD: {"mbps": f"{line.upload.mbps:.1f}" if line.upload else NOTHING},
    }
    for cause in one.causes:
        limited = cause in (ShortfallCause.LOSS, ShortfallCause.LATENCY) and one.limit is not None
        yield texts.say(f"measure.{'limited-by' if limited else 'cause'}-{cause}", **marks.get(cause, {}))


def _describe_others(one: SchoolAssessment) -> str:
    """What others had of the line during the test that decided."""
    found = one.assessed_bandwidth
    return f"{found.measurement.figure(OTHERS_MBPS) or 0:.0f}" if found else NOTHING


def _reasons(assessments: Sequence[SchoolAssessment], texts: Catalogue) -> list[Text]:
    said = [(one, explain_assessment(one, texts)) for one in assessments]
    lines = [Text(f"{one.school.id}: {reason}") for one, reason in said if reason]
    return [Text(), *lines] if lines else []


def _failures(assessments: Sequence[SchoolAssessment], failures: Sequence[Measurement], texts: Catalogue) -> list[Text]:
    dead = {(one.school.id, line.line) for one in assessments for line in one.lines if line.state is LineState.DOWN}
    said = [texts.say("measure.is-down", school=school, line=line) for school, line in sorted(dead)]
    said += [
        f"{one.path}: {texts[f'measure.{one.result.kind}']}: {one.result.reason}"
        for one in failures
        if (one.path.school, one.path.line) not in dead
    ]
    return [Text(), *(Text(f"x {line}", "red") for line in said)] if said else []


def _totals(assessments: Sequence[SchoolAssessment], texts: Catalogue) -> list[Text]:
    counts = Counter(one.assessment for one in assessments)
    whole = len(assessments)
    parts = [f"{texts[f'assessments.{assessment}']} {counts[assessment]}" for assessment in Assessment]
    share = format_share(counts[Assessment.MEETS], whole)
    return [Text(), Text(texts.say("measure.total", schools=whole, parts=", ".join(parts), share=share))]
