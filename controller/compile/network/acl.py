"""Intent -> access control lists: the ordered filters of a device, and where they are bound.

An ordered filter is made of two blocks and a last entry. The first block speaks of named destinations: forbids, then
permits. The second speaks of the internet, which is everything minus a list: denials of that list, then forbids,
then permits. No packet to a named destination is in the internet, so the order of the blocks changes nothing; that it
did not is proved for every filter, not assumed. How a vendor writes an entry stands in `controller/platforms`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product

from controller.compile.network.aggregate import aggregate_entries
from controller.compile.network.intent import FilterClause, FilterIntent
from controller.compile.network.upstream import DelegatedFilter
from controller.errors import BeyondCapability
from controller.model.network.device_state import Capabilities, Entry, Filter, FilterBinding, build_filter
from controller.model.network.packets import ANY_PORTS, AddressSet, Effect, Family, Match, Ports, Prefix, Protocol
from controller.model.sites.devices import Device


@dataclass(frozen=True, slots=True)
class DeviceAcls:
    """The access control lists of a device, and the intent that each of them must equal, in the same order.

    `delegated` are the filters of which a part is left to a device further up, as the policy says them.
    `aggregated`: filters were written in fewer entries to fit.
    """

    intents: tuple[FilterIntent, ...]
    delegated: tuple[DelegatedFilter, ...]
    filters: tuple[Filter, ...]
    aggregated: bool = False

    @property
    def bindings(self) -> list[FilterBinding]:
        """Each filter bound to the VLAN, direction and family that it is for."""
        return [FilterBinding(*one.key, one.name) for one in self.filters]


def compile_acls(
    device: Device, can: Capabilities, intents: Iterable[FilterIntent], delegated: tuple[DelegatedFilter, ...] = ()
) -> DeviceAcls:
    """Write every intent as an ordered filter that fits the platform.

    >>> acls = compile_acls(core, can, [intent])
    >>> [one.name for one in acls.filters], acls.aggregated
    (['TSN-10-from-4-...'], False)

    Raises:
        BeyondCapability: the filters are larger than the platform takes, or their names are longer.
    """
    wanted = tuple(intents)
    whole = [build_acl(intent) for intent in wanted]
    filters = _fit_to_size(device, whole, can)
    refuse_long_names(device, "filter", [one.name for one in filters], can)
    return DeviceAcls(wanted, delegated, tuple(filters), aggregated=filters != whole)


def _fit_to_size(device: Device, filters: list[Filter], can: Capabilities) -> list[Filter]:
    """The filters as they are where they fit, else in fewer entries of the same meaning.

    Raises:
        BeyondCapability: they do not fit even so.
    """
    most, altogether = can.maximum_entries, can.maximum_device_entries
    before = sum(len(one.entries) for one in filters)
    crowded = altogether is not None and before > altogether
    fewer = [
        build_filter(*one.key, aggregate_entries(one.entries)) if crowded or len(one.entries) > most else one
        for one in filters
    ]
    remedy = "exactly aggregated, as few as this finds. Name fewer or larger prefixes."
    for one in fewer:
        if len(one.entries) > most:
            message = (
                f"{device.id}: filter {one.name} needs {len(one.entries)} entries; "
                f"{device.platform} takes {most} (capability 'maximum_entries'); {remedy}"
            )
            raise BeyondCapability(message)
    after = sum(len(one.entries) for one in fewer)
    if altogether is not None and after > altogether:
        message = (
            f"{device.id}: all filters together need {after} entries; {device.platform} takes "
            f"{altogether} a device (capability 'maximum_device_entries'); {remedy}"
        )
        raise BeyondCapability(message)
    return fewer


def refuse_long_names(device: Device, what: str, names: Iterable[str], can: Capabilities) -> None:
    """Refuse names (`what` is "filter" or "vlan") that are longer than the platform takes.

    >>> refuse_long_names(core, "filter", ["TSN-20-from-4"], can)

    Raises:
        BeyondCapability: with the first name that is too long.
    """
    most = can.longest_vlan_name if what == "vlan" else can.longest_filter_name
    for name in names:
        if most is not None and len(name) > most:
            message = (
                f"{device.id}: the {what} name {name} has {len(name)} characters; {device.platform} takes {most} "
                f"(capability 'longest_{what}_name')"
            )
            raise BeyondCapability(message)


def build_acl(intent: FilterIntent) -> Filter:
    """Write one intent as an ordered filter, an entry for each rule, prefix and port range.

    >>> first, *_, last = build_acl(intent).entries
    >>> first.effect.value, first.origin, last.effect.value, last.origin
    ('permit', 'staff-cloud', 'forbid', 'default deny')
    """
    named = [clause for clause in intent.clauses if not _everything_but(clause)]
    internet = [clause for clause in intent.clauses if _everything_but(clause)]
    entries = [
        *_entries(named, Effect.FORBID),
        *_entries(named, Effect.PERMIT),
        *_carve_out(internet, intent.family),
        *_entries(internet, Effect.FORBID),
        *_entries(internet, Effect.PERMIT),
    ]
    last = Match(intent.family, None, intent.family.everything, intent.family.everything)
    kept = dict.fromkeys(entries)
    return build_filter(
        intent.vlan, intent.direction, intent.family, [*kept, Entry(Effect.FORBID, last, "default deny")]
    )


def _everything_but(clause: FilterClause) -> bool:
    return bool(clause.sources.excluded or clause.destinations.excluded)


def _entries(clauses: Iterable[FilterClause], effect: Effect) -> Iterator[Entry]:
    for clause in clauses:
        if clause.effect is not effect:
            continue
        ends = product(clause.sources.included, clause.destinations.included, _destination_ports(clause))
        for source, destination, ports in ends:
            match = Match(
                clause.family, clause.protocol, source, destination, clause.source_ports, ports, clause.established
            )
            yield Entry(effect, match, clause.rule)


def _destination_ports(clause: FilterClause) -> Iterable[Ports]:
    """The ports in one range; ICMP types one by one, because no vendor's filter takes a range of them."""
    if clause.protocol not in (Protocol.ICMP, Protocol.ICMPV6) or clause.destination_ports == ANY_PORTS:
        return (clause.destination_ports,)
    low, high = clause.destination_ports
    return ((kind, kind) for kind in range(low, high + 1))


def _carve_out(clauses: Iterable[FilterClause], family: Family) -> Iterator[Entry]:
    """Denials of what the internet is not, so that the permits after them can say "any"."""
    everything = family.everything
    for at_source, addresses in _excluded(clauses):
        for one in addresses.excluded:
            ends = (one, everything) if at_source else (everything, one)
            yield Entry(Effect.FORBID, Match(family, None, *ends), "not the internet")


def _excluded(clauses: Iterable[FilterClause]) -> Iterator[tuple[bool, AddressSet]]:
    """The one set with exceptions that a filter speaks of; its side is fixed by the filter's direction."""
    found: dict[tuple[bool, tuple[Prefix, ...]], AddressSet] = {}
    for clause in clauses:
        for at_source, addresses in ((True, clause.sources), (False, clause.destinations)):
            if addresses.excluded:
                found[at_source, addresses.excluded] = addresses
    assert len(found) <= 1, "only the internet has exceptions"  # noqa: S101 else the second carve-out hides the first
    for (at_source, _), addresses in found.items():
        yield at_source, addresses
