"""The causes that a diagnosis can name, the part of the network that each is in, and how a finding is put together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from controller.measure.measurement import MeasurementId


class NetworkPart(StrEnum):
    """The parts that the ministry's network assessment (ネットワークアセスメント) looks at, one after the other."""

    LAN = "lan"
    SWITCH = "switch"
    ROUTER = "router"
    LINE = "line"
    UPSTREAM = "upstream"
    NAMES = "names"
    CONTRACT = "contract"


class Cause(StrEnum):
    """What can be wrong. `line-route`: one family or one region alone is not reached over a line that is alive."""

    CONTRACT = "contract"
    LINE_DOWN = "line-down"
    LINE_ROUTE = "line-route"
    LINE_SLOW = "line-slow"
    DOWNLOAD_SLOW = "download-slow"
    UPLOAD_SLOW = "upload-slow"
    LINE_LOSS = "line-loss"
    LINE_DELAY = "line-delay"
    PATH_MTU = "path-mtu"
    ROUTER_FAULT = "router-fault"
    ROUTER_SLOW = "router-slow"
    ROUTER_LOSS = "router-loss"
    REGION_DOWN = "region-down"
    UPSTREAM_SLOW = "upstream-slow"
    UPSTREAM_LOSS = "upstream-loss"
    UPSTREAM_DELAY = "upstream-delay"
    TEST_SERVER = "test-server"
    PAGE = "page"
    DNS_DOWN = "dns-down"
    DNS_SLOW = "dns-slow"
    NAT_FULL = "nat-full"
    LAN_PORT_SLOW = "lan-port-slow"
    SWITCH_FAULT = "switch-fault"
    WIRELESS = "wireless"


_OF_PART: Mapping[NetworkPart, tuple[Cause, ...]] = MappingProxyType(
    {
        NetworkPart.LAN: (Cause.WIRELESS,),
        NetworkPart.SWITCH: (Cause.LAN_PORT_SLOW, Cause.SWITCH_FAULT),
        NetworkPart.ROUTER: (Cause.ROUTER_FAULT, Cause.ROUTER_SLOW, Cause.ROUTER_LOSS),
        NetworkPart.LINE: (
            Cause.LINE_DOWN,
            Cause.LINE_ROUTE,
            Cause.LINE_SLOW,
            Cause.DOWNLOAD_SLOW,
            Cause.UPLOAD_SLOW,
            Cause.LINE_LOSS,
            Cause.LINE_DELAY,
            Cause.PATH_MTU,
        ),
        NetworkPart.UPSTREAM: (
            Cause.REGION_DOWN,
            Cause.UPSTREAM_SLOW,
            Cause.UPSTREAM_LOSS,
            Cause.UPSTREAM_DELAY,
            Cause.TEST_SERVER,
            Cause.PAGE,
        ),
        NetworkPart.NAMES: (Cause.DNS_DOWN, Cause.DNS_SLOW, Cause.NAT_FULL),
        NetworkPart.CONTRACT: (Cause.CONTRACT,),
    }
)
PART_OF: Mapping[Cause, NetworkPart] = MappingProxyType(
    {cause: part for part, causes in _OF_PART.items() for cause in causes}
)
"""The part of the network that a cause is in."""


class Fact(StrEnum):
    """A thing that was seen; the figures of each stand in its message."""

    SILENT = "silent"
    ALIVE = "alive"
    DOWNLOAD = "download"
    UPLOAD = "upload"
    EXPECTED = "expected"
    LOSS = "loss"
    RETRANSMITTED = "retransmitted"
    LATENCY = "latency"
    PATH_MTU = "path-mtu"
    SERVICE = "service"
    PORT = "port"
    TRANSLATIONS = "translations"
    CONTRACT = "contract"
    DEVICE = "device"
    CAPACITY_UNKNOWN = "capacity-unknown"


@dataclass(frozen=True, slots=True)
class Proof:
    """A fact with its figures, and the measurements that show it."""

    fact: Fact
    figures: Mapping[str, str]
    measurements: tuple[MeasurementId, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault of a school: its one cause, or the causes that what is known does not tell apart.

    `about` is the line or the region that it is of, empty where it is of the school.
    """

    causes: tuple[Cause, ...]
    about: str
    proofs: tuple[Proof, ...]

    @property
    def named(self) -> Cause | None:
        """The cause, if it is told apart from every other."""
        return self.causes[0] if len(self.causes) == 1 else None


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What is wrong at a school, the worst first; no finding where nothing is."""

    school: str
    findings: tuple[Finding, ...]
    groups: Mapping[str, str] = field(default_factory=dict)

    @property
    def causes(self) -> tuple[Cause, ...]:
        """Every cause that is named alone."""
        return tuple(one.named for one in self.findings if one.named is not None)
