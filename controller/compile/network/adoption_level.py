"""Leaves out of a compiled device what the adoption level of its school does not manage."""

from __future__ import annotations

from dataclasses import replace

from controller.compile.network.wanted_device_state import DeviceIntent
from controller.model.network.device_state import DeviceState, PortMode, PortState
from controller.model.sites.adoption import AdoptionLevel, ManagedPart, list_managed_parts


def keep_unmanaged_parts(level: AdoptionLevel, now: DeviceState, wanted: DeviceState) -> DeviceState:
    """Return the wanted state, with all that the level does not manage as it is now.

    A trunk that names its encapsulation on the device goes on doing so, whether the policy says it or not: the model
    needs it, or it would not be printed.

    >>> from controller.model.network.device_state import Vlan
    >>> keep_unmanaged_parts("filters", DeviceState(), DeviceState(vlans=(Vlan(20, "TSN-pupil"),))).vlans
    ()
    """
    managed = list_managed_parts(level)
    return DeviceState(
        vlans=(wanted if "VLANs" in managed else now).vlans,
        ports=_keep_encapsulation(now, wanted) if "ports" in managed else now.ports,
        filters=(wanted if "filters" in managed else now).filters,
        bindings=(wanted if "filters" in managed else now).bindings,
        routing=(wanted if "routes" in managed else now).routing,
        interfaces=(wanted if "interfaces" in managed else now).interfaces,
        networks=(wanted if "wireless networks" in managed else now).networks,
        lags=(wanted if "ports" in managed else now).lags,
        tunnels=(wanted if "routes" in managed else now).tunnels,
        default_routes=(wanted if "routes" in managed else now).default_routes,
    )


def _keep_encapsulation(now: DeviceState, wanted: DeviceState) -> tuple[PortState, ...]:
    """Return the wanted ports; if a trunk of ours names 802.1Q on the device, the switch needs it on each."""
    needed = any(port.names_dot1q for port in now.ports)
    return tuple(
        replace(port, names_dot1q=True) if needed and port.mode is PortMode.TRUNK else port for port in wanted.ports
    )


def limit_intent(intent: DeviceIntent, now: DeviceState) -> DeviceIntent:
    """Return what is wanted of a device at the level of its school, from the state that it is in now.

    >>> from controller.compile.network.wanted_device_state import compile_device
    >>> whole = compile_device(city, core, can)
    >>> limit_intent(whole, DeviceState()) == whole
    True
    """
    level = intent.device.school.adoption
    managed = list_managed_parts(level)
    return replace(
        intent,
        wanted=keep_unmanaged_parts(level, now, intent.wanted),
        intents=intent.intents if "filters" in managed else (),
        delegated=intent.delegated if "filters" in managed else (),
        routing=intent.routing if "routes" in managed else None,
        tunnels=intent.tunnels if "routes" in managed else (),
        static_routes=intent.static_routes if "routes" in managed else (),
        networks=intent.networks if "wireless networks" in managed else (),
    )


def list_wanted_parts(intent: DeviceIntent) -> tuple[ManagedPart, ...]:
    """Return which parts of a device the policy wants something of and the level of its school manages.

    >>> from controller.compile.network.wanted_device_state import compile_device
    >>> list_wanted_parts(compile_device(city, core, can))
    ('filters', 'VLANs', 'ports')
    """
    wanted = intent.wanted
    there: dict[ManagedPart, bool] = {
        "filters": bool(wanted.bindings),
        "VLANs": bool(wanted.vlans),
        "ports": bool(wanted.ports),
        "interfaces": bool(wanted.interfaces),
        "routes": bool(wanted.routing or wanted.tunnels or wanted.default_routes),
        "wireless networks": bool(wanted.networks),
    }
    return tuple(part for part in list_managed_parts(intent.device.school.adoption) if there[part])
