"""The bandwidth report as one HTML file: no script, no request to anywhere, and a policy that forbids both."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from importlib.resources import files

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from controller.measure.assessment.assess import SchoolAssessment
from controller.measure.assessment.terminal_tables import explain_assessment
from controller.measure.manual.manual_measurement import ManualMeasurement
from controller.measure.report.charts import (
    ORDER,
    draw_legend_mark,
    draw_recommendation_curve,
    draw_school_bars,
    draw_ward_bars,
)
from controller.measure.report.city_figures import CityFigures
from controller.messages import Catalogue
from controller.model.city import City

_DIGEST_SHOWN = 12
_MISSED_SHOWN = 5
MISSED_DAYS = 30
"""Of so many days missed tests are counted."""


@dataclass(frozen=True, slots=True)
class ReportEdition:
    """One report: when it was made, where its measurements are kept, and what shows one of them in full.

    `notice` is the message of the catalogue that stands on top, if any; `manual` what people measured by hand;
    `missed` how many planned tests of each school nobody made in the last days.
    """

    made_at: datetime
    store: str
    command: str
    notice: str | None = None
    manual: Sequence[ManualMeasurement] = ()
    missed: Mapping[str, int] = field(default_factory=dict)


def render_bandwidth_report(city: City, figures: CityFigures, edition: ReportEdition, texts: Catalogue) -> str:
    """The report as HTML."""
    page = _Page(city, figures, texts)
    template = page.environment().from_string(_resource("bandwidth.html.j2"))
    style = _resource("style.css")
    measured = figures.measured
    times = [one.at for one in figures.sources]
    return template.render(
        city_name=page.city_name,
        texts=texts,
        style=Markup(style),  # noqa: S704 ours
        style_hash=f"sha256-{base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()}",
        notice=edition.notice,
        order=ORDER,
        counts=figures.counts,
        wards=figures.wards,
        ward_names=page.ward_names,
        region_names=page.region_names,
        measured=measured,
        unmeasured=figures.unmeasured,
        causes=figures.causes,
        sources=figures.sources,
        manual=edition.manual,
        probed={one.school.id: one.assessed_bandwidth for one in figures.measured},
        schools=city.school_by_id,
        table=city.measurement.recommended,
        method=list(page.method()),
        warnings=[*page.warnings(), *page.list_missed_tests(edition.missed)],
        ward_chart=draw_ward_bars(figures.wards, page.ward_names, texts),
        school_chart=draw_school_bars(measured, city.measurement.method, texts) if measured else "",
        curve_chart=draw_recommendation_curve(measured, city.measurement.recommended, texts),
        made_at=page.time(edition.made_at),
        first_at=page.time(min(times, default=None)),
        last_at=page.time(max(times, default=None)),
        store=edition.store,
        command=edition.command,
        digest=city.digest[:_DIGEST_SHOWN],
    )


class _Page:
    """How a city's figures are said in one language."""

    def __init__(self, city: City, figures: CityFigures, texts: Catalogue) -> None:
        self.city = city
        self.figures = figures
        self.texts = texts
        japanese = texts.language == "ja"
        # What stands in brackets behind the name is a note in English; where it matters, the notice says it.
        self.city_name = city.name.partition(" (")[0] if japanese else city.name
        self.ward_names = {ward.id: ward.name if japanese else ward.id.title() for ward in city.wards}
        self.region_names = {one.id: one.name if japanese else one.id.title() for one in city.lines.regions}

    def environment(self) -> Environment:
        """Escapes everything, and refuses a name that nothing gives it."""
        made = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
        made.globals |= {
            "say": self.say,
            "name_assessment": lambda assessment: self.texts[f"assessments.{assessment}"],
            "kinds": lambda kind: self.city.kinds[kind].get_name(self.texts.language),
            "basis": self.say,
            "mark": draw_legend_mark,
            "mbps": lambda figure: f"{figure:.0f}",
            "error_of": lambda mbps: f"{100 * self.city.measurement.method.relative_error(mbps):.1f}%",
            "why": lambda one: explain_assessment(one, self.texts),
            "upload_of": self.upload,
            "time": self.time,
            "seconds": lambda at: f"{at.astimezone(self.city.timezone):%Y-%m-%d %H:%M:%S}",
        }
        return made

    def say(self, key: str, **marks: object) -> str:
        """A message of the report."""
        return self.texts.say(f"report.{key}", **marks)

    def time(self, at: datetime | None) -> str:
        """A time in the city's zone."""
        return f"{at.astimezone(self.city.timezone):%Y-%m-%d %H:%M}" if at else self.say("never")

    def upload(self, one: SchoolAssessment) -> str:
        """The upload beside the assessed download, over the same family to the same region."""
        wanted = one.assessed_bandwidth.measurement.path if one.assessed_bandwidth else None
        found = [upload.mbps for upload in one.assessed_line.uploads if upload.measurement.path == wanted]
        return f"{found[0]:.0f}" if found else "-"

    def method(self) -> Iterator[str]:
        """How it was measured, in sentences."""
        policy = self.city.measurement
        method = policy.method
        yield self.say("method-program", program=method.program, streams=method.streams, seconds=method.seconds)
        regions = self.say("comma").join(self.region_names[name] for name in policy.judged.regions)
        yield self.say("method-assessed", line=self.say(policy.judged.line), regions=regions)
        families = self.city.families
        yield self.say("method-families") if len(families) > 1 else self.say("method-one-family", family=families[0])
        rows = (self.say("method-error-row", mbps=f"{row.mbps:g}", percent=f"{row.percent:g}") for row in method.error)
        yield self.say("method-error", rows=self.say("comma").join(rows))
        yield self.say("method-values")
        yield self.say("method-simple")
        hours = policy.lessons
        days = self.say("comma").join(self.say(f"day-{day}") for day in hours.list_named_days())
        yield self.say("method-lessons", days=days, start=f"{hours.from_:%H:%M}", end=f"{hours.until:%H:%M}")

    def warnings(self) -> Iterator[str]:
        """What a reader must know before believing the figures."""
        if self.figures.in_lessons:
            yield self.say("warn-lessons", schools=len(self.figures.in_lessons))

    def list_missed_tests(self, missed: Mapping[str, int]) -> Iterator[str]:
        """How many planned tests were not made, and of which schools the most."""
        if missed:
            most = sorted(missed, key=lambda school: (-missed[school], school))
            named = self.say("comma").join(f"{school} {missed[school]}" for school in most[:_MISSED_SHOWN])
            more = self.say("warn-missed-more", count=len(most) - _MISSED_SHOWN) if len(most) > _MISSED_SHOWN else ""
            yield self.say("warn-missed", tests=sum(missed.values()), days=MISSED_DAYS, schools=f"{named}{more}")


def _resource(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")
