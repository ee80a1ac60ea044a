"""How long people are interrupted while a device is changed: by a stated rule, and as it was measured.

The rule is a bound, not a forecast: what somebody announces must not be shorter than what happens. Where the lab has
measured the same, that figure stands beside it; one is never taken for the other.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType

from pydantic import BaseModel, ConfigDict

from controller.errors import InputRefused
from controller.inputs.bounded_json import JsonRefused, parse_json
from controller.inputs.character_classes import Sentence
from controller.inputs.input_file import read_input_text
from controller.integration.change_order import count_waits
from controller.integration.way_back import MovingDevice
from controller.model.network.device_state import DeviceState, PortMode, PortState

MEASURED_FILE = Path(__file__).parent / "measured_interruptions.json"
"""What the lab has measured; there is none before it did."""


class InterruptionCause(StrEnum):
    """What of a step interrupts somebody."""

    SOCKETS = "sockets"
    WIRELESS = "wireless"
    GATEWAY = "gateway"
    ROUTES = "routes"
    WAITING = "waiting"


@dataclass(frozen=True, slots=True)
class InterruptionRule:
    """For how many seconds a cause interrupts those behind the device at most, and where that comes from."""

    seconds: int
    source: str


RULES: Mapping[InterruptionCause, InterruptionRule] = MappingProxyType(
    {
        InterruptionCause.SOCKETS: InterruptionRule(
            90, "IEEE 802.1X-2020 8.6: txPeriod 30 s, asked anew; RFC 2131 4.1: DHCP is asked after 4, 8, 16 and 32 s"
        ),
        InterruptionCause.WIRELESS: InterruptionRule(
            120, "the access point starts its networks anew; then as at a socket: IEEE 802.1X and DHCP"
        ),
        InterruptionCause.GATEWAY: InterruptionRule(
            60, "RFC 4861 and RFC 826: neighbours are asked anew; hosts drop an entry within 60 s (Linux, Windows)"
        ),
        InterruptionCause.ROUTES: InterruptionRule(
            180, "RFC 4271 10: hold time 90 s, and as long again until the session stands and has its routes"
        ),
        InterruptionCause.WAITING: InterruptionRule(
            180,
            "each change of another device until then: 60 s to restore it, and 120 s to log in, read and save",
        ),
    }
)
"""What is not named here interrupts nobody: of filters and VLANs every state on the way is proved to let pass what
both ends let pass."""


@dataclass(frozen=True, slots=True)
class Interruption:
    """What the change of one device interrupts: each cause once, since all of a device is changed in one go.

    `waits`: during how many changes of other devices somebody behind it waits, as the core is in the other stage.
    """

    device: str
    steps: tuple[str, ...]
    causes: tuple[InterruptionCause, ...]
    waits: int = 0

    @property
    def seconds(self) -> int:
        """Return for how long at most."""
        return sum(RULES[one].seconds * (self.waits if one is InterruptionCause.WAITING else 1) for one in self.causes)

    @property
    def minutes(self) -> int:
        """Return the same in whole minutes, rounded up."""
        return math.ceil(self.seconds / 60)


class MeasuredInterruptions(BaseModel):
    """What the lab has measured: when, with which command, and the longest of each cause in seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    measured_on: date
    command: Sentence
    seconds: Mapping[InterruptionCause, float]


def list_interruptions(moving: Iterable[MovingDevice]) -> tuple[Interruption, ...]:
    """Return what the change of each device interrupts, in the order of the rollout."""
    listed = tuple(moving)
    waits = count_waits(listed)
    return tuple(_describe_interruption(one, waits[one.device.id]) for one in listed)


def read_measured_interruptions(path: Path = MEASURED_FILE) -> MeasuredInterruptions | None:
    """Return what the lab has measured; None where it has not.

    Raises:
        InputRefused: the file does not say it.
    """
    if not path.exists():
        return None
    try:
        return MeasuredInterruptions.model_validate(parse_json(read_input_text(path)))
    except (ValueError, JsonRefused):
        raise InputRefused(path, "is no record of measured interruptions; measure anew in the lab") from None


def _describe_interruption(moving: MovingDevice, waits: int) -> Interruption:
    causes = dict.fromkeys([*_find_causes(moving), *([InterruptionCause.WAITING] if waits else [])])
    return Interruption(moving.device.id, moving.titles, tuple(causes), waits)


def _find_causes(moving: MovingDevice) -> Iterator[InterruptionCause]:
    before = moving.now
    for after in moving.states:
        yield from _find_step_causes(before, after)
        before = after


def _find_step_causes(before: DeviceState, after: DeviceState) -> Iterator[InterruptionCause]:
    # A trunk that gets or loses a VLAN keeps its link, and every state on the way lets the other VLANs pass.
    if _list_sockets(before) != _list_sockets(after) or before.lags != after.lags:
        yield InterruptionCause.SOCKETS
    if before.networks != after.networks:
        yield InterruptionCause.WIRELESS
    if before.interfaces != after.interfaces:
        yield InterruptionCause.GATEWAY
    if (before.routing, before.default_routes, before.tunnels) != (after.routing, after.default_routes, after.tunnels):
        yield InterruptionCause.ROUTES


def _list_sockets(state: DeviceState) -> tuple[PortState, ...]:
    return tuple(one for one in state.ports if one.mode is PortMode.ACCESS)
