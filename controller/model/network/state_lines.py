"""A device state as lines of text, one for each thing that the device holds: how a plan keeps what was seen."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json

from controller.model.network.device_state import (
    DeviceState,
    Filter,
    FilterBinding,
    PortState,
    Vlan,
    VlanInterface,
    build_device_state,
    build_vlan_interface,
)
from controller.model.network.lags import Lag
from controller.model.network.line_routes import DefaultRoute, TunnelInterface
from controller.model.network.route_policies import NO_ROUTING, Routing
from controller.model.network.wireless import WirelessNetwork

_PARTS: dict[str, Any] = {
    "vlans": Vlan,
    "ports": PortState,
    "filters": Filter,
    "bindings": FilterBinding,
    "routing": Routing,
    "interfaces": VlanInterface,
    "networks": WirelessNetwork,
    "tunnels": TunnelInterface,
    "default_routes": DefaultRoute,
    "lags": Lag,
}
_ROUTING = "routing"
_NO_ORIGIN: dict[str, Any] = {
    "filters": {"entries": {"__all__": {"origin"}}},
    "routing": {
        "lists": {"__all__": {"entries": {"__all__": {"origin"}}}},
        "policies": {"__all__": {"clauses": {"__all__": {"origin"}}}},
        "bindings": {"__all__": {"origin"}},
    },
}
"""Where something was read does not belong to the state."""


@cache
def _adapter(part: str) -> TypeAdapter[Any]:
    return TypeAdapter(_PARTS[part])


def format_state(state: DeviceState) -> tuple[str, ...]:
    """Return a state as lines: the part, and the thing as JSON.

    >>> format_state(build_device_state(vlans=[Vlan(10, "staff")]))
    ('vlans {"name":"staff","number":10}',)
    """
    lines = []
    for part in _PARTS:
        held = getattr(state, part)
        things = ([held] if held != NO_ROUTING else []) if part == _ROUTING else held
        for thing in things:
            excluded = _NO_ORIGIN.get(part)
            values = _adapter(part).dump_python(thing, mode="json", exclude_defaults=True, exclude=excluded)
            lines.append(f"{part} {json.dumps(values, sort_keys=True, separators=(',', ':'))}")
    return tuple(lines)


def parse_state(lines: Iterable[str]) -> DeviceState:
    """Return the state that lines say; what is said in another form than `format_state` gives is refused.

    >>> parse_state(['vlans {"name":"staff","number":10}']).vlans
    (Vlan(number=10, name='staff'),)

    Raises:
        ValueError: names the line that is none, or is in another place or form than it must be.
    """
    given = tuple(lines)
    held: dict[str, list[Any]] = {part: [] for part in _PARTS}
    for number, line in enumerate(given, 1):
        part, _, value = line.partition(" ")
        if part not in _PARTS:
            message = f"line {number} of the state is of no kind that a device holds"
            raise ValueError(message)
        try:
            thing = _adapter(part).validate_python(from_json(value, allow_inf_nan=False), strict=False)
            if isinstance(thing, VlanInterface):  # whose addresses are words until somebody reads them
                thing = build_vlan_interface(thing.vlan, thing.addresses, thing.relays)
            held[part].append(thing)
        except (ValidationError, ValueError):
            message = f"line {number} of the state does not describe one of its {part}"
            raise ValueError(message) from None
    routing = held.pop(_ROUTING)
    state = build_device_state(**held, routing=routing[0] if routing else NO_ROUTING)
    for number, (line, expected) in enumerate(zip(given, format_state(state), strict=False), 1):
        if line != expected:
            message = f"line {number} of the state is not where or as it must be"
            raise ValueError(message)
    if len(given) != len(format_state(state)):
        message = "the state says something twice"
        raise ValueError(message)
    return state
