from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from controller.model.city import City
from controller.model.sites.devices import Device
from tests.rollout.memory_lab import switches
from tests.rotation.rotation_scene import NEW, OLD, Scene

PLATFORMS = ("cisco_ios", "allied_telesis_awplus")


@pytest.fixture(scope="module")
def model(city: City) -> Device:
    """Any device of the city, as the model of one that is drawn."""
    return switches(city, city.virtual_estate.schools[:1])[0]


@pytest.fixture(params=PLATFORMS)
def scene(request: pytest.FixtureRequest, model: Device, tmp_path: Path) -> Iterator[Scene]:
    found = Scene(tmp_path, replace(model, platform=request.param, access="x"))
    yield found
    # Whatever came of it: no secret is told, or kept in what was saved before the change.
    kept = [path.read_text(encoding="utf-8") for path in tmp_path.rglob("*") if path.is_file()]
    assert not [text for text in (*found.told, *kept) if OLD in text or NEW in text or "virtual" in text]
