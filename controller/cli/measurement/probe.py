"""`tsunagu probe`: the probes that stand at schools: enrolled, listed, revoked."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from typing_extensions import TypedDict

from controller.cli.measurement.probe_settings import EnrolmentWishes, ProbeRefused, build_probe_configuration
from controller.cli.measurement.telemetry_tokens import find_token_file
from controller.cli.options import DEFAULT_POLICIES, Json, Lang, Policies, speak
from controller.cli.output import get_words, print_line, print_message, say_json
from controller.model.city import City
from controller.model.loading.load_city import load_city
from controller.model.sites.schools import School
from controller.operations.operators_file import load_operations
from controller.plan.select import find_named
from controller.probe_agent.configuration import write_configuration
from controller.storage.whole_file import write_whole
from controller.telemetry.enrolled_probes import (
    enrol_probe,
    find_enrolment_file,
    load_enrolled_probes,
    make_probe_token,
    revoke_probe,
)
from controller.telemetry.probe_certificates import give_certificate
from controller.telemetry.probe_words import describe_probes, find_word_file, load_probe_words
from controller.telemetry.registry import Writer

probe = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="The probes at schools: enrol, list, revoke.")

SchoolName = Annotated[str, typer.Argument(metavar="SCHOOL", help="The school's id or name.")]
Output = Annotated[
    Path, typer.Option("-o", "--output", help="The probe's configuration, with its token and key; mode 0600.")
]
MonitorAddress = Annotated[str, typer.Option("--monitor", help="Where the probe reaches the monitor, over TLS.")]
CaFile = Annotated[Path | None, typer.Option("--ca", help="Certificate (PEM) that the monitor's is checked by.")]
Bind = Annotated[bool, typer.Option("--on-router", help="The probe has the lines' own interfaces: bind to them.")]
Source = Annotated[str, typer.Option("--updates-from", help="https address or path that newer versions stand at.")]
ReleaseKey = Annotated[Path | None, typer.Option("--release-key", help="Public key (.pub) that signs newer versions.")]
_SOON = timedelta(days=60)
"""From when on before a certificate's end the list asks for another one: there is a visit to a school in between."""


class ProbeEnrolledDocument(TypedDict):
    """The file with the probe's configuration. `paths`: how many ways it measures."""

    school: str
    file: str
    monitor: str
    paths: int
    certificate_ends_at: str


class ProbeRevokedDocument(TypedDict):
    """The school whose probe is not heard any more."""

    school: str
    revoked: bool


class ProbeDocument(TypedDict):
    """A school's probe. `heard_at` null: it has not been heard since it was enrolled.

    `certificate_ends_at` null: it was enrolled without a certificate, and is heard on the monitor's own machine alone.
    `skew_seconds`: how far its clock was ahead of the monitor's; `waiting` and `dropped` count results; `update` says
    how its last look for a newer version ended.
    """

    school: str
    enrolled_at: str
    revoked_at: str | None
    certificate_ends_at: str | None
    heard_at: str | None
    version: str
    skew_seconds: float | None
    waiting: int
    dropped: int
    update: str
    slots_until: str | None


class ProbesDocument(TypedDict):
    """Every school that has a probe, or had one last."""

    probes: list[ProbeDocument]


@probe.command("enrol")
def enrol(  # noqa: PLR0913, PLR0917 the options of a command
    school: SchoolName,
    output: Output,
    monitor: MonitorAddress,
    ca: CaFile = None,
    updates_from: Source = "",
    release_key: ReleaseKey = None,
    lang: Lang = None,
    policies: Policies = DEFAULT_POLICIES,
    *,
    on_router: Bind = False,
    as_json: Json = False,
) -> None:
    """Make the identity of a school's probe: its configuration with a token and a certificate, for this school alone.

    Those that the school had before end. Docs: probe.md.
    """
    speak(lang)
    city, found = _find_school(policies, school)
    token = make_probe_token()
    wishes = EnrolmentWishes(monitor, ca, on_router, updates_from, release_key)
    configuration = build_probe_configuration(city, found, token, wishes)
    enrolments = _find_enrolments(policies)
    # Before the file is: one with a token that is never enrolled would take the place of one that counts.
    load_enrolled_probes(enrolments)
    now = datetime.now(UTC)
    certificate = give_certificate(enrolments, found.id, now)
    configuration = replace(configuration, identity=certificate.pem)
    try:
        write_whole(write_configuration(configuration), output)
    except OSError as error:
        message = f"{output}: cannot be written ({error.strerror or error}); name another file"
        raise ProbeRefused(message) from None
    # Only now: where the file could not be written, the probe that stands there goes on.
    enrol_probe(enrolments, found.id, token, now, certificate)
    paths, ends_at = len(configuration.paths), certificate.ends_at.isoformat()
    if as_json:
        said = ProbeEnrolledDocument(
            school=found.id, file=str(output), monitor=monitor, paths=paths, certificate_ends_at=ends_at
        )
        say_json(said)
        return
    print_message("probe.enrolled", school=found.id, file=output, paths=paths, day=ends_at[:10])
    print_message("probe.put-it-there")


@probe.command("list")
def list_probes(lang: Lang = None, policies: Policies = DEFAULT_POLICIES, *, as_json: Json = False) -> None:
    """Say of each school's probe its version, clock, last word and what waits; run it where the monitor runs."""
    speak(lang)
    enrolments = _find_enrolments(policies)
    now = datetime.now(UTC)
    rows = [describe_probe(one) for one in describe_probes(enrolments, load_probe_words(find_word_file(enrolments)))]
    if as_json:
        say_json(ProbesDocument(probes=rows))
        return
    if not rows:
        print_message("probe.none")
    for row in rows:
        is_good = not row["revoked_at"] and row["heard_at"] and not _find_certificate_need(row, now)
        print_line(_describe(row, now), None if is_good else "yellow")


@probe.command("revoke")
def revoke(
    school: SchoolName, lang: Lang = None, policies: Policies = DEFAULT_POLICIES, *, as_json: Json = False
) -> None:
    """End token and certificate of a school's probe: from now on the monitor does not take its results."""
    speak(lang)
    enrolments, now = _find_enrolments(policies), datetime.now(UTC)
    revoked = school
    # By its id first, as the list has it: also of a school that was closed, and is in the policy no more.
    if not revoke_probe(enrolments, school, now):
        revoked = _find_school(policies, school)[1].id
        if not revoke_probe(enrolments, revoked, now):
            message = f"{revoked} has no probe that could be revoked; see: tsunagu probe list"
            raise ProbeRefused(message)
    if as_json:
        say_json(ProbeRevokedDocument(school=revoked, revoked=True))
        return
    print_message("probe.revoked", school=revoked)


def _find_school(policies: Path, name: str) -> tuple[City, School]:
    city = load_city(policies, bounds=load_operations(policies=policies).get_bounds())
    found = find_named("school", name, {one.id: one.name for one in city.schools})
    return city, city.school_by_id[found]


def _find_enrolments(policies: Path) -> Path:
    return find_enrolment_file(find_token_file(Writer.PROBE, policies))


def describe_probe(one: dict[str, Any]) -> ProbeDocument:
    """A school's probe as documents have it, of a row of `describe_probes`."""
    heard = one["heard_at"]
    return ProbeDocument(
        school=one["school"],
        enrolled_at=one["enrolled_at"],
        revoked_at=one["revoked_at"],
        certificate_ends_at=one["certificate_ends_at"],
        heard_at=None if heard is None else datetime.fromtimestamp(heard, UTC).isoformat(timespec="seconds"),
        version=one["version"],
        skew_seconds=one["skew"],
        waiting=one["waiting"],
        dropped=one["dropped"],
        update=one["update"],
        slots_until=_describe_moment(one["slots_until"]),
    )


def _describe_moment(at: float | None) -> str | None:
    return "" if at == 0 else None if at is None else datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")


def _describe(row: ProbeDocument, now: datetime) -> str:
    """A probe in one line for people."""
    words = get_words()
    if row["revoked_at"]:
        return words.say("probe.row-revoked", school=row["school"], at=row["revoked_at"][:16])
    until = words.say("probe.certificate-until", day=str(row["certificate_ends_at"])[:10])
    return f"{_describe_word(row, now)}  {_find_certificate_need(row, now) or until}"


def _find_certificate_need(row: ProbeDocument, now: datetime) -> str:
    """What is to be done about a probe's certificate; empty where nothing is."""
    words, ends_at = get_words(), row["certificate_ends_at"]
    if ends_at is None:
        return words.say("probe.certificate-missing")
    left = datetime.fromisoformat(ends_at) - now
    if left <= timedelta(0):
        return words.say("probe.certificate-ended", day=ends_at[:10])
    return words.say("probe.certificate-ends", days=left.days) if left < _SOON else ""


def _describe_word(row: ProbeDocument, now: datetime) -> str:
    """When a probe was heard, and what it said of itself."""
    words = get_words()
    if row["heard_at"] is None:
        return words.say("probe.row-unheard", school=row["school"], at=row["enrolled_at"][:16])
    seconds = max(0, round((now - datetime.fromisoformat(row["heard_at"])).total_seconds()))
    skew = "?" if row["skew_seconds"] is None else f"{row['skew_seconds']:+.1f}"
    text = words.say(
        "probe.row",
        school=row["school"],
        version=row["version"] or "?",
        seconds=seconds,
        skew=skew,
        waiting=row["waiting"],
        dropped=row["dropped"],
    )
    text = f"{text} {_describe_slots(row['slots_until'], now)}"
    word = row["update"]
    return text if word in ("", "none") else f"{text} {words.say(f'probe_updates.{word}')}"


def _describe_slots(until: str | None, now: datetime) -> str:
    """Whether a probe tests in the planned slots, and until when it knows them."""
    words = get_words()
    if until is None:
        return words["probe.slots-own"]
    if not until or datetime.fromisoformat(until) <= now:
        return words["probe.slots-none"]
    return words.say("probe.slots-until", at=until[:16])
