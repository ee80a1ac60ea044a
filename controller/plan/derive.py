"""Derives what is to be done on a device from the policy and from the state that the device is in, and proves it.

`plan` shows it, and `apply` derives it again: nothing that a saved plan says is believed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Protocol

from controller.compile.network.adoption_level import limit_intent, list_wanted_parts
from controller.compile.network.upstream import describe_delegated
from controller.compile.network.wanted_device_state import DeviceIntent, compile_device
from controller.errors import BeyondCapability, PlanRefused, ProofFailed
from controller.model.city import City
from controller.model.network.device_state import Attachment, DeviceState
from controller.model.sites.devices import Device
from controller.plan.document import HandOverPlan
from controller.plan.proof.city_checks import ParsedDevice, check_paths
from controller.plan.proof.rendered_device import prove_plan_steps, prove_rendered_device
from controller.plan.review import describe_changes, describe_preference
from controller.platforms.base import Observation, Platform, Step, refuse_conflicts
from controller.platforms.conflict_choices import ConflictKind, advise
from controller.platforms.registry import load_platform_of
from controller.prove.compliance.external_connections import find_opened_connections
from controller.prove.lint.finding import Severity
from controller.prove.lint.infrastructure_protocols import find_leaving_protocols
from controller.telemetry.traces.phases import trace_phase


@dataclass(frozen=True, slots=True)
class DerivedChange:
    """What leads a device to the state that is wanted. `intent` is what was compiled; None in tests without a policy.

    `changes` are the difference in words, `filters_proved` counts the filters of the wanted state. `hand_over` are the
    objects of others that change hands.
    """

    wanted: DeviceState
    steps: tuple[Step, ...]
    changes: tuple[str, ...] = ()
    filters_proved: int = 0
    intent: DeviceIntent | None = None
    hand_over: HandOverPlan | None = None

    @property
    def delegated(self) -> tuple[str, ...]:
        """Return what of the policy the device leaves to another one, in words."""
        return tuple(describe_delegated(self.intent.delegated)) if self.intent else ()


class DeriveHandOver(Protocol):
    """Derives and proves a change by which objects of others change hands; `controller.adoption` has it."""

    def __call__(
        self, city: City, device: Device, planned: HandOverPlan, now: DeviceState, source: str
    ) -> DerivedChange:
        """Return what the objects that a plan names lead to, derived from its text, which must hold the state now.

        Raises:
            PlanRefused: an object is not one that can change hands, or the text does not hold the state.
        """


class DeriveChange(Protocol):
    """Derives and proves a change; `derive_change` in all that is no test."""

    def __call__(
        self, city: City, device: Device, now: DeviceState, seen: Observation | None = None, source: str = ""
    ) -> DerivedChange:
        """Return what leads a device from a state to the one that is wanted."""


def derive_change(
    city: City, device: Device, now: DeviceState, seen: Observation | None = None, source: str = ""
) -> DerivedChange:
    """Return what leads a device from a state to what the policy wants, all of it proved.

    With `seen`, all that the device holds, objects of others in the way are refused, too; `source` is where it was
    read.

    What the adoption level of its school does not manage stays as it is.

    Raises:
        ProofFailed: the rendered filters are not what the policy says, or a state on the way is worse than both ends.
        ConfigRefused: an object of others stands where one of ours must.
        PlanRefused: nothing of the device is managed.
        TsunaguError: the platform cannot express the wanted state.
    """
    system = load_platform_of(device)
    with trace_phase("compile", detail=True):
        compiled = compile_device(city, device, system.capabilities)
    if device.school.adoption != "all" and not list_wanted_parts(compiled):
        message = f"{device.id}: {describe_unplanned_device(device)}"
        raise PlanRefused(message)
    intent = limit_intent(compiled, now)
    if seen is not None and not seen.has_vlans:
        intent = replace(intent, wanted=replace(intent.wanted, vlans=now.vlans))
    refuse_filters_without_ports(intent, now, system)
    if seen is not None:
        refuse_conflicts(seen, intent.wanted, source or device.id)
    proved = prove_rendered_device(city, intent, system)
    steps = system.plan_steps(now, intent.wanted)
    with trace_phase("prove steps", detail=True, steps=len(steps)):
        prove_plan_steps(city, intent, now, steps, system)
    return DerivedChange(intent.wanted, steps, describe_derived_changes(city, now, intent, steps), proved, intent)


def describe_unplanned_device(device: Device) -> str:
    """Return why nothing is planned on a device that was read."""
    return f"nothing is planned, because {device.school.name} is at 'adoption: {device.school.adoption}'"


def find_reason_unplanned(city: City, device: Device) -> str:
    """Return why nothing is planned on a device; "" where the level of its school manages something of it.

    Raises:
        TsunaguError: the platform cannot express what is wanted of it.
    """
    if device.school.adoption == "all":
        return ""
    intent = compile_device(city, device, load_platform_of(device).capabilities)
    return "" if list_wanted_parts(intent) else describe_unplanned_device(device)


def refuse_filters_without_ports(intent: DeviceIntent, now: DeviceState, system: Platform) -> None:
    """Refuse filters alone where they stand at ports and some VLAN has no port of ours yet.

    Raises:
        BeyondCapability: says which VLANs, and what to do.
    """
    device = intent.device
    if device.school.adoption != "filters" or system.capabilities.attachment is not Attachment.PORT:
        return
    held = {vlan for port in now.ports for vlan in port.vlans}
    lacking = sorted({one.vlan for one in intent.wanted.bindings} - held)
    if lacking:
        vlans = f"VLAN {', '.join(map(str, lacking))}"
        message = (
            f"{device.id}: {device.school.name} is at 'adoption: filters', and {system.name} keeps its filters at "
            f"ports: no port of ours is in {vlans}{advise(ConflictKind.NO_PORTS, place=vlans, school=device.school.id)}"
        )
        raise BeyondCapability(message)


def describe_derived_changes(
    city: City, now: DeviceState, intent: DeviceIntent, steps: Iterable[Step]
) -> tuple[str, ...]:
    """Return what changes on a device, in words that an operator can review."""
    names = {segment.vlan: segment.id for segment in city.list_segments(intent.device.school).values()}
    paths = {str(one.address): one.path for one in intent.routing.neighbours} if intent.routing else {}
    changes = describe_changes(names, now, intent.wanted, paths)
    if intent.routing:
        changes = [*describe_preference(intent.routing, now.routing, intent.wanted.routing), *changes]
    if not changes and now != intent.wanted:
        titles = ", ".join(step.title for step in steps)
        changes = [f"~ {titles or 'same meaning, other form'}"]
    return tuple(changes)


def prove_wanted_paths(city: City, intents: Iterable[DeviceIntent]) -> None:
    """Prove who reaches whom through the wanted devices: the policy's paths, no other school, no way to the management.

    Paths are held against the rules *and* the necessities, so those may open nothing that only a rule should.

    Raises:
        ProofFailed: with a packet for each path that differs.
    """
    refuse_undeclared_ways(city)
    held = [ParsedDevice(one.device, one.wanted, one.delegated) for one in intents]
    differences = [found for check in check_paths(city, held) for found in check.differences]
    if differences:
        raise ProofFailed("The proof of paths failed; nothing was saved or applied:\n  " + "\n  ".join(differences))


def refuse_undeclared_ways(city: City) -> None:
    """Refuse a policy whose filters open a way that no rule has: a necessity that leaves the link.

    Raises:
        ProofFailed: with each of them.
    """
    found = [str(one) for one in find_leaving_protocols(city) if one.severity is Severity.ERROR]
    found += find_opened_connections(city)
    if found:
        message = "The policy opens ways that nobody declared; nothing was saved or applied:\n  " + "\n  ".join(found)
        raise ProofFailed(message)
