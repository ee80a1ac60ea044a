"""The city as hosts and groups, without Ansible."""

from __future__ import annotations

import re
from pathlib import Path

from controller.lab.lab_operations import build_lab_operations
from controller.model.city import City
from controller.model.virtual_city import choose_virtual_city
from controller.plan.playbook_tasks.inventory import list_hosts, load_city_once
from controller.plan.select import Selection, find_device, select_devices
from tests.policies import SHIPPED, PolicyFolder


def test_every_device_of_the_estate_is_a_host(city: City) -> None:
    for one in (city, choose_virtual_city(city)):
        hosts = list(list_hosts(one, {}))
        assert [host.name for host in hosts] == [device.id for device in select_devices(one, Selection())]
        assert all(re.fullmatch(r"[a-z][a-z0-9_]*", group) for host in hosts for group in host.groups)


def test_a_host_has_what_a_play_needs(city: City) -> None:
    lab = choose_virtual_city(city)
    device = find_device(lab, "as-e04-core1")
    (host,) = [one for one in list_hosts(lab, build_lab_operations().access) if one.name == device.id]
    assert host.groups == (
        "ward_asao",
        "school_as_e04",
        "kind_elementary",
        "phase_all",
        "platform_ovs",
        "role_core",
        "operable",
    )
    assert host.variables == {
        "ansible_host": "10.157.10.10",
        "ansible_port": 22,
        "ansible_user": "tsunagu-switch",
        "school": "as-e04",
        "school_name": device.school.name,
        "ward": "asao",
        "platform": "ovs",
        "device_role": "core",
    }


def test_without_an_operators_file_a_host_has_neither_user_nor_port(city: City) -> None:
    variables = next(iter(list_hosts(city, {}))).variables
    assert not {"ansible_port", "ansible_user"} & set(variables)


def test_what_cannot_be_asked_is_in_a_group_of_its_own(tmp_path: Path) -> None:
    policies = PolicyFolder(tmp_path)
    policies.unbuilt()
    (host,) = [one for one in list_hosts(policies.load(), {}) if one.name == "kw-s01-ap1"]
    assert host.groups[-1] == "not_operable"


def test_a_city_is_read_once_for_each_estate() -> None:
    real, lab = (load_city_once(str(SHIPPED), estate) for estate in ("real", "virtual"))
    assert (real.estate, lab.estate) == ("real", "virtual")
    assert load_city_once(str(SHIPPED), "virtual") is lab
