"""What opens and what closes when the filters of the policy take the place of those that are in force today.

Sets of packets are compared, as `what-if` does; each line names the segment, the other end (an application, a segment,
the internet, or elsewhere) and a packet that both evaluators answer as the sets do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from controller.adoption.effective_filters import OldFilter
from controller.compile.network.intent import FilterIntent
from controller.messages import Catalogue, load_catalogue
from controller.model.access.rules import INTERNET
from controller.model.city import City
from controller.model.network.device_state import Filter
from controller.model.network.packets import ANY_PORTS, AddressSet, Direction, Family, Interval, Packet, Service
from controller.model.sites.schools import School
from controller.prove.engine.diagram import HeaderSpace, Node
from controller.prove.engine.likely_packet import find_likely_packet
from controller.prove.filters.equivalence import ReplayError, build_filter_set, build_policy_set, make_packet_space
from controller.prove.filters.evaluation import evaluate_filter, evaluate_intent

ELSEWHERE = "elsewhere"
EVERYTHING_ELSE = "everything that the policy does not permit"
OTHER_PACKETS = "other packets"
_EVERY: tuple[Interval, ...] = ((0, 255),)
_ANY_STATE: tuple[Interval, ...] = ((0, 1),)


@dataclass(frozen=True, slots=True)
class AccessChange:
    """Packets of a segment that pass before and not after, or the other way round.

    `peer` is the other end: an application, a segment of the school, `internet` or `elsewhere`. `services` are those of
    the application that change, and `other packets`. `before` says what decides today, `line` is where that stands (0
    where nothing decides), `port` the port, where filters stand at ports.
    """

    way: Literal["opens", "closes"]
    segment: str
    direction: Direction
    peer: str
    services: tuple[str, ...]
    families: tuple[int, ...]
    packet: str
    before: str
    line: int = 0
    port: str = ""

    def __str__(self) -> str:
        arrow = "->" if self.direction is Direction.FROM else "<-"
        families = "/".join(f"IPv{family}" for family in self.families)
        what = f"{self.peer}: {', '.join(self.services)}"
        return f"{self.way} {self.segment} {arrow} {what} ({families}; today: {self.before}), e.g. {self.packet}"


def name_peer(words: Catalogue, names: Mapping[str, str], peer: str) -> str:
    """Return the other end of a change with the name that people know, in their language.

    >>> name_peer(load_catalogue("en"), {"sis": "School records"}, "sis")
    'School records (sis)'
    """
    told = {ELSEWHERE: "elsewhere", EVERYTHING_ELSE: "everything-else", INTERNET: "internet"}.get(peer)
    if told:
        return words[f"adoption.{told}"]
    return f"{names[peer]} ({peer})" if names.get(peer, peer) != peer else peer


def name_service(words: Catalogue, service: str) -> str:
    """Return a service of a change, in the language of people.

    >>> name_service(load_catalogue("en"), "tcp/443")
    'tcp/443'
    """
    return words["adoption.other-packets"] if service == OTHER_PACKETS else service


def describe_old_filter(old: OldFilter, words: Catalogue | None = None) -> str:
    """Return what judges a place today, in a few words.

    >>> describe_old_filter(OldFilter((10, Direction.FROM, Family.V4)))
    'no filter'
    """
    words = words or load_catalogue("en")
    at = "-at" if old.port else ""
    marks: dict[str, object] = {"port": old.port} if old.port else {}
    if not old.lists:
        return words.say(f"adoption.no-filter{at}", **marks)
    lists = " + ".join(one.name for one in old.lists)
    return words.say(f"adoption.old-filter{at}", lists=lists, line=old.line, **marks)


def find_access_changes(
    city: City,
    school: School,
    intents: Iterable[FilterIntent],
    old_filters: Iterable[OldFilter],
    words: Catalogue | None = None,
) -> list[AccessChange]:
    """Return what opens and closes at each place of which it can be told; both families of one change are one.

    `words`: the language of what judges today; English if left out.

    Raises:
        ReplayError: the two ways to evaluate a packet contradict each other.
    """
    by_place = {one.key: one for one in intents}
    joined: dict[object, AccessChange] = {}
    for old in old_filters:
        intent = by_place.get(old.place)
        if intent is None or old.unjudged:
            continue
        for change in _compare(city, school, intent, old, words or load_catalogue("en")):
            key = replace(change, families=(), packet="")
            if key in joined:
                change = replace(joined[key], families=(*joined[key].families, *change.families))  # noqa: PLW2901
            joined[key] = change
    return list(joined.values())


def _compare(
    city: City, school: School, intent: FilterIntent, old: OldFilter, words: Catalogue
) -> Iterator[AccessChange]:
    space = make_packet_space(intent.family)
    before = build_filter_set(space, old.filter) if old.filter else space.everything
    after = build_policy_set(space, intent)
    own = _cube_of(space, intent, _segment_addresses(city, school, intent.segment, intent.family), own=True)
    sets: tuple[tuple[Literal["opens", "closes"], Node], ...] = (
        ("opens", space.intersection(own, space.difference(after, before))),
        ("closes", space.intersection(own, space.difference(before, after))),
    )
    peers = tuple(_list_peers(city, school, intent)) if old.filter else (_anything(intent.family),)
    for way, changed in sets:
        left = changed
        for peer, addresses, services in peers:
            there = _cube_of(space, intent, addresses, own=False)
            mine = space.intersection(left, there)
            if space.is_empty(mine):
                continue
            left = space.difference(left, there)
            named = tuple(_touched_services(space, intent, mine, services))
            packet = _find_packet(space, mine, intent, old, addresses)
            _replay(intent, old, packet, opens=way == "opens")
            yield AccessChange(
                way,
                intent.segment,
                intent.direction,
                peer,
                named,
                (int(intent.family),),
                str(packet),
                describe_old_filter(old, words),
                old.line,
                old.port,
            )


def _segment_addresses(city: City, school: School, segment: str, family: Family) -> tuple[Interval, ...]:
    return city.addresses.source_addresses_in(segment, school, family).get_intervals()


def _cube_of(space: HeaderSpace, intent: FilterIntent, addresses: tuple[Interval, ...], *, own: bool) -> Node:
    """Return all packets whose one end has these addresses: the segment's own end, or the other."""
    if not addresses:
        return space.nothing
    every = ((0, 2**intent.family.bits - 1),)
    at_source = own == (intent.direction is Direction.FROM)
    ends = (addresses, every) if at_source else (every, addresses)
    return space.cube((_EVERY, *ends, (ANY_PORTS,), (ANY_PORTS,), _ANY_STATE))


def _list_peers(
    city: City, school: School, intent: FilterIntent
) -> Iterator[tuple[str, tuple[Interval, ...], tuple[Service, ...]]]:
    """Yield the other ends, closest first: an address is counted to the first that has it."""
    family = intent.family
    for segment in city.segments:
        yield segment, _segment_addresses(city, school, segment, family), ()
    for name, application in city.applications.items():
        if application.segment is None and not application.belongs_to:
            addresses = city.addresses.destination_addresses_in(name, school, family)
            yield name, addresses.get_intervals(), application.services
    internet: AddressSet = city.addresses.destination_addresses_in(INTERNET, school, family)
    services = (service for rule in city.rules if rule.network for service in rule.network.services)
    yield INTERNET, internet.get_intervals(), tuple(dict.fromkeys(services))
    yield ELSEWHERE, ((0, 2**family.bits - 1),), ()


def _anything(family: Family) -> tuple[str, tuple[Interval, ...], tuple[Service, ...]]:
    """Return the one other end that is told where no filter is in force: all but what the policy permits closes."""
    return EVERYTHING_ELSE, ((0, 2**family.bits - 1),), ()


def _touched_services(
    space: HeaderSpace, intent: FilterIntent, changed: Node, services: Iterable[Service]
) -> Iterator[str]:
    every, left = ((0, 2**intent.family.bits - 1),), changed
    for service in services:
        ports = (
            ((ANY_PORTS,), (service.ports,)) if intent.direction is Direction.FROM else ((service.ports,), (ANY_PORTS,))
        )
        protocol = ((int(service.protocol), int(service.protocol)),)
        whole = space.cube((protocol, every, every, *ports, _ANY_STATE))
        if not space.is_empty(space.intersection(left, whole)):
            yield str(service)
            left = space.difference(left, whole)
    if not space.is_empty(left):
        yield OTHER_PACKETS


def _find_packet(
    space: HeaderSpace, changed: Node, intent: FilterIntent, old: OldFilter, addresses: tuple[Interval, ...]
) -> Packet:
    sources = [one for clause in intent.clauses for one in clause.sources.get_intervals()]
    destinations = [one for clause in intent.clauses for one in clause.destinations.get_intervals()]
    (destinations if intent.direction is Direction.FROM else sources).extend(addresses)
    packet = find_likely_packet(space, changed, intent.family, sources, destinations)
    if packet is None:
        message = f"the comparison of {describe_old_filter(old)} found a difference without a packet"
        raise ReplayError(message)
    return packet


def _replay(intent: FilterIntent, old: OldFilter, packet: Packet, *, opens: bool) -> None:
    """Ask the evaluators that know no sets; they must answer the same.

    Raises:
        ReplayError: they do not.
    """
    before = _passes(old.filter, packet)
    if (before, evaluate_intent(intent, packet)) != (not opens, opens):
        message = f"{describe_old_filter(old)}: the comparison shows {packet}, but replayed it makes no difference"
        raise ReplayError(message)


def _passes(filtering: Filter | None, packet: Packet) -> bool:
    return filtering is None or evaluate_filter(filtering, packet)
