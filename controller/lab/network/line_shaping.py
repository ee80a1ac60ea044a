"""The schools' lines: carriers, shaping, and what can be done to a line or a region to break it.

A line is a veth pair between the school's router and a bridge of the carrier; both ends are shaped, so each direction
is. Schools do not see one another at the carrier: their ports are isolated.
"""

from __future__ import annotations

from collections.abc import Iterator

from controller.lab.state.layout import CarrierLayout, Layout, LineLayout, RegionLayout, SchoolLayout

BRIDGE = "lines"
CORE_PORT = "core"
"""A region's interface towards the core; those on the lines are called like the kind of line."""

_BURST_SECONDS = 0.02
_LEAST_BURST = 3100
_QUEUE = "50ms"
"""What a shaper holds back at most; longer queues would only add latency."""
_BITS = 8


def list_line_wires(layout: Layout) -> Iterator[tuple[str, str, str, str]]:
    """Each wire as (interface, namespace, interface, namespace)."""
    for carrier in layout.carriers:
        for school in layout.schools:
            line = school.find_line(carrier.line)
            if line is not None:
                yield line.port, carrier.namespace, line.interface, school.router
        for region in layout.regions:
            yield region.id, carrier.namespace, carrier.line, region.namespace


def list_carrier_commands(layout: Layout, carrier: CarrierLayout) -> list[str]:
    """The words for `ip -batch` inside a carrier."""
    lines = [
        f"link add name {BRIDGE} type bridge stp_state 0 forward_delay 0 mcast_snooping 0",
        f"link set dev {BRIDGE} up",
    ]
    for region in layout.regions:
        lines += [f"link set dev {region.id} master {BRIDGE}", f"link set dev {region.id} up"]
    for school in layout.schools:
        line = school.find_line(carrier.line)
        if line is not None:
            lines += [*list_port_commands(line.port), f"link set dev {line.port} up"]
    return lines


def list_port_commands(port: str) -> list[str]:
    """A school's port as the carrier has it: on the bridge, with no way to other schools."""
    return [f"link set dev {port} master {BRIDGE}", f"link set dev {port} type bridge_slave isolated on"]


def list_shaping_commands(layout: Layout) -> Iterator[tuple[str, str]]:
    """The shaper of every end of every line: its namespace, and words for `tc`."""
    for school in layout.schools:
        for line in school.lines:
            yield school.router, _shaper(line.interface, line)
            yield layout.carrier(line.name).namespace, _shaper(line.port, line)


def _shaper(interface: str, line: LineLayout) -> str:
    return f"qdisc add dev {interface} root {format_shaper(line.mbps)}"


def format_shaper(mbps: float) -> str:
    """The shaper of a rate in Mbit/s, in the words of `tc`.

    >>> format_shaper(200)
    'tbf rate 200mbit burst 500000 latency 50ms'
    >>> format_shaper(1.5)  # never less than two full frames
    'tbf rate 1.5mbit burst 3750 latency 50ms'
    """
    burst = max(_LEAST_BURST, int(mbps * 1_000_000 / _BITS * _BURST_SECONDS))
    return f"tbf rate {mbps:g}mbit burst {burst} latency {_QUEUE}"


def list_region_ports(region: RegionLayout) -> tuple[str, ...]:
    """Every interface of a region's router but its loopback."""
    return (*region.addresses, CORE_PORT)


def list_uplinks(school: SchoolLayout) -> tuple[str, ...]:
    """The interfaces of a school's router that lead out."""
    return tuple(line.interface for line in school.lines)
