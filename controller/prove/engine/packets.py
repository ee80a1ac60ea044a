"""Sets of packets as cubes: for each header field, the intervals that it may lie in."""

from __future__ import annotations

from controller.model.network.packets import Interval

Intervals = tuple[Interval, ...]
PacketCube = tuple[Intervals, Intervals, Intervals, Intervals, Intervals, Intervals]
"""Protocols, sources, destinations, source ports, destination ports, whether established."""
FilterEntries = tuple[tuple[PacketCube, bool], ...]
"""A filter: the first cube that holds a packet decides whether it is permitted; none denies."""
