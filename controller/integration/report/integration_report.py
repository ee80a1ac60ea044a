"""The report of a city's integration as one HTML file: no script, no request to anywhere, and a policy against both."""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from controller.integration.report.stage_chart import draw_stage_bars
from controller.integration.schedule.build_schedule import Schedule, ScheduledChange
from controller.integration.status import SchoolStatus
from controller.messages import Catalogue
from controller.model.city import City
from controller.model.measurement import Assessment
from controller.model.sites.stages import STAGES, Stage
from controller.operations.integration_settings import IntegrationSettings

_DIGEST_SHOWN = 12


@dataclass(frozen=True, slots=True)
class IntegrationFigures:
    """What a report shows: every school's status, the schedule (None: no calendar to plan by), and its settings.

    `notice` is the message of the catalogue that stands on top, if any.
    """

    statuses: tuple[SchoolStatus, ...]
    schedule: Schedule | None
    settings: IntegrationSettings
    made_at: datetime
    notice: str | None = None


def render_integration_report(city: City, figures: IntegrationFigures, texts: Catalogue) -> str:
    """Render the report as HTML, in the language of the catalogue."""
    japanese = texts.language == "ja"
    wards = {one.id: one.name if japanese else one.id.title() for one in city.wards}
    counted = _count_wards(figures.statuses)
    style = _read("controller.measure.report", "style.css") + _read("controller.integration.report", "style.css")
    made = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = made.from_string(_read("controller.integration.report", "integration.html.j2"))
    schedule = figures.schedule
    return template.render(
        texts=texts,
        say=lambda key, **marks: texts.say(f"integration.{key}", **marks),
        name_line=lambda line: texts[f"assessments.{line}"],
        style=Markup(style),  # noqa: S704 ours
        style_hash=f"sha256-{base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()}",
        city_name=city.name.partition(" (")[0] if japanese else city.name,
        made_at=f"{figures.made_at.astimezone(city.timezone):%Y-%m-%d %H:%M}",
        notice=figures.notice,
        stages=STAGES,
        counts=_count_stages(figures.statuses),
        wards=counted,
        ward_names=wards,
        chart=draw_stage_bars(counted, wards, texts),
        statuses=figures.statuses,
        schedule=schedule,
        vacations=_count_vacations(schedule.changes) if schedule else {},
        below=[one for one in figures.statuses if one.line is Assessment.BELOW],
        settings=figures.settings,
        digest=city.digest[:_DIGEST_SHOWN],
    )


def _count_stages(statuses: Sequence[SchoolStatus]) -> Mapping[Stage, int]:
    return Counter(one.stage for one in statuses)


def _count_wards(statuses: Sequence[SchoolStatus]) -> dict[str, Mapping[Stage, int]]:
    names = dict.fromkeys(one.school.ward for one in statuses)
    return {ward: Counter(one.stage for one in statuses if one.school.ward == ward) for ward in names}


def _count_vacations(changes: Sequence[ScheduledChange]) -> dict[tuple[int, str, bool], Mapping[Stage, int]]:
    """Count the changes to each stage by vacation: its fiscal year, the term before it, whether it is assumed."""
    found: dict[tuple[int, str, bool], Counter[Stage]] = {}
    for one in changes:
        if one.week is not None:
            found.setdefault((one.week.fiscal_year, one.week.after, one.week.assumed), Counter())[one.stage] += 1
    return dict(found.items())


def _read(package: str, name: str) -> str:
    return files(package).joinpath(name).read_text(encoding="utf-8")
