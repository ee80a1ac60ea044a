"""FRR as text: written and read, from one state to another and back, refusals and conflicts."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings

from controller.compile.network.route_policies import build_wanted_routing, compile_routing_intent
from controller.errors import ConfigRefused
from controller.model.city import City
from controller.model.network.device_state import DeviceState, Vlan, build_device_state
from controller.model.sites.devices import Device
from controller.platforms.base import refuse_conflicts
from controller.platforms.frr.driver import CONFIGURE, Frr
from tests.emulators.frr import Refused, Router
from tests.platforms.frr.routings import NEIGHBOURS, SYSTEM, frr_states
from tests.soak import examples

FRR = Frr()
GOLDEN = Path(__file__).parent / "golden"


def router_of(city: City, school: str = "as-e04") -> Device:
    own = city.school_by_id[school]
    return next(one for one in city.list_devices(own) if one.role == "router")


@pytest.fixture
def wanted(city: City) -> DeviceState:
    return build_device_state(routing=build_wanted_routing(compile_routing_intent(city, router_of(city))))


def bare(wanted: DeviceState) -> Router:
    bindings = wanted.routing.bindings
    return Router(bindings[0].system, dict.fromkeys(str(one.neighbour) for one in bindings))


def walk(router: Router, now: DeviceState, wanted: DeviceState) -> None:
    """Perform the steps; after each the router is in the state that it promises."""
    for step in FRR.plan_steps(now, wanted):
        for command in step.commands:
            assert command.line == CONFIGURE
            router.configure(command.stdin or "")
        assert FRR.parse(router.running(), step.title).state == step.result
    assert FRR.parse(router.running(), "wanted").state == wanted


@settings(max_examples=examples(30), deadline=None)
@given(frr_states(), frr_states())
def test_there_and_back(first: DeviceState, second: DeviceState) -> None:
    router = Router(SYSTEM, NEIGHBOURS)
    before = router.running()
    walk(router, build_device_state(), first)
    walk(router, first, second)
    walk(router, second, first)
    walk(router, first, build_device_state())
    assert router.running() == before
    assert not FRR.plan_steps(first, first)


def test_the_emulator_refuses_what_it_does_not_know() -> None:
    for line in ("ip prefix-list X seq 5 permit 10.0.0.0", "router bgp 1", "access-list 1", "no route-map X"):
        with pytest.raises(Refused):
            Router(SYSTEM, NEIGHBOURS).configure(line)
    with pytest.raises(Refused):
        Router(SYSTEM, NEIGHBOURS).configure("route-map X permit 10\nset metric 3")
    with pytest.raises(Refused):
        Router(SYSTEM, NEIGHBOURS).configure(
            f"router bgp {SYSTEM}\naddress-family ipv4 unicast\nneighbor 9.9.9.9 route-map X in"
        )


def test_golden(wanted: DeviceState) -> None:
    """Regenerate with GOLDEN=write pytest tests/platforms, and read the difference."""
    text = FRR.render(wanted)
    path = GOLDEN / "frr.txt"
    if os.environ.get("GOLDEN") == "write":
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def test_the_order_of_steps(wanted: DeviceState) -> None:
    titles = [step.title for step in FRR.plan_steps(build_device_state(), wanted)]
    assert titles == ["make prefix lists and route maps", "attach route maps of the ways in use"]
    titles = [step.title for step in FRR.plan_steps(wanted, build_device_state())]
    assert titles == ["detach route maps", "remove route maps and prefix lists"]


def test_an_edit_by_hand_is_mended_beside_it(wanted: DeviceState) -> None:
    router = bare(wanted)
    walk(router, build_device_state(), wanted)
    name = wanted.routing.bindings[0].policy
    router.configure(f"route-map {name} permit 20\nset local-preference 7\nexit")
    edited = FRR.parse(router.running(), "x").state
    assert edited != wanted
    for step in FRR.plan_steps(edited, wanted):
        if any("local-preference" in (command.stdin or "") for command in step.commands):
            held = {one.policy for one in edited.routing.bindings}
            made = {one.name for one in step.result.routing.policies} - {one.name for one in edited.routing.policies}
            assert made
            assert not made & held
    walk(router, edited, wanted)


def test_packets_are_not_filtered_here() -> None:
    with pytest.raises(ValueError, match="FRR has no VLAN database"):
        FRR.render(build_device_state([Vlan(10, "TSN-x")]))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("ip prefix-list TSN-own-4-x description ours", "'ip prefix-list TSN-own-4-x description ours' is not unders"),
        ("ip prefix-list TSN-own-4-x seq 5 permit 10.0.0.1/8", "is not understood; expected ip prefix-list NAME seq N"),
        ("ip prefix-list TSN-x seq 5 permit 10.0.0.0/8 ge 40", "is not understood; expected ip prefix-list NAME seq N"),
        ("route-map TSN-x permit 10\n match as-path 1\nexit", "'match as-path 1' is not understood inside a route map"),
        ("route-map TSN-x permit 10\n set metric 5\nexit", "'set metric 5' is not understood inside a route map of"),
        ("route-map TSN-x permit 10\n on-match next\nexit", "'on-match next' is not understood inside a route map"),
        (
            "route-map TSN-x permit 10\n set as-path prepend last-as 3\nexit",
            "'set as-path prepend last-as 3' is not understood inside",
        ),
        (
            "route-map TSN-x permit 10\n match ip address prefix-list A\n match ipv6 address prefix-list B\nexit",
            "a route map of ours matches routes of one family only",
        ),
        ("route-map LEGACY permit 10\n match ip address prefix-list TSN-x\nexit", "refers to TSN-x, which is ours, wh"),
        ("router bgp 5\n redistribute connected route-map TSN-x\nexit", "refers to TSN-x, which is ours, where none"),
        (
            "router bgp 5\n address-family ipv4 unicast\n  neighbor GROUP route-map TSN-x in\n exit-address-family",
            "'GROUP' is no address",
        ),
        (
            "router bgp 5 vrf X\n address-family ipv4 unicast\n  neighbor 10.0.0.1 route-map TSN-x in",
            "refers to TSN-x, which is ours, where none",
        ),
        (
            "ip protocol bgp route-map TSN-x",
            "refers to TSN-x, which is ours, where none of ours belongs; depends on it: the routes",
        ),
    ],
)
def test_an_unknown_word_inside_ours_is_refused(line: str, said: str) -> None:
    with pytest.raises(ConfigRefused) as caught:
        FRR.parse(f"hostname rt1\n{line}\nend\n", "rt1.cfg")
    assert "rt1.cfg:" in str(caught.value)
    assert said in str(caught.value)


def test_a_word_of_ours_in_free_text_is_refused_too() -> None:
    with pytest.raises(
        ConfigRefused, match=r"x:2: 'neighbor 10.0.0.1 description see TSN-own' names TSN-own, which is"
    ):
        FRR.parse("router bgp 5\n neighbor 10.0.0.1 description see TSN-own\nexit\nend\n", "x")


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (
            lambda text: text.replace(
                "  neighbor 100.64.0.1 activate",
                "  neighbor 100.64.0.1 activate\n  neighbor 100.64.0.1 route-map LEGACY out",
            ),
            "must stand where 'neighbor 100.64.0.1 route-map LEGACY out' is, which is not ours",
        ),
        (
            lambda text: text.replace(
                "  neighbor 100.64.0.1 activate",
                "  neighbor 100.64.0.1 activate\n  neighbor 100.64.0.1 default-originate",
            ),
            "'neighbor 100.64.0.1 default-originate' gives neighbour 100.64.0.1 IPv4 in AS 4200000157 a default route",
        ),
        (
            lambda text: text.replace("  neighbor 100.64.0.1 activate\n", ""),
            "must stand at neighbour 100.64.0.1 IPv4 in AS 4200000157, which the router does not have; depends on it",
        ),
        (
            lambda text: text.replace("router bgp 4200000157", "router bgp 65001"),
            "must stand at neighbour 100.64.0.1 IPv4 in AS 4200000157, which the router does not have; depends on it",
        ),
        (
            lambda text: text.replace(
                "  neighbor 100.64.0.1 activate", "  neighbor 100.64.0.1 activate\n  neighbor 10.9.9.9 activate"
            ),
            "'neighbor 10.9.9.9 activate': the lines know no such neighbour for IPv4, so anything could leave there",
        ),
        (
            lambda text: text.replace(" no bgp default ipv4-unicast\n", " neighbor 10.9.9.9 remote-as 9\n"),
            "'neighbor 10.9.9.9 remote-as 9': the lines know no such neighbour for IPv4, so anything could leave",
        ),
        (
            lambda text: text.replace(
                "  neighbor 100.64.0.1 activate",
                "  neighbor 100.64.0.1 route-map LEGACY out\n  neighbor 100.64.0.1 activate",
            ),
            "must stand where 'neighbor 100.64.0.1 route-map LEGACY out' is, which is not ours",
        ),
        (
            lambda text: text.replace(
                "  neighbor 100.64.0.1 activate",
                "  neighbor 100.64.0.1 default-originate\n  neighbor 100.64.0.1 activate",
            ),
            "'neighbor 100.64.0.1 default-originate' gives neighbour 100.64.0.1 IPv4 in AS 4200000157 a default route",
        ),
        (
            lambda text: text.replace("address-family ipv4 unicast", "address-family ipv4").replace(
                "  neighbor 100.64.0.1 activate",
                "  neighbor 100.64.0.1 activate\n  neighbor 100.64.0.1 route-map LEGACY in",
            ),
            "must stand where 'neighbor 100.64.0.1 route-map LEGACY in' is, which is not ours",
        ),
        (
            lambda text: text.replace(
                " no bgp default ipv4-unicast\n",
                " no bgp default ipv4-unicast\n neighbor 100.64.0.1 route-map LEGACY in\n",
            ),
            "must stand where 'neighbor 100.64.0.1 route-map LEGACY in' is, which is not ours",
        ),
        (
            lambda text: text.replace(
                " no bgp default ipv4-unicast\n",
                " no bgp default ipv4-unicast\n neighbor UP peer-group\n neighbor 100.64.0.1 peer-group UP\n",
            ),
            "'neighbor 100.64.0.1 peer-group UP': a group decides for neighbour 100.64.0.1 IPv4 in AS 4200000157",
        ),
        (
            lambda text: text.replace(
                " no bgp default ipv4-unicast\n",
                " no bgp default ipv4-unicast\n neighbor UP peer-group\n neighbor 10.9.9.9 peer-group UP\n",
            ).replace("  neighbor 100.64.0.1 activate", "  neighbor UP activate\n  neighbor 100.64.0.1 activate"),
            "'neighbor 10.9.9.9 peer-group UP': the lines know no such neighbour for IPv4, so anything could leave",
        ),
        (
            lambda text: text.replace(
                " no bgp default ipv4-unicast\n", " neighbor wan7 interface remote-as external\n"
            ),
            "'neighbor wan7 interface remote-as external': the lines know no such neighbour for IPv4, so anything",
        ),
    ],
)
def test_what_others_set_where_ours_must_stand_is_a_conflict(
    wanted: DeviceState, edit: Callable[[str], str], said: str
) -> None:
    text = bare(wanted).running()
    refuse_conflicts(FRR.parse(text, "rt1.cfg"), wanted, "rt1.cfg")
    with pytest.raises(ConfigRefused) as caught:
        refuse_conflicts(FRR.parse(edit(text), "rt1.cfg"), wanted, "rt1.cfg")
    assert "rt1.cfg:" in str(caught.value)
    assert said in str(caught.value)


def test_a_neighbour_that_is_taken_out_of_the_family_again_is_no_way_out(wanted: DeviceState) -> None:
    at = "  neighbor 100.64.0.1 activate\n"
    text = bare(wanted).running()
    assert at in text
    both = text.replace(at, f"{at}  neighbor 10.9.9.9 activate\n  no neighbor 10.9.9.9 activate\n", 1)
    refuse_conflicts(FRR.parse(both, "rt1.cfg"), wanted, "rt1.cfg")


@pytest.mark.parametrize("line", ["neighbor 10.9.9.9 shutdown", "neighbor 10.9.9.9 shutdown message closed"])
def test_a_neighbour_that_is_shut_down_is_no_way_out(wanted: DeviceState, line: str) -> None:
    """The advice for a neighbour that nobody planned is to shut it down."""
    at, before = "  neighbor 100.64.0.1 activate\n", " no bgp default ipv4-unicast\n"
    text = bare(wanted).running().replace(at, f"{at}  neighbor 10.9.9.9 activate\n", 1)
    with pytest.raises(ConfigRefused, match=r"neighbor 10\.9\.9\.9 shutdown"):
        refuse_conflicts(FRR.parse(text, "rt1.cfg"), wanted, "rt1.cfg")
    shut = text.replace(before, f"{before} neighbor 10.9.9.9 remote-as 9\n {line}\n", 1)
    refuse_conflicts(FRR.parse(shut, "rt1.cfg"), wanted, "rt1.cfg")


def test_a_group_that_nobody_is_in_is_no_neighbour(wanted: DeviceState) -> None:
    at = " no bgp default ipv4-unicast\n"
    text = bare(wanted).running().replace(at, f"{at} neighbor UP peer-group\n neighbor UP route-map LEGACY out\n")
    refuse_conflicts(FRR.parse(text, "rt1.cfg"), wanted, "rt1.cfg")


def test_what_was_rendered_can_be_judged_like_a_router(wanted: DeviceState) -> None:
    seen = FRR.parse(FRR.render(wanted), "rt1.cfg")
    refuse_conflicts(seen, wanted, "rt1.cfg")
    assert len(seen.peers) == 8
