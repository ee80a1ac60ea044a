from __future__ import annotations

import base64
import hashlib
import re
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.cli.output import Exit
from controller.measure.assessment.assess import SchoolAssessment, ShortfallCause, assess_school
from controller.measure.measurement import Measurement, MeasurementKind, ProbeOutcome
from controller.measure.measurement_store import open_measurement_store
from controller.measure.report.bandwidth_report import ReportEdition, render_bandwidth_report
from controller.measure.report.charts import draw_recommendation_curve, draw_school_bars, draw_ward_bars
from controller.measure.report.city_figures import CityFigures
from controller.measure.report.svg_elements import choose_axis_ticks
from controller.messages import LANGUAGES, Language, load_catalogue
from controller.model.city import City
from controller.model.loading.load_city import load_city
from controller.model.measurement import Assessment
from controller.model.network.packets import Family
from controller.model.policy_files import MEASUREMENT
from tests.cli.running import here
from tests.measure.findings import NOON, echo, failed, measurement, path, throughput
from tests.policies import SHIPPED, PolicyFolder
from tests.soak import examples

LAB = {"as-e04": 187.0, "kw-s01": 371.0, "tm-j06": 740.0, "tk-e12": 94.0, "sw-h01": 563.0}
WHOLE = load_city(SHIPPED)


class Outline(HTMLParser):
    """Counts elements, and sees that each is closed where it must be."""

    VOID = frozenset({"meta", "br"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def outline(html: str) -> Outline:
    parser = Outline()
    parser.feed(html)
    parser.close()
    assert parser.open == []
    return parser


def measurements() -> list[Measurement]:
    found = [
        measurement(path("nh-j05"), echo(1.0)),
        measurement(path("nh-j05"), failed(MeasurementKind.DOWNLOAD, ProbeOutcome.NO_ANSWER)),
    ]
    for school, mbps in LAB.items():
        found.append(measurement(path(school), echo(0.1 if school == "tk-e12" else 0.0, 500)))
        found.append(measurement(path(school), throughput(mbps), in_lessons=school == "kw-s01"))
        found.append(measurement(path(school, family=Family.V6), throughput(mbps * 1.02)))
        found.append(measurement(path(school), throughput(mbps * 0.9, MeasurementKind.UPLOAD)))
    return found


def assessed(city: City, found: list[Measurement], names: tuple[str, ...]) -> list[SchoolAssessment]:
    return [assess_school(city.school_by_id[name], found, city.measurement) for name in names]


@pytest.fixture
def figures(city: City) -> CityFigures:
    return CityFigures(assessed(city, measurements(), city.virtual_estate.schools))


def report(city: City, figures: CityFigures, language: Language) -> str:
    return render_bandwidth_report(
        city,
        figures,
        ReportEdition(NOON, "m.sqlite", "tsunagu report measurement --lab", notice="virtual"),
        load_catalogue(language),
    )


def test_the_figures_of_a_plan(figures: CityFigures) -> None:
    counts = figures.counts
    assert counts.by_assessment == {
        Assessment.MEETS: 1,
        Assessment.BELOW: 3,
        Assessment.WITHIN_ERROR: 1,
        Assessment.NOT_MEASURED: 1,
    }
    assert (counts.schools, counts.measured, counts.share, counts.share_of_measured) == (6, 5, "16.6%", "20.0%")
    assert figures.wards["kawasaki"].share == "100.0%"
    assert figures.wards["nakahara"].share == "-"  # nobody could measure there: that is no zero
    assert [one.school.id for one in figures.measured] == ["tk-e12", "as-e04", "sw-h01", "tm-j06", "kw-s01"]
    assert {cause: [one.school.id for one in schools] for cause, schools in figures.causes.items()} == {
        ShortfallCause.CONTRACT: ["as-e04", "tk-e12"],
        ShortfallCause.LINE: ["sw-h01"],
        ShortfallCause.LOSS: ["tk-e12"],
        **{cause: [] for cause in tuple(ShortfallCause)[3:]},
    }


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_is_one_file_that_asks_nobody_for_anything(city: City, figures: CityFigures, language: Language) -> None:
    html = report(city, figures, language)
    page = outline(html)
    tags = {tag for tag, _ in page.seen}
    assert not tags & {"script", "link", "img", "iframe", "object", "form", "base", "audio", "video"}
    assert not any(name.startswith("on") or name == "style" for _, attributes in page.seen for name in attributes)
    assert not [found for found in re.findall(r"(?:href|src)=\"([^\"]*)\"", html) if not found.startswith("#m")]
    style = re.search(r"<style>(.*?)</style>", html, re.DOTALL)
    assert style is not None
    assert "url(" not in style[1]
    assert "@import" not in style[1]
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    policy = next(found["content"] for tag, found in page.seen if found.get("http-equiv") == "Content-Security-Policy")
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert f'<html lang="{language}">' in html


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_figure_leads_to_its_measurement(city: City, figures: CityFigures, language: Language) -> None:
    page = outline(report(city, figures, language))
    there = {found["id"] for tag, found in page.seen if tag == "tr" and found.get("id")}
    wanted = [found["href"] for tag, found in page.seen if tag == "a"]
    assert wanted == [
        f"#m{one.assessed_bandwidth.measurement.id}" for one in figures.measured if one.assessed_bandwidth
    ]
    assert {str(link).removeprefix("#") for link in wanted} <= there
    assert there == {f"m{one.id}" for one in figures.sources}
    for tag in (load_catalogue(language)["report.anchor"], load_catalogue(language)["report.estimated"]):
        assert tag in page.text
    assert city.measurement.recommended.source in page.text


def test_it_says_what_must_be_known_before_it_is_believed(city: City, figures: CityFigures) -> None:
    text = outline(report(city, figures, "ja")).text
    for said in (
        "仮想都市",
        "1 校の測定値は授業時間内",
        "回線断",
        "契約 100 Mbit/s が推奨帯域に足りない",
        "推計値",
        "簡易帯域測定",
        "(tsunagu report measurement --lab 番号)",
    ):
        assert said in text


def test_what_a_policy_or_a_program_says_is_escaped(city: City, figures: CityFigures) -> None:
    evil = "<script>alert('x')</script>"
    first = figures.assessments[0]
    named = SchoolAssessment(
        first.school.model_copy(update={"name": evil}),
        first.recommended,
        first.assessed_line,
        first.lines,
        first.causes,
    )
    html = report(city, CityFigures([named, *figures.assessments[1:]]), "en")
    assert "<script" not in html
    assert html.count("&lt;script&gt;") >= 2  # in the table and in the chart


@pytest.mark.parametrize(
    ("language", "said"), [("en", "Lesson hours are school days, 08:30 to 16:00"), ("ja", "授業のある日")]
)
def test_lessons_may_be_on_the_calendar_s_school_days(
    city: City, figures: CityFigures, language: Language, said: str
) -> None:
    lessons = city.measurement.lessons.model_copy(update={"days": "school-days"})
    asked = city.replace_file(MEASUREMENT, city.measurement.model_copy(update={"lessons": lessons}))
    assert said in report(asked, figures, language)


def test_nothing_measured_makes_a_report_too(city: City) -> None:
    page = outline(report(city, CityFigures(assessed(city, [], ("as-e04", "kw-s01"))), "en"))
    assert "Of 2 schools, 0 have the bandwidth they need (the recommended bandwidth): -." in page.text


@given(st.lists(st.tuples(st.integers(0, 175), st.floats(0, 2500)), max_size=12, unique_by=lambda pair: pair[0]))
@settings(max_examples=examples(25), deadline=None)
def test_charts_are_well_formed_and_stay_inside(drawn: list[tuple[int, float]]) -> None:
    whole = WHOLE
    found = [measurement(path(whole.schools[index].id), throughput(mbps)) for index, mbps in drawn]
    names = tuple(whole.schools[index].id for index, _ in drawn) or (whole.schools[0].id,)
    figures = CityFigures(assessed(whole, found, names))
    texts = load_catalogue("ja")
    wards = {ward.id: ward.name for ward in whole.settings.wards}
    for svg in (
        draw_ward_bars(figures.wards, wards, texts),
        draw_school_bars(figures.measured, whole.measurement.method, texts),
        draw_recommendation_curve(figures.measured, whole.measurement.recommended, texts),
    ):
        outline(svg)
        box = re.match(r'<svg viewBox="0 0 ([0-9.]+) ([0-9.]+)"', svg)
        assert box is not None
        for name, limit in (("x", float(box[1])), ("x2", float(box[1])), ("cy", float(box[2])), ("y2", float(box[2]))):
            assert all(-1 <= float(at) <= limit + 1 for at in re.findall(rf' {name}="([-0-9.]+)"', svg))


@given(st.floats(0.01, 1e6))
@settings(max_examples=examples(100), deadline=None)
def test_an_axis_is_round_and_long_enough(most: float) -> None:
    ticks = choose_axis_ticks(most)
    assert ticks[0] == 0
    assert ticks[-1] >= most * 0.999999
    assert len(ticks) <= 8


def test_the_command_writes_it_from_the_store(tmp_path: Path) -> None:
    PolicyFolder(tmp_path)
    missing = here("report", "bandwidth", "--lab", "-o", "r.html", cwd=tmp_path)
    assert (missing.code, missing.said) == (Exit.FAILED, "")
    assert "nothing was measured yet" in missing.errors
    real = here("report", "bandwidth", "-o", "r.html", cwd=tmp_path)
    assert (real.code, "no real school was measured yet" in real.errors) == (Exit.FAILED, True)
    with open_measurement_store(tmp_path / ".tsunagu" / "measurements-lab.sqlite") as store:
        kept = [
            store.add_measurement("r", NOON + timedelta(seconds=one.id), one.path, one.result, in_lessons=False)
            for one in measurements()
        ]
    done = here("report", "bandwidth", "--lab", "--lang", "en", "-o", "r.html", cwd=tmp_path)
    assert (done.code, done.errors) == (Exit.GOOD, "")
    assert done.said == "r.html: 6 schools, 5 measured, 1 meet the recommendation (16.6% of all)\n"
    assert "Measured bandwidth" in (tmp_path / "r.html").read_text(encoding="utf-8")
    one = here("report", "measurement", str(kept[3].id), "--lab", cwd=tmp_path)
    assert '"raw": "{\\"end\\": {}}"' in one.said
    none = here("report", "measurement", "9999", "--lab", cwd=tmp_path)
    assert (none.code, "there is no measurement 9999" in none.errors) == (Exit.FAILED, True)


def test_the_note_behind_the_name_of_the_city_stands_in_no_japanese_report(city: City, figures: CityFigures) -> None:
    name, _, note = city.name.partition(" (")
    japanese, english = (outline(report(city, figures, language)).text for language in ("ja", "en"))
    assert name in japanese
    assert note not in japanese
    assert note in english
    assert load_catalogue("ja")["report.virtual"] in japanese
