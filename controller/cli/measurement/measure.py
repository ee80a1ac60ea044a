"""`tsunagu measure`: what each school's lines really carry, assessed against the recommended bandwidth."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from threading import Event, Thread
from typing import Annotated

import typer

from controller.cli.audit import find_head_copy, find_kept_days, open_audit_trail
from controller.cli.conventions.traced_command import go_on_traced, link_command, traced_command
from controller.cli.estates import choose_state_folder, load_estate_city, load_estate_operations
from controller.cli.measurement.probe_measurements import (
    DEFAULT_MONITOR_STORE,
    MonitorStore,
    show_probe_measurements,
)
from controller.cli.measurement.telemetry_tokens import find_token_file
from controller.cli.options import (
    DEFAULT_POLICIES,
    All,
    Json,
    Lab,
    Lang,
    Policies,
    Schools,
    State,
    Wards,
    speak,
)
from controller.cli.options import choose_selection as selection_of
from controller.cli.output import Exit, errors, get_words, print_line, say_json, say_json_line, say_table
from controller.errors import TsunaguError
from controller.inputs.near_matches import suggest_names
from controller.lab.estate import STORE as LAB_STORE
from controller.lab.estate import explain_absence, list_probe_sites, make_throughput_probe, open_timetable
from controller.lab.faults.router_readings import ask_routers
from controller.measure.assessment.assess import SchoolAssessment, assess_school
from controller.measure.assessment.json_documents import build_round_document
from controller.measure.assessment.metrics_export import (
    AssessmentMetrics,
    record_measurement,
    send_measured_event,
)
from controller.measure.assessment.terminal_tables import WIDTH, build_measurement_tables
from controller.measure.diagnosis.gather_evidence import diagnose_round
from controller.measure.diagnosis.texts import build_diagnoses_document, build_diagnosis_lines
from controller.measure.latest_measurements import LatestMeasurements
from controller.measure.measurement import Measurement, MeasurementKind
from controller.measure.measurement_round import MeasurementRound, ProbeSite, RoundScope, make_run_name
from controller.measure.measurement_store import MeasurementStore, open_measurement_store
from controller.measure.probes.icmp_prober import IcmpProber
from controller.model.city import City
from controller.model.network.packets import Family
from controller.model.sites.contracted_lines import ACCESS_LINE_NAMES
from controller.model.virtual_city import VirtualCity
from controller.operations.operations import Operations
from controller.plan.select import select_schools_in_service
from controller.resilience.background_measurement import BackgroundMeasurement
from controller.resilience.daily_pruning import DailyPruning
from controller.resilience.egress_tracker import EgressTracker, choose_far_destination
from controller.resilience.line_monitor import LineMonitor
from controller.storage.audit.audit_trail import AuditTrail
from controller.telemetry.otlp import Telemetry, open_telemetry
from controller.telemetry.registry import EventKind, Writer
from controller.telemetry.traces.phases import trace_phase
from controller.telemetry.traces.trace_links import TraceOf


class LineChoice(StrEnum):
    """A kind of line."""

    PRIMARY = "primary"
    BACKUP = "backup"
    THIRD = "third"


Lines = Annotated[list[LineChoice] | None, typer.Option("--line", help="Only this line: primary, backup or third.")]
Regions = Annotated[list[str] | None, typer.Option("--region", help="Only to this region (may be repeated).")]
Families = Annotated[list[int] | None, typer.Option("--family", min=4, max=6, help="Only over IPv4 (4) or IPv6 (6).")]
Quick = Annotated[
    bool, typer.Option("--quick", help="Only the throughput that the assessment needs: seconds a school.")
]
Watched = Annotated[
    bool,
    typer.Option("--watch", help="Go on until stopped: an echo a second over every line, throughput now and then."),
]
Light = Annotated[bool, typer.Option("--light", help="No throughput: latency, loss, DNS and HTTP only.")]


@traced_command(Writer.PROBE)
def measure(  # noqa: PLR0913, PLR0917 the options of a command
    schools: Schools = None,
    wards: Wards = None,
    lines: Lines = None,
    regions: Regions = None,
    families: Families = None,
    policies: Policies = DEFAULT_POLICIES,
    state: State = None,
    monitor_store: MonitorStore = DEFAULT_MONITOR_STORE,
    lang: Lang = None,
    *,
    everything: All = False,
    lab: Lab = False,
    quick: Quick = False,
    light: Light = False,
    watch: Watched = False,
    as_json: Json = False,
) -> None:
    """Measure schools' lines and assess them; exit code 1 if something that was asked for could not be measured.

    Without --lab it shows what each real school's own probe measured last, on the machine that the monitor runs on.
    Throughput is measured one line at a time, so a school takes about 40 s (10 s with --quick). --watch says what
    changes (with --json: an object a line) until Ctrl-C or SIGTERM.
    """
    speak(lang)
    chosen = selection_of(schools, wards, everything=everything)
    is_limited = bool(quick or light or lines or regions or families)
    _refuse_mixed_options(watch=watch, quick=quick, light=light, is_limited=is_limited)
    with trace_phase("load policy"):
        city = load_estate_city(policies, lab=lab)
    wanted = _wanted(city, lines, regions, families, quick=quick, light=light)
    if not isinstance(city, VirtualCity):
        _refuse_mixed_options(is_real=True, is_limited=is_limited or watch)
        schools_asked = select_schools_in_service(city, chosen)
        raise typer.Exit(show_probe_measurements(city, schools_asked, policies, monitor_store, as_json=as_json))
    sites = list_probe_sites(city, chosen)
    operations = load_estate_operations(city)
    kept = choose_state_folder(city.estate, operations, state, policies)
    link_command(kept, [(TraceOf.ROLLOUT, site.school.id) for site in sites])
    token, trail = find_token_file(Writer.PROBE, policies), open_audit_trail(kept, operations)
    with (
        explain_absence(),
        open_telemetry(token=token) as sent,
        open_measurement_store(kept / LAB_STORE, trail=trail, timezone=city.timezone) as store,
    ):
        if watch:
            watch_lines(city, sites, store, sent, build_pruning(operations, trail, store), as_json=as_json)
            raise typer.Exit(Exit.GOOD)

        metrics = AssessmentMetrics(sent, after=store.read_last_number())

        def told(one: Measurement) -> None:
            record_measurement(sent, one)
            if not one.measured or one.result.kind in (MeasurementKind.DOWNLOAD, MeasurementKind.UPLOAD):
                errors.print(_progress(one), style="dim", markup=False)

        run = MeasurementRound(city, store, make_throughput_probe(city), make_run_name(datetime.now(UTC)), told)
        found: list[Measurement] = []
        assessments: list[SchoolAssessment] = []
        for site in sites:
            with trace_phase("measure school", school=site.school.id) as phase:
                measured = run.measure([site], wanted)
                phase.add_attributes(measurements=len(measured), failed=sum(not one.measured for one in measured))
            found += measured
            assessments.append(assess_school(site.school, store.read_latest(), city.measurement))
            metrics.record_assessments(assessments[-1:])
            send_measured_event(sent, assessments[-1])
        diagnoses = diagnose_round([site.school for site in sites], found, city.measurement, ask_routers())
        if as_json:
            document = build_round_document(run.run, store.file, assessments, found, city.timezone)
            say_json({**document, **build_diagnoses_document(diagnoses)})
        else:
            texts = get_words()
            failures = [one for one in found if not one.measured]
            table = build_measurement_tables(assessments, failures, city, texts)
            say_table(table, WIDTH)
            print_line("\n".join(["", *build_diagnosis_lines(diagnoses, texts), ""]))
            print_line(texts.say("measure.kept", count=len(found), run=run.run, file=store.file))
    raise typer.Exit(Exit.GOOD if all(one.measured for one in found) else Exit.FAILED)


def build_pruning(operations: Operations, trail: AuditTrail, store: MeasurementStore) -> DailyPruning:
    """Return what removes, once a day, what is too old by the operators' file."""
    kept = find_kept_days(operations)
    return DailyPruning(trail, find_head_copy(operations), Path(store.file), lambda: kept, _say_aside)


def watch_lines(  # noqa: PLR0913 what a watch is made of
    city: VirtualCity,
    sites: list[ProbeSite],
    store: MeasurementStore,
    sent: Telemetry,
    pruning: DailyPruning,
    *,
    as_json: bool,
) -> None:
    """Watch until SIGTERM; a Ctrl-C passes through. What is too old is removed beside it, once a day.

    Raises:
        TsunaguError: what ended the watch otherwise.
    """
    go_on_traced()
    stop = Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())

    def new_round() -> MeasurementRound:
        return MeasurementRound(
            city,
            store,
            make_throughput_probe(city),
            make_run_name(datetime.now(UTC)),
            lambda one: record_measurement(sent, one),
        )

    def tell(kind: EventKind, text: str, about: Mapping[str, str]) -> None:
        at = datetime.now(UTC).astimezone(city.timezone)
        if as_json:
            line = {"at": at.isoformat(timespec="milliseconds"), "event": str(kind), "text": text, **about}
            say_json_line(line, form="measure-watch")
        else:
            print_line(
                f"{at:%H:%M:%S} {about['school']}: {text}",
                "red" if "down" in kind or kind == EventKind.LINE_FLAPPING else None,
            )

    metrics = AssessmentMetrics(sent, after=store.read_last_number())
    latest = LatestMeasurements(store)
    with open_timetable(city, sites, store, latest) as timetable:
        slow = BackgroundMeasurement(city, sites, latest, sent, metrics, new_round, timetable, on_event=tell)
        routes = [route for site in sites for route in new_round().list_probe_paths(site, RoundScope())]
        exits = EgressTracker(sites, city.lines, choose_far_destination(city))
        quick = LineMonitor(
            city,
            sites,
            latest,
            sent,
            metrics,
            IcmpProber(routes),
            exits,
            slow.request_throughput,
            tell,
            slow.line_under_test,
        )
        slow.known_lines = quick
        threads = [
            Thread(target=slow.run, args=(stop,), name="measuring"),
            Thread(target=pruning.run_daily, args=(stop,), name="pruning"),
        ]
        for thread in threads:
            thread.start()
        errors.print(get_words().say("measure.watching", count=len(sites)), style="dim", markup=False)
        try:
            quick.run(stop)
        finally:
            stop.set()
            for thread in threads:
                thread.join()
    if slow.failure is not None:
        raise slow.failure


def _refuse_mixed_options(
    *, is_limited: bool, is_real: bool = False, watch: bool = False, quick: bool = False, light: bool = False
) -> None:
    """Refuse options that do not go together; a real school's probe takes none that are about a test made here.

    Raises:
        BadParameter: there are such options.
    """
    limits = "--quick, --light, --line, --region and --family"
    if watch and is_limited:
        message = f"--watch looks at every line: leave out {limits}"
        raise typer.BadParameter(message)
    if quick and light:
        message = "--light measures no throughput, and --quick only that of the assessment: name one of them"
        raise typer.BadParameter(message)
    if is_real and is_limited:
        message = f"a real school's probe measures by itself: leave out --watch, {limits}, or add --lab"
        raise typer.BadParameter(message)


def _wanted(  # noqa: PLR0913 the options of a command
    city: City,
    lines: list[LineChoice] | None,
    regions: list[str] | None,
    families: list[int] | None,
    *,
    quick: bool,
    light: bool,
) -> RoundScope:
    known = [region.id for region in city.lines.regions]
    for name in regions or ():
        if name not in known:
            near = suggest_names(name, known)
            message = f"there is no region {name!r}; there are: {', '.join(known)}{near}"
            raise TsunaguError(message)
    if families and not set(families) <= {int(family) for family in Family}:
        message = "--family is 4 or 6"
        raise typer.BadParameter(message)
    if unused := [family for family in families or () if family not in city.families]:
        message = f"the city does not use IPv{unused[0]} (addressing in city.yaml): leave out --family {unused[0]}"
        raise TsunaguError(message)
    return RoundScope(
        lines=tuple(line for line in ACCESS_LINE_NAMES if not lines or line in lines),
        regions=tuple(regions) if regions else None,
        families=tuple(family for family in city.families if not families or family in families),
        only_assessed=quick,
        throughput=not light,
    )


def _say_aside(line: str) -> None:
    errors.print(line, style="dim", markup=False)


def _progress(one: Measurement) -> str:
    figure = f"{next(iter(one.result.figures.values())):.1f} Mbit/s" if one.measured else str(one.result.outcome)
    return f"{one.path}: {one.result.kind} {figure}"
