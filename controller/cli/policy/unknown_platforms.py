"""Finds what no platform can do for the devices of a policy: unknown platforms and ports, two gateways of a segment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from controller.compile.network.gateways import find_second_gateways
from controller.compile.network.lags import compile_lags, name_lag
from controller.compile.network.wanted_device_state import compile_device, has_own_ports
from controller.errors import BeyondCapability, Origin
from controller.inputs.near_matches import suggest_names
from controller.model.city import City
from controller.model.network.device_state import PortMode, PortState, Vlan, build_device_state
from controller.model.policy_files import BLUEPRINTS, find_file_start
from controller.model.sites.devices import Device, DevicePort
from controller.platforms.registry import is_supported, list_platforms, load_platform_of
from controller.prove.lint.finding import Finding, make_error, make_warning

_TRIED_VLAN = 2


def find_unknown_platforms(city: City) -> Iterator[Finding]:
    """Yield one error for each platform that is not installed, with the number of the places that name it."""
    places: Counter[str] = Counter()
    first: dict[str, Origin] = {}
    named = [
        (name, group.origin)
        for blueprint in city.blueprints.blueprints
        for group in blueprint.devices
        for name in dict.fromkeys(group.platform.values())
    ]
    named += [(one.platform, one.origin) for one in city.equipment.inventory if one.platform is not None]
    for name, origin in named:
        if not is_supported(name):
            places[name] += 1
            first.setdefault(name, origin)
    for name, count in places.items():
        installed = list_platforms()
        near = suggest_names(name, installed)
        message = f"no platform {name!r} ({count} places); there are: {', '.join(installed)}{near}"
        yield make_error("unknown platform", first[name], message)


def find_impossible_devices(city: City) -> Iterator[Finding]:
    """Yield one error for each port map that its platform cannot have, and for cores that would share a gateway."""
    tried: set[tuple[str, tuple[DevicePort, ...]]] = set()
    start = find_file_start(city.directory, BLUEPRINTS)
    for school in city.schools:
        for device in city.list_devices(school):
            if is_supported(device.platform) and (device.platform, device.ports) not in tried:
                tried.add((device.platform, device.ports))
                why = _try_ports(device)
                if why:
                    kind = f"{device.platform} has no such ports"
                    yield make_error("port map", device.origin or start, f"{device.id}: {kind}: {why}")
    for problem in find_second_gateways(city, _routes):
        yield make_error("two gateways", problem.origin, problem.message)


def find_inexpressible_devices(city: City) -> Iterator[Finding]:
    """Yield one warning for each kind of device that its platform cannot be what the policy wants of it.

    `plan`, `prove` and `render` refuse such a device. One device of a kind is tried; the others are counted.
    """
    start = find_file_start(city.directory, BLUEPRINTS)
    alike: dict[object, list[Device]] = {}
    for school in city.schools:
        lines = tuple(line.model_dump_json(include={"tunnel", "routing"}) for line in school.lines.by_name.values())
        answered = city.equipment.find_provider_router(school)
        for device in city.list_devices(school):
            if is_supported(device.platform):
                kind = (device.platform, device.role, device.ports, device.keeps_state, answered, lines)
                alike.setdefault(kind, []).append(device)
    said: dict[str, tuple[Device, str, int]] = {}
    for first, *others in alike.values():
        why = _try_device(city, first)
        if why:
            cause = why.replace(first.id, "").replace(first.school.id, "")
            device, told, count = said.get(cause, (first, why, -1))
            said[cause] = (device, told, count + 1 + len(others))
    for device, why, count in said.values():
        if count:
            message = f"'plan', 'prove' and 'render' refuse {device.id} and {count} like it: {why}"
        else:
            message = f"'plan', 'prove' and 'render' refuse {device.id}: {why}"
        yield make_warning("beyond the platform", device.origin or start, message)


def _try_device(city: City, device: Device) -> str:
    """Return why a device cannot be what the policy wants of it; empty where it can."""
    system = load_platform_of(device)
    try:
        system.render(compile_device(city, device, system.capabilities).wanted)
    except BeyondCapability as error:
        return str(error)
    except ValueError as error:
        return f"{device.id}: {device.platform} cannot express what is wanted: {error}"
    return ""


def _routes(device: Device) -> bool:
    return is_supported(device.platform) and load_platform_of(device).capabilities.interfaces


def _try_ports(device: Device) -> str:
    """Return why a platform cannot have ports with these names; empty where it can."""
    system = load_platform_of(device)
    if not has_own_ports(device, system.capabilities):
        return ""
    vlans = [Vlan(_TRIED_VLAN, "TSN-tried")] if system.capabilities.vlan_database else []
    can = system.capabilities
    try:
        names = [port.name if port.lag is None else name_lag(device, port.lag, can) for port in device.ports]
        ports = [PortState(name, PortMode.ACCESS, (_TRIED_VLAN,)) for name in names]
        system.render(build_device_state(vlans=vlans, ports=ports, lags=compile_lags(device, can)))
    except (BeyondCapability, ValueError) as error:
        return str(error)
    return ""
