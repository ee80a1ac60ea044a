"""External connections (guideline 4.3): what the compiled policy opens to the outside, held against what is declared.

A school's filters let packets out to, and in from, addresses outside its own block. Each of them must be one that the
policy declares as something: an application, the internet (by a rule that says so), an admission server, or the
controller. Else what a network needs to live stays on the link; a necessity that leaves it opens a connection that no
list of connections shows.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from functools import cache
from operator import itemgetter

from controller.compile.data_flows import compile_data_flows
from controller.compile.network.intent import FilterClause, compile_filter_intents
from controller.model.city import City
from controller.model.network.packets import (
    Direction,
    Effect,
    Family,
    Interval,
    Prefix,
    Protocol,
    get_bounds,
    merge_intervals,
    parse_prefix,
)
from controller.model.sites.schools import School

_ICMP = (Protocol.ICMP, Protocol.ICMPV6)


def find_undeclared_connections(city: City) -> Iterator[str]:
    """Every connection to the outside that is open, or contracted, and that nobody can know by the declarations.

    >>> list(find_undeclared_connections(city))
    []
    """
    yield from find_opened_connections(city)
    for school in city.schools:
        for name, line in school.lines.by_name.items():
            if line.kind == "fixed-ip" and not line.egress:
                yield (
                    f"{school.origin}: the {name} line of {school.id} has addresses of its own (fixed-ip), but no "
                    "'egress' says which: nobody can tell its connection from a stranger's"
                )
    for one in compile_data_flows(city).unplaced:
        yield (
            f"{one.origin}: {one.caller} opens {one.service} to {one.called}, and nobody says at which addresses "
            f"{' and '.join(one.lacking)} is"
        )


def find_opened_connections(city: City) -> Iterator[str]:
    """Every connection to the outside that the schools' filters open, and that is declared as nothing.

    >>> list(find_opened_connections(city))
    []
    """
    opened: dict[tuple[FilterClause, Prefix], list[str]] = {}
    for schools in city.schools_of_equal_scope:
        # One that is cut off opens less than those like it.
        whole = next((one for one in schools if not city.cut_offs.describe(one.id)), schools[0])
        for clause, far, segment in _opened(city, whole):
            opened.setdefault((clause, far), []).append(segment)
    # The same necessity has other clauses at other segments and schools; it is said once.
    told = {(clause.origin, clause.rule, far) for clause, far in opened}
    for origin, rule, far in sorted(told, key=str):
        segments = sorted(
            {one for (clause, to), names in opened.items() for one in names if (clause.rule, to) == (rule, far)}
        )
        yield (
            f"{origin}: {rule!r} opens a connection between {', '.join(segments)} and {far}, which is neither the "
            "school's own nor declared as an application, an admission server or the controller"
        )


def _opened(city: City, school: School) -> Iterator[tuple[FilterClause, Prefix, str]]:
    """Yield what the filters of a school open to addresses that are declared as nothing, with the segment."""
    own = [one for family in city.families for one in city.addresses.school_prefixes(school, family)]
    servers = [parse_prefix(str(one)) for one in city.admission_servers]
    lived = [*own, *servers]
    known = [
        *lived,
        *city.controllers,
        *(one for app in city.applications.values() for one in city.addresses.application_prefixes(app)),
    ]

    # A service may publish thousands of prefixes, so they are looked up and not gone through.
    spans, near = _merge_by_family(known), _merge_by_family(lived)
    # That an application is declared makes it no necessity: only a rule names it.
    necessities = {one.origin for one in city.infrastructure_protocols}

    @cache
    def is_undeclared(one: Prefix, *, needed: bool) -> bool:
        low, high = get_bounds(one)
        there = (near if needed else spans)[Family(one.version)]
        at = bisect_right(there, low, key=itemgetter(0))
        return not _on_link(one) and (at == 0 or high > there[at - 1][1])

    for intent in compile_filter_intents(city, school, school.id, city.list_segments(school)):
        for clause in intent.clauses:
            far = clause.destinations if intent.direction is Direction.FROM else clause.sources
            # Everything but a list is the internet: only a rule that names it has that.
            if clause.effect is Effect.PERMIT and not far.excluded and not _told_of(clause, intent.direction):
                needed = clause.origin in necessities
                undeclared = (one for one in far.included if is_undeclared(one, needed=needed))
                yield from ((clause, one, intent.segment) for one in undeclared)


def _merge_by_family(prefixes: list[Prefix]) -> dict[Family, tuple[Interval, ...]]:
    return {family: merge_intervals(get_bounds(one) for one in prefixes if one.version == family) for family in Family}


def _told_of(clause: FilterClause, direction: Direction) -> bool:
    """Errors about what was sent (ICMP to a host) come from anywhere on the way: no connection is opened by them."""
    return direction is Direction.TO and clause.protocol in _ICMP


def _on_link(one: Prefix) -> bool:
    """Tell whether an address stays on the link: link-local, multicast, the broadcast, "no address yet"."""
    lone = one.prefixlen == one.max_prefixlen and str(one.network_address) in ("0.0.0.0", "::", "255.255.255.255")  # noqa: S104 an address in a filter
    return lone or one.is_link_local or one.is_multicast
