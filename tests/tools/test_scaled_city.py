"""A city of several times the schools: the same devices over and over, and a policy that loads."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from controller.model.city import City
from controller.model.loading.load_city import load_city
from controller.plan.select import Selection, select_devices
from tests.policies import TODAY
from tools import scaled_city
from tools.scaled_city import MOST, TAKEN, main, scaled_policies, scaled_schools


def roles(city: City) -> Counter[tuple[str, str]]:
    return Counter((one.role, one.platform) for one in select_devices(city, Selection()))


def test_twice_the_city_has_exactly_twice_its_devices(city: City, tmp_path: Path) -> None:
    twice = load_city(scaled_policies(tmp_path, 2), on=TODAY)
    assert len(twice.schools) == 2 * len(city.schools)
    assert roles(twice) == Counter({key: 2 * count for key, count in roles(city).items()})
    assert {one.id for one in city.schools} <= {one.id for one in twice.schools}
    assert not {one.number for one in twice.schools} & set(TAKEN)


def test_there_are_numbers_for_the_most() -> None:
    assert max(school.number for school, _ in scaled_schools(MOST)) <= 4095


@pytest.mark.parametrize("scale", ["0", str(MOST + 1)])
def test_a_scale_that_cannot_be(tmp_path: Path, capsys: pytest.CaptureFixture[str], scale: str) -> None:
    assert main([scale, str(tmp_path)]) == 1
    assert f"a scale of {scale}: 1 to {MOST}" in capsys.readouterr().err


def test_a_city_file_that_is_not_as_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(scaled_city, "ADDRESSING", (("  ipv4: 172.16.0.0/12\n", ""),))
    assert main(["1", str(tmp_path)]) == 1
    assert "holds no line 'ipv4: 172.16.0.0/12'" in capsys.readouterr().err
