"""The network of the drill: the users' side, and in each region a router with what runs behind it.

    users (the proxy, too) --- router of a region --- region (service, databases)
                                    |
                               the other region's router

Its namespaces have a prefix of their own: `tsunagu lab down` leaves them alone, as this leaves the virtual city alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from controller.lab.network import kernel_settings
from controller.lab.network.namespaces import run_ip_batch
from controller.platforms.transport import namespace

PREFIX = "tsd-"
USERS = f"{PREFIX}users"
SERVICE_PORT = 8080
_BETWEEN, _OUT, _IN, _UP = "between", "out", "in", "up"
"""Interfaces: to the other region's router, to the users, to what runs in the region, and from there to its router."""
_BETWEEN_ADDRESSES = ("100.65.9.0", "100.65.9.1")


@dataclass(frozen=True, slots=True)
class RegionNode:
    """A region in the drill: `number` is its place among the two, `location` Google's word for it."""

    id: str
    location: str
    number: int

    @property
    def router(self) -> str:
        """The namespace of its router."""
        return f"{PREFIX}{self.id}-rt"

    @property
    def inside(self) -> str:
        """The namespace of its service and its databases."""
        return f"{PREFIX}{self.id}"

    @property
    def service(self) -> str:
        """The address of its service."""
        return f"100.65.{self.number}.10"

    def name_link_address(self, side: int) -> str:
        """The addresses of its links: users 0, router 1, router 2, inside 3."""
        return f"100.65.{self.number}.{side}"


@dataclass(slots=True)
class RegionNetwork:
    """The two regions. `databases` are the addresses of instances, with their region's id."""

    regions: tuple[RegionNode, RegionNode]
    users: tuple[str, ...]
    databases: dict[str, str] = field(default_factory=dict)

    @property
    def namespaces(self) -> tuple[str, ...]:
        """Every namespace."""
        return (USERS, *(name for one in self.regions for name in (one.router, one.inside)))

    def create(self) -> None:
        """Make it.

        Raises:
            LabError: iproute2 refused; with its words.
        """
        run_ip_batch(f"netns add {name}" for name in self.namespaces)
        for name in self.namespaces:
            kernel_settings.apply_namespace_settings(name, kernel_settings.EVERYWHERE)
        for one in self.regions:
            kernel_settings.apply_namespace_settings(one.router, kernel_settings.FORWARDING)
        first, second = self.regions
        run_ip_batch(
            [
                _join(_BETWEEN, first.router, _BETWEEN, second.router),
                *(_join(one.id[:15], USERS, _OUT, one.router) for one in self.regions),
                *(_join(_IN, one.router, _UP, one.inside) for one in self.regions),
            ]
        )
        run_ip_batch([*_lift("lo"), *(f"addr add {one}/32 dev lo" for one in self.users)], inside=USERS)
        for one in self.regions:
            for name, words in self.list_region_words(one).items():
                run_ip_batch(words, inside=name)
            run_ip_batch(self._list_users_words(one), inside=USERS)

    def list_region_words(self, one: RegionNode) -> Mapping[str, list[str]]:
        """Return what gives a region's namespaces their addresses and routes, each of which may be there already."""
        own = [one.service, *(address for address, region in self.databases.items() if region == one.id)]
        inside = [*_lift("lo"), *_lift(_UP), f"addr replace {one.name_link_address(3)}/31 dev {_UP}"]
        inside += [f"addr replace {address}/32 dev lo" for address in own]
        inside += [f"route replace default via {one.name_link_address(2)} src {one.service}"]
        router = [*_lift("lo"), *_lift(_IN), *_lift(_OUT), *_lift(_BETWEEN)]
        router += [f"addr replace {one.name_link_address(2)}/31 dev {_IN}"]
        router += [f"addr replace {one.name_link_address(1)}/31 dev {_OUT}"]
        router += [f"addr replace {_BETWEEN_ADDRESSES[one.number]}/31 dev {_BETWEEN}"]
        router += [f"route replace {address}/32 via {one.name_link_address(3)}" for address in own]
        router += [*self._list_routes_between(one), f"route replace default via {one.name_link_address(0)}"]
        return {one.inside: inside, one.router: router}

    def _list_routes_between(self, one: RegionNode) -> Iterator[str]:
        other = self.regions[1 - one.number]
        theirs = [other.service, *(address for address, region in self.databases.items() if region == other.id)]
        return (f"route replace {address}/32 via {_BETWEEN_ADDRESSES[other.number]}" for address in theirs)

    @staticmethod
    def _list_users_words(one: RegionNode) -> list[str]:
        port = one.id[:15]
        addresses = [f"addr replace {one.name_link_address(0)}/31 dev {port}", *_lift(port)]
        return [*addresses, f"route replace {one.service}/32 via {one.name_link_address(1)}"]

    def add_database(self, region: RegionNode, address: str) -> None:
        """Give a region the address of an instance, and lead both regions there.

        Raises:
            LabError: iproute2 refused; with its words.
        """
        self.databases[address] = region.id
        for one in self.regions:
            for name, words in self.list_region_words(one).items():
                run_ip_batch(words, inside=name)

    def cut_between(self) -> None:
        """Cut the link between the regions.

        Raises:
            LabError: iproute2 refused; with its words.
        """
        run_ip_batch([f"link set dev {_BETWEEN} down"], inside=self.regions[0].router)

    def cut_region(self, region: RegionNode) -> None:
        """Cut every link of a region's router.

        Raises:
            LabError: iproute2 refused; with its words.
        """
        run_ip_batch([f"link set dev {port} down" for port in (_BETWEEN, _OUT, _IN)], inside=region.router)

    def repair(self) -> None:
        """Put every link, address and route back.

        Raises:
            LabError: iproute2 refused; with its words.
        """
        for one in self.regions:
            for name, words in self.list_region_words(one).items():
                run_ip_batch(words, inside=name)
            run_ip_batch(self._list_users_words(one), inside=USERS)


def list_drill_namespaces() -> list[str]:
    """Return the drill's namespaces on this machine, whoever made them."""
    if not namespace.FOLDER.is_dir():
        return []
    return sorted(entry.name for entry in namespace.FOLDER.iterdir() if entry.name.startswith(PREFIX))


def _join(name: str, inside: str, peer: str, peer_inside: str) -> str:
    return f"link add name {name} netns {inside} type veth peer name {peer} netns {peer_inside}"


def _lift(interface: str) -> list[str]:
    return [f"link set dev {interface} up"]
