"""Devices judged against the policy, as saved configurations say they are, and the way from there to the policy."""

from __future__ import annotations

from dataclasses import dataclass

from controller.compile.network.device_state import DeviceIntent, compile_device
from controller.compile.network.upstream import describe_delegated
from controller.errors import ConfigRefused, TsunaguError
from controller.model.city import City
from controller.model.network.device_state import DeviceState
from controller.model.sites.devices import Device
from controller.plan.observe import Observed
from controller.plan.proof.city_checks import Held
from controller.plan.proof.proof import (
    differences_of_interfaces,
    differences_of_ports,
    differences_of_routes,
    differences_of_vlans,
    differences_on_the_way,
    differences_to_policy,
)
from controller.platforms.base import Platform, refuse_conflicts
from controller.platforms.registry import load_platform
from controller.prove.compliance.wireless import find_wireless_differences


@dataclass(frozen=True, slots=True)
class Judged:
    """A device and what was found. Without `refusal`, `held` is set; `moved` says what is left to other devices.

    `filters`, `route_policies` and `networks` count what was judged.
    `states` counts the states that a plan would lead through, `on_the_way` says which of them are worse than both ends.
    """

    device: Device
    held: Held | None = None
    filters: int = 0
    route_policies: int = 0
    networks: int = 0
    differences: tuple[str, ...] = ()
    states: int = 0
    on_the_way: tuple[str, ...] = ()
    delegated: tuple[str, ...] = ()
    refusal: TsunaguError | None = None


def judge_observed(city: City, seen: Observed) -> Judged:
    """What a saved running configuration holds."""
    if seen.refusal is not None or seen.observation is None:
        return Judged(seen.device, refusal=seen.refusal)
    system = load_platform(seen.device.platform)
    try:
        intent = compile_device(city, seen.device, system.capabilities)
    except TsunaguError as error:
        return Judged(seen.device, refusal=error)
    state = seen.observation.state
    conflicts = _conflicts(seen, intent)
    differences = (
        *(f"{seen.source}:{remark.number}: {remark.text}" for remark in seen.observation.remarks),
        *conflicts,
        *differences_of_vlans(intent, state),
        *differences_of_ports(intent, state),
        *differences_of_interfaces(intent, state),
        *differences_to_policy(intent, state),
        *differences_of_routes(intent, state),
        *find_wireless_differences(seen.device.id, intent.networks, state),
    )
    # Where an object of others stands in the way there is no plan, and so no state between.
    try:
        states, on_the_way = (0, ()) if conflicts else _way(city, intent, state, system)
    except ValueError as error:
        message = f"{seen.device.id}: {system.name} cannot express what is wanted: {error}"
        return Judged(seen.device, refusal=TsunaguError(message))
    return Judged(
        seen.device,
        Held(seen.device, state, intent.delegated),
        filters=len(intent.intents),
        route_policies=len(intent.wanted.routing.bindings),
        networks=len(intent.networks),
        differences=differences,
        states=states,
        on_the_way=on_the_way,
        delegated=tuple(describe_delegated(intent.delegated)),
    )


def _conflicts(seen: Observed, intent: DeviceIntent) -> tuple[str, ...]:
    """The objects of others that stand where ours must."""
    assert seen.observation is not None  # noqa: S101 the caller looked
    try:
        refuse_conflicts(seen.observation, intent.wanted, seen.source)
    except ConfigRefused as refused:
        return tuple(map(str, refused.problems))
    return ()


def _way(city: City, intent: DeviceIntent, now: DeviceState, system: Platform) -> tuple[int, tuple[str, ...]]:
    """The states that a plan would lead through, and what is wrong with them."""
    steps = system.plan_steps(now, intent.wanted)
    return max(0, len(steps) - 1), tuple(differences_on_the_way(city, intent, now, steps, system))
