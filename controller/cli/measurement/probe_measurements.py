"""What `tsunagu measure` says of real schools: what each school's own probe measured last, and how to have more."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from typing_extensions import TypedDict

from controller.cli.measurement.monitor import DEFAULT_STORE
from controller.cli.measurement.probe import ProbeDocument, describe_probe
from controller.cli.measurement.telemetry_tokens import find_token_file
from controller.cli.output import Exit, get_words, print_line, print_message, say_json
from controller.model.city import City
from controller.model.sites.schools import School
from controller.telemetry.enrolled_probes import find_enrolment_file
from controller.telemetry.probe_words import describe_probes, find_word_file, load_probe_words
from controller.telemetry.registry import (
    DIRECTION,
    DNS_DURATION,
    FAMILY,
    HTTP_DURATION,
    LINE,
    LINE_HTTPS_LIMIT,
    LINE_HTTPS_THROUGHPUT,
    LINE_JITTER,
    LINE_LATENCY,
    LINE_LOSS,
    LINE_THROUGHPUT,
    LINE_UP,
    REGION,
    SCHOOL,
    Metric,
    Writer,
)
from controller.telemetry.units import mbps_from_bits, ms_from_seconds
from monitoring.timeseries.queries import read_latest_values
from monitoring.timeseries.records import GaugeValue
from monitoring.timeseries.store_reader import open_store_reader

MonitorStore = Annotated[
    Path, typer.Option("--monitor-store", help="Real schools: file that the monitor keeps what it receives in.")
]
DEFAULT_MONITOR_STORE = DEFAULT_STORE
SHOWN_METRICS = (
    LINE_UP,
    LINE_THROUGHPUT,
    LINE_HTTPS_THROUGHPUT,
    LINE_HTTPS_LIMIT,
    LINE_LATENCY,
    LINE_JITTER,
    LINE_LOSS,
    DNS_DURATION,
    HTTP_DURATION,
)
"""What is shown of a probe, in this order."""
_LIMITS = {0.0: "line", 1.0: "loss", 2.0: "delay"}
"""What LINE_HTTPS_LIMIT stands for."""


class ProbeValueDocument(TypedDict):
    """A probe's last value of a metric on one path, in the metric's base unit; "" where the metric does not tell apart.

    `measured_at` is the probe's clock, as far as the monitor believes it.
    """

    metric: str
    line: str
    region: str
    family: str
    direction: str
    value: float
    unit: str
    measured_at: str


class ProbedSchoolDocument(TypedDict):
    """A school and what its probe measured last; `probe` null: none is enrolled, or it was revoked."""

    school: str
    probe: ProbeDocument | None
    values: list[ProbeValueDocument]


class ProbedSchoolsDocument(TypedDict):
    """What real schools' probes measured last."""

    monitor_store: str
    schools: list[ProbedSchoolDocument]


def show_probe_measurements(
    city: City, schools: Sequence[School], policies: Path, monitor_store: Path, *, as_json: bool
) -> Exit:
    """Show what the probes of these schools measured last; return the exit code.

    Raises:
        TsunaguError: the list of probes or the monitor's store cannot be read.
    """
    enrolments = find_enrolment_file(find_token_file(Writer.PROBE, policies))
    words = load_probe_words(find_word_file(enrolments))
    probes = {one["school"]: one for one in describe_probes(enrolments, words) if not one["revoked_at"]}
    names = [school.id for school in schools]
    values = _read_values(monitor_store, names) if any(name in probes for name in names) else []
    documents = [_build_school(name, probes.get(name), values, city) for name in names]
    if as_json:
        say_json(ProbedSchoolsDocument(monitor_store=str(monitor_store), schools=documents), form="measure-probes")
    else:
        _say_schools(documents, city)
    if not any(one["probe"] for one in documents):
        return Exit.NOT_SUPPORTED
    return Exit.GOOD if all(one["values"] for one in documents) else Exit.FAILED


def _read_values(file: Path, schools: Sequence[str]) -> list[GaugeValue]:
    with open_store_reader(file) as store:
        found = read_latest_values(store)
    return [one for one in found if one.key[0] in SHOWN_METRICS and dict(one.key[1]).get(SCHOOL.name) in schools]


def _build_school(
    school: str, probe: dict[str, Any] | None, values: Sequence[GaugeValue], city: City
) -> ProbedSchoolDocument:
    own = [one for one in values if dict(one.key[1]).get(SCHOOL.name) == school] if probe else []
    built = [_build_value(one, city) for one in own]
    order = {metric.name: number for number, metric in enumerate(SHOWN_METRICS)}
    built.sort(key=lambda one: (one["line"], order[one["metric"]], one["region"], one["family"], one["direction"]))
    return ProbedSchoolDocument(school=school, probe=describe_probe(probe) if probe else None, values=built)


def _build_value(one: GaugeValue, city: City) -> ProbeValueDocument:
    metric, attributes = one.key[0], dict(one.key[1])
    at = datetime.fromtimestamp(one.at, UTC).astimezone(city.timezone)
    line, region, family, direction = (attributes.get(name.name, "") for name in (LINE, REGION, FAMILY, DIRECTION))
    return ProbeValueDocument(
        metric=metric.name,
        line=line,
        region=region,
        family=family,
        direction=direction,
        value=one.value,
        unit=metric.unit,
        measured_at=at.isoformat(timespec="seconds"),
    )


def _say_schools(documents: Sequence[ProbedSchoolDocument], city: City) -> None:
    for one in documents:
        if one["probe"] is None:
            print_message("measure.probe-none", "yellow", school=one["school"])
        elif not one["values"]:
            print_message("measure.probe-silent", "yellow", school=one["school"])
        else:
            print_message("measure.probe-last", school=one["school"], zone=city.timezone.key)
            for value in one["values"]:
                print_line(f"  {' '.join(_describe_value(value))}")
    if any(one["probe"] for one in documents):
        print_message("measure.probe-how")
    else:
        print_message("measure.probe-lab")


def _describe_value(one: ProbeValueDocument) -> Iterator[str]:
    """A value in one line for people; when it was measured stands first, for none is of now."""
    yield one["measured_at"][:19].replace("T", " ")
    yield from (one[part] for part in ("line", "region", "family") if one[part])
    figure, say = one["value"], get_words().say
    limit = say(f"measure.probe-limit-{_LIMITS.get(figure, 'other')}")
    said: dict[Metric, tuple[str, str]] = {
        LINE_UP: ("probe-line-up" if figure else "probe-line-down", ""),
        LINE_THROUGHPUT: (f"probe-{one['direction']}", f" {mbps_from_bits(figure):.1f} Mbit/s"),
        LINE_HTTPS_THROUGHPUT: (f"probe-https-{one['direction']}", f" {mbps_from_bits(figure):.1f} Mbit/s"),
        LINE_HTTPS_LIMIT: (f"probe-https-{one['direction']}", f": {limit}"),
        LINE_LATENCY: ("latency", f" {ms_from_seconds(figure):.1f} ms"),
        LINE_JITTER: ("jitter", f" {ms_from_seconds(figure):.1f} ms"),
        LINE_LOSS: ("loss", f" {100 * figure:.1f}%"),
        DNS_DURATION: ("dns", f" {ms_from_seconds(figure):.1f} ms"),
        HTTP_DURATION: ("http", f" {ms_from_seconds(figure):.1f} ms"),
    }
    word, amount = next(parts for metric, parts in said.items() if metric.name == one["metric"])
    yield say(f"measure.{word}") + amount
