"""`tsunagu report integration`: how far a city's integration is, for people who decide."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from typing_extensions import TypedDict

from controller.cli.estates import choose_state_folder, load_estate_city, load_estate_operations
from controller.cli.integration.line_assessments import assess_lines
from controller.cli.options import DEFAULT_POLICIES, Json, Lab, Lang, LanguageChoice, Policies, State, speak
from controller.cli.output import print_message, say_json, write_output
from controller.integration.computers.count_store import read_computer_counts
from controller.integration.report.integration_report import IntegrationFigures, render_integration_report
from controller.integration.schedule.build_schedule import build_schedule
from controller.integration.stage_change import require_stages
from controller.integration.status import list_school_statuses
from controller.messages import load_catalogue

Output = Annotated[Path, typer.Option("-o", "--output", help="The HTML file to write.")]


class IntegrationReportDocument(TypedDict):
    """The file that was written, and how many schools it is about.

    `fits`: every school finds a week, and the settings allow what the policy plans already; null without a calendar.
    `faults` are those plans that they do not allow.
    """

    file: str
    schools: int
    integrated: int
    fits: bool | None
    faults: int


def report_integration(  # noqa: PLR0913 the options of a command
    output: Output,
    lang: Lang = None,
    policies: Policies = DEFAULT_POLICIES,
    state: State = None,
    *,
    lab: Lab = False,
    as_json: Json = False,
) -> None:
    """Write how far the integration of the schools is as one HTML file: stages, the schedule, what is in the way."""
    speak(lang)
    city = load_estate_city(policies, lab=lab)
    require_stages(city)
    operations = load_estate_operations(city)
    lines = assess_lines(city, operations, state)
    settings, day = operations.integration, city.policy_date
    plan = None
    if city.calendar is not None:
        plan = build_schedule(city, {name: one.assessment for name, one in lines.items()}, settings, day, city.calendar)
    folder = choose_state_folder(city.estate, operations, state, Path(city.directory))
    statuses = list_school_statuses(city, lines, day, read_computer_counts(folder, city.id))
    figures = IntegrationFigures(statuses, plan, settings, datetime.now(UTC), notice="report-virtual" if lab else None)
    texts = load_catalogue((lang or LanguageChoice.JAPANESE).value)
    write_output(render_integration_report(city, figures, texts), output)
    done = sum(one.is_integrated for one in statuses)
    if as_json:
        document: IntegrationReportDocument = {
            "file": str(output),
            "schools": len(statuses),
            "integrated": done,
            "fits": None if plan is None else plan.is_feasible,
            "faults": 0 if plan is None else len(plan.faults),
        }
        say_json({**document})
        return
    print_message("integration.report-written", None, file=output, schools=len(statuses), integrated=done)
