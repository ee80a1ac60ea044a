"""The checks that look at lists which people bring: the printers, and what was issued."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address

from controller.integration.computers.host_cells import ListedHost, find_oldest_day
from controller.integration.computers.school_networks import SchoolNetworks
from controller.integration.pre_checks.check import CheckResult, CheckScene, fail_check, leave_unjudged, pass_check
from controller.model.city import City
from controller.model.network.packets import Family
from controller.model.sites.schools import School

PRINTING_PORTS = (515, 631, 9100)
"""LPD, IPP and raw printing: the ports by which IANA's registry knows printers."""
LARGEST_CLASS = 40
"""Pupils of a class at most (公立高等学校の適正配置及び教職員定数の標準等に関する法律, article 6; less elsewhere)."""


class PrintersCheck:
    """The printers of each school were listed, and each has an address that a printer of its school can have.

    The day of the list is shown, as far as it says one: a list says nothing of what came later.
    """

    def judge(self, scene: CheckScene) -> CheckResult:
        """See `PreCheck.judge`."""
        if scene.printers is None:
            return leave_unjudged("printers-unlisted", scene.policy.schools)
        mine = [one for one in scene.printers if one.school in scene.policy.schools]
        cities = scene.policy.before, scene.policy.after
        elsewhere = [
            _describe_printer(one)
            for one in mine
            if not any(_is_place_of_printers(city, one.school, one.address) for city in cities)
        ]
        if elsewhere:
            return fail_check("printers-elsewhere", elsewhere)
        networks = [SchoolNetworks(city, name) for city in cities for name in {one.school for one in mine}]
        unusable = [_describe_printer(one) for one in mine if any(own.is_unusable(one.address) for own in networks)]
        if unusable:
            return fail_check("printers-unusable", unusable)
        listed = {one.school for one in mine}
        missing = [one for one in scene.policy.schools if one not in listed]
        if missing:
            return leave_unjudged("printers-unlisted", missing)
        day = find_oldest_day(one.as_of for one in mine)
        key = "printers" if day is not None else "printers-undated"
        return pass_check(key, count=len(mine), schools=len(listed), day=day)


class IssuedCheck:
    """Certificates or accounts were issued to as many as the limit asks for, at each school.

    How many are due is what the list says. The policy knows the pupils of a school, and no staff; a list with fewer
    than one for the teacher of each class is no list of the school, and a share of it says nothing.
    """

    def judge(self, scene: CheckScene) -> CheckResult:
        """See `PreCheck.judge`."""
        listed = {one.school: one for one in scene.issued or ()}
        missing = [one for one in scene.policy.schools if one not in listed or not listed[one].due]
        if missing:
            return leave_unjudged("issued-unlisted", missing)
        percent = scene.limits.issued_percent
        mine = [listed[one] for one in scene.policy.schools]
        city = scene.policy.before
        least = {one.school: count_classes(city.school_by_id[one.school]) for one in mine}
        short = [f"{one.school} ({one.due} < {least[one.school]})" for one in mine if one.due < least[one.school]]
        if short:
            return leave_unjudged("issued-short", short, most=LARGEST_CLASS)
        few = [f"{one.school} ({one.issued}/{one.due})" for one in mine if 100 * one.issued < percent * one.due]
        if few:
            return fail_check("issued-few", few, percent=percent)
        issued, due = sum(one.issued for one in mine), sum(one.due for one in mine)
        pupils = sum(city.school_by_id[one.school].pupils for one in mine)
        day = find_oldest_day(one.as_of for one in mine)
        key = "issued" if day is not None else "issued-undated"
        return pass_check(key, issued=issued, due=due, percent=percent, pupils=pupils, day=day)


def count_classes(school: School) -> int:
    """Return how many classes a school has at least, by its pupils; each has a teacher, so there is one always."""
    return max(1, -(-school.pupils // LARGEST_CLASS))


def _describe_printer(one: ListedHost) -> str:
    return f"{one.name or one.mac} ({one.origin}: {one.address})"


def _is_place_of_printers(city: City, school: str, address: IPv4Address | IPv6Address) -> bool:
    """Tell if an address is in a segment of an application at the school that prints, or in any where none does."""
    here, family = city.school_by_id[school], Family(address.version)
    if family not in city.families:
        return False
    names = {*_list_printing_segments(city)}
    if not names:
        return any(address in one for one in city.addresses.school_prefixes(here, family))
    segments = (one for name, one in city.list_segments(here).items() if name in names)
    return any(address in city.addresses.segment_prefix(here, one, family) for one in segments)


def _list_printing_segments(city: City) -> Iterator[str]:
    for one in city.applications.values():
        spans = (service.ports for service in one.services)
        if one.segment and any(low <= port <= high for low, high in spans for port in PRINTING_PORTS):
            yield one.segment
