"""The proof of the private network's firewall: it opens exactly the connections of the system-to-system flows.

Every packet that a workload of the cloud could send is asked about, not only those to addresses that the policy names:
a rule that opens one address too many is found wherever that address is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from controller.compile.cloud_firewall import FirewallRule, compile_firewall_rules, find_system_addresses
from controller.errors import Origin
from controller.model.access.data_flows import SystemFlow
from controller.model.city import City
from controller.model.network.packets import (
    ANY_PORTS,
    Family,
    Packet,
    Prefix,
    Protocol,
    Service,
    get_bounds,
    is_in_interval,
)
from controller.model.reference_evaluator import evaluate_connection
from controller.prove.check import Check
from controller.prove.engine.diagram import HeaderSpace, Node
from controller.prove.engine.likely_packet import find_likely_packet
from controller.prove.filters.equivalence import ReplayError, make_packet_space

CHECK_NAME = "cloud firewall"
IMPLIED = "no firewall rule (what none names, Google lets out)"


def prove_cloud_firewall(city: City, rules: Iterable[FirewallRule] | None = None) -> Check:
    """Prove that the rules (the policy's own, or given ones) open what the flows say, and nothing else.

    >>> prove_cloud_firewall(city).holds
    True
    >>> prove_cloud_firewall(city, []).differences[0][:46]
    'from affairs to 192.0.2.10 tcp/443 is open by '

    Raises:
        ReplayError: a counterexample of the diagram is none when replayed; a bug in Tsunagu.
    """
    # At one priority Google lets the denial decide ("VPC firewall rules", priority).
    kept = sorted(
        compile_firewall_rules(city) if rules is None else rules, key=lambda rule: (rule.priority, rule.permits)
    )
    placed = [app.id for app in city.applications.values() if app.hosting == "cloud-run"]
    callers = [*dict.fromkeys([*placed, *(rule.target for rule in kept), ""])]
    found = [lack for caller in callers for family in Family for lack in _Caller(city, kept, caller, family).wrong()]
    found += [
        f"firewall rule {rule.name}: permits {rule.direction}, but no flow opens anything inwards"
        for rule in kept
        if rule.permits and rule.direction == "ingress"
    ]
    evidence = tuple(
        f"{rule.target} may open {_listed(rule.services)} to {_listed(rule.peers)} ({rule.origin})"
        for rule in kept
        if rule.permits
    )
    return Check(CHECK_NAME, len(callers) * len(Family), tuple(found), evidence)


@dataclass(frozen=True, slots=True)
class _Opened:
    """A service at some addresses of one family that a flow opens."""

    flow: SystemFlow
    addresses: tuple[Prefix, ...]
    service: Service

    def holds(self, packet: Packet) -> bool:
        there = any(is_in_interval(packet.destination, get_bounds(one)) for one in self.addresses)
        return (
            there
            and packet.protocol == self.service.protocol
            and is_in_interval(packet.destination_port, self.service.ports)
        )


@dataclass(frozen=True, slots=True)
class _Caller:
    """One workload ("" is one that carries no application's tag) and all that it could send in one family."""

    city: City
    rules: Sequence[FirewallRule]
    caller: str
    family: Family

    def wrong(self) -> Iterator[str]:
        space = make_packet_space(self.family)
        opened = list(self._opened())
        wanted = space.union_all(_cube(space, one.addresses, (one.service,)) for one in opened)
        through = self._through(space)
        for node in (space.difference(through, wanted), space.difference(wanted, through)):
            if not space.is_empty(node):
                yield self._told(space, node, opened)

    def _opened(self) -> Iterator[_Opened]:
        for called in (*self.city.systems, *self.city.applications):
            addresses = tuple(one for one in find_system_addresses(self.city, called) if one.version == self.family)
            for flow in self.city.flows:
                if addresses and (flow.caller, flow.called) == (self.caller, called):
                    for service in flow.opens:
                        if evaluate_connection(self.city, self.caller, called, service).permitted:
                            yield _Opened(flow, addresses, service)

    def _through(self, space: HeaderSpace) -> Node:
        """Return the packets that the rules let out; before all of them stands Google's own: everything may leave."""
        through = space.everything
        for rule in reversed(self._mine()):
            peers = tuple(one for one in rule.peers if one.version == self.family)
            speaks_of = _cube(space, peers, rule.services) if peers else space.nothing
            through = space.union(through, speaks_of) if rule.permits else space.difference(through, speaks_of)
        return through

    def _mine(self) -> list[FirewallRule]:
        return [rule for rule in self.rules if rule.direction == "egress" and rule.target in ("", self.caller)]

    def _told(self, space: HeaderSpace, node: Node, opened: Iterable[_Opened]) -> str:
        peers = [get_bounds(one) for rule in self._mine() for one in rule.peers if one.version == self.family]
        packet = find_likely_packet(space, node, self.family, [], peers)
        assert packet is not None  # noqa: S101 the caller looked
        decided = next((rule for rule in self._mine() if _covers(rule, packet)), None)
        opens = decided is None or decided.permits
        deciding = [one.flow for one in opened if one.holds(packet)]
        if opens == bool(deciding):
            message = f"the proof of the cloud's firewall shows {packet}, but replayed it makes no difference"
            raise ReplayError(message)
        says = ", ".join(_named(flow.id, flow.origin) for flow in deciding) or "no flow says so (default deny)"
        return (
            f"from {self.caller or 'a workload of no application'} to {self.family.format_address(packet.destination)} "
            f"{_what(packet)} is {'open' if opens else 'closed'} by {_by(decided)}, "
            f"but the policy: {'permit by ' if deciding else ''}{says}"
        )


def _cube(space: HeaderSpace, addresses: tuple[Prefix, ...], services: tuple[Service, ...]) -> Node:
    """The packets to some addresses, of some services (none: of every protocol)."""
    anywhere = ((0, space.fields[1].maximum),)
    spans = tuple(sorted(get_bounds(one) for one in addresses))
    asked = [((int(one.protocol), int(one.protocol)), one.ports) for one in services] or [((0, 255), ANY_PORTS)]
    return space.union_all(
        space.cube(((protocol,), anywhere, (span,), (ANY_PORTS,), (ports,), ((0, 1),)))
        for protocol, ports in asked
        for span in spans
    )


def _covers(rule: FirewallRule, packet: Packet) -> bool:
    return any(
        peer.version == packet.family and is_in_interval(packet.destination, get_bounds(peer)) for peer in rule.peers
    ) and (
        not rule.services
        or any(
            one.protocol == packet.protocol and is_in_interval(packet.destination_port, one.ports)
            for one in rule.services
        )
    )


def _what(packet: Packet) -> str:
    if packet.protocol in (Protocol.TCP, Protocol.UDP):
        return str(Service(Protocol(packet.protocol), (packet.destination_port, packet.destination_port)))
    return f"protocol {packet.protocol}"


def _by(rule: FirewallRule | None) -> str:
    if rule is None:
        return IMPLIED
    return f"firewall rule {_named(rule.name, rule.origin) if rule.origin else rule.name}"


def _named(name: str, origin: Origin) -> str:
    return f"{name} ({origin})"


def _listed(things: Iterable[object]) -> str:
    return ", ".join(map(str, things))
