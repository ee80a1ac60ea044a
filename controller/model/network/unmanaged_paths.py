"""Ways that packets can take through a device and that nobody here set up, as its configuration shows them.

A filter says nothing about a packet that does not meet it. So every port, interface, route and bridge of others is read
as data; `controller/prove/reachability/unmanaged_paths.py` judges which of them touch what is ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class PathKind(StrEnum):
    """What a way of others is."""

    ACCESS_PORT = "access-port"
    TRUNK = "trunk"
    UNDECIDED_PORT = "undecided-port"
    VOICE_VLAN = "voice-vlan"
    PRIVATE_VLAN = "private-vlan"
    VLAN_TRANSLATION = "vlan-translation"
    CHANNEL_MEMBER = "channel-member"
    BRIDGE = "bridge"
    PSEUDOWIRE = "pseudowire"
    MIRROR = "mirror"
    VLAN_FILTER = "vlan-filter"
    VLAN_DATABASE = "vlan-database"
    VLAN_INTERFACE = "vlan-interface"
    ROUTED_PORT = "routed-port"
    TUNNEL = "tunnel"
    STATIC_ROUTE = "static-route"
    ROUTING_PROTOCOL = "routing-protocol"
    POLICY_ROUTING = "policy-routing"
    ROUTING_TABLE = "routing-table"
    ROUTE_PREFERENCE = "route-preference"
    ROUTING_OFF = "routing-off"
    ROUTING_UNTOLD = "routing-untold"
    ADDRESS_TRANSLATION = "address-translation"
    SECOND_GATEWAY = "second-gateway"
    PROXY_ARP = "proxy-arp"
    UNKNOWN_LINE = "unknown-line"


@dataclass(frozen=True, slots=True)
class UnmanagedPath:
    """A way of others, and the line that shows it.

    `holder` is the interface that it belongs to ("" for the whole device; of a line that is missing, that line).
    `vlans` are those that it carries or stands in (None: any). `addresses` are its own, with their lengths;
    `has_unknown_address`: it has one that the text does not tell. `next_hops` are the addresses that a route leads to.
    `table` is the routing table of its own, by name. `is_discarded`: the route drops what it matches. `distance`: of
    routes with one target, the one with the smallest is taken. `trusted` are the ports at which the line spares packets
    (None: it spares none anywhere). `is_isolated`: hosts behind it are kept from others of
    its kind. `is_shut`: the line takes the holder out of use. `in_managed`: the holder itself is ours.
    """

    kind: PathKind
    line: int
    text: str
    holder: str = ""
    vlans: frozenset[int] | None = frozenset()
    addresses: tuple[str, ...] = ()
    has_unknown_address: bool = False
    next_hops: tuple[str, ...] = ()
    table: str = ""
    is_discarded: bool = False
    distance: int = 1
    trusted: frozenset[str] | None = None
    is_isolated: bool = False
    is_shut: bool = False
    in_managed: bool = False
