"""`tsunagu report`: what was measured, for people who decide."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from typing_extensions import TypedDict

from controller.cli.estates import choose_state_folder, load_estate_city, load_estate_operations
from controller.cli.options import (
    DEFAULT_POLICIES,
    Json,
    Lab,
    Lang,
    LanguageChoice,
    Policies,
    Schools,
    State,
    Wards,
    speak,
)
from controller.cli.output import print_message, say_json, write_output
from controller.errors import TsunaguError
from controller.lab.estate import STORE as LAB_STORE
from controller.measure.assessment.assess import assess_school
from controller.measure.assessment.json_documents import build_measurement_document
from controller.measure.manual.manual_document import ManualDocument, build_manual_document
from controller.measure.manual.manual_store import read_manual_measurements
from controller.measure.measurement import MeasurementId
from controller.measure.measurement_store import open_measurement_store
from controller.measure.report.bandwidth_report import MISSED_DAYS, ReportEdition, render_bandwidth_report
from controller.measure.report.city_figures import CityFigures
from controller.measure.schedule.slot_records import list_missed_slots
from controller.messages import load_catalogue
from controller.model.city import City
from controller.model.virtual_city import VirtualCity
from controller.plan.select import Selection, select_schools_in_service

STORE = "measurements.sqlite"

report = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Reports on what was measured.")


_MOST = 2**63 - 1
"""The largest number of a row in SQLite."""
Output = Annotated[Path, typer.Option("-o", "--output", help="The HTML file to write.")]
Number = Annotated[
    int, typer.Argument(metavar="NUMBER", min=1, max=_MOST, help="A measurement's number, as reports give it.")
]


class ReportDocument(TypedDict):
    """A report that was written; `manual_measurements` were made by people, and are in none of the other figures.

    `missed_tests`: how many planned tests of each school nobody made in the last 30 days.
    """

    file: str
    schools: int
    measured: int
    meets: int
    manual_measurements: list[ManualDocument]
    missed_tests: dict[str, int]


@report.command("bandwidth")
def bandwidth(  # noqa: PLR0913, PLR0917 the options of a command
    output: Output,
    lang: Lang = None,
    schools: Schools = None,
    wards: Wards = None,
    policies: Policies = DEFAULT_POLICIES,
    state: State = None,
    *,
    lab: Lab = False,
    as_json: Json = False,
) -> None:
    """Write the figures of a school network improvement plan as one HTML file; every school of the city by default."""
    speak(lang)
    city = load_estate_city(policies, lab=lab)
    chosen = select_schools_in_service(city, Selection(tuple(schools or ()), tuple(wards or ())))
    with open_measurement_store(find_measured_store(city, state), must_exist=True) as store:
        latest = store.read_latest()
        wanted = {school.id for school in chosen}
        manual = [one for one in read_manual_measurements(Path(store.file)) if one.school in wanted]
        figures = CityFigures([assess_school(school, latest, city.measurement) for school in chosen])
        now, one = datetime.now(UTC), "tsunagu report measurement"
        passed = list_missed_slots(Path(store.file), now - timedelta(days=MISSED_DAYS), now)
        missed = dict(sorted(Counter(slot.school for slot in passed if slot.school in wanted).items()))
        command, notice = (f"{one} --lab", "virtual") if lab else (one, None)
        edition = ReportEdition(now, store.file, command, notice=notice, manual=manual, missed=missed)
    texts = load_catalogue((lang or LanguageChoice.JAPANESE).value)
    html = render_bandwidth_report(city, figures, edition, texts)
    write_output(html, output)
    counts = figures.counts
    if as_json:
        document = {"file": str(output), "schools": counts.schools, "measured": counts.measured}
        records = [build_manual_document(one, texts.say("measure.manual-label"), city.timezone) for one in manual]
        say_json({**document, "meets": counts.meets, "manual_measurements": records, "missed_tests": missed})
        return
    figures_said = {
        "schools": counts.schools,
        "measured": counts.measured,
        "meets": counts.meets,
        "share": counts.share,
    }
    print_message("measure.report-written", None, file=output, **figures_said)


@report.command("measurement")
def measurement(
    number: Number,
    policies: Policies = DEFAULT_POLICIES,
    state: State = None,
    *,
    lab: Lab = False,
    as_json: Json = False,  # noqa: ARG001 it prints JSON in any case
) -> None:
    """Show one measurement with everything that its program said, as JSON."""
    city = load_estate_city(policies, lab=lab)
    with open_measurement_store(find_measured_store(city, state), must_exist=True) as store:
        found = store.read_measurement(MeasurementId(number))
    say_json({**build_measurement_document(found, city.timezone), "raw": found.result.raw})


def find_measured_store(city: City, state: Path | None) -> Path:
    """Return the store of an estate's measurements.

    Raises:
        TsunaguError: nothing was measured yet.
    """
    lab = isinstance(city, VirtualCity)
    kept = choose_state_folder(city.estate, load_estate_operations(city), state, Path(city.directory))
    file = kept / (LAB_STORE if lab else STORE)
    if not lab and not file.exists():
        message = (
            f"no real school was measured yet ({file}: no such file); what schools' own probes measured is the "
            "monitor's ('tsunagu measure --all'); with --lab it is the virtual city's measurements"
        )
        raise TsunaguError(message)
    if not file.exists():
        message = f"{file}: nothing was measured yet (no such file); 'tsunagu measure --all --lab' measures"
        raise TsunaguError(message)
    return file
