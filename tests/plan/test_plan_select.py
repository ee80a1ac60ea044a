"""Which devices a command is about."""

from __future__ import annotations

import pytest

from controller.errors import TsunaguError
from controller.model.city import City
from controller.plan.select import Selection, device_by_id, selected_devices, selected_schools


def test_nothing_named_is_every_school_the_canary_first(city: City) -> None:
    schools = selected_schools(city, Selection())
    assert len(schools) == 176
    assert schools[0].id == city.lab.canary
    assert len({school.id for school in schools}) == 176


def test_schools_and_wards_add_up(city: City) -> None:
    chosen = selected_schools(city, Selection(("kw-s01", "tk-e12"), ("asao",)))
    asao = {school.id for school in city.schools if school.ward == "asao"}
    assert {school.id for school in chosen} == {"kw-s01", "tk-e12", *asao}
    assert chosen[0].id == city.lab.canary


def test_the_lab_has_its_own_devices(city: City) -> None:
    devices = selected_devices(city, Selection(lab=True))
    assert devices[0].id == f"{city.lab.canary}-core1"
    assert [device.platform for device in devices[:2]] == ["ovs", "frr"]
    assert len(devices) == 12
    assert selected_schools(city, Selection(wards=("tama",), lab=True))[0].id == "tm-j06"
    assert selected_devices(city, Selection(wards=("miyamae",), lab=True)) == ()


@pytest.mark.parametrize(
    ("selection", "message"),
    [
        (Selection(("kw-e99",)), "there is no school 'kw-e99'; there are: "),
        (Selection(wards=("kawagoe",)), "there is no ward 'kawagoe'; there are: kawasaki, saiwai, nakahara, takatsu, "),
        (Selection(("as-e01",), lab=True), "there is no school of the lab 'as-e01'; there are: as-e04, kw-s01, nh-j05"),
    ],
)
def test_unknown_names(city: City, selection: Selection, message: str) -> None:
    with pytest.raises(TsunaguError, match=f"^{message}"):
        selected_schools(city, selection)


def test_a_device_by_its_name(city: City) -> None:
    assert device_by_id(city, "kw-s01-core1", lab=False).platform == "cisco_ios"
    assert device_by_id(city, "kw-s01-core1", lab=True).platform == "ovs"
    assert device_by_id(city, "as-e01-floor4", lab=False).role == "floor"


@pytest.mark.parametrize(
    ("name", "lab"), [("kw-s01-core9", False), ("", False), ("as-e01-core1", True), ("core1", True)]
)
def test_a_device_that_does_not_exist(city: City, name: str, lab: bool) -> None:  # noqa: FBT001 the row
    where = "the lab has" if lab else "the city has"
    with pytest.raises(TsunaguError, match=f"^{where} no device '{name}'; device ids are SCHOOL-core1, SCHOOL-floor2"):
        device_by_id(city, name, lab=lab)
