"""Where an application is hosted and no load balancer could reach it: servers of a data centre, a vendor's name.

Sources: "Hybrid connectivity network endpoint groups" and "Internet network endpoint groups" in Google Cloud's
documentation (private addresses behind a link; a name that the public DNS answers), RFC 6761, 6762, 7686, 8375 and 9476
and ICANN's decisions on `internal`, `home` and `corp` (names that the public DNS never has).
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network

from stacks.settings.configuration import OnPremisesHosting, SaasHosting, StackConfiguration
from stacks.settings.region_problems import RegionProblem
from stacks.settings.regions import RegionId

RFC_1918 = tuple(map(IPv4Network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")))
PRIVATE = (*RFC_1918, IPv4Network("100.64.0.0/10"))
"""RFC 1918 and RFC 6598."""
NOT_PUBLIC = frozenset(
    {"alt", "arpa", "corp", "home", "internal", "intranet", "invalid", "lan", "local", "localhost", "onion", "private"}
)
"""Last words of names that only somebody's own network has."""


def find_hosting_problems(configured: StackConfiguration) -> Iterator[RegionProblem]:
    """Yield servers and names behind which nothing answers the load balancer."""
    for name, application in configured.applications.items():
        place = ("applications", name, "hosting")
        if isinstance(application.hosting, OnPremisesHosting):
            yield from _find_server_problems(place, application.hosting, configured)
        if isinstance(application.hosting, SaasHosting):
            wrong = _explain_endpoint(application.hosting.endpoint, configured)
            if wrong:
                yield (*place, "endpoint"), wrong


def list_ranges(configured: StackConfiguration) -> list[tuple[RegionId, IPv4Network]]:
    """Return the VPC's ranges by their keys: the subnets by region, and `services`."""
    return [*configured.network.subnets.items(), ("services", configured.network.services)]


def _find_server_problems(
    place: tuple[str, ...], hosting: OnPremisesHosting, configured: StackConfiguration
) -> Iterator[RegionProblem]:
    for region, servers in hosting.servers.items():
        for number, server in enumerate(servers):
            wrong = _explain_server(server, configured)
            if wrong:
                yield (*place, region, number), wrong
            elif server in servers[:number]:
                yield (*place, region, number), f"{server} stands here twice: it would be no second server"


def _explain_server(server: IPv4Address, configured: StackConfiguration) -> str:
    """Why no hybrid link leads to this address; empty where one may."""
    if not any(server in block for block in PRIVATE):
        return (
            f"{server} is no private address, and a hybrid link leads to private ones only: write the server's address "
            "in the data centre, or host it by 'saas' with its name"
        )
    own = next(((key, block) for key, block in list_ranges(configured) if server in block), None)
    if own is not None:
        return f"{server} lies in the VPC's own range ({own[0]}, {own[1]}); write its address in the data centre"
    return ""


def _explain_endpoint(endpoint: str, configured: StackConfiguration) -> str:
    """Why no load balancer finds a vendor's service by this name; empty where one may."""
    last = endpoint.rpartition(".")[2]
    if last.isdecimal():
        return f"{endpoint!r} is an address: write the name that the vendor's certificate has"
    if last in NOT_PUBLIC:
        return (
            f"{endpoint!r} is a name that the public DNS never has ('.{last}'): write the vendor's public name, or "
            "host the application by 'on-premises' with its servers"
        )
    if endpoint == configured.domain or endpoint.endswith(f".{configured.domain}"):
        return f"{endpoint!r} lies in this stack's own domain, whose names lead back here: write the vendor's name"
    return ""
