"""Saved texts of switches that nobody manages yet, synthetic, and what is proposed for them."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.adoption.proposal import DeviceProposal, propose_adoption
from controller.model.city import City
from controller.plan.select import find_device

TEXTS = Path(__file__).parent / "texts"
CATALYST, X530 = "kw-s01-core1", "as-e01-core1"


def read_saved_text(device: str) -> str:
    return (TEXTS / f"{device}.cfg").read_text(encoding="utf-8")


def propose(city: City, device: str, text: str) -> DeviceProposal:
    return propose_adoption(city, find_device(city, device), text, f"{device}.cfg")


@pytest.fixture(scope="session")
def catalyst(city: City) -> DeviceProposal:
    return propose(city, CATALYST, read_saved_text(CATALYST))


@pytest.fixture(scope="session")
def x530(city: City) -> DeviceProposal:
    return propose(city, X530, read_saved_text(X530))
