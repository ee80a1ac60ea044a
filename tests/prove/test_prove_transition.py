"""No state on the way is worse than both ends: what the platforms do is proved, every planted wrong order is found."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from controller.model.network.device_state import (
    DeviceState,
    Entry,
    Filter,
    FilterBinding,
    PortMode,
    PortRole,
    PortState,
    build_device_state,
)
from controller.model.network.packets import Direction, Effect, Family, Match, Protocol, parse_prefix
from controller.platforms.allied_telesis_awplus.driver import AlliedTelesisAwplus
from controller.platforms.base import Platform
from controller.platforms.cisco_ios.driver import CiscoIos
from controller.platforms.ovs.driver import OpenVSwitch
from controller.prove.filters import transition
from controller.prove.filters.equivalence import ReplayError
from controller.prove.filters.transition import TransitionStage, find_transition_faults
from tests.platforms.states import awplus_states, bound, cisco_states, everything, example, ovs_states
from tests.soak import examples

IOS = CiscoIos()
CASES: list[tuple[Platform, st.SearchStrategy[DeviceState]]] = [
    (IOS, cisco_states()),
    (AlliedTelesisAwplus(), awplus_states()),
    (OpenVSwitch(), ovs_states()),
]


def stages(system: Platform, now: DeviceState, wanted: DeviceState) -> list[TransitionStage]:
    return [TransitionStage(step.title, step.result) for step in system.plan_steps(now, wanted)]


def whole(state: DeviceState) -> DeviceState:
    """Without bindings of filters that are not there, or of VLANs that no port carries: no wanted state has such."""
    names = {one.name for one in state.filters}
    carried = {vlan for port in state.ports for vlan in port.vlans}
    kept = (one for one in state.bindings if one.filter in names and one.vlan in carried)
    return replace(state, bindings=tuple(kept))


@settings(max_examples=examples(60), deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(st.sampled_from(CASES).flatmap(lambda case: st.tuples(st.just(case[0]), case[1], case[1])))
def test_the_steps_of_every_platform_are_proved(case: tuple[Platform, DeviceState, DeviceState]) -> None:
    system, now, wanted = case
    wanted = whole(wanted) if system is IOS else wanted
    assert not list(map(str, find_transition_faults(now, stages(system, now, wanted), system.capabilities)))


BEFORE = example("GigabitEthernet1/0/1", "GigabitEthernet1/0/2", "Port-channel1", port_roles=False, vlan_database=True)
IN_FORCE = next(one for one in BEFORE.filters if one.key == (20, Direction.FROM, Family.V4))
WIDER = Entry(
    Effect.PERMIT,
    Match(Family.V4, Protocol.TCP, parse_prefix("10.1.20.0/24"), parse_prefix("198.51.100.0/24")),
    "rule-x",
)


def changed() -> Filter:
    """The filter that shall be in force after the change: one server less, one network more."""
    entries = (WIDER, *(entry for entry in IN_FORCE.entries if entry.match.destination_ports != (5000, 5100)))
    return replace(IN_FORCE, name="TSN-20-from-4-new", entries=entries)


def holding(filters: list[Filter], bindings: list[FilterBinding]) -> DeviceState:
    """The example with other filters in force at VLAN 20, from hosts, IPv4."""
    others = [one for one in BEFORE.filters if one.key != IN_FORCE.key]
    return build_device_state(BEFORE.vlans, BEFORE.ports, [*others, *filters], [*map(bound, others), *bindings])


AFTER = holding([changed()], [bound(changed())])
BOTH_THERE = holding([IN_FORCE, changed()], [bound(IN_FORCE)])


def faults(*states: DeviceState, before: DeviceState = BEFORE, system: Platform = IOS) -> list[str]:
    on_the_way = [TransitionStage(f"planted {number}", state) for number, state in enumerate(states, start=1)]
    return [str(fault) for fault in find_transition_faults(before, on_the_way, system.capabilities)]


def test_make_before_break_is_proved() -> None:
    assert not faults(BOTH_THERE, holding([IN_FORCE, changed()], [bound(changed())]), AFTER)


def edited_in_place(*entries: Entry) -> DeviceState:
    one = replace(IN_FORCE, entries=entries)
    return holding([one], [bound(one)])


def without_vlan_20(port: str, state: DeviceState = BEFORE) -> DeviceState:
    """The example with a trunk that does not carry VLAN 20."""
    return replace(state, ports=tuple(replace(p, vlans=(10,)) if p.name == port else p for p in state.ports))


UNTOUCHED = r"VLAN 20 from IPv4: \S+ .*passes \(no filter is in force\), neither before nor after"


@pytest.mark.parametrize(
    ("between", "expected"),
    [
        (lambda: holding([IN_FORCE, changed()], []), UNTOUCHED),
        (lambda: holding([changed()], [bound(IN_FORCE)]), UNTOUCHED),
        (
            lambda: edited_in_place(everything(Family.V4)),
            r"VLAN 20 from IPv4: tcp 10.1.20.\d+ .* is cut \(filter .*\), though it passes before and after",
        ),
        (
            lambda: edited_in_place(everything(Family.V4, Effect.PERMIT)),
            r"VLAN 20 from IPv4: tcp .* passes \(filter TSN-20-from-4-\w+\), neither before nor after",
        ),
        (
            lambda: edited_in_place(replace(WIDER, match=replace(WIDER.match, protocol=None)), *IN_FORCE.entries),
            r"passes \(filter TSN-20-from-4-\w+ rule-x\), neither before nor after",
        ),
        (
            lambda: without_vlan_20("Port-channel1"),
            r"VLAN 20 at port Port-channel1 \(trunk\) IPv4: .* is cut \(the port does not carry it\), though it passes",
        ),
        (
            lambda: replace(BEFORE, ports=(replace(BEFORE.ports[0], vlans=(10,)), *BEFORE.ports[1:])),
            r"VLAN 10 at port GigabitEthernet1/0/1 \(access\) IPv4: .* passes \(the port carries it\), neither",
        ),
    ],
    ids=[
        "unbound before the new one is bound",
        "deleted while it is bound",
        "emptied in place",
        "opened in place",
        "a line too wide meanwhile",
        "a trunk loses a VLAN meanwhile",
        "a port is in another VLAN meanwhile",
    ],
)
def test_each_kind_of_wrong_order_is_found(between: Callable[[], DeviceState], expected: str) -> None:
    assert not faults(AFTER)
    found = faults(between(), AFTER)
    assert found
    assert any(re.search(expected, one) for one in found), found
    assert all(one.startswith("step 1 (planted 1), ") for one in found)


def test_ports_that_enter_a_vlan_before_its_filters_are_found() -> None:
    fresh = build_device_state(BEFORE.vlans)
    assert not faults(replace(BEFORE, ports=()), BEFORE, before=fresh)
    found = faults(replace(BEFORE, bindings=()), BEFORE, before=fresh)
    assert any(re.search(UNTOUCHED, one) for one in found), found


def test_filters_that_go_before_the_ports_when_a_vlan_is_deleted_are_found() -> None:
    gone = build_device_state()
    assert not faults(replace(BEFORE, ports=()), gone)
    assert any(re.search(UNTOUCHED, one) for one in faults(replace(BEFORE, bindings=()), gone))


def test_where_no_filter_was_everything_passed() -> None:
    unfiltered = replace(BEFORE, bindings=())
    assert not faults(replace(BEFORE, bindings=BEFORE.bindings[:2]), BEFORE, before=unfiltered)
    closed = edited_in_place(everything(Family.V4))
    assert not faults(BEFORE, unfiltered, before=BEFORE)
    found = faults(closed, AFTER, before=unfiltered)
    assert any("is cut" in one for one in found), found


FOREIGN = replace(IN_FORCE, vlan=30, name="TSN-30-from-4-x")
"""At the interface of a VLAN that no port of ours carries: what comes there comes from ports of others."""


def with_foreign(*bindings: FilterBinding) -> DeviceState:
    return build_device_state(BEFORE.vlans, BEFORE.ports, [*BEFORE.filters, FOREIGN], [*BEFORE.bindings, *bindings])


def test_a_vlan_of_foreign_ports_alone_that_is_opened_meanwhile_is_found() -> None:
    kept, opened = with_foreign(bound(FOREIGN)), with_foreign()
    assert not faults(kept, kept, before=kept)
    found = faults(opened, kept, before=kept)
    assert found
    assert all(re.search(r"VLAN 30 from IPv4: \S+ .*passes \(no filter is in force\)", one) for one in found), found


def test_a_vlan_of_foreign_ports_alone_that_is_closed_meanwhile_is_found() -> None:
    closed = replace(FOREIGN, name="TSN-30-from-4-y", entries=(everything(Family.V4),))
    state = with_foreign()
    between = build_device_state(state.vlans, state.ports, [*state.filters, closed], [*state.bindings, bound(closed)])
    (found,) = faults(between, state, before=state)
    assert re.search(r"VLAN 30 from IPv4: .* is cut \(filter TSN-30-from-4-y", found)


def test_a_filter_at_ports_says_nothing_of_vlans_without_ports() -> None:
    system = AlliedTelesisAwplus()
    kept = build_device_state((), [], [FOREIGN], [bound(FOREIGN)])
    assert not faults(build_device_state((), [], [FOREIGN]), kept, before=kept, system=system)


def test_a_fault_that_the_replay_does_not_see_is_an_error_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    between = edited_in_place(everything(Family.V4))
    monkeypatch.setattr(transition, "evaluate_filter", lambda _filter, _packet: True)
    with pytest.raises(ReplayError, match="but replayed it makes no difference"):
        faults(between, AFTER)


def test_a_fault_without_a_packet_is_an_error_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transition, "find_likely_packet", lambda *_: None)
    with pytest.raises(ReplayError, match="a difference without a packet"):
        faults(edited_in_place(everything(Family.V4)), AFTER)


def test_the_same_fault_at_ports_of_ours_and_of_others_is_told_once() -> None:
    (found,) = faults(edited_in_place(everything(Family.V4, Effect.PERMIT)), AFTER)
    assert "VLAN 20 from IPv4" in found


def test_a_way_of_one_step_has_nothing_between() -> None:
    assert not faults(holding([IN_FORCE, changed()], []))


def test_a_filter_at_an_interface_is_asked_in_both_directions() -> None:
    found = "\n".join(faults(replace(BEFORE, bindings=()), BEFORE))
    assert {"VLAN 20 from IPv4", "VLAN 20 to IPv4"} <= set(re.findall(r"VLAN 20 \w+ IPv4", found))


def test_a_port_that_is_not_judged_meanwhile_is_found() -> None:
    system = AlliedTelesisAwplus()
    ports = [
        PortState("port1.0.1", PortMode.TRUNK, (20,), role) for role in (PortRole.HOST_FACING, PortRole.UNFILTERED)
    ]
    before, between = (build_device_state((), [port], [IN_FORCE], [bound(IN_FORCE)]) for port in ports)
    found = faults(between, before, before=before, system=system)
    assert any("port1.0.1 (trunk, unfiltered) IPv4" in one and "passes" in one for one in found), found


def test_a_port_that_is_not_kept_from_others_meanwhile_is_found() -> None:
    apart = replace(BEFORE, ports=tuple(replace(port, isolated=port.mode is PortMode.ACCESS) for port in BEFORE.ports))
    assert not faults(apart, apart, before=apart)
    found = faults(BEFORE, apart, before=apart)
    assert any("GigabitEthernet1/0/1 (access), to isolated ones IPv4" in one and "passes" in one for one in found), (
        found
    )


def test_every_state_between_is_looked_at_by_its_number() -> None:
    found = faults(BOTH_THERE, holding([IN_FORCE, changed()], []), BOTH_THERE, AFTER)
    assert found
    assert all(one.startswith("step 2 (planted 2), ") for one in found)
