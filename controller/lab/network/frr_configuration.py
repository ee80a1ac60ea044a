"""What FRR routers boot with. A school's is what an installer leaves: everything is reachable, nothing is preferred.

Each address family has sessions of its own, over addresses of that family, watched by BFD (RFC 5880). Which line a
school prefers, and the filters on what it lets out, come later, by a plan. The regions do as carriers do: they take
from a school only its own prefixes, and give it only a default route: no school can carry another's traffic.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address, ip_interface

from controller.lab.network.line_shaping import CORE_PORT
from controller.lab.state import paths
from controller.lab.state.layout import CORE_ASN, BothFamilies, FamilyPair, Layout, RegionLayout, SchoolLayout
from controller.model.network.packets import Family

BFD_MILLISECONDS, BFD_MISSES = 200, 3
"""A neighbour is lost when so many of its BFD packets, one in so many milliseconds, have not come.

Together 600 ms: well inside the second that is promised, and not so little that a busy machine looks like a dead line.
Each packet costs a router's processor time, so few and far between.
"""
_PROFILE = "lines"
_ONLY_DEFAULT = "only-default"
_WORDS = {Family.V4: "ip", Family.V6: "ipv6"}
_EVERYTHING = {Family.V4: "0.0.0.0/0", Family.V6: "::/0"}


@dataclass(frozen=True, slots=True)
class BgpNeighbour:
    """A BGP neighbour of one family. `receives` and `sends` name prefix lists; None filters nothing."""

    address: str
    asn: int
    description: str
    receives: str | None = None
    sends: str | None = None
    default: bool = False


@dataclass(frozen=True, slots=True)
class BgpSpeaker:
    """Everything that the configuration of a router is made of."""

    hostname: str
    asn: int
    router_id: str
    interfaces: dict[str, tuple[str, ...]]
    neighbours: dict[Family, tuple[BgpNeighbour, ...]]
    announced: dict[Family, tuple[str, ...]]
    prefix_lists: tuple[tuple[Family, str, str], ...] = ()


def render_frr_configuration(speaker: BgpSpeaker) -> str:
    """The text of `frr.conf`."""
    return "\n".join([*_top(speaker), *_bgp(speaker), ""])


def describe_school_router(layout: Layout, one: SchoolLayout) -> BgpSpeaker:
    """A school's router, factory-new."""
    lengths = {carrier.line: carrier.length for carrier in layout.carriers}
    return BgpSpeaker(
        hostname=one.router_device,
        asn=one.asn,
        router_id=one.lines[0].address.v4 or _make_router_id(one.asn),
        interfaces={line.interface: _addresses(line.address, lengths[line.name]) for line in one.lines},
        neighbours={
            family: tuple(
                BgpNeighbour(
                    region.addresses[line.name].of(family),
                    region.asn,
                    f"{line.name} {region.id}",
                )
                for line in one.lines
                for region in layout.regions
            )
            for family in layout.families
        },
        announced=one.own_prefixes,
    )


def describe_region_router(layout: Layout, one: RegionLayout) -> BgpSpeaker:
    """A region's router: it knows every school on every line, and the core."""
    interfaces: dict[str, tuple[str, ...]] = {
        carrier.line: _addresses(one.addresses[carrier.line], carrier.length) for carrier in layout.carriers
    }
    first = next(iter(one.addresses.values()))
    return BgpSpeaker(
        hostname=one.id,
        asn=one.asn,
        router_id=first.v4 or one.core_link.v4,
        interfaces={**interfaces, CORE_PORT: _addresses(one.core_link, _POINT_TO_POINT)},
        neighbours={
            family: (
                BgpNeighbour(one.core.of(family), CORE_ASN, "core"),
                *(
                    BgpNeighbour(line.address.of(family), each.asn, f"{each.id} {line.name}", each.id, _ONLY_DEFAULT)
                    for each in layout.schools
                    for line in each.lines
                ),
            )
            for family in layout.families
        },
        announced={},
        prefix_lists=(
            *((family, _ONLY_DEFAULT, _EVERYTHING[family]) for family in layout.families),
            *(
                (family, each.id, prefix)
                for each in layout.schools
                for family in layout.families
                for prefix in each.own_prefixes[family]
            ),
        ),
    )


def describe_core_router(layout: Layout) -> BgpSpeaker:
    """The core: it gives both regions a default route, and learns from them where schools are."""
    return BgpSpeaker(
        hostname=paths.CORE_ROUTER,
        asn=CORE_ASN,
        router_id=layout.regions[0].core.v4,
        interfaces={one.id: _addresses(one.core, _POINT_TO_POINT) for one in layout.regions},
        neighbours={
            family: tuple(
                BgpNeighbour(one.core_link.of(family), one.asn, one.id, default=True) for one in layout.regions
            )
            for family in layout.families
        },
        announced={},
    )


_POINT_TO_POINT = BothFamilies(v4="31", v6="127")


def _make_router_id(asn: int) -> str:
    """The 32 bits that BGP knows a router by, where it has no IPv4 address: from the number of its own AS."""
    return str(ip_address(_ROUTER_IDS | (asn & 0xFFFFFF)))


_ROUTER_IDS = 10 << 24


def _addresses(address: FamilyPair, length: FamilyPair) -> tuple[str, ...]:
    return tuple(str(ip_interface(f"{one}/{length.of(family)}")) for family, one in address.by_family.items())


def _top(speaker: BgpSpeaker) -> Iterator[str]:
    yield "frr defaults traditional"
    yield f"hostname {speaker.hostname}"
    for name, addresses in speaker.interfaces.items():
        yield f"interface {name}"
        for address in addresses:
            yield f" {_WORDS[Family(ip_interface(address).version)]} address {address}"
        yield "exit"
    for family, prefixes in speaker.announced.items():
        for prefix in prefixes:  # what is ours and nowhere in use goes no further, and so cannot go in circles
            yield f"{_WORDS[family]} route {prefix} blackhole"
    for family, name, prefix in speaker.prefix_lists:
        yield f"{_WORDS[family]} prefix-list {name} permit {prefix}"
    yield "bfd"
    yield f" profile {_PROFILE}"
    yield f"  detect-multiplier {BFD_MISSES}"
    yield f"  receive-interval {BFD_MILLISECONDS}"
    yield f"  transmit-interval {BFD_MILLISECONDS}"
    yield " exit"
    yield "exit"


def _bgp(speaker: BgpSpeaker) -> Iterator[str]:
    yield f"router bgp {speaker.asn}"
    yield f" bgp router-id {speaker.router_id}"
    yield " bgp log-neighbor-changes"
    yield " no bgp ebgp-requires-policy"
    yield " no bgp default ipv4-unicast"
    # Where nothing else decides, the lower address does, and not who came first: the way never depends on history.
    yield " bgp bestpath compare-routerid"
    yield " timers bgp 3 9"
    for one in (one for neighbours in speaker.neighbours.values() for one in neighbours):
        yield f" neighbor {one.address} remote-as {one.asn}"
        yield f" neighbor {one.address} description {one.description}"
        yield f" neighbor {one.address} bfd"
        yield f" neighbor {one.address} bfd profile {_PROFILE}"
        yield f" neighbor {one.address} timers connect 1"
    for family, neighbours in speaker.neighbours.items():
        yield f" address-family ipv{int(family)} unicast"
        yield "  maximum-paths 1"
        for prefix in speaker.announced.get(family, ()):
            yield f"  network {prefix}"
        for one in neighbours:
            yield from _neighbour(one)
        yield " exit-address-family"
    yield "exit"


def _neighbour(one: BgpNeighbour) -> Iterator[str]:
    yield f"  neighbor {one.address} activate"
    if one.default:
        yield f"  neighbor {one.address} default-originate"
    if one.receives:
        # What a school sent stays to be seen (`show bgp ... received-routes`), also what is refused of it.
        yield f"  neighbor {one.address} soft-reconfiguration inbound"
        yield f"  neighbor {one.address} prefix-list {one.receives} in"
    if one.sends:
        yield f"  neighbor {one.address} prefix-list {one.sends} out"


def list_outside_routers(layout: Layout) -> dict[str, tuple[str, BgpSpeaker]]:
    """The routers outside the schools by name, each with its namespace."""
    found = {one.id: (one.namespace, describe_region_router(layout, one)) for one in layout.regions}
    return {paths.CORE_ROUTER: (paths.CORE, describe_core_router(layout)), **found}
