"""Where hosts are connected to a device: its sockets, the trunks to what is not managed, and its wireless networks."""

from __future__ import annotations

import re
from dataclasses import dataclass

from controller.model.network.device_state import PortMode, PortRole
from controller.model.sites.devices import Device

_LAST_NUMBER = re.compile(r"(?<![0-9])[0-9]+$")


@dataclass(frozen=True, slots=True)
class SeatName:
    """The name of a host-facing port or LAG, or the SSID of a wireless network."""

    name: str
    is_network: bool = False

    @property
    def number(self) -> int | None:
        """The number that is written beside a port on its switch; None where its name ends in none.

        >>> SeatName("GigabitEthernet1/0/11").number, SeatName("school-staff", is_network=True).number
        (11, None)
        """
        found = None if self.is_network else _LAST_NUMBER.search(self.name)
        return int(found[0]) if found else None


@dataclass(frozen=True, slots=True)
class SeatSegments:
    """The segments behind a seat; `tagged`: it is a trunk, where each host is in the segment of its tag."""

    segments: tuple[str, ...]
    tagged: bool = False


NO_SEAT = SeatSegments(())


def list_host_seats(device: Device) -> dict[SeatName, SeatSegments]:
    """List where hosts are connected to a device, each with the segments there.

    >>> [(seat.name, one.segments) for seat, one in list_host_seats(point).items()][:2]
    [('school-staff', ('staff',)), ('school-pupil', ('pupil',))]
    """
    ports = {
        SeatName(one.name): SeatSegments(one.segments, tagged=one.mode is PortMode.TRUNK)
        for one in device.ports
        if one.role is PortRole.HOST_FACING
    }
    return ports | {SeatName(one.ssid, is_network=True): SeatSegments((one.segment,)) for one in device.networks}


def list_segment_turns(before: SeatSegments, after: SeatSegments) -> list[tuple[str, str]]:
    """List into which segments those come who stay at a seat, as pairs; "" where there was or is none.

    At a seat that is a trunk before and after, each host stays in the segment of its tag. A port that becomes a socket,
    or a trunk, puts whoever is there into what it carries then.

    >>> list_segment_turns(SeatSegments(("pupil", "staff"), tagged=True), SeatSegments(("staff",)))
    [('pupil', 'staff')]
    >>> list_segment_turns(SeatSegments(("pupil",), tagged=True), SeatSegments(("pupil", "staff"), tagged=True))
    []
    """
    if before.tagged and after.tagged:
        return []
    return [(old, new) for old in before.segments or ("",) for new in after.segments or ("",) if old != new]
