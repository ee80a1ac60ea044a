"""Whether everybody of the virtual city reaches the internet, and every router all its neighbours."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path

from controller.errors import LabError
from controller.lab.network import frr_routers
from controller.lab.state import paths as lab_paths
from controller.lab.state.layout import HostLayout, Layout, SchoolLayout
from controller.lab.state.processes import wait_until
from controller.model.access.rules import INTERNET
from controller.model.network.packets import Family, parse_prefix
from controller.platforms.transport import namespace

NOWHERE = ("", "")
_SECONDS = 60.0
_TRY_SECONDS = 0.5
_AT_ONCE = 8
_EVERYTHING = {Family.V4: "0.0.0.0/0", Family.V6: "::/0"}


def wait_for_connectivity(layout: Layout, state: Path) -> None:
    """Wait until every host reaches the internet in each family, and every line of every school works to each region.

    Raises:
        LabError: that is not so after a minute; names what is missing.
    """
    waiting: list[str] = []

    def nothing_missing() -> bool:
        waiting[:] = list_missing_connectivity(layout, state)
        return not waiting

    if not wait_until(nothing_missing, _SECONDS, every=0.1):
        message = f"after {_SECONDS:.0f} s there is still no {'; no '.join(waiting[:5])}"
        raise LabError(message)


def list_missing_connectivity(layout: Layout, state: Path) -> list[str]:
    """What does not work of: each host to the internet, each school's neighbours by BGP and BFD."""
    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        hosts = [host for school in layout.schools for host in school.hosts]
        reached = pool.map(lambda one: reaches_internet(layout, *one), tried := list(product(hosts, layout.families)))
        found = [
            f"way from {host.school} {host.id} to the internet over IPv{int(family)}"
            for (host, family), there in zip(tried, reached, strict=True)
            if not there
        ]
        asked = [(lab_paths.CORE_ROUTER, lab_paths.CORE), *((school.id, school.router) for school in layout.schools)]
        for lost in pool.map(lambda one: list(list_lost_neighbours(one[0], one[1], state)), asked):
            found += lost
    return found


def choose_internet_target(layout: Layout, family: Family) -> tuple[str, int]:
    """An address and port that stand for the internet.

    Raises:
        LabError: the policy has nobody reach the internet, so that nothing stands for it.
    """
    for one in layout.listeners:
        if INTERNET in one.applications and parse_prefix(one.address).version == family:
            return one.address, one.port
    message = f"nothing stands for the internet over IPv{int(family)} in this lab"
    raise LabError(message)


def reaches_internet(layout: Layout, host: HostLayout, family: Family) -> bool:
    """Whether a TCP connection from a host to the internet comes about."""
    try:
        with namespace.open_connection(host.namespace, *choose_internet_target(layout, family), _TRY_SECONDS):
            return True
    except OSError:
        return False


def list_exits(layout: Layout, school: SchoolLayout, state: Path) -> set[tuple[str, str]]:
    """Each line and region that a school's router sends to the internet by, in either family; or `NOWHERE`."""
    neighbours = {
        address: (line.name, region.id)
        for region in layout.regions
        for line in school.lines
        for address in region.addresses[line.name].by_family.values()
    }
    found = set()
    for family in layout.families:
        words = f"show bgp ipv{int(family)} unicast {_EVERYTHING[family]} json"
        paths = frr_routers.ask_router_json(school.id, school.router, state, words).get("paths", [])
        best = [path["peer"]["peerId"] for path in paths if path.get("bestpath", {}).get("overall")]
        found.add(neighbours.get(best[0], NOWHERE) if best else NOWHERE)
    return found


def list_lost_neighbours(name: str, inside: str, state: Path) -> Iterator[str]:
    """The neighbours that a router has no BGP session and no route with, or that BFD does not see."""
    summary = frr_routers.ask_router_json(name, inside, state, "show bgp summary json")
    peers = [(address, peer) for family in summary.values() for address, peer in family.get("peers", {}).items()]
    if not peers:
        yield f"BGP at the router of {name}"
    for address, peer in peers:
        if peer["state"] != "Established" or not peer["pfxRcd"]:
            yield f"BGP session with routes between the router of {name} and {address}"
    for seen in frr_routers.ask_router_json(name, inside, state, "show bfd peers json"):
        if seen["status"] != "up":
            yield f"BFD session between the router of {name} and {seen['peer']}"
