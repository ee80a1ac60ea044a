"""What the routers of the virtual city boot with, as text."""

from __future__ import annotations

import re

import pytest

from controller.lab.network import frr_configuration
from controller.lab.state.layout import Layout
from controller.lab.state.layout_planning import plan_layout
from controller.model.network.packets import Family
from controller.model.virtual_city import VirtualCity
from controller.plan.proof.unjudged import find_unjudged_on
from controller.plan.select import find_device
from controller.platforms.registry import load_platform


@pytest.fixture
def layout(city: VirtualCity) -> Layout:
    return plan_layout(city, 6)


def test_a_school_has_a_session_on_each_line_to_each_region_in_each_family(city: VirtualCity, layout: Layout) -> None:
    for school in layout.schools:
        text = frr_configuration.render_frr_configuration(frr_configuration.describe_school_router(layout, school))
        neighbours = dict(re.findall(r"^ neighbor (\S+) remote-as (\d+)$", text, re.MULTILINE))
        own = city.school_by_id[school.id]
        wanted = {
            str(city.lines.region_address(region, line, family)): str(region.asn)
            for line, region in city.lines.list_paths()
            for family in Family
        }
        assert neighbours == wanted
        assert f"router bgp {city.lines.get_asn(own)}\n" in text
        for neighbour in neighbours:
            assert f" neighbor {neighbour} bfd profile lines\n" in text
            assert f"  neighbor {neighbour} activate\n" in text


def test_nothing_that_a_school_router_boots_with_leads_elsewhere(city: VirtualCity, layout: Layout) -> None:
    for school in layout.schools:
        text = frr_configuration.render_frr_configuration(frr_configuration.describe_school_router(layout, school))
        seen = load_platform("frr").parse(text, "frr.conf")
        assert seen.paths
        assert find_unjudged_on(city, find_device(city, school.router_device), seen) == ()


def test_a_school_announces_its_block_and_the_address_that_it_is_translated_to(
    city: VirtualCity, layout: Layout
) -> None:
    for school in layout.schools:
        text = frr_configuration.render_frr_configuration(frr_configuration.describe_school_router(layout, school))
        own = city.school_by_id[school.id]
        wanted = {str(city.addresses.school_prefix(own, family)) for family in Family}
        wanted |= {str(prefix) for prefix in own.lines.primary.egress}
        assert set(re.findall(r"^  network (\S+)$", text, re.MULTILINE)) == wanted
        assert "route-map" not in text  # preferring and filtering is what a plan brings
        assert "prefix-list" not in text


def test_a_region_filters_every_school_in_both_directions(layout: Layout) -> None:
    for region in layout.regions:
        text = frr_configuration.render_frr_configuration(frr_configuration.describe_region_router(layout, region))
        for school in layout.schools:
            for family, word in ((Family.V4, "ip"), (Family.V6, "ipv6")):
                listed = set(re.findall(rf"^{word} prefix-list {school.id} permit (\S+)$", text, re.MULTILINE))
                assert listed == set(school.own_prefixes[family])
                for line in school.lines:
                    neighbour = line.address.of(family)
                    assert f"  neighbor {neighbour} prefix-list {school.id} in\n" in text
                    assert f"  neighbor {neighbour} prefix-list only-default out\n" in text
        assert set(re.findall(r"^ipv?6? ?prefix-list only-default permit (\S+)$", text, re.MULTILINE)) == {
            "0.0.0.0/0",
            "::/0",
        }


def test_the_core_gives_both_regions_a_default_route(layout: Layout) -> None:
    text = frr_configuration.render_frr_configuration(frr_configuration.describe_core_router(layout))
    for region in layout.regions:
        for family in Family:
            assert f"  neighbor {region.core_link.of(family)} default-originate\n" in text


def test_no_address_is_given_twice(layout: Layout) -> None:
    speakers = [speaker for _, speaker in frr_configuration.list_outside_routers(layout).values()]
    speakers += [frr_configuration.describe_school_router(layout, school) for school in layout.schools]
    given = [address for one in speakers for found in one.interfaces.values() for address in found]
    assert len(given) == len(set(given))
    assert len({one.router_id for one in speakers}) == len(speakers)
