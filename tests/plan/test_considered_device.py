"""A device, compared with the policy: whether it differs, and how many states on the way were proved."""

from __future__ import annotations

import pytest

from controller.model.city import City
from controller.model.network.device_state import Vlan, build_device_state
from controller.plan.build import ConsideredDevice
from controller.plan.observe import Observed
from controller.plan.select import Selection, select_devices
from controller.platforms.base import Observation, Step

NOW = build_device_state([Vlan(10, "TSN-staff")])
OTHER = build_device_state([Vlan(20, "TSN-pupil")])


def observed(city: City, *, knows_saved: bool = False, boots_so: bool = True) -> Observed:
    (device, *_) = select_devices(city, Selection(("kw-s01",)))
    seen = Observation(NOW, (), 1, 1)
    return Observed(device, "x", seen, saved=NOW if boots_so else OTHER, knows_saved=knows_saved)


@pytest.mark.parametrize(("steps", "states"), [(0, 0), (1, 0), (2, 1), (4, 3)])
def test_the_states_between_are_one_fewer_than_the_steps(city: City, steps: int, states: int) -> None:
    one = ConsideredDevice(observed(city), steps=(Step("a step", (), NOW),) * steps)
    assert one.states_proved == states


@pytest.mark.parametrize(
    ("knows_saved", "boots_so", "changes", "differs"),
    [
        (False, True, (), False),
        (False, False, (), False),
        (True, True, (), False),
        (True, False, (), True),
        (True, True, ("+ vlan 20",), True),
    ],
)
def test_a_device_that_would_boot_otherwise_differs(
    city: City,
    *,
    knows_saved: bool,
    boots_so: bool,
    changes: tuple[str, ...],
    differs: bool,
) -> None:
    one = ConsideredDevice(observed(city, knows_saved=knows_saved, boots_so=boots_so), changes=changes)
    assert one.differs is differs
    assert one.saved is not (knows_saved and not boots_so)
    assert one.policies_proved == 0
    assert one.delegated == ()
