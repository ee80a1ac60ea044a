"""`tsunagu measure import`: takes in what people measured by hand (簡易帯域測定), beside the probes' measurements."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from typing_extensions import TypedDict

from controller.cli.audit import open_audit_trail
from controller.cli.conventions.refusal_words import translate_problem
from controller.cli.estates import choose_state_folder, load_estate_city, load_estate_operations
from controller.cli.options import DEFAULT_POLICIES, Json, Lab, Lang, Policies, State, speak
from controller.cli.output import Exit, get_words, print_line, print_message, say_json
from controller.errors import Problem
from controller.importing.source_table import ImportRefused
from controller.inputs.text_encodings import TextEncoding
from controller.lab.estate import STORE as LAB_STORE
from controller.measure.manual.manual_store import ImportResult, keep_manual_measurements
from controller.measure.manual.manual_table import ManualTable, read_manual_table
from controller.measure.measurement_tables import MEASUREMENT_STORE
from controller.model.virtual_city import VirtualCity
from controller.storage.audit.audit_trail import AuditKind
from controller.storage.sqlite import open_store

STORE = "measurements.sqlite"
_MOST_SHOWN = 40

Records = Annotated[Path, typer.Argument(metavar="FILE", help="A table (CSV); docs/measuring.md shows one.")]
Check = Annotated[bool, typer.Option("--check", help="Say what would be taken in; write nothing.")]
SkipBad = Annotated[bool, typer.Option("--skip-bad", help="Take the good rows in, and list the others.")]
TableEncoding = Annotated[
    TextEncoding | None,
    typer.Option("--encoding", help="How the table is encoded, where that cannot be told by itself."),
]


class ManualImportDocument(TypedDict):
    """What an import did; `left_out` are the rows that could not be used, each with file, line and what to write.

    `label` says what the records are: no figure of a probe.
    """

    label: str
    file: str
    store: str
    encoding: str
    checked_only: bool
    added: int
    known: int
    corrected: list[str]
    left_out: list[str]
    notes: list[str]


def import_measurements(  # noqa: PLR0913 the options of a command
    path: Records,
    policies: Policies = DEFAULT_POLICIES,
    state: State = None,
    encoding: TableEncoding = None,
    lang: Lang = None,
    *,
    check: Check = False,
    skip_bad: SkipBad = False,
    lab: Lab = False,
    as_json: Json = False,
) -> None:
    """Take in records of 簡易帯域測定: a person, one device, a speed-test site. Exit code 1 where a row cannot be used.

    They stand in a table of their own and are never mixed with what probes measured. Nothing is taken in unless every
    row is good, or --skip-bad is given.
    """
    speak(lang)
    city = load_estate_city(policies, lab=lab)
    now = datetime.now(UTC)
    table = read_manual_table(path, city, now, encoding)
    if table.problems and not (check or skip_bad):
        raise ImportRefused(get_words().say("measure.manual-refused", count=_count_left_out(table)), _list_first(table))
    operations = load_estate_operations(city)
    folder = choose_state_folder(city.estate, operations, state, Path(city.directory))
    store = folder / (LAB_STORE if isinstance(city, VirtualCity) else STORE)
    with closing(open_store(store, MEASUREMENT_STORE)) as connection:
        result = keep_manual_measurements(connection, store, table.records, now, dry_run=check)
    if result.seal is not None:
        trail, (number, last) = open_audit_trail(folder, operations), result.seal
        trail.record(AuditKind.MANUAL_MEASUREMENTS, file=trail.name_file(store), number=number, last=last)
    if as_json:
        say_json(_build_document(path, store, table, result, checked_only=check))
    else:
        _say_result(path, store, table, result, checked_only=check)
    raise typer.Exit(Exit.FAILED if table.problems else Exit.GOOD)


def _count_left_out(table: ManualTable) -> int:
    return table.rows - len(table.records)


def _list_first(table: ManualTable) -> list[Problem]:
    """The problems that a refusal shows: nobody reads thousands."""
    shown, rest = list(table.problems[:_MOST_SHOWN]), len(table.problems) - _MOST_SHOWN
    if rest > 0:
        shown.append(Problem(table.problems[_MOST_SHOWN].origin, "", f"and {rest} more; --check --json lists all"))
    return shown


def _say_result(path: Path, store: Path, table: ManualTable, result: ImportResult, *, checked_only: bool) -> None:
    if table.problems:
        print_message("measure.manual-left-out", "red", count=_count_left_out(table))
        for problem in table.problems:
            print_line(f"  {translate_problem(get_words(), problem)}", "red")
    for note in table.notes:
        print_line(get_words().translate("problems", note), "yellow")
    for one in result.corrected:
        print_message("measure.manual-corrects", source=one.source, school=one.school)
    print_message(
        "measure.manual-checked" if checked_only else "measure.manual-kept",
        file=path,
        rows=table.rows,
        added=result.added,
        known=result.known,
        corrected=len(result.corrected),
        skipped=_count_left_out(table),
        store=store,
    )


def _build_document(
    path: Path, store: Path, table: ManualTable, result: ImportResult, *, checked_only: bool
) -> ManualImportDocument:
    return {
        "label": get_words().say("measure.manual-label"),
        "file": str(path),
        "store": str(store),
        "encoding": table.encoding,
        "checked_only": checked_only,
        "added": result.added,
        "known": result.known,
        "corrected": [one.source for one in result.corrected],
        "left_out": [str(problem) for problem in table.problems],
        "notes": list(table.notes),
    }
