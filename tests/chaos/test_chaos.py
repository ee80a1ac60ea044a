"""Seeded chaos: applies that are killed and begun again on devices and lines that fail; then the truth."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.model.city import City
from controller.model.sites.devices import Device
from tests.chaos.apply_chaos import play_apply
from tests.rollout.memory_lab import switches
from tests.soak import FACTOR

APPLIES, PART = 160 * FACTOR, 40


@pytest.fixture(scope="module")
def models(city: City) -> list[Device]:
    return switches(city, tuple(city.virtual_estate.schools)[:4])


@pytest.mark.parametrize("first", range(0, APPLIES, PART))
def test_applies_end_in_what_is_true_on_the_devices(
    first: int, city: City, models: list[Device], tmp_path: Path
) -> None:
    found = {}
    for seed in range(first, first + PART):
        folder = tmp_path / str(seed)
        folder.mkdir()
        if wrong := list(play_apply(seed, city, models, folder)):
            found[seed] = wrong
    assert found == {}
