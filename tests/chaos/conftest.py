"""What the chaos is played on."""

from __future__ import annotations

import pytest

from controller.model.city import City
from controller.model.virtual_city import VirtualCity
from tests.lab.mixed_city import set_platforms


@pytest.fixture(scope="session")
def city(city: City) -> VirtualCity:
    """The city as it is in `policies/`, with the virtual city's devices, all switches of the kind that is in memory."""
    return set_platforms(city, {})
