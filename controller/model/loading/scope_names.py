"""Names of scopes, devices, offices, systems, flows and necessities: whatever is named exists."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from controller.errors import Origin, Problem
from controller.model.access.rules import Rule
from controller.model.loading.names import Files, find_unknown


def find_scope_problems(files: Files) -> list[Problem]:
    """What is named and is not there. Files that could not be read are passed over."""
    return [*_groups(files), *_offices(files), *_rules(files), *_exchanges(files), *_necessities(files)]


def _necessities(files: Files) -> Iterator[Problem]:
    for one in files.necessities or ():
        if files.segments is not None:
            known = [segment.id for segment in files.segments]
            yield from find_unknown(one.origin, "segments", "segment", one.segments, known)


def _groups(files: Files) -> Iterator[Problem]:
    for group in files.groups.groups if files.groups else ():
        yield from _schools(files, group.origin, "", group.wards, group.ids)


def _schools(files: Files, origin: Origin, field: str, wards: Iterable[str], ids: Iterable[str]) -> Iterator[Problem]:
    if files.city is not None:
        yield from find_unknown(origin, f"{field}wards", "ward", wards, [ward.id for ward in files.city.wards])
    if files.schools is not None:
        known = {school.id for school in files.schools}
        for name in ids:
            if name not in known:
                yield Problem(origin, f"{field}ids", f"there is no school {name!r}")


def _offices(files: Files) -> Iterator[Problem]:
    schools = {school.id: school for school in files.schools or ()}
    for office in files.city.offices if files.city else ():
        if office.id in schools:
            message = f"{office.id!r} is a school ({schools[office.id].origin}); an office needs an id of its own"
            yield Problem(office.origin, "id", message)


def _rules(files: Files) -> Iterator[Problem]:
    for rule in files.rules or ():
        yield from _scope(files, rule)
        if rule.identity and files.people is not None:
            classes = [one.id for one in files.people.device_classes]
            yield from find_unknown(rule.origin, "identity.devices", "device class", rule.identity.devices, classes)


def _scope(files: Files, rule: Rule) -> Iterator[Problem]:
    scope = rule.schools
    if scope is None:
        return
    yield from _schools(files, rule.origin, "schools.", scope.wards, scope.ids)
    if files.groups is not None:
        groups = [group.id for group in files.groups.groups]
        yield from find_unknown(rule.origin, "schools.groups", "group", scope.groups, groups)


def _exchanges(files: Files) -> Iterator[Problem]:
    if files.exchange is None or files.applications is None:
        return
    applications = {application.id: application for application in files.applications}
    for system in files.exchange.systems:
        if system.id in applications:
            message = f"{system.id!r} is an application ({applications[system.id].origin}); name it in flows as it is"
            yield Problem(system.origin, "id", message)
    known = [*applications, *(system.id for system in files.exchange.systems)]
    for flow in files.exchange.flows:
        yield from find_unknown(flow.origin, "from", "system or application", [flow.from_], known)
        yield from find_unknown(flow.origin, "to", "system or application", [flow.to], known)
