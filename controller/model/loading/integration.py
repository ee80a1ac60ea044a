"""Every school is in one stage of integration, and what is there in some stages only fits those of the others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date

from controller.errors import Origin, Problem
from controller.model.access.rules import Segment
from controller.model.integration.integrations import Integration, IntegrationFile, Integrations
from controller.model.loading.policy_reader import ReadPolicy
from controller.model.loading.references import find_integrations, find_unknown
from controller.model.policy_files import (
    ADMISSION,
    BLUEPRINTS,
    CALENDAR,
    CITY,
    DEVICES,
    GROUPS,
    INTEGRATION,
    LAB,
    RULES,
    SCHOOLS,
    SEGMENTS,
)
from controller.model.sites.calendar import CalendarFile
from controller.model.sites.schools import School
from controller.model.sites.stages import STAGES, Stage, Stages, is_in_stage

_NO_FILE = "the city names no stages; write city/integration.yaml, or leave 'stages' out"


def find_integration_problems(policy: ReadPolicy, today: date) -> Iterator[Problem]:
    """Schools in no stage or in two, cut-overs while there are lessons, and segments that a stage does not have.

    What is refused never depends on a day that passes: a change that waits `today` was refused before, or never is.
    """
    if policy.find_all(INTEGRATION) is None:
        return  # what is wrong with the file is told already, and all else would follow from it
    file = policy.find(INTEGRATION)
    yield from _find_unknown_names(policy, file)
    yield from _find_repeated(file.integrations if file else ())
    schools = [one for listed in policy.find_all(SCHOOLS) or () for one in listed.schools]
    if file is not None:
        found = find_integrations(policy)
        for school in schools:
            yield from _find_school_problems(found, school, policy.find(CALENDAR), today)
        yield from _find_split_segments(found, file, schools, today)
        yield from _find_lost_hosts(policy)
    yield from _find_segment_problems(policy, staged=file is not None)


def _find_unknown_names(policy: ReadPolicy, file: IntegrationFile | None) -> Iterator[Problem]:
    city, groups, segments = policy.find(CITY), policy.find(GROUPS), policy.find(SEGMENTS)
    files = policy.find_all(SCHOOLS)
    known = {
        "school": None if files is None else [school.id for one in files for school in one.schools],
        "ward": None if city is None else [ward.id for ward in city.wards],
        "group": None if groups is None else [group.id for group in groups.groups],
        "segment": None if segments is None else [segment.id for segment in segments.segments],
    }
    for one in file.integrations if file else ():
        noun, name = one.subject
        yield from find_unknown(one.origin, noun, noun, [name], known[noun])
    for shared in file.shared if file else ():
        yield from find_unknown(shared.origin, "ward", "ward", [shared.ward], known["ward"])
        yield from find_unknown(shared.origin, "segment", "segment", [shared.segment], known["segment"])


def _find_repeated(listed: Iterable[Integration]) -> Iterator[Problem]:
    first: dict[tuple[str, str], Origin] = {}
    for one in listed:
        noun, name = one.subject
        if one.subject in first:
            yield Problem(one.origin, noun, f"{noun} {name!r} is in a stage already ({first[one.subject]})")
        first.setdefault(one.subject, one.origin)


def _find_school_problems(
    found: Integrations, school: School, calendar: CalendarFile | None, today: date
) -> Iterator[Problem]:
    entry, of_groups = found.find_entry(school), found.list_of_groups(school)
    if entry is None:
        message = (
            f"school {school.id} is in no stage of integration; add it, a group of it, or its ward {school.ward!r} to "
            "city/integration.yaml"
        )
        yield Problem(school.origin, "id", message)
        return
    if entry.school is None and len(of_groups) > 1:
        first, other = of_groups[:2]
        message = (
            f"school {school.id} is in group {first.group!r} ({first.origin}) and in this one; give the school an "
            "entry of its own, or take it out of one of the groups"
        )
        yield Problem(other.origin, "group", message)
    days = {"next.cutover": entry.next.cutover if entry.next else None}
    days["since"] = entry.since if entry.is_waiting(today) else None
    for field, day in days.items():
        if day is not None and calendar is not None:
            why = calendar.explain_busy_cutover(day, school.kind, school.id)
            if why:
                yield Problem(entry.origin, field, f"{why} lessons")


def _find_split_segments(
    found: Integrations, file: IntegrationFile, schools: list[School], today: date
) -> Iterator[Problem]:
    """Schools of one ward that share a segment, and are in two stages, or go to the next one on two days."""
    for shared in file.shared:
        entries = [
            (school, entry)
            for school in schools
            if school.ward == shared.ward and (entry := found.find_entry(school)) is not None
        ]
        for school, entry in entries[1:]:
            first, known = entries[0]
            standing, other = entry.get_as_of(today), known.get_as_of(today)
            is_same = entry.stage is known.stage and entry.next == known.next
            if not is_same or standing.stage is not other.stage or standing.next != other.next:
                told = (entry, known) if not is_same else (standing, other)
                message = (
                    f"school {school.id} shares segment {shared.segment} with {first.id} ({shared.origin}), and is in "
                    f"another stage than it ({known.origin}): {_describe(told[0])}, not {_describe(told[1])}"
                )
                yield Problem(entry.origin, "stage", message)
                break


def _describe(entry: Integration) -> str:
    return f"{entry.stage} -> {entry.next.stage} on {entry.next.cutover}" if entry.next else str(entry.stage)


def _find_segment_problems(policy: ReadPolicy, *, staged: bool) -> Iterator[Problem]:
    """What carries a segment in a stage in which schools do not have it."""
    city, segments, admission = policy.find(CITY), policy.find(SEGMENTS), policy.find(ADMISSION)
    if city is None or segments is None:
        return
    known = {one.id: one for one in segments.segments}
    for one in segments.segments:
        if one.stages and not staged:
            yield Problem(one.origin, "stages", _NO_FILE)
        needed = {city.management_segment: "devices are managed in it"}
        if admission is not None:
            needed[admission.default_segment] = "802.1X puts the unknown into it"
        if one.stages and one.id in needed:
            yield Problem(one.origin, "stages", f"schools need {one.id} in every stage: {needed[one.id]}")
    if staged:
        yield from _find_absent_askers(policy, known)
    for origin, field, names, stages in _list_uses(policy):
        if stages and not staged:
            yield Problem(origin, "stages", _NO_FILE)
        elif staged:
            yield from _find_absent(origin, field, [known[name] for name in names if name in known], stages)


def _find_absent_askers(policy: ReadPolicy, known: Mapping[str, Segment]) -> Iterator[Problem]:
    """Rules of some stages that let a segment ask which schools have in none of them."""
    rules = policy.find(RULES)
    for rule in rules.rules if rules else ():
        stages = rule.schools.stages if rule.schools else ()
        for name in rule.network.from_ if rule.network and stages else ():
            segment = known.get(name)
            if segment is not None and not any(is_in_stage(segment.stages, stage) for stage in stages):
                when = ", ".join(stages)
                message = (
                    f"lets {name} ask, which schools do not have when {when} ({segment.origin}); take it out of "
                    "'from', or name other stages"
                )
                yield Problem(rule.origin, "network.from", message)


def _list_uses(policy: ReadPolicy) -> Iterator[tuple[Origin, str, tuple[str, ...], Stages]]:
    """What is for some stages, with the segments that it needs in all of them."""
    blueprints, rules = policy.find(BLUEPRINTS), policy.find(RULES)
    for blueprint in blueprints.blueprints if blueprints else ():
        own = blueprint.stages
        yield blueprint.origin, "stages", (), own
        for group in blueprint.devices:
            for ports in group.ports:
                named = () if ports.segments == "all" else ports.segments
                yield ports.origin, "segments", named, _narrow(own, ports.stages)
            for ssid in group.ssids:
                yield ssid.origin, "segment", (ssid.segment,), _narrow(own, ssid.stages)
    for devices in policy.find_all(DEVICES) or ():
        for ports in (ports for one in devices.devices for ports in one.ports or ()):
            yield ports.origin, "segments", () if ports.segments == "all" else ports.segments, ports.stages
    overlay = policy.find(LAB)
    for host in overlay.hosts if overlay else ():
        yield host.origin, "segment", (host.segment,), host.stages
    for rule in rules.rules if rules else ():
        if rule.schools is not None:
            yield rule.origin, "schools.stages", (), rule.schools.stages


def _find_lost_hosts(policy: ReadPolicy) -> Iterator[Problem]:
    """Hosts of the virtual city that are nowhere in some stage."""
    overlay = policy.find(LAB)
    if overlay is None:
        return
    for host in {one.id: one for one in reversed(overlay.hosts)}.values():
        lacking = [stage for stage in STAGES if host.id not in {one.id for one in overlay.list_hosts(stage)}]
        if lacking:
            message = (
                f"host {host.id!r} is in no segment when {', '.join(lacking)}; add an entry with its id and "
                f"stages: [{', '.join(lacking)}], or leave 'stages' out"
            )
            yield Problem(host.origin, "stages", message)


def _narrow(outer: Stages, inner: Stages) -> Stages:
    if not outer or not inner:
        return outer or inner
    return tuple(one for one in inner if one in outer)


def _find_absent(origin: Origin, field: str, segments: list[Segment], stages: Stages) -> Iterator[Problem]:
    for segment in segments:
        lacking = [stage for stage in stages or STAGES if not is_in_stage(segment.stages, stage)]
        if lacking:
            kept: list[Stage] = [stage for stage in stages or STAGES if stage not in lacking]
            hint = f"write stages: [{', '.join(kept)}]" if kept else "name another segment"
            message = f"carries {segment.id}, which schools do not have when {', '.join(lacking)} ({segment.origin})"
            yield Problem(origin, field, f"{message}; {hint}")
