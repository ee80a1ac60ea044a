"""The proof of the private network's firewall: it opens exactly the connections of the system-to-system flows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from controller.compile.firewall import FirewallRule, firewall_rules, system_addresses
from controller.model.city import City
from controller.model.flow import Family, Prefix, Protocol, Service, bounds, within
from controller.model.reference import connection_answer
from controller.prove.check import Check

NAME = "cloud firewall"
_STRANGERS = (Service(Protocol.TCP, (1, 1)), Service(Protocol.UDP, (9, 9)))
"""Services that no flow speaks of; they show that the rest is closed."""


def firewall_check(city: City, rules: Iterable[FirewallRule] | None = None) -> Check:
    """Whether the rules (the policy's own, or given ones) open what the flows say, and nothing else."""
    kept = sorted(firewall_rules(city) if rules is None else rules, key=lambda rule: rule.priority)
    callers = [app.id for app in city.applications.values() if app.hosting == "cloud-run"]
    asked = [
        (caller, address, service) for caller in callers for address in _addresses(city) for service in _services(city)
    ]
    found = [lack for caller, address, service in asked for lack in _wrong(city, kept, caller, address, service)]
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
    return Check(NAME, len(asked), tuple(found), evidence)


def _listed(things: Iterable[object]) -> str:
    return ", ".join(map(str, things))


def _wrong(city: City, rules: list[FirewallRule], caller: str, address: Prefix, service: Service) -> Iterator[str]:
    decided = next((rule for rule in rules if _covers(rule, caller, address, service)), None)
    opens = decided is not None and decided.permits
    called = [name for name in (*city.systems, *city.applications) if address in system_addresses(city, name)]
    deciding = [flow for name in called for flow in connection_answer(city, caller, name, service).rules]
    if opens != bool(deciding):
        says = ", ".join(f"{flow.id} ({flow.origin})" for flow in deciding) or "no flow says so (default deny)"
        by = decided.name if decided else "no rule"
        yield (
            f"from {caller} to {address} {service} is {'open' if opens else 'closed'} by firewall rule {by}, "
            f"but the policy: {'permit by ' if deciding else ''}{says}"
        )


def _covers(rule: FirewallRule, caller: str, address: Prefix, service: Service) -> bool:
    low, high = bounds(address)
    return (
        rule.direction == "egress"
        and rule.target in ("", caller)
        and any(
            peer.version == address.version and within(low, bounds(peer)) and within(high, bounds(peer))
            for peer in rule.peers
        )
        and (not rule.services or any(_inside(service, one) for one in rule.services))
    )


def _inside(asked: Service, opened: Service) -> bool:
    return asked.protocol is opened.protocol and all(within(port, opened.ports) for port in asked.ports)


def _addresses(city: City) -> list[Prefix]:
    """The address of everything that has one, and one of nobody's in each family."""
    named = [address for name in (*city.systems, *city.applications) for address in system_addresses(city, name)]
    return [*dict.fromkeys([*named, *(family.everything for family in Family)])]


def _services(city: City) -> list[Service]:
    return [*dict.fromkeys([*(service for flow in city.flows for service in flow.opens), *_STRANGERS])]
