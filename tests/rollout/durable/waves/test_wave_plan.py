"""Every device of a plan is in exactly one wave, whatever waves the operators write."""

from __future__ import annotations

import random
from types import SimpleNamespace
from typing import cast

import pytest
from pydantic import ValidationError

from controller.errors import Origin
from controller.model.city import City
from controller.operations.rollout_settings import RolloutSettings
from controller.plan.select import Selection, select_devices
from controller.plan.verify import VerifiedDevice
from controller.rollout.durable.records import WITHOUT_RESTORE
from controller.rollout.durable.waves.wave_plan import build_waves

SCHOOLS = ("as-e04", "kw-s01", "nh-j05", "tm-j06", "tk-e12", "sw-h01", "as-e01", "as-e02")


def verified(city: City, *, without_restore: tuple[str, ...] = ()) -> list[VerifiedDevice]:
    """Devices as a verified plan has them, as far as waves ask."""
    found = []
    for device in select_devices(city, Selection(SCHOOLS, ())):
        capabilities = SimpleNamespace(restores_itself=device.school.id not in without_restore)
        found.append(SimpleNamespace(device=device, system=SimpleNamespace(capabilities=capabilities)))
    return cast("list[VerifiedDevice]", found)


def settings(*waves: dict[str, object]) -> RolloutSettings:
    origin = {"origin": Origin("operations.yaml", 1)}
    return RolloutSettings.model_validate({"waves": [origin | wave for wave in waves]} if waves else {})


def test_by_default_the_canary_comes_first_and_then_ward_after_ward(real_city: City) -> None:
    waves = build_waves(real_city, "nh-j05", verified(real_city), settings())
    assert waves[0].name == "canary"
    assert [turn.school for turn in waves[0].schools] == ["nh-j05"]
    wards = [{real_city.school_by_id[turn.school].ward for turn in wave.schools} for wave in waves[1:]]
    assert all(len(one) == 1 for one in wards)
    assert len(wards) == len({next(iter(one)) for one in wards}) > 2


def test_named_schools_come_where_they_are_named_and_what_nobody_names_comes_last(real_city: City) -> None:
    waves = build_waves(
        real_city, "", verified(real_city), settings({"name": "pilot", "schools": ["sw-h01", "tk-e12", "zz-e01"]})
    )
    assert (waves[0].name, [turn.school for turn in waves[0].schools]) == ("pilot", ["sw-h01", "tk-e12"])
    assert waves[-1].name == "rest"


def test_devices_without_a_restore_come_last_of_all(real_city: City) -> None:
    waves = build_waves(real_city, "as-e04", verified(real_city, without_restore=("as-e04",)), settings())
    assert waves[-1].name == WITHOUT_RESTORE
    assert [turn.school for turn in waves[-1].schools] == ["as-e04"]


def test_every_device_is_in_one_wave_whatever_the_waves(real_city: City) -> None:
    devices = verified(real_city)
    for seed in range(200):
        rng = random.Random(seed)  # noqa: S311 no secret
        kinds: list[object] = ["canary", "each-ward", "rest", rng.sample(SCHOOLS, rng.randint(1, 5))]
        chosen = [{"name": f"w{index}", "schools": rng.choice(kinds)} for index in range(rng.randint(1, 5))]
        waves = build_waves(real_city, rng.choice((*SCHOOLS, "")), devices, settings(*chosen))
        placed = [name for wave in waves for turn in wave.schools for name in turn.devices]
        assert sorted(placed) == sorted(one.device.id for one in devices), seed
        assert all(wave.schools for wave in waves)


@pytest.mark.parametrize(
    ("wave", "problem"),
    [
        ({"name": "a", "schools": "all"}, "schools"),
        ({"name": "a", "schools": []}, "schools"),
        ({"name": "A b", "schools": "rest"}, "name"),
        ({"name": "a", "schools": "rest", "schools-at-once": 0}, "schools-at-once"),
        ({"name": "a", "schools": "rest", "maximum-failures": -1}, "maximum-failures"),
        ({"name": "a", "schools": "rest", "soak-minutes": 100_000}, "soak-minutes"),
        ({"name": "a", "schools": "rest", "max-failures": 1}, "max-failures"),
    ],
)
def test_a_wave_that_means_nothing_is_refused(wave: dict[str, object], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        settings(wave)


def test_two_waves_of_one_name_are_refused() -> None:
    with pytest.raises(ValidationError, match="two waves have the name 'a'"):
        settings({"name": "a", "schools": "canary"}, {"name": "a", "schools": "rest"})
