"""`tsunagu import netbox --devices`: devices of a named role come into the inventory; the others are counted."""

from __future__ import annotations

import pytest

from controller.model.loading.load_city import load_city
from tests.importing.netbox_stand_in import StandIn, make_device
from tests.importing.tables import RunImport, Scene


def test_devices_of_a_named_role_come_into_the_inventory(scene: Scene, netbox: StandIn, run: RunImport) -> None:
    netbox.devices = [
        make_device(1, "Sakura_Core 1", "core-switch", 1, platform="cisco-ios", address="10.1.10.77/23"),
        make_device(2, "ups1", "ups", 1),
        make_device(3, "old", "core-switch", 1, status="offline"),
        make_device(4, "x", "core-switch", 9),
        make_device(5, "日本", "core-switch", 2),
        make_device(6, "y", "core-switch", 2, platform="nx-os"),
        make_device(7, "z", "core-switch", 2),
        make_device(8, "Z", "core-switch", 2),
    ]
    done = run("--devices", "core-switch=core", "--write")
    assert done.code == 0, done
    for said in (
        "+ sakura-core-1: core of first-e01",
        "! devices that are not active, and are left out: old",
        "! devices that stand at no school of the city, and are left out: x",
        "! devices that have no name that can be an id (letters, digits and '-'), and are left out: 日本",
        "! devices that have the platform nx-os, which is none of a",
        "! devices that have the name of another device: z",
        "! 1 devices of NetBox are not taken over (1 ups); name their role",
        "0 not in the source, 2 new devices; written: city/schools/first.yaml, city/devices/netbox.yaml",
    ):
        assert said in done.said, said
    city = load_city(scene.folder / "our-city")
    found = {one.id: (one.school.id, str(one.management)) for one in city.list_devices(city.schools[0])}
    assert found == {"sakura-core-1": ("first-e01", "10.1.10.77")}
    netbox.devices = [
        make_device(1, "Sakura_Core 1", "core-switch", 1, platform="cisco-ios", address="10.1.10.78/23"),
        make_device(9, "z", "core-switch", 2),
    ]
    before = scene.read_policy()
    again = run("--devices", "core-switch=core", "--write")
    assert (
        "! devices that differ: management 10.1.10.77 in the city (our-city/city/devices/netbox.yaml:5)" in again.said
    )
    assert scene.read_policy() == before


def test_devices_are_added_behind_those_that_are_there(scene: Scene, netbox: StandIn, run: RunImport) -> None:
    netbox.devices = [make_device(1, "a", "core-switch", 1)]
    assert run("--devices", "core-switch=core", "--write").code == 0
    place = scene.folder / "our-city/city/devices/netbox.yaml"
    before = place.read_text(encoding="utf-8").replace("core}\n", "core} # ours\n")
    place.write_text(before, encoding="utf-8")
    netbox.devices.append(make_device(2, "b", "core-switch", 2))
    assert run("--devices", "core-switch=core", "--write").code == 0
    assert place.read_text(encoding="utf-8") == f"{before}  - {{id: b, school: first-e02, role: core}}\n"


def test_devices_that_a_blueprint_has_no_room_for_are_refused(scene: Scene, netbox: StandIn, run: RunImport) -> None:
    netbox.devices = [make_device(1, "a", "core-switch", 1), make_device(2, "b", "core-switch", 1)]
    before = scene.read_policy()
    done = run("--devices", "core-switch=core", "--write")
    assert done.code == 1
    assert "our-city/city/devices/netbox.yaml:" in done.errors
    assert scene.read_policy() == before


@pytest.mark.parametrize("word", ["core", "core-switch=cores", "=core", "a b=core"])
def test_a_role_that_is_none_is_refused(run: RunImport, word: str) -> None:
    done = run("--devices", word)
    assert (done.code, "such as core-switch=core" in done.errors) == (64, True)
