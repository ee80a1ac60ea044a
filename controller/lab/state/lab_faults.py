"""What can be broken on purpose in the virtual city, how strongly, and how it is named."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from controller.errors import LabError
from controller.lab.state.layout import Frozen, Layout
from controller.model.sites.contracted_lines import AccessLineName

REGION = "region"
"""The word that stands before a region's name where a school's name could stand."""


class FaultKind(StrEnum):
    """What happens to a school, most of it on its primary line, or to a region.

    A line is cut (its end goes dark), carries nothing while it looks well, is slow, loses, delays or swallows packets;
    its name server or test server does not serve the school; its router's translations are used up; its router's
    ports to the switch are slow.
    """

    PRIMARY = "primary-line"
    BACKUP = "backup-line"
    THIRD = "third-line"
    BLACKHOLE = "blackhole"
    SLOW_LINE = "slow-line"
    SLOW_DOWNLOAD = "slow-download"
    SLOW_UPLOAD = "slow-upload"
    LOSSY_LINE = "lossy-line"
    LATE_LINE = "late-line"
    PATH_MTU = "path-mtu"
    SLOW_DNS = "slow-dns"
    DEAD_DNS = "dead-dns"
    DEAD_TEST_SERVER = "dead-test-server"
    FULL_NAT = "full-nat"
    SLOW_LAN_PORT = "slow-lan-port"
    REGION = "region"


@dataclass(frozen=True, slots=True)
class Strength:
    """How strong a fault may be, in its unit, and how strong it is where nobody says so."""

    unit: str
    least: float
    most: float
    usual: float


STRENGTHS: Mapping[FaultKind, Strength] = MappingProxyType({
    FaultKind.SLOW_LINE: Strength("Mbit/s", 1, 10_000, 20),
    FaultKind.SLOW_DOWNLOAD: Strength("Mbit/s", 1, 10_000, 20),
    FaultKind.SLOW_UPLOAD: Strength("Mbit/s", 1, 10_000, 20),
    FaultKind.LOSSY_LINE: Strength("% of its packets", 0.01, 90, 3),
    FaultKind.LATE_LINE: Strength("ms each way", 1, 2000, 100),
    FaultKind.PATH_MTU: Strength("octets", 576, 1499, 1300),
    FaultKind.SLOW_DNS: Strength("ms", 1, 10_000, 500),
    FaultKind.FULL_NAT: Strength("translations", 1, 4000, 200),
    FaultKind.SLOW_LAN_PORT: Strength("Mbit/s", 1, 10_000, 100),
})  # fmt: skip
"""The kinds that have a strength."""
SCHOOL_KINDS = tuple(kind for kind in FaultKind if kind is not FaultKind.REGION)
LINE_KINDS = (FaultKind.PRIMARY, FaultKind.BACKUP, FaultKind.THIRD, FaultKind.BLACKHOLE)
"""After these a line carries nothing."""
_LINE: Mapping[FaultKind, AccessLineName] = MappingProxyType(
    {FaultKind.BACKUP: "backup", FaultKind.THIRD: "third"},
)


class LabFault(Frozen):
    """Something broken on purpose. `where` is a school, or a region if `kind` says so; `strength` is in its unit."""

    where: str
    kind: FaultKind
    strength: float = 0.0

    @property
    def line(self) -> AccessLineName:
        """The line of the school that is meant."""
        return _LINE.get(self.kind, "primary")

    def is_same(self, other: LabFault) -> bool:
        """Whether another one is about the same thing, however strong each is."""
        return (self.where, self.kind) == (other.where, other.kind)

    def __str__(self) -> str:
        amount = f"{self.strength:g} {STRENGTHS[self.kind].unit}" if self.kind in STRENGTHS else ""
        return _WORDS[self.kind].format(where=self.where, line=self.line, amount=amount)


_WORDS: Mapping[FaultKind, str] = MappingProxyType({
    FaultKind.PRIMARY: "the {line} line of {where} is cut",
    FaultKind.BACKUP: "the {line} line of {where} is cut",
    FaultKind.THIRD: "the {line} line of {where} is cut",
    FaultKind.BLACKHOLE: "the {line} line of {where} looks well and carries nothing",
    FaultKind.SLOW_LINE: "the {line} line of {where} carries {amount} each way",
    FaultKind.SLOW_DOWNLOAD: "the {line} line of {where} carries {amount} towards it",
    FaultKind.SLOW_UPLOAD: "the {line} line of {where} carries {amount} from it",
    FaultKind.LOSSY_LINE: "the {line} line of {where} loses {amount} each way",
    FaultKind.LATE_LINE: "the {line} line of {where} delays packets by {amount}",
    FaultKind.PATH_MTU: "the {line} line of {where} swallows packets of more than {amount}",
    FaultKind.SLOW_DNS: "the name servers answer {where} after {amount}",
    FaultKind.DEAD_DNS: "the name servers do not answer {where}",
    FaultKind.DEAD_TEST_SERVER: "the iperf3 servers refuse {where}",
    FaultKind.FULL_NAT: "the {amount} of the router of {where} are used up",
    FaultKind.SLOW_LAN_PORT: "the router of {where} has {amount} to its switch",
    FaultKind.REGION: "region {where} is lost",
})  # fmt: skip


def find_faults(broken: Iterable[LabFault], where: str, *kinds: FaultKind) -> tuple[LabFault, ...]:
    """Those of some kinds that a school or region has."""
    return tuple(one for one in broken if one.where == where and one.kind in kinds)


def parse_fault(layout: Layout, first: str, second: str, strength: float | None = None) -> LabFault:
    """The fault that two words of a command name: SCHOOL and what of it, or `region` and its name.

    Raises:
        LabError: the lab has no such school or region, nothing of that name can be broken, the school has no such
            line, or the strength is none of that fault.
    """
    if first == REGION:
        _check_strength(FaultKind.REGION, strength)
        return LabFault(where=layout.region(second).id, kind=FaultKind.REGION)
    school = layout.school(first)
    if second not in SCHOOL_KINDS:
        kinds = ", ".join(kind for kind in SCHOOL_KINDS if school.find_line(_LINE.get(kind, "primary")) is not None)
        message = f"of school {school.id} {kinds} can be broken, not {second!r}; a region: '{REGION} NAME'"
        raise LabError(message)
    kind = FaultKind(second)
    _check_strength(kind, strength)
    usual = STRENGTHS[kind].usual if kind in STRENGTHS else 0.0
    fault = LabFault(where=school.id, kind=kind, strength=usual if strength is None else strength)
    school.line(fault.line)
    return fault


def _check_strength(kind: FaultKind, strength: float | None) -> None:
    if strength is None:
        return
    known = STRENGTHS.get(kind)
    if known is None:
        message = f"{kind} has no strength: leave out {strength:g}"
        raise LabError(message)
    if not known.least <= strength <= known.most:
        message = f"{kind} takes {known.least:g} to {known.most:g} {known.unit}, not {strength:g}"
        raise LabError(message)
