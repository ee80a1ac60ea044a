"""What an adoption proposes: segments, names, contradictions with choices, and what opens and closes."""

from __future__ import annotations

import re

import pytest

from controller.adoption.access_changes import EVERYTHING_ELSE, AccessChange
from controller.adoption.choices import Contradiction
from controller.adoption.proposal import AdoptionRefused, DeviceProposal, propose_adoption
from controller.adoption.reading import ALL_VLANS, read_existing_network
from controller.compile.network.wanted_device_state import compile_device
from controller.model.city import City
from controller.model.network.packets import Direction, Family
from controller.plan.select import find_device
from controller.platforms.registry import load_platform
from tests.adoption.conftest import CATALYST, X530, propose, read_saved_text


def find_contradiction(proposal: DeviceProposal, name: str) -> Contradiction:
    (found,) = (one for one in proposal.contradictions if one.name == name)
    return found


def list_changes(proposal: DeviceProposal, way: str, segment: str, direction: Direction) -> dict[str, AccessChange]:
    return {
        one.peer: one
        for one in proposal.access_changes
        if (one.way, one.segment, one.direction) == (way, segment, direction) and 4 in one.families
    }


def test_an_address_decides_what_a_vlan_is(catalyst: DeviceProposal) -> None:
    mapped = {one.vlan: one for one in catalyst.segment_map}
    assert {vlan: one.segment for vlan, one in mapped.items()} == {
        10: "staff",
        11: "staff-legacy",
        20: "pupil",
        21: "learning-legacy",
        30: "printers",
        40: "guest",
        90: "management",
        98: "quarantine",
        99: "transit",
        150: "",
    }
    assert mapped[11].reasons[0] == "10.33.4.1/23 stands in its prefix 10.33.4.0/23"
    assert all(one.format_override() == "" for one in mapped.values())


def test_other_numbers_and_prefixes_are_proposed_for_the_schools_file(city: City) -> None:
    text = (
        read_saved_text(CATALYST)
        .replace("vlan 10\n", "vlan 110\n")
        .replace("interface Vlan10\n", "interface Vlan110\n")
    )
    text = text.replace("10.33.0.1 255.255.252.0", "10.33.0.1 255.255.254.0")
    mapped = {one.vlan: one for one in propose(city, CATALYST, text).segment_map}
    assert mapped[110].segment == "staff"
    assert mapped[110].format_override() == "- {id: staff, vlan: 110, ipv4: 10.33.0.0/23}"


def test_a_number_that_another_network_has_is_not_handed_over(city: City) -> None:
    text = read_saved_text(CATALYST)
    swapped = text.replace("10.33.0.1 255.255.252.0", "X").replace(
        "10.33.16.1 255.255.240.0", "10.33.0.1 255.255.252.0"
    )
    swapped = swapped.replace("ip address X", "ip address 10.33.16.1 255.255.240.0")
    proposal = propose(city, CATALYST, swapped)
    found = find_contradiction(proposal, "vlan 10")
    assert "the policy has 教職員 (staff) in VLAN 10; here it is 児童生徒 (pupil)" in found.reason
    assert "- {id: pupil, vlan: 10}" in found.choices[0].title
    assert not {"vlan 10", "vlan 20"} & {stage.hand_over.name for stage in proposal.stages}


def test_names_stand_apart_from_what_contradicts(catalyst: DeviceProposal) -> None:
    names = {one.name: one for one in catalyst.only_names}
    assert names["vlan 10"].commands == ("vlan 10", "name TSN-staff")
    assert names["vlan 10"].give_back == ("vlan 10", "name STAFF")
    port = names["interface GigabitEthernet1/0/1"]
    assert port.commands == ("interface GigabitEthernet1/0/1", "description TSN-port 1F floor switch")
    assert "interface GigabitEthernet1/0/3" not in names
    filters = [stage.hand_over for stage in catalyst.stages if stage.hand_over.needs == "filter"]
    assert [one.give_back[1] for one in filters] == [
        "ip access-group STAFF-IN in",
        "ip access-group PUPIL-IN in",
        "ip access-group PUPIL-OUT out",
        "ip access-group 140 in",
    ]


def test_a_native_vlan_of_ours_has_three_choices(catalyst: DeviceProposal) -> None:
    found = find_contradiction(catalyst, "interface GigabitEthernet1/0/3")
    lines = read_saved_text(CATALYST).splitlines()
    assert lines[found.line - 1] == " switchport trunk native vlan 90"
    assert "VLAN 90 (機器管理)" in found.traffic
    assert [choice.commands for choice in found.choices] == [
        ("interface GigabitEthernet1/0/3", "switchport trunk native vlan 999"),
        ("interface GigabitEthernet1/0/3", "switchport trunk allowed vlan remove 90"),
        (),
    ]


def test_a_vlan_that_a_trunk_would_lose_is_named(catalyst: DeviceProposal) -> None:
    found = find_contradiction(catalyst, "port GigabitEthernet1/0/2")
    assert found.choices[0].commands == ("interface GigabitEthernet1/0/2", "switchport trunk allowed vlan remove 150")
    assert found.choices[0].closes == "hosts behind GigabitEthernet1/0/2 in VLAN 150 (VOICE)"


def test_phones_of_a_port_are_named(x530: DeviceProposal) -> None:
    found = find_contradiction(x530, "interface port1.0.4")
    assert found.traffic == "phones behind port1.0.4, in VLAN 150 (VOICE)"
    assert found.choices[0].commands == ("interface port1.0.4", "no switchport voice vlan 150")


def test_an_address_that_a_gateway_would_lose_is_a_contradiction(city: City) -> None:
    text = read_saved_text(CATALYST).replace("10.33.0.1 255.255.252.0", "10.33.0.254 255.255.252.0")
    found = find_contradiction(propose(city, CATALYST, text), "interface Vlan10")
    assert found.choices[1].closes == "hosts of 教職員 (staff) whose gateway is 10.33.0.254/22"
    assert "ip address 10.33.0.1 255.255.252.0" in found.choices[1].commands


@pytest.mark.parametrize("device", [CATALYST, X530])
def test_every_contradiction_says_what_depends_on_it_and_offers_choices(city: City, device: str) -> None:
    proposal = propose(city, device, read_saved_text(device))
    assert proposal.contradictions
    lines = read_saved_text(device).count("\n")
    for one in proposal.contradictions:
        assert 1 <= one.line <= lines
        assert one.traffic
        assert 2 <= len(one.choices) <= 3, one
        assert all(choice.closes and choice.opens for choice in one.choices)
        assert any(choice.commands for choice in one.choices), one
        said = f"{one.reason} {' '.join(choice.title for choice in one.choices)}"
        assert not re.search(r"\bremove it\b", said)


def test_what_opens_and_closes_is_said_by_segment_and_destination(catalyst: DeviceProposal) -> None:
    closes = list_changes(catalyst, "closes", "guest", Direction.FROM)
    assert closes["affairs"].services[0] == "tcp/443"
    assert closes["affairs"].before == "140, line 90"
    assert "203.0.113.10 port 443" in closes["affairs"].packet
    # The list of the pupils denies the staff's network already, and the policy does too.
    assert "staff" not in list_changes(catalyst, "closes", "pupil", Direction.FROM)
    assert set(list_changes(catalyst, "closes", "printers", Direction.FROM)) == {EVERYTHING_ELSE}


@pytest.mark.parametrize("device", [CATALYST, X530])
def test_a_switch_that_is_right_but_for_its_names_needs_only_names(city: City, device: str) -> None:
    found = find_device(city, device)
    system = load_platform(found.platform)
    text = system.render(compile_device(city, found, system.capabilities).wanted).replace("TSN-", "OLD-")
    proposal = propose(city, device, text)
    assert proposal.access_changes == ()
    assert proposal.contradictions == ()
    assert proposal.faults == ()
    assert {stage.hand_over.needs for stage in proposal.stages} == {"name", "filter", "new"}
    assert proposal.stages[-1].state.vlans == compile_device(city, found, system.capabilities).wanted.vlans


def test_a_list_that_cannot_be_said_is_not_judged_and_nothing_is_claimed_of_it(city: City) -> None:
    text = read_saved_text(CATALYST).replace("permit icmp any any\n", "permit icmp any any time-range LESSONS\n")
    proposal = propose(city, CATALYST, text)
    (unjudged,) = proposal.unjudged
    assert unjudged.startswith(f"{CATALYST}.cfg:71: VLAN 10 from IPv4 is not judged: line 114 of STAFF-IN: ")
    assert not [one for one in proposal.access_changes if one.before.startswith("STAFF-IN")]


def test_a_description_that_may_hold_a_secret_is_not_shown(city: City) -> None:
    text = read_saved_text(CATALYST).replace("description 1F floor switch", "description admin password Kawa2026")
    proposal = propose(city, CATALYST, text)
    assert "Kawa2026" not in repr([stage.hand_over for stage in proposal.stages])
    (port,) = (one for one in proposal.only_names if one.name == "interface GigabitEthernet1/0/1")
    assert port.was == "(not shown: line 40)"


def test_filters_alone_need_no_name(city: City) -> None:
    device = find_device(city, CATALYST)
    proposal = propose_adoption(city, device, read_saved_text(CATALYST), "x.cfg", "filters")
    assert proposal.only_names == ()
    assert not [one for one in proposal.contradictions if one.name.startswith(("port", "interface", "vlan"))]
    assert proposal.changes


@pytest.mark.parametrize("name", ["kw-s01-rt1", "kw-s01-ap1"])
def test_a_platform_without_adoption_is_refused_by_name(city: City, name: str) -> None:
    with pytest.raises(AdoptionRefused, match=rf"{name}: not supported: no adoption is proposed for platform"):
        propose_adoption(city, find_device(city, name), "", "x.cfg")


def test_a_floor_switch_has_no_filters_to_adopt(city: City) -> None:
    with pytest.raises(AdoptionRefused, match=r"nothing of it is managed at 'adoption: filters'; choose another"):
        propose_adoption(city, find_device(city, "kw-s01-floor1"), "hostname x\n", "x.cfg", "filters")


@pytest.mark.parametrize(
    ("allowed", "expected"),
    [
        ("", ALL_VLANS),
        (" switchport trunk allowed vlan none\n", ()),
        (" switchport trunk allowed vlan all\n", ALL_VLANS),
        (" switchport trunk allowed vlan except 2-4094\n", (1,)),
        (" switchport trunk allowed vlan 10,20\n switchport trunk allowed vlan add 30-31\n", (10, 20, 30, 31)),
    ],
)
def test_the_vlans_of_a_trunk(allowed: str, expected: tuple[int, ...]) -> None:
    text = f"interface GigabitEthernet1/0/1\n{allowed} switchport mode trunk\n"
    found = read_existing_network("cisco_ios", text, "x", "x.cfg")
    assert found.ports["GigabitEthernet1/0/1"].vlans == expected


def test_lists_of_all_kinds_are_read() -> None:
    text = (
        "access-list 10 permit 10.0.0.0 0.0.0.255\naccess-list 10 deny any\n"
        "ip access-list standard S\n 10 permit 10.0.0.1\n"
        "ipv6 access-list SIX\n sequence 10 permit tcp any any eq 443\n"
        "ip access-list extended EMPTY\n"
    )
    lists = read_existing_network("cisco_ios", text, "x", "x.cfg").lists
    assert [len(lists[Family.V4, name].entries) for name in ("10", "S", "EMPTY")] == [2, 1, 0]
    assert str(lists[Family.V4, "S"].entries[0].entry.match.source) == "10.0.0.1/32"  # type: ignore[union-attr]
    assert [entry.effect.value for entry in lists[Family.V6, "SIX"].last] == ["permit", "permit", "forbid"]
    # An empty list of IOS permits everything.
    assert [entry.effect.value for entry in lists[Family.V4, "EMPTY"].last] == ["permit"]
