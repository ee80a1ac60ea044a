"""The plan of what a deployed cloud adds to the virtual city: the proxy, who signs people in, and homes.

Addresses of applications come from the stack's outputs, like everything else that is planned. Whether the proxy finds
the same ones deployed is seen when it starts.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Network, ip_address
from pathlib import Path

from controller.errors import LabError
from controller.inputs.real_path import find_real_path
from controller.lab.state.layout import BothFamilies, FamilyPair, GuardedApplication, Perimeter
from controller.model.city import City
from controller.model.network.packets import Family, Prefix
from controller.model.sites.schools import School
from controller.model.sites.stack_outputs import StackApplication

HTTPS = 443
_FIRST_STAND_IN = 8443
_BACKEND = BothFamilies(v4="192.0.2.226", v6="2001:db8:e000::226")
_IDENTITY = BothFamilies(v4="192.0.2.225", v6="2001:db8:e000::225")
_HOME = BothFamilies(v4="192.0.2.230", v6="2001:db8:e100::230")
_ABROAD = BothFamilies(v4="192.0.2.231", v6="2001:db8:e200::231")
_SHARED_EXIT = "192.0.2.232"
"""Documentation addresses that no prefix list, egress or listener of the virtual city has."""


def plan_perimeter(city: City, world: Path) -> Perimeter:
    """What stands around the applications that the stack deployed.

    Raises:
        LabError: the policy gives an address that the lab needs here to something else.
    """
    _check_free(city)
    fronts: dict[tuple[str, str], BothFamilies] = {}
    guarded = []
    for number, (name, placed) in enumerate(sorted(city.outputs.applications.items())):
        for v4, v6 in zip(placed.ipv4, placed.ipv6, strict=True):
            both = BothFamilies(v4=str(v4.network_address), v6=str(v6.network_address))
            fronts[both.v4, both.v6] = both
        port = _FIRST_STAND_IN + number
        audience = None if city.applications[name].audience == "public" else _audience(name, placed)
        guarded.append(GuardedApplication(application=name, host=placed.host, audience=audience, port=port))
    return Perimeter(
        world=str(find_real_path(world)),
        fronts=tuple(fronts.values()),
        guarded=tuple(guarded),
        backend=_BACKEND,
        identity=_IDENTITY,
        home=_HOME,
        abroad=_ABROAD,
        office=next(filter(None, (_first(office.egress) for office in city.offices)), None),
        shared_exit=_SHARED_EXIT,
        country=city.settings.country,
    )


def list_iap_listeners(around: Perimeter | None) -> frozenset[tuple[str, int]]:
    """The addresses and ports that the proxy answers at."""
    if around is None:
        return frozenset()
    return frozenset((both.of(family), HTTPS) for both in around.fronts for family in Family)


def choose_own_addresses(school: School) -> FamilyPair | None:
    """The addresses that nobody but this school comes from: an IPv4 address, an IPv6 prefix, or both."""
    prefixes = school.lines.primary.egress
    v4 = [p for p in prefixes if isinstance(p, IPv4Network)]
    v6 = [p for p in prefixes if not isinstance(p, IPv4Network)]
    own = FamilyPair(v4=str(v4[0].network_address) if v4 else None, v6=str(v6[0]) if v6 else None)
    return own if own.by_family else None


def _first(egress: Iterable[Prefix]) -> FamilyPair | None:
    """An address that somebody in an office comes from: the first that is a host's, of each family."""
    v4 = [p for p in egress if isinstance(p, IPv4Network)]
    v6 = [p for p in egress if not isinstance(p, IPv4Network)]
    first = FamilyPair(v4=str(v4[0].network_address) if v4 else None, v6=str(v6[0].network_address + 1) if v6 else None)
    return first if first.by_family else None


def _audience(name: str, placed: StackApplication) -> str:
    if placed.token_audience is None:
        message = (
            f"the stack's outputs do not say what the proxy's assertions for {name!r} are made out to; "
            "deploy with 'tsunagu cloud up --stack lab'"
        )
        raise LabError(message)
    return placed.token_audience


def _check_free(city: City) -> None:
    egress = [prefix for school in city.schools for prefix in school.lines.primary.egress]
    for text in (*(b.of(f) for b in (_BACKEND, _IDENTITY, _HOME, _ABROAD) for f in Family), _SHARED_EXIT):
        address = ip_address(text)
        if any(address in prefix for prefix in egress) or not city.addresses.internet.in_family(
            Family(address.version)
        ).contains(int(address)):
            message = f"the policy gives {text} to something; the lab needs it for who is outside the schools"
            raise LabError(message)
