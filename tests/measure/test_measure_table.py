from __future__ import annotations

from rich.console import Console

from controller.measure.assessment.assess import assess_school
from controller.measure.assessment.terminal_tables import WIDTH, build_measurement_tables
from controller.measure.measurement import DURATION_MS, Measurement, MeasurementKind, ProbeOutcome, ProbeResult
from controller.messages import Language, load_catalogue
from controller.model.city import City
from controller.model.network.packets import Family
from tests.measure.findings import echo, failed, measurement, path, throughput


def shown(city: City, found: list[Measurement], language: Language = "en") -> list[str]:
    assessments = [assess_school(city.school_by_id[name], found, city.measurement) for name in ("as-e04", "kw-s01")]
    failures = [one for one in found if not one.measured]
    console = Console(width=WIDTH)
    with console.capture() as capture:
        console.print(build_measurement_tables(assessments, failures, city, load_catalogue(language)))
    return [" ".join(line.split()) for line in capture.get().splitlines() if line.strip()]


def test_a_table_fits_and_says_why(city: City) -> None:
    found = [measurement(path("as-e04"), echo()), measurement(path("kw-s01"), echo(1.0))]
    for region in ("tokyo", "osaka"):
        for family in Family:
            found.append(measurement(path("as-e04", region=region, family=family), throughput(190)))
            found.append(
                measurement(path("as-e04", region=region, family=family), throughput(189, MeasurementKind.UPLOAD))
            )
    found.append(measurement(path("kw-s01", "backup"), failed(MeasurementKind.DOWNLOAD, ProbeOutcome.REFUSED)))
    lines = shown(city, found)
    assert "as-e04 primary up 190 190, 190 190 189 189, 189 189 4.2 0.30 <30% - -" in lines
    assert "kw-s01 primary DOWN - - - - - - -" in lines
    assert "as-e04 312 421 (estimated) 190 11-21 12:00 below the recommendation" in lines
    assert "kw-s01 180 323 (anchor) - - not measured" in lines
    assert "as-e04: its contract of 200 Mbit/s is below the recommendation" in lines
    assert "kw-s01: line down" in lines
    assert "x kw-s01 primary line is down: no region answers over it" in lines
    assert "x kw-s01 backup line to tokyo over IPv4: download: nobody answers" in lines
    counts = "meets the recommendation 0, below the recommendation 1, within the method's error 0, not measured 1"
    assert " ".join(lines).endswith(f"2 schools: {counts} (0.0% meet the recommendation)")
    assert any("推奨帯域を下回る" in line for line in shown(city, found, "ja"))


def test_what_a_line_carried_before_it_went_down_is_not_shown(city: City) -> None:
    found = [measurement(path("as-e04"), throughput(190), run="before"), measurement(path("as-e04"), echo(1.0))]
    assert "as-e04 primary DOWN - - - - - - -" in shown(city, found)


def test_figures_are_means_of_the_paths_and_the_worst_loss(city: City) -> None:
    def took(kind: MeasurementKind, milliseconds: float) -> ProbeResult:
        return ProbeResult(kind, ProbeOutcome.MEASURED, "t", "m", {DURATION_MS: milliseconds})

    found = [
        measurement(path("as-e04"), echo(0.9)),
        measurement(path("as-e04", region="osaka"), echo(0.1)),
        measurement(path("as-e04"), took(MeasurementKind.DNS, 1.5)),
        measurement(path("as-e04", region="osaka"), took(MeasurementKind.DNS, 0.5)),
        measurement(path("as-e04"), took(MeasurementKind.HTTP, 0.996)),
        measurement(path("as-e04", region="osaka", family=Family.V6), throughput(9.6, MeasurementKind.UPLOAD)),
    ]
    assert "as-e04 primary up - - -, - 10 4.2 0.30 90% (60-98) 1.0 1.00" in shown(city, found)


def test_every_column_has_its_heading(city: City) -> None:
    lines = shown(city, [measurement(path("as-e04"), echo())])
    texts = load_catalogue("en")
    for headings in (
        ("school", "line", "state", "down", "up", "latency", "jitter", "loss", "dns", "http"),
        ("school", "pupils", "recommended", "measured", "measured-at", "assessment"),
    ):
        assert " ".join(texts[f"measure.{heading}"] for heading in headings) in lines


def test_a_line_is_shown_as_soon_as_anything_is_known_of_it(city: City) -> None:
    """Its newest run may have said nothing of its state, and an older one measured what it carries."""
    found = [
        measurement(path("as-e04"), throughput(190), run="before"),
        measurement(path("as-e04"), failed(MeasurementKind.DNS, ProbeOutcome.NO_ANSWER), run="now"),
    ]
    told = [line for line in shown(city, found) if line.startswith(("as-e04 primary", "as-e04 backup", "kw-s01 p"))]
    assert told == ["as-e04 primary unknown 190 -, - - - - - - - -"]


def test_several_causes_are_all_told(city: City) -> None:
    found = [measurement(path("as-e04"), echo(0.2, 500)), measurement(path("as-e04"), throughput(90))]
    texts = load_catalogue("en")
    causes = [texts.say("measure.cause-contract", contract=200), texts.say("measure.cause-line", contract=200)]
    causes.append(texts.say("measure.cause-loss", loss="20% (17% to 24%, 100 of 500)"))
    assert " ".join(f"as-e04: {texts['measure.and'].join(causes)}".split()) in " ".join(shown(city, found))
