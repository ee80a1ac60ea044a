from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from controller.errors import LabError
from controller.lab.state import paths
from controller.lab.state.addresses import internet_address, internet_ports
from controller.lab.state.planning import lay_out
from controller.model.city import City
from controller.model.network.packets import Family, Protocol, parse_prefix
from controller.model.sites.schools import LabHost


def test_the_canary_comes_first_and_every_school_has_its_parts(city: City) -> None:
    layout = lay_out(city, 6)
    assert layout.schools[0].id == city.lab.canary
    assert {school.id for school in layout.schools} == set(city.lab.schools)
    for school in layout.schools:
        assert [host.id for host in school.hosts] == [host.id for host in city.lab.hosts]
        device = city.lab_devices(city.school_by_id[school.id])[0]
        assert [port.name for port in school.ports] == [port.name for port in device.ports]
        assert school.management.address.v4 == str(device.management)
    outside = 3 + len(layout.carriers) + len(layout.regions)
    assert len(set(layout.namespaces)) == outside + 6 * (2 + len(city.lab.hosts))


def test_addresses_are_the_citys_own(city: City) -> None:
    for school in lay_out(city, 2).schools:
        for host in school.hosts:
            for family in Family:
                subnet = city.segment_prefix(city.school_by_id[school.id], city.segments[host.segment], family)
                assert parse_prefix(host.interface.address.of(family)).subnet_of(subnet)  # type: ignore[arg-type]
                gateway = city.gateway(city.school_by_id[school.id], city.segments[host.segment], family)
                assert host.interface.gateway.of(family) == family.address(gateway)


def test_every_tcp_application_listens_in_both_families(city: City) -> None:
    layout = lay_out(city, 1)
    for application in city.applications.values():
        if application.segment == city.file.management_segment:
            continue  # the switch's own SSH server
        addresses = [one.address for one in layout.listeners if application.id in one.applications]
        assert any(":" in address for address in addresses), application.id
        assert any(":" not in address for address in addresses), application.id


def test_the_internet_is_an_address_that_no_application_names(city: City) -> None:
    for family in Family:
        address = parse_prefix(internet_address(city, family))
        assert city.internet.of(family).holds(int(address.network_address))


def test_the_internet_listens_on_every_port_that_a_rule_names(city: City) -> None:
    named = {
        service.ports[0]
        for rule in city.rules
        if rule.network and "internet" in rule.applications
        for service in rule.network.services
        if service.protocol is Protocol.TCP
    }
    assert named <= set(internet_ports(city))


def test_where_the_documentation_addresses_are_reserved_the_internet_is_elsewhere(city: City) -> None:
    reserved = (*city.file.reserved, parse_prefix("192.0.2.0/24"), parse_prefix("2001:db8::/32"))
    narrow = replace(city, file=city.file.model_copy(update={"reserved": reserved}))
    for family in Family:
        address = int(parse_prefix(internet_address(narrow, family)).network_address)
        assert narrow.internet.of(family).holds(address)


@pytest.mark.parametrize("number", [0, 7])
def test_a_number_of_schools_that_there_is_not(city: City, number: int) -> None:
    with pytest.raises(LabError, match=r"names 6; choose 1 to 6"):
        lay_out(city, number)


def test_device_access_that_does_not_fit_the_lab(city: City) -> None:
    access = city.lab.device_access.model_copy(update={"namespace": "elsewhere"})
    other = replace(city, lab=city.lab.model_copy(update={"device_access": access}))
    with pytest.raises(LabError, match="namespace is 'elsewhere', must be 'tsn-ctl'"):
        lay_out(other, 1)


def test_another_state_directory_needs_another_device_access(city: City, tmp_path: Path) -> None:
    with pytest.raises(LabError, match=r"key\.file"):
        lay_out(city, 1, tmp_path)


def test_a_host_that_would_take_the_switchs_namespace(city: City) -> None:
    host = city.lab.hosts[0]
    bad = LabHost.model_validate({"id": "sw", "segment": host.segment, "origin": host.origin})
    other = replace(city, lab=city.lab.model_copy(update={"hosts": (*city.lab.hosts, bad)}))
    name = paths.switch_namespace(city.lab.canary)
    with pytest.raises(LabError, match=name):
        lay_out(other, 1)
