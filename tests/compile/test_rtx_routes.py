"""A school's router that is a Yamaha RTX: which lines it gets routes and tunnels for, and what is refused by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from controller.compile.network.wanted_device_state import DeviceIntent, compile_device
from controller.errors import BeyondCapability
from controller.model.city import City
from controller.model.loading.load_city import load_city
from controller.model.network.line_routes import LineGateway
from controller.plan.derive import derive_change
from controller.plan.proof.rendered_device import find_route_differences
from controller.platforms.registry import load_platform
from tests.cities.odd_cities import Files, build_files, write_city
from tests.cities.odd_networks import with_ipv4_only
from tests.policies import TODAY

RTX = load_platform("yamaha_rtx")
TWO_WAYS = [{"line": "primary", "region": "tokyo"}, {"line": "backup", "region": "tokyo"}]


def lines(files: Files) -> dict[str, Any]:
    found: dict[str, Any] = files["city/schools/all.yaml"]["schools"][0]["lines"]
    return found


def with_static_lines(files: Files) -> None:
    with_ipv4_only(files)
    for line in lines(files).values():
        line["routing"] = "static"
    files["city/lines.yaml"]["preference"] = TWO_WAYS


def with_tunnel(kind: str, peer: str) -> Callable[[Files], None]:
    def change(files: Files) -> None:
        with_static_lines(files)
        lines(files)["backup"]["tunnel"] = {"kind": kind, "peer": peer, "mtu": 1400}

    return change


def with_four_ways(files: Files) -> None:
    ways = files["city/lines.yaml"]["preference"]
    with_static_lines(files)
    files["city/lines.yaml"]["preference"] = ways


def with_both_families(files: Files) -> None:
    for line in lines(files).values():
        line["routing"] = "static"
    files["city/lines.yaml"]["preference"] = TWO_WAYS


def compile_router(folder: Path, change: Callable[[Files], None]) -> tuple[City, DeviceIntent]:
    files = build_files(1, [])
    change(files)
    city = load_city(write_city(files, folder / "policies"), on=TODAY)
    router = next(one for one in city.list_devices(city.schools[0]) if one.role == "router")
    router = replace(router, platform="yamaha_rtx")
    return city, compile_device(city, router, RTX.capabilities)


def test_static_lines_become_one_default_route_in_the_order_of_the_policy(tmp_path: Path) -> None:
    city, intent = compile_router(tmp_path, with_tunnel("ipip6", "2001:db8:f::1"))
    (route,) = intent.wanted.default_routes
    first, second = route.gateways
    assert first == LineGateway(first.watched, first.watched)
    assert second.gateway == "tunnel backup"
    text = RTX.render(intent.wanted)
    assert f"ip route default gateway {first.gateway} keepalive 91 gateway tunnel 12 keepalive 92 weight 0\n" in text
    assert " tunnel encapsulation ipip\n tunnel endpoint address 2001:db8:f::1\n ip tunnel mtu 1400\n" in text
    assert not list(find_route_differences(intent, RTX.parse(text, "x").state))
    change = derive_change(city, intent.device, RTX.parse("# RTX\n", "x").state)
    assert [line for line in change.changes if line.startswith("+ ")] == [
        f"+ default route IPv4: {first}, else tunnel backup while {second.watched} answers",
        "+ tunnel of the backup line, ipip6 to 2001:db8:f::1, MTU 1400",
    ]


def test_a_route_that_is_not_the_policys_is_a_difference(tmp_path: Path) -> None:
    _, intent = compile_router(tmp_path, with_static_lines)
    (route,) = intent.wanted.default_routes
    turned = replace(intent.wanted, default_routes=(replace(route, gateways=route.gateways[::-1]),))
    assert "the policy: " in "".join(find_route_differences(intent, turned))
    assert "no default route of IPv4" in "".join(find_route_differences(intent, replace(turned, default_routes=())))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (with_ipv4_only, r"routes by BGP; the school's AS number 42\d+ is one of 32 bits, .* 'largest_as_number'"),
        (with_both_families, "static routes of IPv6, and Tsunagu writes none .* 'static_families'"),
        (with_four_ways, "has 4 static ways in order .* orders at most 2 .*'static_gateways'"),
        (with_tunnel("gre", "203.0.113.9"), "goes through a tunnel .* 'tunnels'"),
        (with_tunnel("ipsec", "203.0.113.9"), "goes through a tunnel .* 'tunnels'"),
    ],
)
def test_what_an_rtx_has_not_is_refused_by_name(tmp_path: Path, change: Callable[[Files], None], told: str) -> None:
    with pytest.raises(BeyondCapability, match=told):
        compile_router(tmp_path, change)
