"""Things with a name that nothing uses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from controller.model.city import City
from controller.model.network.packets import Effect
from controller.model.policy_files import PREFIX_LISTS, find_file_start
from controller.model.yaml_source import LocatedItem
from controller.prove.lint.finding import Finding, make_warning

_KIND = "unused"


def find_unused(city: City) -> Iterator[Finding]:
    """Applications that nobody may use, and other objects that no rule names. Postures may wait for their rule.

    >>> [one.message for one in find_unused(drop_rules("cbt"))]
    ["no rule permits application 'cbt' to anybody"]
    """
    permitted = {n for r in city.rules if r.effect is Effect.PERMIT for n in r.applications}
    flow_ends = {end for flow in city.flows for end in (flow.from_, flow.to)}
    for application in city.applications.values():
        if application.id not in permitted | flow_ends:
            yield make_warning(_KIND, application.origin, f"no rule permits application {application.id!r} to anybody")
    rules = (*city.rules, *city.expired_rules)
    identities = [rule.identity for rule in rules if rule.identity]
    scopes = [rule.schools for rule in rules if rule.schools]
    places = {place for identity in identities for place in identity.places}
    places |= {place for admission in city.admissions for place in admission.places}
    # `home` is where everybody is who is at no other place (`access_levels`): a rule about one of these needs it.
    others = {"home"} if places else set()
    unasked = [place for place in city.people.places if place.meaning not in places | others]
    yield from _left(unasked, set(), "no rule or admission asks for the place")
    devices = {device for identity in identities for device in identity.devices}
    # Without any rule on devices, classes are only a list of what there is.
    classes = city.people.device_classes if devices else ()
    yield from _left(classes, devices | {"other"}, "no rule asks for the device class")
    grouped = {name for scope in scopes for name in scope.groups}
    yield from _left(city.groups.values(), grouped, "no rule's `schools` name the group")
    yield from _left(city.systems.values(), flow_ends, "no flow goes to or from the system")
    why = "no rule, application, admission or port names the segment"
    yield from _left(city.segments.values(), _segments(city), why)
    named = {application.prefixes for application in city.applications.values()}
    for one in city.prefix_lists.values():
        if one.id not in named:
            origin = find_file_start(city.directory, PREFIX_LISTS, one.id)
            yield make_warning(_KIND, origin, f"no application has the prefix list {one.id!r}")


def _left(items: Iterable[LocatedItem], used: set[str], why: str) -> Iterator[Finding]:
    for item in items:
        name = str(getattr(item, "id"))  # noqa: B009 every item of these lists has one
        if name not in used:
            yield make_warning(_KIND, item.origin, f"{why} {name!r}")


def _segments(city: City) -> set[str]:
    sources = {source for rule in city.rules if rule.network for source in rule.network.from_}
    lived_in = {application.segment for application in city.applications.values() if application.segment}
    admitted = {admission.segment for admission in city.admissions}
    return sources | lived_in | admitted | {city.default_segment, city.management_segment}
