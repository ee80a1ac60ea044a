"""Where the applications live in the virtual city: the addresses and ports that are served, and then tried."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address

from controller.errors import LabError
from controller.model.access.rules import INTERNET, Application
from controller.model.city import City
from controller.model.network.packets import AddressSet, Family, Prefix, Protocol, Service

_INTERNET = {Family.V4: int(ip_address("192.0.2.80")), Family.V6: int(ip_address("2001:db8:e000::80"))}
"""Documentation addresses that stand for "anywhere else", where the policy leaves them to the internet."""
_FROM_START = 80
_ANY_PORT = 443


def choose_tcp_port(application: Application) -> int | None:
    """The port that the lab serves an application at: of its first TCP service. None: it has no TCP service."""
    return _first_tcp(application.services)


def list_internet_ports(city: City) -> tuple[int, ...]:
    """The ports of the internet that the policy speaks of: those of its rules, and of the applications out there."""
    named = [choose_tcp_port(app) for app in city.applications.values() if app.belongs_to]
    for rule in city.rules:
        if rule.network is not None and INTERNET in rule.applications:
            named += [service.ports[0] for service in rule.network.services if service.protocol is Protocol.TCP]
    return tuple(sorted({port for port in named if port is not None}))


def list_remote_addresses(city: City, application: Application) -> tuple[str, ...]:
    """Where an application outside the schools is served: the first host address of each of its prefixes.

    Of the families that the city uses: no packet of another leaves a school.
    """
    if application.belongs_to:
        return tuple(choose_internet_address(city, family) for family in city.families)
    somewhere = city.schools[0]  # every school sees the same addresses of what is outside the schools
    return tuple(
        choose_host_address(prefix)
        for prefix in city.addresses.destination_addresses(application.id, somewhere).included
        if prefix.version in city.families
    )


def choose_internet_address(city: City, family: Family) -> str:
    """An address that is on the internet and that no application names.

    Raises:
        LabError: the policy leaves no such address.
    """
    internet = city.addresses.internet.in_family(family)
    if internet.contains(_INTERNET[family]):
        return family.format_address(_INTERNET[family])
    return family.format_address(_any_address(internet, family))


def choose_host_address(prefix: Prefix) -> str:
    """The address itself where the prefix is one, or else the first after the prefix's own."""
    alone = prefix.prefixlen == prefix.max_prefixlen
    return Family(prefix.version).format_address(int(prefix.network_address) + (0 if alone else 1))


def _first_tcp(services: tuple[Service, ...]) -> int | None:
    return next((service.ports[0] for service in services if service.protocol is Protocol.TCP), None)


def _any_address(internet: AddressSet, family: Family) -> int:
    for low, high in internet.get_intervals():
        if low + _FROM_START <= high:
            return low + _FROM_START
    message = f"the policy leaves no IPv{int(family)} address to the internet: the lab cannot stand for it"
    raise LabError(message)


def list_served_addresses(city: City) -> Iterator[tuple[str, int, str]]:
    """What the internet namespace serves: address, port, and the application (or `internet`) it is for."""
    for application in city.applications.values():
        port = choose_tcp_port(application)
        if application.segment or port is None:
            continue
        for address in list_remote_addresses(city, application):
            yield address, port, application.id
    for family in city.families:
        # Where no rule speaks of the internet, something stands for it all the same: lines are tried by it.
        for port in list_internet_ports(city) or (_ANY_PORT,):
            yield choose_internet_address(city, family), port, INTERNET
