from __future__ import annotations

from rich.console import Console

from controller.measure.assessment.assess import assess_school
from controller.measure.assessment.terminal_tables import WIDTH, build_measurement_tables
from controller.measure.measurement import Measurement, MeasurementKind, ProbeOutcome
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
    assert "as-e04 primary up 190 190, 190 190 189 189, 189 189 4.2 0.30 0% - -" in lines
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
