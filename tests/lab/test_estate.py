"""The virtual estate while no virtual city is up."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.errors import HostKeyRefused, LabError
from controller.lab.estate import explain_absence, list_active_devices, list_probe_sites
from controller.lab.lab_operations import build_lab_operations
from controller.lab.state import paths
from controller.measure.probes.probe_path import PlaceGone
from controller.model.city import City
from controller.model.loading.load_city import load_city
from controller.model.sites.devices import Device
from controller.model.virtual_city import VirtualCity
from controller.plan.select import Selection
from controller.platforms.transport.ssh_session import open_session


@pytest.fixture
def nothing_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "STATE", tmp_path / "none")


@pytest.mark.usefixtures("nothing_up")
def test_without_a_virtual_city_every_device_is_asked_and_says_so_itself(city: VirtualCity) -> None:
    assert len(list_active_devices(city, Selection())) == 2 * len(city.estate_schools)


@pytest.mark.usefixtures("nothing_up")
def test_nothing_is_measured_without_a_virtual_city(city: VirtualCity) -> None:
    with pytest.raises(LabError, match="no lab is up"):
        list_probe_sites(city, Selection())


def test_what_is_gone_is_told_with_what_to_look_at() -> None:
    message = r"^there is no network namespace x; is the virtual city up \('tsunagu lab status'\)\?$"
    gone = PlaceGone("there is no network namespace x")
    with pytest.raises(PlaceGone, match=message), explain_absence():
        raise gone


def unpinned(device: Device, folder: Path) -> str:
    access = build_lab_operations().access["virtual-city"].model_copy(update={"known_hosts": folder / "none"})
    with pytest.raises(HostKeyRefused) as refused, open_session(device, access, "linux"):
        pass
    return str(refused.value)


def test_only_of_a_virtual_device_the_virtual_city_is_spoken_of(city: VirtualCity, tmp_path: Path) -> None:
    school = city.school_by_id[city.virtual_estate.canary]
    real: City = load_city(Path(city.directory), on=city.policy_date)
    hint = "; is its school up in the virtual city ('tsunagu lab status')? Or look at it with: tsunagu trust "
    assert hint in unpinned(city.list_devices(school)[0], tmp_path)
    said = unpinned(real.list_devices(school)[0], tmp_path)
    assert "; look at it with: tsunagu trust " in said
    assert "virtual" not in said
