"""The LAGs of a switch: each is one port, by the name that its platform gives it."""

from __future__ import annotations

from collections.abc import Iterator

from controller.errors import BeyondCapability
from controller.model.network.device_state import Capabilities
from controller.model.network.lags import LARGEST_LAG, Lag
from controller.model.sites.devices import Device, DeviceLag


def compile_lags(device: Device, can: Capabilities) -> Iterator[Lag]:
    """Yield the LAGs that the policy wants of a device; a device that is no switch has none of ours.

    >>> list(compile_lags(core, can))  # its blueprint has none
    []

    Raises:
        BeyondCapability: the platform has no such LAG.
    """
    for port in device.ports if can.switches else ():
        if port.lag is not None:
            yield Lag(name_lag(device, port.lag, can), port.lag.mode, port.lag.members)


def name_lag(device: Device, lag: DeviceLag, can: Capabilities) -> str:
    """Return the name of the port that a LAG is.

    >>> from controller.model.network.lags import LagMode, LagSupport
    >>> able = replace(can, lags=LagSupport("po{n}", "sa{n}", 32, 96))
    >>> name_lag(core, DeviceLag(1, LagMode.LACP, ("port1.0.23", "port1.0.24")), able)
    'po1'

    Raises:
        BeyondCapability: the platform has no LAGs, none of that number, or none of so many ports.
    """
    what = f"{device.id}: LAG {lag.number} of {', '.join(lag.members)} ({device.origin})"
    if can.lags is None:
        message = f"{what}: {device.platform} has no LAGs (capability 'lags')"
        raise BeyondCapability(message)
    highest = can.lags.find_highest(lag.mode)
    if lag.number > highest:
        message = f"{what}: {device.platform} numbers {lag.mode} LAGs from 1 to {highest} (capability 'lags')"
        raise BeyondCapability(message)
    if len(lag.members) > LARGEST_LAG:
        message = f"{what}: a LAG has at most {LARGEST_LAG} ports (capability 'lags')"
        raise BeyondCapability(message)
    return can.lags.name(lag.mode, lag.number)
