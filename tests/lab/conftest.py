"""What the tests of the virtual city share: the city is its virtual estate here."""

from __future__ import annotations

import pytest

from controller.model.city import City
from controller.model.virtual_city import VirtualCity, choose_virtual_city


@pytest.fixture(scope="session")
def city(city: City) -> VirtualCity:
    """The city as it is in `policies/`, with the virtual city's devices."""
    return choose_virtual_city(city)
