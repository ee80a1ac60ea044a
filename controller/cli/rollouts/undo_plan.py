"""What it takes to undo a rollout: its devices as they are now, compared with the policy before it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from controller.cli.rollouts.estate_rollouts import EstateRollouts
from controller.errors import RolloutRefused, TsunaguError
from controller.model.city import City
from controller.model.sites.devices import Device, EstateName
from controller.model.virtual_city import ESTATES
from controller.operations.anchors import WiderAnchor
from controller.operations.applied_policies import find_widened
from controller.plan.build import ConsideredDevice, PlanOrigin, build_plan, consider_device
from controller.plan.document import PlanFile
from controller.plan.observe import Observed
from controller.plan.select import find_device
from controller.platforms.registry import load_platform
from controller.rollout.durable.carry_out import is_worked_on
from controller.rollout.durable.records import RolloutRecord, RolloutState
from controller.rollout.durable.rollout_store import RolloutStore
from controller.rollout.durable.snapshot import unpack_snapshot
from controller.rollout.durable.waves.way_back import (
    list_touched_devices,
    list_widened_flows,
    list_widened_since,
    load_policy_before,
    recover_policy_copy,
)


@dataclass(frozen=True, slots=True)
class Widened:
    """What would be permitted after an undo that is not now: by the policy, as anchors, and as each device holds it."""

    policy: tuple[str, ...]
    anchors: tuple[WiderAnchor, ...]
    devices: Mapping[str, tuple[str, ...]]

    def __bool__(self) -> bool:
        """Tell if there is anything."""
        return bool(self.policy or self.anchors or self.devices)


@dataclass(frozen=True, slots=True)
class WayBack:
    """A rollout that is to be undone. `has_ended`: nothing more comes of it.

    `found` are the devices that it touched, as they are now, compared with the policy `before` it. `missing` are those
    that this policy does not know; `newer` are the rollouts since that touched some of them, too.
    """

    record: RolloutRecord
    has_ended: bool
    before: City
    found: tuple[ConsideredDevice, ...]
    missing: tuple[str, ...]
    newer: tuple[str, ...]
    widened: Widened

    def build_plan(self, origin: PlanOrigin) -> PlanFile:
        """Return the plan back.

        Raises:
            ProofFailed: the devices are right one by one, and the paths through them are not what they must be.
        """
        return build_plan(self.before, self.found, replace(origin, undo=True))

    def list_unrestored(self) -> list[str]:
        """Return the devices that would be changed and cannot put their old state back by themselves."""
        changed = (one.observed.device for one in self.found if one.changes and one.refusal is None)
        return [one.id for one in changed if not load_platform(one.platform).capabilities.restores_itself]


def find_way_back(
    name: str,
    store: RolloutStore,
    place: EstateRollouts,
    estate: EstateName,
    read: Callable[[RolloutRecord, Sequence[Device]], list[Observed]],
) -> WayBack:
    """Read the devices that a rollout has touched, and compare them with the policy before it. Changes nothing.

    Raises:
        RolloutRefused: it goes on, has changed nothing, or no policy before it is known.
        PlanRefused: the policy before it is not kept any more.
    """
    record, status, operations = store.load_record(name), store.load_status(name), place.operations
    if record.estate != estate:
        message = f"the rollout {name} is of the {record.estate} devices, and the {estate} ones were asked for"
        raise RolloutRefused(message)
    if status.state is RolloutState.RUNNING:
        message = (
            f"the rollout {name} is running, and may change a device at any time; first: tsunagu rollout pause {name} "
            f"(or cancel {name})"
        )
        raise RolloutRefused(message)
    _refuse_in_the_middle(name, store, place)
    # The last one first, as a wave goes back by itself: the states on the way are those of the way there.
    touched = list_touched_devices(store.list_runs(name))[::-1]
    if not touched:
        message = f"the rollout {name} has changed no device: there is nothing to undo"
        raise RolloutRefused(message)
    recover_policy_copy(record.policy_before, store, operations)
    before = load_policy_before(record, operations, ESTATES[record.estate])
    devices, missing = _find_devices(before, touched)
    observed = read(record, devices)
    handed = _list_handed_over(name, store)
    found = tuple(_consider(before, one, handed=one.device.id in handed) for one in observed)
    flows = {one.observed.device.id: tuple(list_widened_flows(one)) for one in found}
    schools = frozenset(one.school.id for one in devices)
    widened = Widened(
        tuple(list_widened_since(before, schools, store, operations)) if any(one.changes for one in found) else (),
        find_widened(before, operations),
        {device: shown for device, shown in flows.items() if shown},
    )
    newer = _list_newer(name, store, frozenset(touched))
    return WayBack(record, status.state.is_final, before, found, missing, newer, widened)


def _refuse_in_the_middle(name: str, store: RolloutStore, place: EstateRollouts) -> None:
    """Refuse where a device has begun to change and a process lives that will end that."""
    middle = next((run.device for run in store.find_last_runs(name).values() if run.ended is None), None)
    if middle is not None and is_worked_on(store, place.folder):
        message = f"{middle} is being changed by the rollout {name}; wait for its end: tsunagu rollout watch {name}"
        raise RolloutRefused(message)


def _find_devices(before: City, names: Sequence[str]) -> tuple[list[Device], tuple[str, ...]]:
    found: list[Device] = []
    missing = []
    for name in names:
        try:
            found.append(find_device(before, name))
        except TsunaguError:
            missing.append(name)
    return found, tuple(missing)


def _consider(before: City, observed: Observed, *, handed: bool) -> ConsideredDevice:
    """Compare a device with the policy before; what cannot be brought back by a plan is refused, never left out."""
    device = observed.device
    if handed and observed.refusal is None:
        message = (
            f"{device.id}: objects of others changed hands, and a plan back keeps them; to give them back: "
            f"tsunagu adopt {device.school.id} --release"
        )
        return ConsideredDevice(observed, refusal=RolloutRefused(message))
    found = consider_device(before, observed)
    if found.left_out:
        message = f"{device.id}: the policy before does not manage it, so nothing leads back"
        return replace(found, left_out="", refusal=RolloutRefused(message))
    return found


def _list_handed_over(name: str, store: RolloutStore) -> frozenset[str]:
    with unpack_snapshot(name, store.load_snapshot(name)) as snapshot:
        return frozenset(one.device for one in snapshot.plan.devices if one.hand_over is not None)


def _list_newer(name: str, store: RolloutStore, touched: frozenset[str]) -> tuple[str, ...]:
    """Return the rollouts since this one that touched some of its devices, the newest first."""
    known = store.list_rollouts()
    newer = known[: known.index(name)]
    return tuple(one for one in newer if touched.intersection(list_touched_devices(store.list_runs(one))))
