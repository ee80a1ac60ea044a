from __future__ import annotations

import pytest

from controller.model.city import City
from controller.model.sites.devices import Device
from controller.plan.select import find_device


@pytest.fixture(scope="session")
def device(city: City) -> Device:
    """A Catalyst of the city."""
    return find_device(city, "kw-s01-core1")
