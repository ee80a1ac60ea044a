"""The change of a device by which a login or a key is rotated: what of it is ours stays as it is."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from controller.model.network.device_state import DeviceState
from controller.model.sites.devices import Device
from controller.platforms.base import Command, Step
from controller.platforms.common.timed_operation import Changeable
from controller.platforms.transport.base import Transport
from controller.rollout.change import Change
from controller.rollout.waves import Settings


@dataclass(frozen=True, slots=True)
class RotationStep:
    """The one step of a rotation: the state that stays, its title, its commands, and whose it is on the device."""

    state: DeviceState
    title: str
    commands: Sequence[Command]
    owner: str


def build_rotation_change(
    device: Device, system: Changeable, step: RotationStep, settings: Settings, transport: Transport
) -> Change:
    """Build the change of a device by the step; the state is the same before it and after it."""
    return Change(
        device=device,
        system=system,
        seen=step.state,
        wanted=step.state,
        known=frozenset((step.state.compute_digest(),)),
        derive=lambda _: (Step(step.title, tuple(step.commands), step.state),),
        plan_digest=step.owner,
        run=uuid.uuid4().hex[:12],
        restore_after=settings.restore_after,
        state_folder=settings.state_folder,
        refuse_expired=lambda: None,
        transport=transport,
        clock=settings.clock,
    )
