"""The cloud's own network part: its load-balancer frontends, and the firewall round the private network behind them.

A frontend is where the load balancer listens: every packet to an address of an application is for that application's
services, or goes nowhere. Behind the frontends, nothing may open a connection but what a system-to-system flow says.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal, get_args

from controller.errors import Origin
from controller.model.access.data_flows import SystemFlow
from controller.model.city import City
from controller.model.network.packets import AddressSet, Effect, Family, Prefix, Service
from controller.model.reference_evaluator import evaluate_connection

FirewallDirection = Literal["ingress", "egress"]
FIREWALL_DIRECTIONS: tuple[FirewallDirection, ...] = get_args(FirewallDirection)
CLOSING_PRIORITY = 65_000
"""The priority of what closes everything: after every rule of ours, before Google's implied rules (65535)."""
_FIRST = 1_000


@dataclass(frozen=True, slots=True)
class LoadBalancerFrontend:
    """An application of the cloud with the addresses and services that are reached from outside."""

    application: str
    addresses: AddressSet
    services: tuple[Service, ...]


@dataclass(frozen=True, slots=True)
class FirewallRule:
    """A rule of the private network's firewall, free of any vendor's words.

    `target` is the application (its workloads carry the tag) or "" for every workload; `peers` are the prefixes at the
    other end; no `services` means every protocol and port. The lower `priority` decides.
    """

    name: str
    direction: FirewallDirection
    effect: Effect
    priority: int
    target: str
    peers: tuple[Prefix, ...]
    services: tuple[Service, ...]
    purpose: str
    origin: Origin | None

    @property
    def permits(self) -> bool:
        """Tell whether it opens something."""
        return self.effect is Effect.PERMIT


def find_frontends(city: City) -> tuple[LoadBalancerFrontend, ...]:
    """The load-balancer frontends of every application that a stack has placed.

    >>> [(one.application, str(one.services[0])) for one in find_frontends(city)][:2]
    [('affairs', 'tcp/443'), ('file-exchange', 'tcp/443')]
    """
    return tuple(
        LoadBalancerFrontend(app.id, AddressSet((*placed.ipv4, *placed.ipv6)), app.services)
        for app in city.applications.values()
        if app.hosting == "cloud-run" and (placed := city.outputs.applications.get(app.id)) is not None
    )


def compile_firewall_rules(city: City) -> tuple[FirewallRule, ...]:
    """The rules of the private network's firewall: the connections that flows open, then nothing either way.

    A flow between two systems of the cloud rides on its carrier and opens nothing; whoever calls from outside comes by
    a load-balancer frontend, where the proxy judges. So no flow opens anything inwards.

    >>> first, *_, last = compile_firewall_rules(city)
    >>> [(one.name, one.direction, one.effect.value, one.priority) for one in (first, last)]
    [('no-other-ingress-v4', 'ingress', 'forbid', 65000), ('no-other-egress-v6', 'egress', 'forbid', 65000)]
    """
    opened = (replace(rule, priority=_FIRST + number) for number, rule in enumerate(_opened(city)))
    return (*opened, *_closed())


def _opened(city: City) -> Iterator[FirewallRule]:
    for (caller, called), flows in _by_ends(city).items():
        services = sorted({service for flow in flows for service in flow.opens}, key=str)
        kept = tuple(one for one in services if evaluate_connection(city, caller, called, one).permitted)
        peers = find_system_addresses(city, called)
        if kept and peers:
            purpose = "; ".join(dict.fromkeys(flow.purpose for flow in flows))
            for family in Family:
                if mine := tuple(one for one in peers if one.version == family):
                    name = f"{caller}-to-{called}-v{int(family)}"
                    origin = flows[0].origin
                    yield FirewallRule(name, "egress", Effect.PERMIT, 0, caller, mine, kept, purpose, origin)


def _closed() -> Iterator[FirewallRule]:
    for direction in FIREWALL_DIRECTIONS:
        for family in Family:
            name = f"no-other-{direction}-v{int(family)}"
            everything = (family.everything,)
            yield FirewallRule(
                name, direction, Effect.FORBID, CLOSING_PRIORITY, "", everything, (), "default deny", None
            )


def _by_ends(city: City) -> dict[tuple[str, str], list[SystemFlow]]:
    """The flows that an application of the cloud opens a connection for, by both ends."""
    found: dict[tuple[str, str], list[SystemFlow]] = {}
    for flow in city.flows:
        caller = city.applications.get(flow.caller)
        if flow.opens and caller is not None and caller.hosting == "cloud-run":
            found.setdefault((flow.caller, flow.called), []).append(flow)
    return found


def find_system_addresses(city: City, name: str) -> tuple[Prefix, ...]:
    """The addresses of a system or application that others call; none of one that only its carrier reaches.

    >>> [str(one) for one in find_system_addresses(city, "school-aid")]
    ['10.254.1.20/32', '2001:db8:80fe:1::20/128']
    """
    system = city.systems.get(name)
    return system.addresses if system is not None else city.addresses.application_prefixes(city.applications[name])
