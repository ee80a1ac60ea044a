"""One line, two or three, tunnels, static routes: compiled, checked, and refused by name where nobody renders them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from controller.compile.network.line_tunnels import compile_line_tunnels, compile_static_routes
from controller.compile.network.route_policies import build_wanted_routing, compile_routing_intent
from controller.compile.network.wanted_device_state import compile_device
from controller.errors import BeyondCapability, LabError, PolicyError
from controller.lab.state.layout_planning import plan_layout
from controller.measure.assessment.assess import assess_school
from controller.model.city import City
from controller.model.loading.load_city import load_city
from controller.model.network.packets import Family
from controller.model.sites.devices import Device
from controller.model.virtual_city import VirtualCity
from controller.platforms.registry import load_platform
from controller.prove.routes.policies import find_routing_differences
from monitoring.city_state.school_tiles import CityState
from tests.cities.odd_cities import Files, build_files, write_city
from tests.cities.odd_networks import with_ipv4_only, with_one_line, with_three_lines, with_tunnels_and_static_routes
from tests.policies import TODAY

CAN = load_platform("frr").capabilities


def load_files(files: Files, folder: Path) -> City:
    return load_city(write_city(files, folder / "policies"), on=TODAY)


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> City:
    return load_files(build_files(2, [with_one_line]), tmp_path_factory.mktemp("one"))


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> City:
    return load_files(build_files(2, [with_three_lines]), tmp_path_factory.mktemp("three"))


@pytest.fixture(scope="module")
def tunnelled(tmp_path_factory: pytest.TempPathFactory) -> City:
    return load_files(build_files(2, [with_tunnels_and_static_routes]), tmp_path_factory.mktemp("tunnelled"))


def find_router(city: City, school: str) -> Device:
    return next(one for one in city.list_devices(city.school_by_id[school]) if one.role == "router")


def list_paths(city: City, school: str) -> list[str]:
    intent = compile_routing_intent(city, find_router(city, school))
    assert list(find_routing_differences(intent, build_wanted_routing(intent))) == []
    return [str(path.path) for path in intent.used(Family.V4)]


def test_a_router_of_one_line_has_the_neighbours_of_that_line_alone(one: City) -> None:
    assert list_paths(one, "s0001") == ["primary to tokyo", "primary to osaka"]
    router = find_router(one, "s0001")
    text = load_platform("frr").render(compile_device(one, router, CAN).wanted)
    assert "primary" in text
    assert "backup" not in text


def test_schools_with_other_lines_pass_over_what_they_do_not_have(three: City) -> None:
    four = ["primary to tokyo", "primary to osaka", "backup to tokyo", "backup to osaka"]
    assert list_paths(three, "s0001") == [*four, "third to tokyo"]
    assert list_paths(three, "s0002") == four[:2]
    compiled = compile_routing_intent(three, find_router(three, "s0001"))
    left_out = {path.path for path in compiled.neighbours if path.rank is None}
    assert left_out == {"third to osaka"}


def test_a_school_of_one_line_is_judged_by_it_and_shown_so(one: City) -> None:
    school = one.schools[0]
    assert [line.line for line in assess_school(school, [], one.measurement).lines] == ["primary"]
    assert CityState(one).tile(school)["lines"] == {"primary": "unknown"}


def test_a_tunnel_is_refused_by_name_where_the_platform_has_none(tunnelled: City) -> None:
    router = find_router(tunnelled, "s0001")
    told = r"^s0001-rt1: the primary line of school s0001 goes through a tunnel \(ipsec to 203\.0\.113\.200\), and frr "
    with pytest.raises(BeyondCapability, match=told):
        compile_device(tunnelled, router, CAN)
    with pytest.raises(BeyondCapability, match=told):
        compile_line_tunnels(tunnelled, router, replace(CAN, tunnels=frozenset({"gre"})))
    (made,) = compile_line_tunnels(tunnelled, router, replace(CAN, tunnels=frozenset({"ipsec"})))
    assert (made.line, made.interface, str(made.tunnel), made.tunnel.mtu) == (
        *("primary", "wan0", "ipsec to 203.0.113.200", 1400),
    )


def test_static_routes_are_refused_by_name_where_the_platform_has_none(tunnelled: City) -> None:
    router = find_router(tunnelled, "s0002")
    with pytest.raises(BeyondCapability, match=r"^s0002-rt1: the primary line of school s0002 has static routes, and "):
        compile_device(tunnelled, router, CAN)
    routes = compile_static_routes(tunnelled, router, replace(CAN, static_routes=True))
    shown = [(one.line, one.region, str(one.destination), str(one.next_hop), one.distance) for one in routes]
    assert shown == [
        ("primary", "tokyo", "0.0.0.0/0", "100.64.0.1", 1),
        ("primary", "osaka", "0.0.0.0/0", "100.64.0.2", 2),
        ("primary", "tokyo", "::/0", "fd74:736e:0:1::1", 1),
        ("primary", "osaka", "::/0", "fd74:736e:0:1::2", 2),
    ]
    # BGP stays on the other line alone.
    assert {path.line for path in compile_routing_intent(tunnelled, router).neighbours} == {"backup"}


def test_a_static_line_behind_bgp_is_taken_only_without_bgp(tmp_path: Path) -> None:
    files = build_files(1, [])
    files["city/schools/all.yaml"]["schools"][0]["lines"]["backup"]["routing"] = "static"
    city = load_files(files, tmp_path)
    routes = compile_static_routes(city, find_router(city, "s0001"), replace(CAN, static_routes=True))
    assert {(one.line, one.distance) for one in routes} == {("backup", 203), ("backup", 204)}


Change = Callable[[Files], None]


def set_line(name: str, **fields: object) -> Change:
    def change(files: Files) -> None:
        files["city/schools/all.yaml"]["schools"][0]["lines"].setdefault(name, {"kind": "lte", "mbps": 20}).update(
            fields
        )

    return change


def set_tunnel(kind: str, peer: str, mtu: int) -> Change:
    return set_line("primary", tunnel={"kind": kind, "peer": peer, "mtu": mtu})


def prefer_backup_only(files: Files) -> None:
    files["city/lines.yaml"]["preference"] = [{"line": "backup", "region": "tokyo"}]
    del files["city/schools/all.yaml"]["schools"][0]["lines"]["backup"]


def leave_out_backup(files: Files) -> None:
    del files["city/schools/all.yaml"]["schools"][0]["lines"]["backup"]
    set_line("third")(files)


def put_static_between(files: Files) -> None:
    set_line("primary", routing="static")(files)
    ways = files["city/lines.yaml"]["preference"]
    files["city/lines.yaml"]["preference"] = [ways[2], ways[0], ways[3]]


def share_an_interface(files: Files) -> None:
    with_three_lines(files)
    files["city/lines.yaml"]["links"]["third"]["interface"] = "wan0"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (set_line("third"), r"all\.yaml:\d+: lines\.third: school s0001 has a third line, and 'links' .* has none"),
        (leave_out_backup, r"all\.yaml:\d+: schools\.0\.lines: there is a third line and no backup; call it 'backup'"),
        (prefer_backup_only, r"all\.yaml:\d+: lines: the order .* at school s0001 names none of its own \(primary\)"),
        (put_static_between, r"all\.yaml:\d+: lines: the order of lines at school s0001 has a static one between"),
        (share_an_interface, r"lines\.yaml:\d+: .*the links primary and third have the interface 'wan0'"),
        (set_tunnel("ipip6", "203.0.113.9", 1400), r"all\.yaml:\d+: .*tunnel: peer: the far end of ipip6 .* IPv6"),
        (set_tunnel("gre", "203.0.113.9", 1490), r"all\.yaml:\d+: .*tunnel: mtu: gre leaves at most 1476 of the 1500"),
        (set_tunnel("gre", "203.0.113.9", 1000), r"all\.yaml:\d+: lines\.primary\.tunnel\.mtu: 1000 is less than IPv6"),
        (
            set_tunnel("gre", "10.1.2.3", 1400),
            r"all\.yaml:\d+: lines\.primary\.tunnel\.peer: the far end 10\.1\.2\.3 lies",
        ),
        (set_tunnel("gre", "224.0.0.1", 1400), r"all\.yaml:\d+: .*tunnel: peer: 224\.0\.0\.1 is no address of another"),
        (set_tunnel("l2tp", "203.0.113.9", 1400), r"all\.yaml:\d+: .*tunnel\.kind: write one of: ipsec, gre"),
        (set_line("primary", routing="rip"), r"all\.yaml:\d+: .*lines\.primary\.routing: write one of: bgp, static"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_place(tmp_path: Path, change: Change, told: str) -> None:
    with pytest.raises(PolicyError) as refused:
        load_files(build_files(1, [change]), tmp_path)
    assert [one for one in map(str, refused.value.problems) if re.search(told, one)], refused.value.problems


def test_a_small_mtu_is_no_fault_where_nothing_is_ipv6(tmp_path: Path) -> None:
    load_files(build_files(1, [with_ipv4_only, set_tunnel("gre", "203.0.113.9", 1000)]), tmp_path)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (with_tunnels_and_static_routes, r"all\.yaml:\d+: the primary line of school s0001 goes through a tunnel"),
    ],
)
def test_the_lab_says_what_it_cannot_build(tmp_path: Path, change: Change, told: str) -> None:
    city = load_city(write_city(build_files(1, [change]), tmp_path / "policies"), on=TODAY, estate=VirtualCity)
    assert isinstance(city, VirtualCity)
    with pytest.raises(LabError, match=told):
        plan_layout(city, 1)
