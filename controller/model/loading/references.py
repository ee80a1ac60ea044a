"""Whatever is named exists: every name in a file leads to something that a file of the policy declares."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from controller.errors import Origin, Problem
from controller.inputs.near_matches import suggest_names
from controller.model.access.admission import PLUGGED
from controller.model.access.rules import CONTROLLER, INTERNET, Application, Rule
from controller.model.integration.integrations import Integrations
from controller.model.loading.place_meanings import find_meanings
from controller.model.loading.policy_reader import ReadPolicy
from controller.model.policy_files import (
    ADMISSION,
    APPLICATIONS,
    BLUEPRINTS,
    CALENDAR,
    CITY,
    FLOWS,
    GROUPS,
    INFRASTRUCTURE_PROTOCOLS,
    INTEGRATION,
    LAB,
    LINES,
    MEASUREMENT,
    OUTPUTS,
    PEOPLE,
    PREFIX_LISTS,
    RULES,
    SCHOOLS,
    SEGMENTS,
)
from controller.model.sites.blueprints import BlueprintFile
from controller.model.sites.schools import LONGEST_LAB_NAME, School
from controller.model.sites.scope import SchoolGroup, Scope
from controller.model.sites.stages import STAGES, Stage

_SHOWN = 20  # names that are listed where one is not known


def find_dangling_references(policy: ReadPolicy, *, undeployed: bool = False) -> list[Problem]:
    """Names that nothing carries. Files that could not be read are passed over.

    `undeployed` accepts cloud applications that the outputs do not hold.
    """
    return [
        *_check_city(policy),
        *_check_blueprints(policy),
        *_check_lines(policy),
        *_check_measurement(policy),
        *_check_lab(policy),
        *_check_groups(policy),
        *_check_calendar(policy),
        *_check_applications(policy),
        *(() if undeployed else _check_deployed(policy)),
        *_check_rules(policy),
        *_check_admissions(policy),
        *_check_infrastructure_protocols(policy),
        *_check_flows(policy),
    ]


def find_unknown(
    origin: Origin, field: str, noun: str, names: Iterable[str], allowed: Iterable[str] | None
) -> Iterator[Problem]:
    """A problem for each name that is not among the allowed ones; `allowed` None: the file could not be read."""
    if allowed is None:
        return
    known = set(allowed)
    for name in names:
        if name not in known:
            near = suggest_names(name, sorted(known))
            yield Problem(origin, field, f"unknown {noun} {name!r}; allowed: {_list_some(sorted(known))}{near}")


def _list_some(names: list[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} others" if len(names) > _SHOWN else "")


def _segment_ids(policy: ReadPolicy) -> list[str] | None:
    file = policy.find(SEGMENTS)
    return None if file is None else [segment.id for segment in file.segments]


def _schools(policy: ReadPolicy) -> list[School] | None:
    files = policy.find_all(SCHOOLS)
    return None if files is None else [school for file in files for school in file.schools]


def _school_ids(policy: ReadPolicy) -> list[str] | None:
    schools = _schools(policy)
    return None if schools is None else [school.id for school in schools]


def _ward_ids(policy: ReadPolicy) -> list[str] | None:
    city = policy.find(CITY)
    return None if city is None else [ward.id for ward in city.wards]


def _kind_ids(policy: ReadPolicy) -> list[str] | None:
    city = policy.find(CITY)
    return None if city is None else [kind.id for kind in city.kinds]


def find_integrations(policy: ReadPolicy) -> Integrations:
    """Find the entries that hold for schools, in a policy that may have problems yet."""
    groups = policy.find(GROUPS)
    return Integrations(policy.find(INTEGRATION), {one.id: one for one in groups.groups} if groups else {})


def list_lots(policy: ReadPolicy) -> list[tuple[School, str | None]]:
    """Every school with its procurement lot: its own, or its ward's; None where neither names one.

    Schools of a ward that there is not are left out: that is told of them already.
    """
    city = policy.find(CITY)
    wards = {ward.id: ward.lot for ward in city.wards} if city else {}
    return [(school, school.lot or wards[school.ward]) for school in _schools(policy) or () if school.ward in wards]


def _region_ids(policy: ReadPolicy) -> list[str] | None:
    lines = policy.find(LINES)
    return None if lines is None else [region.id for region in lines.regions]


def _application_ids(policy: ReadPolicy) -> list[str] | None:
    file = policy.find(APPLICATIONS)
    return None if file is None else [application.id for application in file.applications]


def _check_city(policy: ReadPolicy) -> Iterator[Problem]:
    city = policy.find(CITY)
    if city is not None:
        origin = policy.find_origin(CITY, "management-segment")
        named = [city.management_segment]
        yield from find_unknown(origin, "management-segment", "segment", named, _segment_ids(policy))
    for school in _schools(policy) or ():
        yield from find_unknown(school.origin, "ward", "ward", [school.ward], _ward_ids(policy))
        yield from find_unknown(school.origin, "kind", "kind of school", [school.kind], _kind_ids(policy))
    for school, lot in list_lots(policy):
        if lot is None:
            message = f"neither the school nor its ward {school.ward!r} names a procurement lot; write lot: ... here"
            yield Problem(school.origin, "lot", message)


def _check_blueprints(policy: ReadPolicy) -> Iterator[Problem]:
    file = policy.find(BLUEPRINTS)
    if file is None:
        return
    segments = _segment_ids(policy)
    kinds = _kind_ids(policy)
    yield from _check_platforms(policy, file)
    yield from _check_port_names(file)
    for blueprint in file.blueprints:
        yield from find_unknown(blueprint.origin, "kinds", "kind of school", blueprint.kinds, kinds)
        for group in blueprint.devices:
            for ports in group.ports:
                if ports.segments != "all":
                    yield from find_unknown(ports.origin, "segments", "segment", ports.segments, segments)
            for ssid in group.ssids:
                yield from find_unknown(ssid.origin, "segment", "segment", [ssid.segment], segments)
    stages: tuple[Stage | None, ...] = STAGES if find_integrations(policy).named else (None,)
    for school in _schools(policy) or ():
        if school.blueprint is not None:
            known = [blueprint.id for blueprint in file.blueprints]
            yield from find_unknown(school.origin, "blueprint", "blueprint", [school.blueprint], known)
            continue
        if kinds is None or school.kind in kinds:
            yield from _check_fitting(file, school, stages)


def _check_fitting(file: BlueprintFile, school: School, stages: tuple[Stage | None, ...]) -> Iterator[Problem]:
    """A school needs one blueprint in every stage: also in those that it is not in yet, or not any more."""
    wrong: dict[str, list[Stage | None]] = {}
    for stage in stages:
        found = [blueprint for blueprint in file.blueprints if blueprint.matches(school, stage)]
        if len(found) != 1:
            names = ", ".join(f"{b.id} ({b.origin})" for b in found) or "none"
            wrong.setdefault(names, []).append(stage)
    for names, there in wrong.items():
        staged = "" if len(there) == len(stages) else f", when {', '.join(map(str, there))},"
        message = f"{school.kind} with {school.pupils} pupils{staged} needs exactly one blueprint; found: {names}"
        yield Problem(school.origin, "pupils", message)


def _check_platforms(policy: ReadPolicy, file: BlueprintFile) -> Iterator[Problem]:
    """Names that are no lot, each said once, with the number of places."""
    city = policy.find(CITY)
    schools = [(school, lot) for school, lot in list_lots(policy) if lot]
    lots = {lot for _, lot in schools} | {ward.lot for ward in city.wards if ward.lot} if city else set()
    unknown: dict[tuple[str, str], list[Origin]] = {}
    for blueprint in file.blueprints:
        for group in blueprint.devices:
            for field, names in (
                ("platform", group.platform),
                ("keeps-state", group.keeps_state),
                ("trunk-encapsulation", group.trunk_encapsulation),
            ):
                for name in set(names) - lots:
                    unknown.setdefault((field, name), []).append(group.origin)
    for (field, name), origins in sorted(unknown.items()) if lots else ():
        for problem in find_unknown(origins[0], field, "lot", [name], lots):
            yield Problem(problem.origin, field, problem.message + count_others(origins[1:]))


def _check_port_names(file: BlueprintFile) -> Iterator[Problem]:
    """Platforms without names of ports, each said once, with the number of places."""
    unnamed: dict[str, list[Origin]] = {}
    for group in (group for blueprint in file.blueprints for group in blueprint.devices):
        if group.ports or group.ssids:
            for name in dict.fromkeys(group.platform.values()):
                unnamed.setdefault(name, []).append(group.origin)
    for name, origins in unnamed.items():
        for problem in find_unknown(origins[0], "platform", "port-names of", [name], file.port_names):
            yield Problem(problem.origin, "platform", problem.message + count_others(origins[1:]))


def count_others(places: Sequence[object]) -> str:
    """Say that other groups of devices have the same problem; nothing where there are none."""
    return f"; so do {len(places)} other groups of devices" if places else ""


def _check_lines(policy: ReadPolicy) -> Iterator[Problem]:
    lines = policy.find(LINES)
    if lines is None:
        return
    for way in (*lines.usual, *(way for one in lines.overrides for way in one.preference)):
        yield from find_unknown(way.origin, "region", "region", [way.region], _region_ids(policy))
    for override in lines.overrides:
        yield from find_unknown(override.origin, "schools", "school", override.schools, _school_ids(policy))
        yield from find_unknown(override.origin, "wards", "ward", override.wards, _ward_ids(policy))


def _check_measurement(policy: ReadPolicy) -> Iterator[Problem]:
    measurement = policy.find(MEASUREMENT)
    if measurement is not None:
        chosen, regions = measurement.https_throughput, _region_ids(policy)
        for field, kind, names, known in (
            ("judged.regions", "region", measurement.judged.regions, regions),
            ("https-throughput.regions", "region", chosen.regions, regions),
            ("https-throughput.schools", "school", chosen.schools, _school_ids(policy)),
        ):
            yield from find_unknown(policy.find_origin(MEASUREMENT, field), field, kind, names, known)


def _check_lab(policy: ReadPolicy) -> Iterator[Problem]:
    overlay = policy.find(LAB)
    if overlay is None:
        return
    origin = policy.find_origin(LAB, "schools")
    yield from find_unknown(origin, "schools", "school", overlay.schools, _school_ids(policy))
    origin = policy.find_origin(LAB, "canary")
    yield from find_unknown(origin, "canary", "lab school", [overlay.canary], overlay.schools)
    origin = policy.find_origin(LAB, "rates")
    yield from find_unknown(origin, "rates", "lab school", overlay.rates, overlay.schools)
    without = [school for school in overlay.schools if school not in overlay.rates]
    if without:
        yield Problem(origin, "rates", f"gives no rates for the lab schools {', '.join(without)}")
    origin = policy.find_origin(LAB, "platforms")
    yield from find_unknown(origin, "platforms", "lab school", overlay.platforms, overlay.schools)
    for host in overlay.hosts:
        yield from find_unknown(host.origin, "segment", "segment", [host.segment], _segment_ids(policy))
        if len(host.id) > LONGEST_LAB_NAME:
            message = f"{host.id!r} is too long for the lab; at most {LONGEST_LAB_NAME} characters"
            yield Problem(host.origin, "id", message)


def _check_groups(policy: ReadPolicy) -> Iterator[Problem]:
    file = policy.find(GROUPS)
    for group in file.groups if file else ():
        yield from _check_schools(policy, group.origin, "", group)


def _check_calendar(policy: ReadPolicy) -> Iterator[Problem]:
    file = policy.find(CALENDAR)
    if file is None:
        return
    lessons = [(one.origin, one.kinds, one.schools) for one in file.lessons]
    exams = [(one.origin, one.kinds, one.schools) for one in file.school_exams]
    for origin, kinds, schools in (*lessons, *exams):
        yield from find_unknown(origin, "kinds", "kind of school", kinds, _kind_ids(policy))
        yield from find_unknown(origin, "schools", "school", schools, _school_ids(policy))


def _check_schools(policy: ReadPolicy, origin: Origin, field: str, named: SchoolGroup | Scope) -> Iterator[Problem]:
    yield from find_unknown(origin, f"{field}wards", "ward", named.wards, _ward_ids(policy))
    yield from find_unknown(origin, f"{field}kinds", "kind of school", named.kinds, _kind_ids(policy))
    known = _school_ids(policy)
    for name in (one for one in named.ids if known is not None and one not in known):
        yield Problem(origin, f"{field}ids", f"there is no school {name!r}")


def _check_applications(policy: ReadPolicy) -> Iterator[Problem]:
    file = policy.find(APPLICATIONS)
    listed = policy.find_all(PREFIX_LISTS)
    lists = None if listed is None else [one.id for one in listed]
    for application in file.applications if file else ():
        if application.prefixes:
            yield from find_unknown(application.origin, "prefixes", "prefix list", [application.prefixes], lists)
        if application.segment:
            segments = _segment_ids(policy)
            yield from find_unknown(application.origin, "segment", "segment", [application.segment], segments)
        if application.taken_over_by:
            yield from _find_bad_successor(application, file.applications if file else ())
        if application.id == INTERNET:
            yield Problem(application.origin, "id", f"{INTERNET!r} is the name of the destination of its own")


def _find_bad_successor(application: Application, listed: Iterable[Application]) -> Iterator[Problem]:
    name, others = application.taken_over_by or "", {one.id: one for one in listed if one.id != application.id}
    yield from find_unknown(application.origin, "taken-over-by", "application", [name], [*others])
    if name in others and others[name].audience != application.audience:
        message = f"{name} is for {others[name].audience}, and {application.id} for {application.audience}"
        yield Problem(application.origin, "taken-over-by", f"{message}; name one for the same people")


def _check_deployed(policy: ReadPolicy) -> Iterator[Problem]:
    file, outputs = policy.find(APPLICATIONS), policy.find(OUTPUTS)
    for application in file.applications if file else ():
        if application.hosting == "cloud-run" and outputs and application.id not in outputs.applications:
            message = (
                f"the outputs of stack {outputs.stack!r} hold no application {application.id!r}; "
                f"they hold: {', '.join(sorted(outputs.applications))}"
            )
            yield Problem(application.origin, "id", message)


def _check_rules(policy: ReadPolicy) -> Iterator[Problem]:
    file, people = policy.find(RULES), policy.find(PEOPLE)
    segments, applications = _segment_ids(policy), _application_ids(policy)
    destinations = None if applications is None else [*applications, INTERNET]
    sources = None if segments is None else [*segments, CONTROLLER]
    for rule in file.rules if file else ():
        yield from find_unknown(rule.origin, "applications", "application", rule.applications, destinations)
        if rule.network:
            yield from find_unknown(rule.origin, "network.from", "segment", rule.network.from_, sources)
        yield from _check_scope(policy, rule)
        if rule.identity and people is not None:
            identity = rule.identity
            for field, noun, names, known in (
                ("roles", "role", identity.roles, people.roles),
                ("postures", "posture", identity.postures, people.postures),
                ("places", "place", identity.places, people.places),
                ("devices", "device class", identity.devices, people.device_classes),
            ):
                yield from find_unknown(rule.origin, f"identity.{field}", noun, names, [one.id for one in known])


def _check_scope(policy: ReadPolicy, rule: Rule) -> Iterator[Problem]:
    scope, groups = rule.schools, policy.find(GROUPS)
    if scope is None:
        return
    yield from _check_schools(policy, rule.origin, "schools.", scope)
    if groups is not None:
        known = [group.id for group in groups.groups]
        yield from find_unknown(rule.origin, "schools.groups", "group", scope.groups, known)


def _check_admissions(policy: ReadPolicy) -> Iterator[Problem]:
    file, people, segments = policy.find(ADMISSION), policy.find(PEOPLE), _segment_ids(policy)
    if file is None:
        return
    origin = policy.find_origin(ADMISSION, "otherwise")
    yield from find_unknown(origin, "otherwise", "segment", [file.default_segment], segments)
    for admission in file.admissions:
        yield from find_unknown(admission.origin, "segment", "segment", [admission.segment], segments)
        for place in admission.places:
            if find_meanings(people).get(place, place) not in PLUGGED:
                seen = [word for word, meaning in find_meanings(people).items() if meaning in PLUGGED]
                message = f"802.1X cannot see {place!r}; it can see: {', '.join(seen or PLUGGED)}"
                yield Problem(admission.origin, "places", message)
        if people is not None:
            for field, noun, names, known in (
                ("roles", "role", admission.roles, people.roles),
                ("postures", "posture", admission.postures, people.postures),
                ("places", "place", admission.places, people.places),
            ):
                yield from find_unknown(admission.origin, field, noun, names, [one.id for one in known])


def _check_infrastructure_protocols(policy: ReadPolicy) -> Iterator[Problem]:
    file = policy.find(INFRASTRUCTURE_PROTOCOLS)
    for one in file.necessities if file else ():
        yield from find_unknown(one.origin, "segments", "segment", one.segments, _segment_ids(policy))


def _check_flows(policy: ReadPolicy) -> Iterator[Problem]:
    file, listed = policy.find(FLOWS), policy.find(APPLICATIONS)
    if file is None or listed is None:
        return
    applications = {application.id: application for application in listed.applications}
    for system in file.systems:
        if system.id in applications:
            message = f"{system.id!r} is an application ({applications[system.id].origin}); name it in flows as it is"
            yield Problem(system.origin, "id", message)
    known = [*applications, *(system.id for system in file.systems)]
    for flow in file.flows:
        yield from find_unknown(flow.origin, "from", "system or application", [flow.from_], known)
        yield from find_unknown(flow.origin, "to", "system or application", [flow.to], known)
