"""The list of VLANs of a trunk: changed by what differs, and the encapsulation that some models must be told."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.compile.network.adoption_level import keep_unmanaged_parts
from controller.errors import ConfigRefused
from controller.lab.virtual_switches.catalyst.words import expand_vlan_list
from controller.model.network.device_state import DeviceState, PortMode, PortState, build_device_state
from controller.platforms.cisco_ios.driver import CiscoIos
from tests.platforms.catalyst_device import TypedCatalyst
from tests.soak import examples

IOS = CiscoIos()
NAME = "GigabitEthernet1/0/1"
EVERY = frozenset(range(1, 4095))
DOT1Q = "switchport trunk encapsulation dot1q"
# Lists of up to some hundred VLANs that are no neighbours do not fit one line, and their complements neither.
MANY = st.frozensets(st.integers(1, 4094), min_size=1, max_size=150)
ANY = st.one_of(MANY, MANY.map(lambda few: EVERY - few), st.frozensets(st.integers(1, 4094), min_size=1, max_size=3))


def trunk(vlans: Iterable[int], *, names_dot1q: bool = False) -> DeviceState:
    return build_device_state(ports=[PortState(NAME, PortMode.TRUNK, tuple(sorted(vlans)), names_dot1q=names_dot1q)])


def carried(switch: TypedCatalyst) -> frozenset[int]:
    """What the port carries, read from the text by itself."""
    text = switch.running()
    if " switchport mode trunk" not in text:
        found = re.search(r" switchport access vlan (\d+)", text)
        return frozenset({int(found[1]) if found else 1})
    lists = re.findall(r" switchport trunk allowed vlan (?:add )?(\S+)", text)
    return (
        frozenset(number for part in lists if part != "none" for number in expand_vlan_list(part) or ())
        if lists
        else EVERY
    )


def change(start: str, now: DeviceState, wanted: DeviceState) -> tuple[frozenset[int], list[frozenset[int]]]:
    """Enter the commands from one state to another; return what the port carries before, and after each command."""
    switch = TypedCatalyst(f"interface {NAME}\n{start}!\n")
    switch.enter(command.line for step in IOS.plan_steps(build_device_state(), now) for command in step.commands)
    before, after = carried(switch), []
    for step in IOS.plan_steps(now, wanted):
        for command in step.commands:
            switch.enter([command.line])
            after.append(carried(switch))
    assert IOS.parse(switch.running(), "x").state == wanted
    return before, after


def is_between(old: frozenset[int], middle: frozenset[int], new: frozenset[int]) -> bool:
    return old & new <= middle <= old | new


@settings(max_examples=examples(15), deadline=None)
@given(old=ANY, new=ANY)
def test_each_command_keeps_what_both_lists_have_and_adds_nothing_that_neither_has(
    old: frozenset[int], new: frozenset[int]
) -> None:
    first, last = old - {5} | {8}, new - {6} | {9}
    before, after = change("", trunk(first), trunk(last))
    assert before == first
    assert all(is_between(first, middle, last) for middle in after)
    assert after[-1:] == ([] if first == last else [last])


@settings(max_examples=examples(10), deadline=None)
@given(old=st.one_of(st.none(), ANY), new=ANY)
def test_from_a_list_that_nobody_read(old: frozenset[int] | None, new: frozenset[int]) -> None:
    """A trunk that was no port of ours: of any list, of none ('all'), or of the word none."""
    lists = (
        [] if old in {None, EVERY} else [f" switchport trunk allowed vlan {','.join(map(str, sorted(old or ())))}\n"]
    )
    start = "".join([*lists, " switchport mode trunk\n"])
    last = new - {6} | {9}
    before, after = change(start, build_device_state(), trunk(last))
    assert before == (EVERY if not lists else old)
    assert all(is_between(before, middle, last) for middle in after)


@pytest.mark.parametrize("mode", ["", " switchport mode access\n"])
@pytest.mark.parametrize("access", ["", " switchport access vlan 7\n"])
def test_a_port_that_becomes_a_trunk_carries_one_vlan_and_then_the_list(access: str, mode: str) -> None:
    new = frozenset(range(2, 800, 2))
    before, after = change(access + mode, build_device_state(), trunk(new))
    assert set(after) <= {before, new}


def test_only_what_differs_is_entered() -> None:
    long = set(range(2, 400, 2))
    steps = IOS.plan_steps(trunk(long), trunk(long - {100} | {101}))
    allowed = [command.line for step in steps for command in step.commands if "allowed" in command.line]
    assert allowed == ["switchport trunk allowed vlan add 101", "switchport trunk allowed vlan remove 100"]


def test_the_encapsulation_stands_before_the_mode() -> None:
    state = trunk([10, 20], names_dot1q=True)
    text = IOS.render(state)
    assert f" {DOT1Q}\n switchport trunk allowed vlan 10,20\n switchport mode trunk\n" in text
    assert IOS.parse(text, "x").state == state
    lines = [command.line for step in IOS.plan_steps(build_device_state(), state) for command in step.commands]
    assert lines.index(DOT1Q) < lines.index("switchport mode trunk")


def test_an_encapsulation_that_is_none_of_ours() -> None:
    text = IOS.render(trunk([10], names_dot1q=True))
    for other in ("isl", "negotiate"):
        seen = IOS.parse(text.replace("dot1q", other), "x")
        assert not seen.state.ports[0].names_dot1q
        assert [line.text.split()[-1] for line in seen.unmanaged] == [other]
    with pytest.raises(ConfigRefused, match="stands twice"):
        IOS.parse(text.replace(f" {DOT1Q}\n", f" {DOT1Q}\n {DOT1Q}\n"), "x")
    access = PortState(NAME, PortMode.ACCESS, (10,), names_dot1q=True)
    with pytest.raises(ValueError, match="only a trunk has an encapsulation"):
        IOS.render(build_device_state(ports=[access]))


def test_a_switch_that_names_its_encapsulation_goes_on_doing_so() -> None:
    """Without the line such a model refuses the mode, so a policy that says nothing never takes it away."""
    seen, other = trunk([10], names_dot1q=True), PortState("GigabitEthernet1/0/2", PortMode.TRUNK, (10,))
    access = PortState("GigabitEthernet1/0/3", PortMode.ACCESS, (10,))
    wanted = build_device_state(ports=[*trunk([10, 20]).ports, other, access])
    kept = keep_unmanaged_parts("all", seen, wanted).ports
    assert [port.names_dot1q for port in kept] == [True, True, False]
    assert keep_unmanaged_parts("all", build_device_state(), wanted).ports == wanted.ports


def test_states_from_before_have_the_digest_that_they_had() -> None:
    plain = trunk([10, 20])
    assert plain.compute_digest() == "f7f8c285507bf8eba8f64f0c2283b947a3c0a2d06593b1a29ccedd5d53522621"
    assert plain.compute_digest() != trunk([10, 20], names_dot1q=True).compute_digest()
    assert replace(plain.ports[0], names_dot1q=True) != plain.ports[0]
