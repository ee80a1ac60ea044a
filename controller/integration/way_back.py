"""The way back of a change of stage: planned and proved from every state that the schools can be in on the way.

A rollout changes the devices of a school one after the other, each in the steps of its plan. Wherever it stops, the
devices before are in the new stage, one is between two steps, and those behind are in the old one. From each of these
states the plan back is derived and proved as any plan is, and neither the state nor one on the way back may open a way
to affairs data (`mixed_states`). The way back itself is an ordinary plan: the undo of a rollout, or a plan to the stage
before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from controller.compile.network.wanted_device_state import FILTERING_ROLE, compile_device
from controller.errors import TsunaguError
from controller.integration.mixed_states import CityPair, MixedStates
from controller.model.city import City
from controller.model.network.device_state import DeviceState
from controller.model.sites.devices import Device
from controller.plan.build import ConsideredDevice
from controller.plan.derive import DeriveChange, derive_change, prove_wanted_paths
from controller.platforms.registry import load_platform_of

_NO_STATE = "no device was looked at; 0 proved is no proof"


@dataclass(frozen=True, slots=True)
class MovingDevice:
    """A device that changes: what it holds now, and the state after each step of its plan."""

    device: Device
    now: DeviceState
    titles: tuple[str, ...]
    states: tuple[DeviceState, ...]


@dataclass(frozen=True, slots=True)
class WayBackFault:
    """Why there is no good way back from a state, or why a state is none to stop in: which, of which device."""

    device: str
    state: str
    why: str

    def __str__(self) -> str:
        return f"{self.device}, {self.state}: {self.why}"


@dataclass(frozen=True, slots=True)
class WayBack:
    """How many states there are between the stages, how many more on the ways back, and all that is wrong in any.

    `states` counts those from which a way back was planned and proved, `between` those on these ways.
    """

    states: int
    between: int
    faults: tuple[WayBackFault, ...]


def list_moving_devices(considered: Sequence[ConsideredDevice]) -> list[MovingDevice]:
    """Return the devices that a plan changes, in its order."""
    return [
        MovingDevice(
            one.observed.device,
            one.observed.observation.state,
            tuple(step.title for step in one.steps),
            tuple(step.result for step in one.steps),
        )
        for one in considered
        if one.steps and one.observed.observation is not None
    ]


def prove_way_back(
    cities: CityPair,
    considered: Sequence[ConsideredDevice],
    on_device: Callable[[str], None],
    derive: DeriveChange = derive_change,
) -> WayBack:
    """Plan and prove the way back from every state between two stages; `on_device` is called with each device.

    `considered` are all devices of the schools, compared with the new stage, in the order of the rollout.
    """
    counted, faults = [0, 0], list[WayBackFault]()
    by_school: dict[str, list[ConsideredDevice]] = {}
    for one in considered:
        by_school.setdefault(one.observed.device.school.id, []).append(one)
    for school, fleet in by_school.items():
        states = {one.observed.device.id: one.observed.observation.state for one in fleet if one.observed.observation}
        faults += _find_unknown(fleet)
        judge = MixedStates(cities, school)
        faults += [WayBackFault(school, "before the change", why) for why in judge.find_leaks(states)]
        for moving in list_moving_devices(fleet):
            on_device(moving.device.id)
            goal = _find_goal(cities, moving, derive)
            for number, (title, state) in enumerate(zip(moving.titles, moving.states, strict=True), start=1):
                states[moving.device.id] = state
                named = f"after step {number} of {len(moving.states)} ({title})"
                found = [WayBackFault(moving.device.id, named, why) for why in judge.find_leaks(states)]
                faults += found
                counted[0] += 1
                passed, wrong = _prove_from(cities[0], moving, (state, goal), derive)
                counted[1] += len(passed)
                faults += [WayBackFault(moving.device.id, named, why) for why in wrong]
                for back in passed:
                    on_way = {**states, moving.device.id: back}
                    leaks = [] if found else judge.find_leaks(on_way)
                    faults += [WayBackFault(moving.device.id, f"on the way back, {named}", why) for why in leaks]
    cores = [one.observed.device for one in considered if one.observed.device.role == FILTERING_ROLE]
    faults += [
        WayBackFault(cities[0].id, "back in the stage before", why) for why in _find_path_faults(cities[0], cores)
    ]
    if not considered:
        faults.append(WayBackFault(cities[0].id, "between the stages", _NO_STATE))
    return WayBack(counted[0], counted[1], tuple(faults))


def _find_unknown(fleet: Sequence[ConsideredDevice]) -> Iterator[WayBackFault]:
    """Yield each device of which nobody knows what it holds, or what it is to hold: no state with it can be judged."""
    for one in fleet:
        name = one.observed.device.id
        if one.observed.observation is None:
            yield WayBackFault(name, "what it holds now", f"it was not read, so no state is proved ({one.refusal})")
        elif one.derived is None:
            why = one.refusal or one.left_out
            yield WayBackFault(name, "in the stage that comes", f"nothing is planned on it ({why})")


def _prove_from(
    before: City, moving: MovingDevice, ends: tuple[DeviceState, DeviceState], derive: DeriveChange
) -> tuple[list[DeviceState], list[str]]:
    """Return the states on the way back of a device from a state to another one, and why it is none."""
    state, goal = ends
    device = next((one for one in before.list_devices(moving.device.school) if one.id == moving.device.id), None)
    if device is None:
        return [], ["the stage before has no such device"]
    try:
        passed = _list_states(derive, before, device, state)
    except TsunaguError as error:
        return [], [str(error)]
    end = passed[-1] if passed else state
    wrong = [] if end == goal else ["the way back does not lead to what the device holds today (drift?)"]
    return passed, wrong


def _find_goal(cities: CityPair, moving: MovingDevice, derive: DeriveChange) -> DeviceState:
    """Return the state that the ways back of a device are to lead to: what it holds now.

    One that stopped between two steps of this change, or of the one back, is led to the stage before as a whole.
    """
    try:
        device = _find_device(cities[0], moving.device)
        back = _list_states(derive, cities[0], device, moving.now)
        on_way = list_way_states(cities, device, back[-1], derive) if back else []
    except (TsunaguError, StopIteration):
        return moving.now  # what is wrong is told of each state
    return back[-1] if moving.now in on_way else moving.now


def list_way_states(
    cities: CityPair, device: Device, start: DeviceState, derive: DeriveChange = derive_change
) -> list[DeviceState]:
    """List the states of a device on the way from one stage to the next, and on the way back from there.

    Args:
        cities: in the one stage, and in the next.
        device: as it is in one of them.
        start: what the device holds in the first stage.
        derive: how a plan is made.

    Raises:
        TsunaguError: one of the ways cannot be planned.
        StopIteration: a stage has no such device.
    """
    onwards = _list_states(derive, cities[1], _find_device(cities[1], device), start)
    end = onwards[-1] if onwards else start
    return [*onwards, *_list_states(derive, cities[0], _find_device(cities[0], device), end)]


def is_on_way(cities: CityPair, compared: ConsideredDevice, derive: DeriveChange = derive_change) -> bool:
    """Tell if a device that was compared with the first stage holds a state of the way to the second one, or back.

    What a change of stage does not explain is drift: of such a device that, and what its platform remarked on.
    """
    seen = compared.observed.observation
    if seen is None or seen.remarks or not compared.steps:
        return False
    try:
        return seen.state in list_way_states(cities, compared.observed.device, compared.steps[-1].result, derive)
    except (TsunaguError, StopIteration):
        return False


def _find_device(city: City, device: Device) -> Device:
    return next(one for one in city.list_devices(city.school_by_id[device.school.id]) if one.id == device.id)


def _list_states(derive: DeriveChange, city: City, device: Device, state: DeviceState) -> list[DeviceState]:
    return [step.result for step in derive(city, device, state).steps]


def _find_path_faults(before: City, fleet: Sequence[Device]) -> Iterator[str]:
    """Yield what is wrong with the paths that the ways back lead to: they are proved as those of any plan."""
    ids = {one.id for one in fleet}
    wanted = [
        compile_device(before, one, load_platform_of(one).capabilities)
        for school in dict.fromkeys(one.school.id for one in fleet)
        for one in before.list_devices(before.school_by_id[school])
        if one.id in ids
    ]
    try:
        prove_wanted_paths(before, wanted)
    except TsunaguError as error:
        yield str(error)
