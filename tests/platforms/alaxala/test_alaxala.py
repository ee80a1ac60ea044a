"""AlaxalA: what is special to it beside the contract, on an emulated switch."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from controller.errors import ConfigRefused
from controller.model.network.device_state import Entry, PortMode, PortState, Vlan, build_device_state, build_filter
from controller.model.network.packets import Direction, Effect, Family, Match, Protocol
from controller.platforms.base import Step, refuse_conflicts
from controller.platforms.registry import load_platform
from tests.emulators.alaxala import UNSAVED, AlaxalaSwitch
from tests.platforms.samples import LoggedInDevice
from tests.platforms.states import bound, everything

AX = load_platform("alaxala")
V4, V6 = Family.V4, Family.V6
GOLDEN = (Path(__file__).parent / "golden" / "alaxala.txt").read_text(encoding="utf-8")
WANTED = AX.parse(GOLDEN, "golden").state
PORTS = ("gigabitethernet 1/0/1", "gigabitethernet 1/0/2", "port-channel 1")
OLDER = "#Last modified by operator at Fri Jan 21 01:32:51 2000 with version 11.14.S\n"
FITTING = "flow detection mode layer3-6\nflow detection out mode layer3-2-out\n"


def perform(device: LoggedInDevice, steps: Iterable[Step]) -> None:
    for command in (command for step in steps for command in step.commands):
        device.run(command)


def test_the_golden_text_is_what_is_rendered() -> None:
    assert AX.render(WANTED) == GOLDEN


def test_headlines_dates_and_the_mark_between_blocks_are_no_configuration() -> None:
    head = (
        "Date 2026/04/01 09:00:00 JST\n#Last modified by operator at Fri Jan 21 01:32:51 2000 with version 11.14.S\n!\n"
    )
    seen = AX.parse(head + FITTING + GOLDEN, "x")
    assert seen.state == WANTED
    assert [line.text for line in seen.unmanaged] == FITTING.splitlines()


@pytest.mark.parametrize(
    ("modes", "reason"),
    [
        ("", "no line 'flow detection mode', so it is layer3-2, by which no list filters IPv6 from hosts"),
        ("flow detection mode layer3-2\n", "flow detection mode layer3-2, by which no list filters IPv6 from hosts"),
        ("flow detection mode layer3-1\n", "flow detection mode layer3-1, by which no list filters IPv4 from hosts"),
        ("flow detection mode layer3-6\n", "so it is layer3-1-out, by which no list filters IPv6 to hosts"),
        ("flow detection mode layer2-2\n", "flow detection mode layer2-2, by which no list filters IPv4 from hosts"),
        ("flow detection mode layer2-4\n", "no default is known, by which no list filters IPv4 to hosts"),
        ("flow detection mode LAYER3-6\n", "a 'flow detection mode' that is not known"),
        ("flow detection mode layer3-6\nflow detection out mode layer3-1-out\n", "no list filters IPv6 to hosts"),
    ],
)
def test_a_mode_that_filters_nothing_is_refused_by_name(modes: str, reason: str) -> None:
    seen = AX.parse(f"!\n{modes}{GOLDEN}", "x")
    with pytest.raises(ConfigRefused) as refused:
        refuse_conflicts(seen, WANTED, "x")
    assert reason in str(refused.value)
    assert "would judge nothing" in str(refused.value)


def test_a_small_model_has_no_known_modes_and_an_older_one_has_more() -> None:
    small = AX.parse(f"#configuration list for AX2530S-24T\n!\n{GOLDEN}", "x")
    assert len(small.unfiltered) == 4
    for version, modes in ((OLDER, 0), ("", 1)):
        text = f"{version}flow detection mode layer3-4\nflow detection out mode layer3-3-out\n{GOLDEN}"
        assert len(AX.parse(text, "x").unfiltered) == modes


def test_fitting_modes_refuse_nothing() -> None:
    refuse_conflicts(AX.parse(FITTING + GOLDEN, "x"), WANTED, "x")


def test_a_port_range_on_what_is_sent_is_refused() -> None:
    ranged = Entry(Effect.PERMIT, Match(V4, Protocol.TCP, V4.everything, V4.everything, (0, 65535), (5000, 5100)))
    sent = build_filter(20, Direction.TO, V4, [ranged, everything(V4)])
    received = build_filter(20, Direction.FROM, V4, [ranged, everything(V4)])
    assert AX.render(build_device_state(filters=[received]))
    with pytest.raises(ValueError, match="no port ranges in filters on what it sends"):
        AX.render(build_device_state(filters=[sent]))


@pytest.mark.parametrize(
    "line",
    [
        "  10 permit tcp any any eq www",
        "  10 permit tcp any any eq 80 established",
        "  10 permit tcp any any ack",
        "  10 permit icmp any any echo",
        "  permit ip any any vlan 20",
        "  10 permit 10.0.0.0/8 any",
    ],
)
def test_words_that_no_document_gave_are_refused_inside_a_list_of_ours(line: str) -> None:
    with pytest.raises(ConfigRefused, match="x:2: in TSN-20-from-4-01234567"):
        AX.parse(f"ip access-list extended TSN-20-from-4-01234567\n{line}\n  20 deny ip any any\n!\n", "x")


def test_every_change_is_typed_and_the_question_on_leaving_is_answered() -> None:
    switch = AlaxalaSwitch(PORTS)
    device = LoggedInDevice(switch, "enable")
    for step in AX.plan_steps(build_device_state(), WANTED):
        assert [command.line for command in step.commands][-2:] == ["end", "y"]
        for command in step.commands:
            device.run(command)
    assert device.line.prompt == "!ax3640-sw# "
    assert AX.parse(switch.show_running(), "x").state == WANTED
    assert switch.show_startup() is None
    for line in ("configure terminal", "write", "end"):
        device.line.enter(line)
    assert device.line.prompt == "ax3640-sw# "
    assert AX.parse(switch.show_startup() or "", "x").state == WANTED


def test_where_a_list_is_not_replaced_the_change_ends_with_the_old_one_in_force() -> None:
    old = build_filter(20, Direction.FROM, V4, [everything(V4)])
    new = build_filter(20, Direction.FROM, V4, [everything(V4, Effect.PERMIT)])
    before, after = (
        build_device_state([Vlan(20, "TSN-a")], filters=[one], bindings=[bound(one)]) for one in (old, new)
    )
    switch = AlaxalaSwitch(PORTS, replaces=False)
    device = LoggedInDevice(switch, "enable")
    perform(device, AX.plan_steps(build_device_state(), before))
    with pytest.raises(AssertionError, match="another list is applied"):
        perform(device, AX.plan_steps(before, after))
    assert AX.parse(switch.show_running(), "x").state.bindings == before.bindings


def test_a_port_that_changes_its_mode_loses_what_counts_no_more() -> None:
    access = build_device_state(ports=[PortState(PORTS[0], PortMode.ACCESS, (20,))])
    trunk = build_device_state(ports=[PortState(PORTS[0], PortMode.TRUNK, (10, 20))])
    (step,) = AX.plan_steps(access, trunk)
    assert "no switchport access vlan" in [one.line for one in step.commands]
    (step,) = AX.plan_steps(trunk, access)
    assert "no switchport trunk allowed vlan" in [one.line for one in step.commands]
    (step,) = AX.plan_steps(build_device_state(), trunk)
    assert not [one.line for one in step.commands if one.line.startswith("no ")]


def test_the_emulated_switch_is_strict() -> None:
    switch = AlaxalaSwitch(PORTS, enable_password="mori-7")  # noqa: S106 of a stand-in
    line = switch.open_command_line("operator")
    assert line.prompt == "ax3640-sw> "
    assert line.enter("show running-config").lines
    assert line.enter("enable").question is not None
    assert line.enter("wrong").lines
    assert line.enter("enable").question is not None
    assert not line.enter("mori-7").lines
    assert line.enter("reload").lines, "not modelled, so refused"
    line.enter("configure terminal")
    for refused in ("no vlan 77", "interface vlan 77", "ip access-list extended " + "x" * 32, "router bgp 65000"):
        assert line.enter(refused).lines, refused
    line.enter("vlan 20")
    line.enter("interface vlan 20")
    assert line.enter("ip access-group NONE in").lines
    line.enter("ip access-list extended A")
    line.enter("10 deny ip any any")
    line.enter("interface vlan 20")
    assert not line.enter("ip access-group A in").lines
    assert line.enter("no ip access-list extended A").lines
    assert line.enter("flow detection mode layer3-2").lines
    asked = line.enter("end").question
    assert asked is not None
    assert asked.text == UNSAVED
    line.enter("n")
    assert line.prompt.startswith("!ax3640-sw(config")


def test_words_for_ports_of_tcp_are_read_and_never_written() -> None:
    assert "tcp" in GOLDEN
    assert AX.parse(GOLDEN.replace(" eq 443", " eq https"), "x").state == WANTED
    assert "https" not in AX.render(WANTED)
    with pytest.raises(ConfigRefused, match="unknown word 'domain'"):
        AX.parse(GOLDEN.replace(" eq 53", " eq domain"), "x")
