"""The device step under seeded faults: the end that is told, and the device's own truth, agree in every seed."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.model.sites.devices import Device
from tests.rollout.campaign import run_seed
from tests.soak import FACTOR

SEEDS = 750 * FACTOR
PART = 250
FAILED_BEFORE = Path(__file__).with_name("failed_seeds.txt")
"""Every seed that ever found something; it stays."""


def failed_before() -> list[int]:
    lines = FAILED_BEFORE.read_text(encoding="utf-8").splitlines()
    return [int(line.split("#")[0]) for line in lines if line.split("#")[0].strip()]


@pytest.mark.parametrize("first", range(0, SEEDS, PART))
def test_what_is_told_is_what_is_true(first: int, model: Device, tmp_path: Path) -> None:
    found = {seed: violations for seed in range(first, first + PART) if (violations := run_seed(seed, model, tmp_path))}
    assert found == {}


def test_a_seed_that_ever_failed_stays_good(model: Device, tmp_path: Path) -> None:
    assert failed_before()
    found = {seed: violations for seed in failed_before() if (violations := run_seed(seed, model, tmp_path))}
    assert found == {}
