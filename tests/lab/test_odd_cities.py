"""Virtual cities of other networks than the sample's: one family, one line and one region, three lines, other words."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from controller.errors import LabError
from controller.lab import lifecycle as virtual_city
from controller.lab.faults import fault_injection
from controller.lab.lab_status import read_lab_status
from controller.lab.network.connectivity import list_exits, list_lost_neighbours
from controller.lab.state import paths
from controller.lab.state.lab_faults import parse_fault
from controller.lab.state.layout import Layout
from controller.lab.state.layout_planning import plan_layout
from controller.lab.state.processes import wait_until
from controller.lab.trials.matrix import try_matrix
from controller.model.loading.load_city import load_city
from controller.model.network.packets import Family
from controller.model.virtual_city import VirtualCity, choose_virtual_city
from tests.cities.odd_cities import Oddity, build_files, with_one_region, with_other_words, write_city
from tests.cities.odd_networks import (
    with_ipv4_only,
    with_ipv6_only,
    with_one_line,
    with_three_lines,
    with_tunnels_and_static_routes,
)
from tests.lab.test_up_and_down import traces
from tests.lab.trials.test_matrix import put_in_force


@dataclass(frozen=True)
class OddCity:
    """A city and what its lab must have."""

    oddities: tuple[Oddity, ...]
    schools: int
    families: tuple[Family, ...]
    lines: tuple[str, ...]
    regions: int


ODD = {
    "IPv4 only, one line, one region, other words": OddCity(
        (with_ipv4_only, with_one_line, with_one_region, with_other_words), 1, (Family.V4,), ("primary",), 1
    ),
    "IPv6 only": OddCity((with_ipv6_only,), 1, (Family.V6,), ("primary", "backup"), 2),
    "one school with three lines, one with one": OddCity(
        (with_three_lines,), 2, tuple(Family), ("primary", "backup", "third"), 2
    ),
}


def load_odd_city(odd: OddCity, folder: Path) -> VirtualCity:
    files = build_files(odd.schools, odd.oddities)
    return choose_virtual_city(load_city(write_city(files, folder / "policies")))


@pytest.mark.parametrize("name", ODD)
def test_the_plan_of_an_odd_citys_lab(tmp_path: Path, name: str) -> None:
    odd = ODD[name]
    city = load_odd_city(odd, tmp_path)
    layout = plan_layout(city, odd.schools)
    assert layout.families == odd.families
    assert tuple(one.line for one in layout.carriers) == odd.lines
    assert len(layout.regions) == odd.regions
    assert Layout.model_validate_json(layout.model_dump_json()) == layout
    absent = {Family.V4, Family.V6} - {*odd.families}
    for school in layout.schools:
        assert [line.name for line in school.lines] == [*city.school_by_id[school.id].lines.by_name]
        assert all(one.find(family) is None for family in absent for one in (school.block, school.router_address))
    with pytest.raises(LabError, match="has no third line in the lab; it has: primary"):
        parse_fault(layout, layout.schools[-1].id, "third-line")


def test_what_the_lab_does_not_build_is_refused_by_name(tmp_path: Path) -> None:
    odd = OddCity((with_tunnels_and_static_routes,), 2, tuple(Family), ("primary", "backup"), 2)
    city = load_odd_city(odd, tmp_path)
    with pytest.raises(LabError, match="primary line of school s0001 goes through a tunnel"):
        plan_layout(city, 2)


@pytest.mark.lab
@pytest.mark.usefixtures("no_lab")
@pytest.mark.parametrize("name", ODD)
def test_an_odd_citys_lab_stands_and_does_what_the_policy_says(tmp_path: Path, name: str) -> None:
    odd = ODD[name]
    city = load_odd_city(odd, tmp_path)
    before = traces(paths.SSH_USER)
    layout = virtual_city.build_virtual_city(city, odd.schools, lambda _: None)
    try:
        assert read_lab_status().lives
        for school in layout.schools:
            put_in_force(city, school)
        # What must not connect is tried where a family is missing: that takes the time of waiting for no answer.
        one_family = len(odd.families) == 1
        matrix = try_matrix(city, control=False, denied=one_family)
        assert matrix.agrees, [one for one in matrix.results if one.verdict != "agrees"][:5]
        assert {part.family for part in matrix.summary} == {*odd.families}
        assert all(part.permitted and bool(part.denied) == one_family for part in matrix.summary)
        first = layout.schools[0]
        if len(first.lines) > 1:
            fault = parse_fault(layout, first.id, "primary-line")
            fault_injection.inject_fault(fault)
            others = {line.name for line in first.lines[1:]}
            assert wait_until(lambda: {line for line, _ in list_exits(layout, first, paths.STATE)} <= others, 10.0)
            fault_injection.repair_fault(fault)
            assert wait_until(lambda: not [*list_lost_neighbours(first.id, first.router, paths.STATE)], 20.0)
    finally:
        virtual_city.remove_virtual_city(lambda _: None)
    assert traces(paths.SSH_USER) == before
