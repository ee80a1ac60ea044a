"""Which devices a command is about."""

from __future__ import annotations

import pytest

from controller.errors import TsunaguError
from controller.model.city import City
from controller.model.policy_files import CITY
from controller.model.sites.devices import EstateName
from controller.model.virtual_city import choose_estate, choose_virtual_city
from controller.plan.select import Selection, find_device, select_devices, select_schools


def test_nothing_named_is_every_school(city: City) -> None:
    schools = select_schools(city, Selection())
    assert schools == city.schools
    assert len({school.id for school in schools}) == 176


def test_the_canary_of_the_virtual_city_comes_first(city: City) -> None:
    virtual = choose_virtual_city(city)
    schools = select_schools(virtual, Selection())
    assert schools[0].id == virtual.canary == city.virtual_estate.canary
    assert len(schools) == 6


def test_schools_and_wards_add_up(city: City) -> None:
    chosen = select_schools(city, Selection(("kw-s01", "tk-e12"), ("asao",)))
    asao = {school.id for school in city.schools if school.ward == "asao"}
    assert {school.id for school in chosen} == {"kw-s01", "tk-e12", *asao}


def test_schools_alone_and_wards_alone(city: City) -> None:
    assert [school.id for school in select_schools(city, Selection(("tk-e12", "kw-s01")))] == ["kw-s01", "tk-e12"]
    asao = {school.id for school in city.schools if school.ward == "asao"}
    assert {school.id for school in select_schools(city, Selection(wards=("asao",)))} == asao
    assert "kw-s01" not in asao


def test_of_many_known_names_eight_are_shown(city: City) -> None:
    with pytest.raises(TsunaguError, match="there are: ") as refused:
        select_schools(city, Selection(("nowhere",)))
    assert len(str(refused.value).partition("there are: ")[2].split(", ")) == 9
    assert str(refused.value).endswith(", ...")
    wards = (*city.wards, city.wards[0].model_copy(update={"id": "eighth"}))
    eight = city.replace_file(CITY, city.settings.model_copy(update={"wards": wards}))
    with pytest.raises(TsunaguError, match="there are: ") as refused:
        select_schools(eight, Selection(wards=("nowhere",)))
    assert str(refused.value).endswith(", eighth")


def test_the_lab_has_its_own_devices(city: City) -> None:
    city = choose_virtual_city(city)
    devices = select_devices(city, Selection())
    assert devices[0].id == f"{city.canary}-core1"
    assert [device.platform for device in devices[:2]] == ["ovs", "frr"]
    assert len(devices) == 12
    assert select_schools(city, Selection(wards=("tama",)))[0].id == "tm-j06"
    assert select_devices(city, Selection(wards=("miyamae",))) == ()


@pytest.mark.parametrize(
    ("selection", "message"),
    [
        (Selection(("kw-e99",)), "there is no school 'kw-e99' in the city; did you mean kw-"),
        (
            Selection(wards=("kawagoe",)),
            "there is no ward 'kawagoe' in the city; there are: kawasaki, saiwai, ",
        ),
    ],
)
def test_unknown_names(city: City, selection: Selection, message: str) -> None:
    with pytest.raises(TsunaguError, match=f"^{message}"):
        select_schools(city, selection)


def test_a_school_that_the_virtual_city_does_not_have(city: City) -> None:
    message = "there is no school 'as-e01' in the virtual city; did you mean as-e04 "
    with pytest.raises(TsunaguError, match=f"^{message}"):
        select_schools(choose_virtual_city(city), Selection(("as-e01",)))


def test_a_device_by_its_name(city: City) -> None:
    assert find_device(city, "kw-s01-core1").platform == "cisco_ios"
    assert find_device(choose_virtual_city(city), "kw-s01-core1").platform == "ovs"
    assert find_device(city, "as-e01-floor4").role == "floor"


@pytest.mark.parametrize(
    ("name", "estate"), [("kw-s01-core9", "real"), ("", "real"), ("as-e01-core1", "virtual"), ("core1", "virtual")]
)
def test_a_device_that_does_not_exist(city: City, name: str, estate: EstateName) -> None:
    asked = choose_estate(city, estate)
    message = f"^{asked.called} has no device '{name}'; device ids are as-e0"
    with pytest.raises(TsunaguError, match=message):
        find_device(asked, name)
