"""Proves devices as their saved configurations say they are, and the way from there to what is wanted."""

from __future__ import annotations

from dataclasses import dataclass

from controller.compile.network.adoption_level import limit_intent, list_wanted_parts
from controller.compile.network.upstream import describe_delegated
from controller.compile.network.wanted_device_state import DeviceIntent, compile_device
from controller.errors import ConfigRefused, TsunaguError
from controller.model.city import City
from controller.model.network.device_state import DeviceState
from controller.model.sites.devices import Device
from controller.plan.observe import Observed
from controller.plan.proof.city_checks import ParsedDevice
from controller.plan.proof.rendered_device import (
    find_filter_differences,
    find_interface_differences,
    find_port_differences,
    find_route_differences,
    find_step_differences,
    find_vlan_differences,
)
from controller.plan.proof.unjudged import find_unjudged_on
from controller.platforms.base import Platform, refuse_conflicts
from controller.platforms.registry import load_platform_of
from controller.prove.compliance.wireless import find_wireless_differences
from controller.prove.reachability.quarantine import find_quarantine_leaks
from controller.prove.reachability.unmanaged_paths import UnjudgedPath


@dataclass(frozen=True, slots=True)
class ConfigurationProof:
    """The proof of a device's configuration. Without `refusal`, `parsed` is set; `delegated` is left to others.

    Without both, nothing of the device is managed at the adoption level of its school.
    `filters`, `route_policies` and `networks` count what was compared, `unjudged` what of others was not.
    `states` counts the states that a plan would lead through, `step_differences` says which are worse than both ends.
    """

    device: Device
    parsed: ParsedDevice | None = None
    filters: int = 0
    route_policies: int = 0
    networks: int = 0
    differences: tuple[str, ...] = ()
    states: int = 0
    step_differences: tuple[str, ...] = ()
    delegated: tuple[str, ...] = ()
    refusal: TsunaguError | None = None
    unjudged: tuple[UnjudgedPath, ...] = ()


def prove_configuration(city: City, seen: Observed) -> ConfigurationProof:
    """Compare a running configuration, and the way from it to what is wanted, with the policy."""
    if seen.refusal is not None or seen.observation is None:
        return ConfigurationProof(seen.device, refusal=seen.refusal)
    system = load_platform_of(seen.device)
    try:
        compiled = compile_device(city, seen.device, system.capabilities)
    except TsunaguError as error:
        return ConfigurationProof(seen.device, refusal=error)
    state = seen.observation.state
    if seen.device.school.adoption != "all" and not list_wanted_parts(compiled):
        return ConfigurationProof(seen.device)
    # What the adoption level of the school leaves out is wanted as it is, so it never differs.
    intent = limit_intent(compiled, state)
    conflicts = _conflicts(seen, intent)
    differences = (
        *(f"{seen.source}:{remark.number}: {remark.text}" for remark in seen.observation.remarks),
        *conflicts,
        *find_vlan_differences(intent, state),
        *find_port_differences(intent, state),
        *find_interface_differences(intent, state),
        *find_filter_differences(intent, state),
        *find_route_differences(intent, state),
        *find_quarantine_leaks(city, seen.device, state),
        *find_wireless_differences(seen.device.id, intent.networks, state),
    )
    # Where an object of others stands in the way there is no plan, and so no state between.
    try:
        states, worse = (0, ()) if conflicts else _list_step_differences(city, intent, state, system)
    except ValueError as error:
        message = f"{seen.device.id}: {system.name} cannot express what is wanted: {error}"
        return ConfigurationProof(seen.device, refusal=TsunaguError(message))
    return ConfigurationProof(
        seen.device,
        ParsedDevice(seen.device, state, intent.delegated),
        filters=len(intent.intents),
        route_policies=len(intent.wanted.routing.bindings),
        networks=len(intent.networks),
        differences=differences,
        states=states,
        step_differences=worse,
        delegated=tuple(describe_delegated(intent.delegated)),
        unjudged=find_unjudged_on(city, seen.device, seen.observation),
    )


def _conflicts(seen: Observed, intent: DeviceIntent) -> tuple[str, ...]:
    """The objects of others that stand where ours must."""
    assert seen.observation is not None  # noqa: S101 the caller looked
    try:
        refuse_conflicts(seen.observation, intent.wanted, seen.source)
    except ConfigRefused as refused:
        return tuple(map(str, refused.problems))
    return ()


def _list_step_differences(
    city: City, intent: DeviceIntent, now: DeviceState, system: Platform
) -> tuple[int, tuple[str, ...]]:
    """The states that a plan would lead through, and what is wrong with them."""
    steps = system.plan_steps(now, intent.wanted)
    return max(0, len(steps) - 1), tuple(find_step_differences(city, intent, now, steps, system))
