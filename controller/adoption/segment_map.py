"""Which VLAN of a running network is which segment of the policy: proposed by addresses, numbers and names.

An address decides: the interface of the switch in a VLAN stands in the prefix of one segment. Where no address tells,
a number that is the same, a name that means the same, and the ports that carry the VLAN are what is left; such a
proposal says so.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_interface

from controller.adoption.existing_network import ExistingNetwork
from controller.messages import Catalogue, load_catalogue
from controller.model.access.rules import Segment
from controller.model.city import City
from controller.model.network.device_state import PortMode, PortState
from controller.model.network.packets import Family, Prefix
from controller.model.sites.schools import School

_MEANINGS: tuple[frozenset[str], ...] = (
    frozenset({"staff", "teacher", "teachers", "kyoshoku", "kyoshokuin", "shokuin", "教職員", "職員", "教員"}),
    frozenset({"pupil", "pupils", "student", "students", "seito", "jido", "児童", "生徒", "児童生徒", "学習"}),
    frozenset({"guest", "guests", "visitor", "来客", "来訪者", "ゲスト"}),
    frozenset({"management", "mgmt", "manage", "kanri", "管理", "機器管理"}),
    frozenset({"printer", "printers", "print", "iot", "プリンタ", "プリンター", "複合機"}),
    frozenset({"quarantine", "kakuri", "隔離", "検疫"}),
)
"""Words for the same thing, as people write them on switches."""


@dataclass(frozen=True, slots=True)
class SegmentProposal:
    """A VLAN that is there, the segment that it seems to be ("" where none), and why.

    `overrides` is what the school's file must say of the segment so that the policy fits what is there; empty where it
    fits. `sure`: an address says so, or number and name both do.
    """

    vlan: int
    name: str
    segment: str
    reasons: tuple[str, ...]
    sure: bool
    overrides: Mapping[str, str]

    def format_override(self) -> str:
        """Return the item of the school's `segments` that says it, as YAML; "" where nothing is to be said."""
        if not self.overrides:
            return ""
        said = ", ".join(f"{key}: {value}" for key, value in self.overrides.items())
        return f"- {{id: {self.segment}, {said}}}"


def propose_segment_map(  # noqa: PLR0913, PLR0917 what tells what a VLAN is, and in which language
    city: City,
    school: School,
    network: ExistingNetwork,
    vlans: Mapping[str, int],
    ports: Sequence[PortState] = (),
    words: Catalogue | None = None,
) -> tuple[SegmentProposal, ...]:
    """Return a proposal for each VLAN of a device; `vlans` are the numbers of the policy, by segment.

    `ports` are what the policy wants of the device's ports: an access port tells what the VLAN behind it is for.
    `words`: the language of the reasons; English if left out.
    """
    words = words or load_catalogue("en")
    numbers = sorted({*network.vlans, *network.interfaces} - {1})
    return tuple(_propose(city, school, network, vlans, ports, number, words) for number in numbers)


def _propose(  # noqa: PLR0913, PLR0917 what tells what a VLAN is
    city: City,
    school: School,
    network: ExistingNetwork,
    vlans: Mapping[str, int],
    ports: Iterable[PortState],
    number: int,
    words: Catalogue,
) -> SegmentProposal:
    known = network.vlans.get(number)
    name = known.name if known else ""
    interface = network.interfaces.get(number)
    addresses = interface.addresses if interface else ()
    described = f"{name} {interface.description if interface else ''}"
    found: dict[str, list[str]] = {}
    by_address = ""
    for segment in city.list_segments(school).values():
        reasons = found.setdefault(segment.id, [])
        for address in addresses:
            prefix = _find_prefix(city, school, segment, Family(ip_interface(address).version))
            if prefix and ip_interface(address).ip in prefix:
                reasons.append(words.say("adoption.reason-address", address=address, prefix=prefix))
                by_address = segment.id
        if vlans.get(segment.id) == number:
            reasons.append(words["adoption.reason-number"])
        if _means(described, segment):
            reasons.append(words.say("adoption.reason-name", name=name or repr(described.strip())))
        if any(
            port.mode is PortMode.ACCESS
            and vlans.get(segment.id) in port.vlans
            and (there := network.ports.get(port.name)) is not None
            and there.mode == "access"
            and there.vlans == (number,)
            for port in ports
        ):
            reasons.append(words["adoption.reason-ports"])
    best = by_address or max(found, key=lambda one: len(found[one]), default="")
    if not best or not found[best]:
        return SegmentProposal(number, name, "", (), sure=False, overrides={})
    overrides = _find_overrides(city, school, best, vlans, number, addresses)
    return SegmentProposal(
        number, name, best, tuple(found[best]), sure=bool(by_address) or len(found[best]) > 1, overrides=overrides
    )


def _find_prefix(city: City, school: School, segment: Segment, family: Family) -> Prefix | None:
    found = city.addresses.source_addresses_in(segment.id, school, family).included
    return found[0] if found else None


def _find_overrides(  # noqa: PLR0913, PLR0917 what is there and what the policy says
    city: City, school: School, segment: str, vlans: Mapping[str, int], number: int, addresses: Iterable[str]
) -> dict[str, str]:
    overrides = {} if vlans.get(segment) == number else {"vlan": str(number)}
    for address in addresses:
        one = ip_interface(address)
        prefix = _find_prefix(city, school, city.segments[segment], Family(one.version))
        if one.network != prefix and not one.is_link_local:
            overrides.setdefault(f"ipv{one.version}", f'"{one.network}"' if ":" in str(one) else str(one.network))
    return overrides


def _means(written: str, segment: Segment) -> bool:
    """Tell if words on a switch mean a segment: its id, a word of its name, or a word for the same thing."""
    words = set(re.findall(r"\w+", unicodedata.normalize("NFKC", written).lower().replace("_", " ")))
    own = set(re.findall(r"\w+", f"{segment.id.replace('-', ' ')} {segment.name}".lower()))
    if segment.id in words or segment.id.replace("-", "_") in written.lower():
        return True
    shared = {word for word in own & words if not word.isdecimal()}
    return bool(shared) or any(words & meaning and own & meaning for meaning in _MEANINGS)
