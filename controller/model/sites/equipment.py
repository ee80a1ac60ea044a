"""What stands at each school, as its blueprint, its procurement lot and the inventory say together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from controller.model.network.router_link import KeepsState
from controller.model.sites.blueprints import Blueprint, BlueprintFile
from controller.model.sites.devices import DeviceSlot, assign_devices
from controller.model.sites.inventory import ListedDevice
from controller.model.sites.schools import School, Ward
from controller.model.sites.stages import Stage


@dataclass(frozen=True, eq=False)
class Equipment:
    """The wards' lots, the blueprints, the inventory and the schools' stages of a policy without problems."""

    wards: tuple[Ward, ...]
    blueprints: BlueprintFile
    inventory: tuple[ListedDevice, ...]
    find_stage: Callable[[School], Stage | None]

    def find_lot(self, school: School) -> str:
        """Find the procurement lot of a school: its own, or its ward's."""
        own = school.lot or next(ward.lot for ward in self.wards if ward.id == school.ward)
        if own is None:
            message = f"{school.origin}: school {school.id} has no procurement lot"
            raise LookupError(message)
        return own

    def find_blueprint(self, school: School) -> Blueprint:
        """Find the blueprint of a school: the one that it names, or the one that its kind, pupils and stage fit."""
        stage = self.find_stage(school)
        return next(one for one in self.blueprints.blueprints if one.matches(school, stage))

    def find_provider_router(self, school: School) -> KeepsState | None:
        """Find who answers for the state of TCP at a school's router that is not ours; None where nobody does."""
        return self.find_blueprint(school).provider_router.get(self.find_lot(school))

    @cached_property
    def listed(self) -> Mapping[str, tuple[ListedDevice, ...]]:
        """The devices of the inventory by the id of their school, in the order of the files."""
        found: dict[str, list[ListedDevice]] = {}
        for one in self.inventory:
            found.setdefault(one.school, []).append(one)
        return {school: tuple(listed) for school, listed in found.items()}

    def list_slots(self, school: School) -> tuple[DeviceSlot, ...]:
        """List the devices that a school has, each with the lot and the group of a blueprint that it follows from."""
        slots, _ = assign_devices(school, self.find_blueprint(school), self.listed.get(school.id, ()))
        lot = self.find_lot(school)
        return tuple(self._use_own(replace(slot, lot=lot)) for slot in slots)

    def list_homeless(self, school: School) -> tuple[ListedDevice, ...]:
        """List the devices that the inventory has at a school and its blueprint has no room for."""
        return assign_devices(school, self.find_blueprint(school), self.listed.get(school.id, ()))[1]

    def _use_own(self, slot: DeviceSlot) -> DeviceSlot:
        """A listed device may be of another lot, and like those of its role in another blueprint."""
        listed = slot.listed
        if listed is None:
            return slot
        own = next((one for one in self.blueprints.blueprints if one.id == listed.blueprint), None)
        groups = own.devices if own else ()
        group = next((one for one in groups if one.role == listed.role), slot.group)
        return replace(slot, group=group, lot=listed.lot or slot.lot)
