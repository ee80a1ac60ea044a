from __future__ import annotations

import pytest

from controller.errors import LabError
from controller.lab.state import paths
from controller.lab.state.application_addresses import choose_internet_address, list_internet_ports
from controller.lab.state.layout_planning import plan_layout
from controller.model.network.device_state import PortRole
from controller.model.network.packets import Family, Protocol, parse_prefix
from controller.model.policy_files import CITY, LAB
from controller.model.sites.schools import LabHost
from controller.model.virtual_city import VirtualCity


def test_the_canary_comes_first_and_every_school_has_its_parts(city: VirtualCity) -> None:
    layout = plan_layout(city, 6)
    host_ids = list(dict.fromkeys(host.id for host in city.virtual_estate.hosts))
    assert layout.schools[0].id == city.virtual_estate.canary
    assert {school.id for school in layout.schools} == set(city.virtual_estate.schools)
    for school in layout.schools:
        assert [host.id for host in school.hosts] == host_ids
        device = city.list_devices(city.school_by_id[school.id])[0]
        ports = [port for port in device.ports if not school.is_virtual or port.role is PortRole.HOST_FACING]
        # An Open vSwitch has the ports to gateways of other stages of integration, too.
        assert [port.name for port in school.ports][: len(ports)] == [port.name for port in ports]
        assert school.is_virtual or {port.name for port in school.ports} >= {one.port for one in school.gateways}
        assert school.management.address.v4 == str(device.management)
    outside = 3 + len(layout.carriers) + len(layout.regions)
    assert len(set(layout.namespaces)) == outside + 6 * (2 + len(host_ids))


def test_addresses_are_the_citys_own(city: VirtualCity) -> None:
    for school in plan_layout(city, 2).schools:
        for host in school.hosts:
            for family in Family:
                subnet = city.addresses.segment_prefix(
                    city.school_by_id[school.id], city.segments[host.segment], family
                )
                assert parse_prefix(host.interface.address.of(family)).subnet_of(subnet)  # type: ignore[arg-type]
                gateway = city.addresses.gateway_address(
                    city.school_by_id[school.id], city.segments[host.segment], family
                )
                assert host.interface.gateway.of(family) == family.format_address(gateway)


def test_every_tcp_application_listens_in_both_families(city: VirtualCity) -> None:
    layout = plan_layout(city, 1)
    for application in city.applications.values():
        if application.segment == city.management_segment:
            continue  # the switch's own SSH server
        addresses = [one.address for one in layout.listeners if application.id in one.applications]
        assert any(":" in address for address in addresses), application.id
        assert any(":" not in address for address in addresses), application.id


def test_the_internet_is_an_address_that_no_application_names(city: VirtualCity) -> None:
    for family in Family:
        address = parse_prefix(choose_internet_address(city, family))
        assert city.addresses.internet.in_family(family).contains(int(address.network_address))


def test_the_internet_listens_on_every_port_that_a_rule_names(city: VirtualCity) -> None:
    named = {
        service.ports[0]
        for rule in city.rules
        if rule.network and "internet" in rule.applications
        for service in rule.network.services
        if service.protocol is Protocol.TCP
    }
    assert named <= set(list_internet_ports(city))


def test_where_the_documentation_addresses_are_reserved_the_internet_is_elsewhere(city: VirtualCity) -> None:
    reserved = (*city.settings.reserved, parse_prefix("192.0.2.0/24"), parse_prefix("2001:db8::/32"))
    narrow = city.replace_file(CITY, city.settings.model_copy(update={"reserved": reserved}))
    for family in Family:
        address = int(parse_prefix(choose_internet_address(narrow, family)).network_address)
        assert narrow.addresses.internet.in_family(family).contains(address)


@pytest.mark.parametrize("number", [0, 7])
def test_a_number_of_schools_that_there_is_not(city: VirtualCity, number: int) -> None:
    with pytest.raises(LabError, match=r"names 6; choose 1 to 6"):
        plan_layout(city, number)


def test_a_host_that_would_take_the_switchs_namespace(city: VirtualCity) -> None:
    host = city.virtual_estate.hosts[0]
    bad = LabHost.model_validate({"id": "sw", "segment": host.segment, "origin": host.origin})
    other = city.replace_file(LAB, city.virtual_estate.model_copy(update={"hosts": (*city.virtual_estate.hosts, bad)}))
    name = paths.name_switch_namespace(city.virtual_estate.canary)
    with pytest.raises(LabError, match=name):
        plan_layout(other, 1)
