"""Devices judged against the policy, as saved configurations say they are."""

from __future__ import annotations

from dataclasses import dataclass

from controller.compile.campus import CampusIntent, campus_intent
from controller.compile.upstream import describe_moved
from controller.errors import TsunaguError
from controller.model.city import City, Device
from controller.plan.city_checks import Held
from controller.plan.observe import Observed
from controller.plan.proof import (
    differences_of_interfaces,
    differences_of_ports,
    differences_of_routes,
    differences_to_policy,
)
from controller.platforms.registry import platform
from controller.prove.wireless import network_differences


@dataclass(frozen=True, slots=True)
class Judged:
    """A device and what was found. Without `refusal`, `held` is set; `moved` says what is left to other devices.

    `filters`, `route_policies` and `networks` count what was judged.
    """

    device: Device
    held: Held | None = None
    filters: int = 0
    route_policies: int = 0
    networks: int = 0
    differences: tuple[str, ...] = ()
    moved: tuple[str, ...] = ()
    refusal: TsunaguError | None = None


def judge_observed(city: City, seen: Observed) -> Judged:
    """What a saved running configuration holds."""
    if seen.refusal is not None or seen.observation is None:
        return Judged(seen.device, refusal=seen.refusal)
    try:
        intent = campus_intent(city, seen.device, platform(seen.device.platform).capabilities)
    except TsunaguError as error:
        return Judged(seen.device, refusal=error)
    state = seen.observation.state
    differences = (
        *(f"{seen.source}:{remark.number}: {remark.text}" for remark in seen.observation.remarks),
        *differences_of_ports(intent, state),
        *differences_of_interfaces(intent, state),
        *differences_to_policy(intent, state),
        *differences_of_routes(intent, state),
        *network_differences(seen.device.id, intent.networks, state),
    )
    return _judged(intent, Held(seen.device, state, intent.moved), differences)


def _judged(intent: CampusIntent, held: Held, differences: tuple[str, ...]) -> Judged:
    return Judged(
        intent.device,
        held,
        len(intent.intents),
        len(intent.wanted.routing.bindings),
        len(intent.networks),
        differences,
        tuple(describe_moved(intent.moved)),
    )
