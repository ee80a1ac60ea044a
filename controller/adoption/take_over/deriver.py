"""What verifies a plan by which objects of others change hands, and what guards its devices while it is applied."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from controller.adoption.take_over.derive import derive_planned_take_over, refuse_changed_objects
from controller.adoption.take_over.record import drop_released_objects, read_taken_record, record_taken_objects
from controller.adoption.take_over.release import derive_planned_release
from controller.model.city import City
from controller.model.network.device_state import DeviceState
from controller.model.sites.devices import Device
from controller.plan.derive import DerivedChange
from controller.plan.document import HandOverPlan
from controller.platforms.device_text.device_text import DeviceText
from controller.platforms.transport.base import Clock


@dataclass(frozen=True, slots=True)
class HandOverDeriver:
    """A `controller.plan.derive.DeriveHandOver`. `state` has the records; None where a plan is only looked at."""

    state: Path | None = None

    def __call__(
        self, city: City, device: Device, planned: HandOverPlan, now: DeviceState, source: str
    ) -> DerivedChange:
        """Return what the objects that a plan names lead to.

        Raises:
            PlanRefused: an object is not one that can change hands, or the text does not hold the state.
            OperationsRefused: the record of what was taken over cannot be used.
        """
        if planned.way == "take-over":
            return derive_planned_take_over(city, device, planned, now, source)
        record = read_taken_record(self.state, device.id) if self.state is not None else None
        return derive_planned_release(city, device, planned, now, source, record)


@dataclass(frozen=True, slots=True)
class HandOverGuard:
    """Guards a device whose objects change hands: they are as the plan recorded them, and the record is kept.

    `states` are those that the plan leads through, the wanted one last.
    """

    device: Device
    planned: HandOverPlan
    states: tuple[DeviceState, ...]
    state: Path
    plan: str
    clock: Clock

    def begin(self, text: DeviceText) -> None:
        """Hold the device's text against the plan, and keep what is about to be taken over, before it is changed.

        Raises:
            PlanRefused: an object was changed since the plan was made; nothing was changed.
            ConfigRefused: an object of others that the plan does not name stands in the way.
            OperationsRefused: the record cannot be written.
        """
        pending = refuse_changed_objects(self.device, self.planned, self.states, text)
        if self.planned.way == "take-over":
            name, platform, now = self.device.id, self.device.platform, self.clock.now()
            record_taken_objects(self.state, name, platform, self.planned, pending, self.plan, now)

    def confirm(self) -> None:
        """Take what was given back out of the record, once the device confirmed it.

        Raises:
            OperationsRefused: the record cannot be written; what it says too much does no harm.
        """
        if self.planned.way == "release":
            drop_released_objects(self.state, self.device.id, self.planned.objects)
