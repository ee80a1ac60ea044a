"""The virtual x530's modes, prompts, abbreviations and refusals."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from controller.lab.virtual_switches.x530.device import X530, Model
from tests.lab.virtual_switches.x530.users import User

if TYPE_CHECKING:
    from controller.lab.virtual_switches.command_line import CommandLine, VirtualSwitch
    from controller.lab.virtual_switches.x530.configuration import Configuration

INVALID = "% Invalid input detected at '^' marker."
UNMODELLED = "% Not modelled by the virtual switch: "


def test_it_is_a_virtual_switch() -> None:
    switch: VirtualSwitch = X530()
    line: CommandLine = switch.open_command_line("admin")
    assert (line.prompt, line.pager[0]) == ("awplus>", "\x1b[7m--More--\x1b[m")
    assert switch.show_startup() is None
    assert switch.next_timer() is None


def test_each_mode_has_its_prompt_and_ends_as_the_device_does() -> None:
    user = User()
    prompts = []
    for line in (
        "conf t", "vlan database", "int port1.0.1-1.0.3", "access-list hardware A", "ipv6 access-list B",
        "vlan access-map M", "trigger 1", "line con 0", "exit", "end",
    ):  # fmt: skip
        user.type(line)
        prompts.append(user.line.prompt.removeprefix("awplus"))
    assert prompts == [
        "(config)#", "(config-vlan)#", "(config-if)#", "(config-ip-hw-acl)#", "(config-ipv6-hw-acl)#",
        "(config-vlan-access-map)#", "(config-trigger)#", "(config-line)#", "(config)#", "#",
    ]  # fmt: skip
    assert user.line.enter("exit").closed


def test_an_enable_password_is_asked_hidden_and_a_wrong_one_leaves_the_mode() -> None:
    given = "awplus"
    switch = X530(model=Model(enable_password=given))
    line = switch.open_command_line("admin")
    question = line.enter("enable").question
    assert question is not None
    assert (question.text, question.hidden) == ("Password: ", True)
    assert line.enter("wrong").lines[0].startswith("%")
    assert line.prompt == "awplus>"
    line.enter("enable")
    line.enter(given)
    assert line.prompt == "awplus#"


def test_words_are_cut_to_a_unique_beginning_in_any_case() -> None:
    user = User()
    assert user.type("SH VLAN ALL")[0].startswith("VLAN ID")
    assert user.type("sh ru")[0] == "!"
    assert user.type("s") == ["% Incomplete command."]
    assert user.configure("int port1.0.1", "switchport mode t") == []
    assert user.switch.running.ports["port1.0.1"].mode == "trunk"
    assert user.type("no switchport a") == ["% Incomplete command."]
    assert user.type("switchport trunk")[-1] == "% Incomplete command."
    assert user.type("end", "e") == ['% Ambiguous command:  "e"']


def test_the_marker_stands_under_the_wrong_word() -> None:
    user = User()
    marker, said = user.configure("hostname core1", "vlan databse")
    assert said == INVALID
    assert marker.index("^") == len(user.line.prompt) + len("vlan ")


@pytest.mark.parametrize(
    ("mode", "line"),
    [
        ("", "router ospf 1"),
        ("", "aaa authentication dot1x default group radius"),
        ("", "snmp-server community public ro"),
        ("", "access-list 10 permit any"),
        ("", "ipv6 access-list standard X"),
        ("", "lacp global-passive-mode enable"),
        ("vlan database", "private-vlan primary"),
        ("vlan database", "vlan 10 mode stacked-vlan"),
        ("interface port1.0.1", "switchport trunk allowed vlan all"),
        ("interface port1.0.1", "no switchport"),
        ("interface port1.0.1", "service-policy input P"),
        ("interface port1.0.1", "dot1x port-control auto"),
        ("interface port1.0.1", "switchport vlan-stacking customer-edge-port"),
        ("access-list hardware A", "send-to-cpu ip any any"),
        ("access-list hardware A", "permit ip 10.0.0.1/24 any"),
        ("access-list hardware A", "permit ip 10.0.0.0 0.0.255.0 any"),
        ("access-list hardware A", "permit mac any any"),
        ("access-list hardware A", "permit ip any any inner-vlan 10"),
        ("trigger 1", "type interface port1.0.1 up"),
        ("trigger 1", "day monday"),
    ],
)
def test_what_is_not_modelled_is_refused_by_name_and_changes_nothing(mode: str, line: str) -> None:
    user = User()
    user.configure(*([mode] if mode else []))
    before = user.switch.show_running()
    (said,) = user.type(line)
    assert said.startswith(UNMODELLED), said
    assert user.switch.show_running() == before


@pytest.mark.parametrize(
    ("mode", "line"),
    [
        ("", "hostname a_b"),
        ("", "hostname a.b"),
        ("", "frobnicate"),
        ("", "interface port1.0.99"),
        ("", "interface port1.0.30-1.0.99999999"),
        ("", "interface vlan77"),
        ("", "no access-list hardware NONE"),
        ("", "no trigger 7"),
        ("", "boot config-file none.cfg"),
        ("", "vlan filter NONE vlan-list 10 input"),
        ("", "ip route 10.0.0.1/24 10.0.0.254"),
        ("vlan database", "vlan 4095"),
        ("vlan database", "no vlan 1"),
        ("vlan database", "no vlan 77"),
        ("vlan database", "vlan 1 name X"),
        ("vlan database", "vlan 10 name vlan20"),
        ("interface port1.0.1", "switchport access vlan 77"),
        ("interface port1.0.1", "switchport trunk native vlan none"),
        ("interface port1.0.1", "switchport trunk allowed vlan add 1"),
        ("interface port1.0.1", "access-group NONE"),
        ("interface port1.0.1", "ip address 10.0.0.1/24"),
        ("interface port1.0.1", "static-channel-group 999"),
        ("access-list hardware A", "permit ip any"),
        ("access-list hardware A", "permit tcp any any established"),
        ("access-list hardware A", "permit tcp any eq www any"),
        ("access-list hardware A", "permit tcp any range 9 5 any"),
        ("access-list hardware A", "permit icmp any any icmp-type 30"),
        ("access-list hardware A", "permit icmp any any echo"),
        ("access-list hardware A", "permit ip any any eq 80"),
        ("access-list hardware A", "permit ip 2001:db8::/32 any"),
        ("access-list hardware A", "permit proto 256 any any"),
        ("access-list hardware A", "permit ip any any log"),
        ("access-list hardware A", "65536 permit ip any any"),
        ("access-list hardware A", "no 10"),
        ("access-list hardware A", "remark what for"),
        ("ipv6 access-list A", "permit ip any any"),
        ("ipv6 access-list A", "permit ipv6 10.0.0.0/8 any"),
        ("trigger 1", "script 1 none.scp"),
        ("trigger 1", "type periodic 0"),
        ("trigger 1", "type time 25:00"),
        ("trigger 251", "active"),
    ],
)
def test_what_the_device_does_not_take_is_refused_and_changes_nothing(mode: str, line: str) -> None:
    user = User()
    user.configure(*([mode] if mode else []))
    before = user.switch.show_running()
    said = user.type(line)
    assert said
    assert said[-1].startswith(("%", "Can't find interface"))
    assert user.switch.show_running() == before


def test_information_with_a_percent_sign_is_no_refusal() -> None:
    user = User()
    user.configure("access-list hardware A", "permit ip any any", "interface port1.0.1", "access-group A")
    assert user.type("access-list hardware A", "deny icmp any any") == [
        "% This access-list is attached to an interface"
    ]
    user.configure("vlan database", "vlan 10", "interface vlan10", "ip address 10.0.0.1/24")
    (said,) = user.type("no ip address")
    assert said == "% All IP addresses configured on interface vlan10 have been removed"
    assert user.switch.running.interfaces[10].addresses == []


def test_an_edit_reaches_the_hardware_when_the_list_is_left() -> None:
    user = User()
    user.configure("access-list hardware A", "permit ip any any")

    def active(running: Configuration) -> list[str]:
        return [entry.text for entry in running.lists[4, "A"].active]

    assert active(user.switch.running) == []
    user.type("commit")
    assert active(user.switch.running) == ["permit ip any any"]
    user.type("deny tcp any any eq 80", "end")
    assert active(user.switch.running) == ["permit ip any any", "deny tcp any any eq 80"]
    user.configure("access-list hardware A", "2 deny udp any any")
    user.line.hang_up()
    assert active(user.switch.running)[0] == "deny udp any any"


@pytest.mark.parametrize("step", [4, 10])
def test_entries_are_numbered_by_the_models_step_and_printed_without_numbers(step: int) -> None:
    user = User(model=Model(number_step=4 if step == 4 else 10))
    user.configure("access-list hardware A", "permit ip any any", "7 deny icmp any any", "deny tcp any any eq 80")
    shown = [line.split()[0] for line in user.type("do show access-list")[1:]]
    assert shown == ([str(step), "7", "8"] if step == 4 else ["7", "10", "20"])
    assert "permit ip any any" in [line.strip() for line in user.switch.show_running().splitlines()]
    # The same filter again overwrites the old one.
    user.type("permit ip any any")
    assert [line.split(maxsplit=1)[1] for line in user.type("do show access-list")[1:]][-1] == "permit ip any any"
    assert len(user.switch.running.lists[4, "A"].entries) == 3
    user.type("no permit ip any any", "no 7")
    assert len(user.switch.running.lists[4, "A"].entries) == 1


def test_two_sessions_configure_at_once() -> None:
    user = User()
    other = user.switch.open_command_line("other")
    for line in ("enable", "configure terminal", "vlan database", "vlan 10 name A"):
        other.enter(line)
    user.configure("vlan database", "vlan 20 name B")
    assert set(user.switch.running.vlans) == {1, 10, 20}
    user.switch.reboot()
    assert other.enter("").closed
