"""Reads uplinks twice, all devices side by side, and says what each carried in between, or why that is not known."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from controller.errors import TsunaguError
from controller.measure.uplinks.port_counters import (
    NoRate,
    NoRateReason,
    PortCounters,
    PortRate,
    compute_port_rate,
    sum_port_rates,
)
from controller.measure.uplinks.uplink_ports import Uplink, UplinkPort
from controller.model.sites.devices import Device

_AT_ONCE = 16
FULL_FROM = 0.9
"""Of what it can carry: beyond it a test of throughput finds no room any more."""
ReadCounters = Callable[[Device, Sequence[str]], Mapping[str, PortCounters]]
"""Reads some ports of a device, by name; raises TsunaguError where it cannot."""


@dataclass(frozen=True, slots=True)
class UplinkFigure:
    """What an uplink carried. Without a rate there is a reason: of two readings of `silent`, or `unread`, in words."""

    uplink: Uplink
    rate: PortRate | None = None
    reason: NoRateReason | None = None
    silent: UplinkPort | None = None
    unread: str = ""

    @property
    def capacity(self) -> float:
        """What it can carry, in bits a second: its contract, or its ports' speed where that is less."""
        contract = self.uplink.contract * 1e6
        return min(contract, self.rate.speed) if self.rate is not None and self.rate.speed else contract

    @property
    def used_share(self) -> float:
        """The share of it that was carried, in the direction that carried more."""
        return max(self.rate.bits_in, self.rate.bits_out) / self.capacity if self.rate is not None else 0.0

    @property
    def is_full(self) -> bool:
        """Tell if it has no room for more."""
        return self.used_share >= FULL_FROM


def read_uplinks(uplinks: Sequence[Uplink], read: ReadCounters, wait: Callable[[], None]) -> list[UplinkFigure]:
    """What each of these uplinks carried while `wait` waited, in their order."""
    names: dict[str, tuple[Device, list[str]]] = {}
    for port in (port for one in uplinks for port in one.ports):
        names.setdefault(port.device.id, (port.device, []))[1].append(port.name)

    def read_device(asked: tuple[Device, list[str]]) -> Mapping[str, PortCounters] | str:
        try:
            return read(*asked)
        except TsunaguError as error:
            return str(error)

    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        first = dict(zip(names, pool.map(read_device, names.values()), strict=True))
        alive = {device: asked for device, asked in names.items() if not isinstance(first[device], str)}
        if alive:
            wait()
        second = dict(zip(alive, pool.map(read_device, alive.values()), strict=True))
    return [_compare(one, first, second) for one in uplinks]


def _compare(
    uplink: Uplink,
    first: Mapping[str, Mapping[str, PortCounters] | str],
    second: Mapping[str, Mapping[str, PortCounters] | str],
) -> UplinkFigure:
    """The sum of an uplink's ports; a part of them is no figure of the whole."""
    rates = []
    for port in uplink.ports:
        before = first[port.device.id]
        after = before if isinstance(before, str) else second[port.device.id]
        if isinstance(before, str) or isinstance(after, str):
            return UplinkFigure(uplink, silent=port, unread=str(after))
        try:
            rates.append(compute_port_rate(before[port.name], after[port.name]))
        except NoRate as none:
            return UplinkFigure(uplink, reason=none.reason, silent=port)
    return UplinkFigure(uplink, sum_port_rates(rates))
