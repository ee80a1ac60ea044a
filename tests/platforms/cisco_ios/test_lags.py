"""LAGs of Cisco IOS: what is read of members, what is a conflict, and the order of the commands."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from controller.errors import ConfigRefused
from controller.lab.virtual_switches.catalyst.device import CatalystSwitch
from controller.lab.virtual_switches.catalyst.model import C3560, C9300, CatalystModel
from controller.model.network.device_state import DeviceState, PortMode, PortState, Vlan, build_device_state
from controller.model.network.lags import NO_LAG, Lag, LagMode
from controller.model.network.unmanaged_paths import PathKind
from controller.platforms.base import refuse_conflicts
from controller.platforms.cisco_ios.driver import CiscoIos
from tests.platforms.catalyst_device import TypedCatalyst
from tests.platforms.cisco_ios.texts import BARE

IOS = CiscoIos()
FIRST, SECOND = "GigabitEthernet1/0/1", "GigabitEthernet1/0/2"
CHANNEL = PortState("Port-channel1", PortMode.TRUNK, (10, 20))
LAG = Lag("Port-channel1", LagMode.LACP, (FIRST, SECOND))
STATE = build_device_state([Vlan(10, "TSN-staff"), Vlan(20, "TSN-pupil")], [CHANNEL], lags=[LAG])
TEXT = IOS.render(STATE)
NINE = tuple(f"GigabitEthernet1/0/{number}" for number in range(1, 10))
JOIN = " channel-group 1 mode active\n"


def read(text: str) -> DeviceState:
    return IOS.parse(text, "x").state


def refusal(text: str) -> str:
    with pytest.raises(ConfigRefused) as caught:
        IOS.parse(text, "x")
    return str(caught.value)


def lines(now: DeviceState, wanted: DeviceState) -> list[str]:
    return [command.line for step in IOS.plan_steps(now, wanted) for command in step.commands]


def test_a_lag_is_one_port_and_its_members_are_none() -> None:
    assert TEXT.count(JOIN) == 2
    seen = IOS.parse(TEXT, "x")
    assert seen.state == STATE
    assert not seen.paths
    assert not seen.unmanaged
    static = replace(STATE, lags=(replace(LAG, mode=LagMode.STATIC),))
    assert IOS.render(static) == TEXT.replace("mode active", "mode on")
    assert static.compute_digest() != STATE.compute_digest()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (JOIN, f" shutdown\n{JOIN}"),
        (" switchport trunk allowed vlan 10,20\n switchport mode trunk\n channel", " switchport mode trunk\n channel"),
        ("allowed vlan 10,20\n switchport mode trunk\n channel", "allowed vlan 10\n switchport mode trunk\n channel"),
        (" switchport mode trunk\n channel", " switchport mode access\n channel"),
    ],
)
def test_a_member_that_the_switch_would_suspend_is_idle_and_a_plan_mends_it(old: str, new: str) -> None:
    seen = IOS.parse(TEXT.replace(old, new, 1), "x")
    assert seen.state.lags == (Lag("Port-channel1", LagMode.LACP, (SECOND,), (FIRST,)),)
    assert [FIRST in line.text for line in seen.remarks] == [True]
    assert lines(seen.state, STATE)[-3:] == [f"interface {FIRST}", "no shutdown", "end"]


@pytest.mark.parametrize("line", [" switchport access vlan 20\n", " switchport nonegotiate\n"])
@pytest.mark.parametrize("where", ["interface Port-channel1\n", f"interface {SECOND}\n"])
def test_a_line_of_the_lag_or_a_member_alone_is_told(line: str, where: str) -> None:
    """Whether a switch compares the VLANs of the mode that is not set, too, stands in no document that was read."""
    mark = TEXT.index(" switchport", TEXT.index(where))
    seen = IOS.parse(TEXT[:mark] + line + TEXT[mark:], "x")
    assert seen.state == STATE
    told = [one.text for one in seen.remarks]
    assert len(told) == (2 if "channel" in where else 1)
    assert all(f"{line.strip()!r} stands at one of Port-channel1 and its member " in one for one in told)


def test_a_lag_without_a_member_in_service_is_out_of_service() -> None:
    seen = IOS.parse(TEXT.replace(JOIN, f" shutdown\n{JOIN}"), "x")
    assert not seen.state.ports
    assert seen.state.lags == (Lag("Port-channel1", LagMode.LACP, (), (FIRST, SECOND)),)
    own = "interface Port-channel1\n description TSN-port\n"
    alone = IOS.parse(f"{own} switchport trunk allowed vlan 10\n switchport mode trunk\n", "x")
    assert not alone.state.ports
    assert "no port of ours in service" in alone.remarks[0].text
    unjoined = IOS.parse(TEXT.replace(JOIN, "", 1), "x")
    left = Lag(NO_LAG, LagMode.LACP, (), (FIRST,))
    assert unjoined.state.lags == (left, Lag("Port-channel1", LagMode.LACP, (SECOND,)))
    assert any("is in none" in line.text for line in unjoined.remarks)


@pytest.mark.parametrize(
    "words", ["1 mode active", "5 mode active", "5 mode on", "5 mode passive", "5 mode desirable", "5"]
)
def test_a_port_of_ours_in_a_lag_that_the_policy_does_not_know_is_a_conflict_by_name(words: str) -> None:
    plain = build_device_state(ports=[PortState(FIRST, PortMode.TRUNK, (10, 20))])
    text = IOS.render(plain).replace(" switchport mode trunk\n", f" switchport mode trunk\n channel-group {words}\n")
    message = refusal(text)
    assert f"x:5: conflict: {FIRST} is ours" in message
    assert f"a member of Port-channel{words[0]}, which the policy does not know" in message
    assert "no channel-group" in message
    assert "city/blueprints.yaml" in message


@pytest.mark.parametrize("mode", ["passive", "auto", "desirable", "desirable non-silent", "unknown"])
def test_a_mode_that_is_none_of_ours_is_refused(mode: str) -> None:
    assert f"'channel-group 1 mode {mode}': expected channel-group NUMBER mode active or" in refusal(
        TEXT.replace("mode active", f"mode {mode}", 1)
    )


def test_members_have_one_mode_and_their_lag_is_ours() -> None:
    assert "the members of a LAG have one mode" in refusal(TEXT.replace("mode active", "mode on", 1))
    own = "interface Port-channel1\n description"
    strange = TEXT.replace(f"{own} TSN-port", f"{own} to A")
    assert "which the policy does not know" in refusal(strange)
    assert "stands twice" in refusal(TEXT + TEXT[TEXT.index(f"interface {FIRST}") :])


def test_a_member_of_others_in_a_lag_of_ours_is_a_conflict() -> None:
    other = f"{TEXT}interface GigabitEthernet1/0/3\n switchport mode trunk\n{JOIN}"
    seen = IOS.parse(other, "x")
    assert seen.state == STATE
    with pytest.raises(ConfigRefused, match=r"LAG Port-channel1, of our ports alone.*GigabitEthernet|channel-group 1"):
        refuse_conflicts(seen, STATE, "x")
    free = IOS.parse(TEXT, "x")
    refuse_conflicts(free, STATE, "x")


def test_a_port_in_a_lag_of_others_cannot_become_ours() -> None:
    trunk = " switchport mode trunk\n"
    text = f"interface Port-channel7\n{trunk}!\ninterface {FIRST}\n{trunk} channel-group 7 mode on\n"
    seen = IOS.parse(text, "x")
    for wanted in (STATE, build_device_state(ports=[PortState(FIRST, PortMode.TRUNK, (10,))])):
        with pytest.raises(ConfigRefused, match="channel-group 7 mode on"):
            refuse_conflicts(seen, wanted, "x")
    # The LAG is the way of others, and its member is not told twice.
    assert [(path.kind, path.holder) for path in seen.paths] == [(PathKind.TRUNK, "port-channel7")]


@pytest.mark.parametrize(
    ("lag", "why"),
    [
        (replace(LAG, name="Port-channel257"), "there are Port-channel1 to Port-channel256"),
        (replace(LAG, members=()), "expected 1 to 8 ports"),
        (replace(LAG, members=NINE), "expected 1 to 8 ports"),
        (replace(LAG, members=(FIRST, "Port-channel2")), "no port that could be a member"),
        (replace(LAG, members=(FIRST, "port1.0.1")), "no port that could be a member"),
        (replace(LAG, idle=("GigabitEthernet1/0/3",)), "ports in service"),
    ],
)
def test_lags_that_cannot_be(lag: Lag, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        IOS.render(build_device_state(ports=[replace(CHANNEL, name=lag.name)], lags=[lag]))


def test_ports_that_are_a_lag_are_nothing_else() -> None:
    own = PortState(FIRST, PortMode.TRUNK, (10,))
    with pytest.raises(ValueError, match=f"port {FIRST} stands twice"):
        IOS.render(build_device_state(ports=[CHANNEL, own], lags=[LAG]))
    with pytest.raises(ValueError, match="nothing says of which ports"):
        IOS.render(build_device_state(ports=[CHANNEL]))
    with pytest.raises(ValueError, match="nothing says what it carries"):
        IOS.render(build_device_state(lags=[LAG]))
    second = replace(LAG, name="Port-channel2")
    with pytest.raises(ValueError, match=r"port GigabitEthernet1/0/\d stands twice"):
        IOS.render(build_device_state(ports=[CHANNEL, replace(CHANNEL, name="Port-channel2")], lags=[LAG, second]))


def test_an_uplink_becomes_a_lag_and_the_port_that_carries_joins_last() -> None:
    plain = build_device_state(STATE.vlans, [PortState(FIRST, PortMode.TRUNK, (10, 20))])
    steps = IOS.plan_steps(plain, STATE)
    assert [step.title for step in steps] == ["set ports", "put ports into LAGs"]
    begun, done = (step.result for step in steps)
    assert [port.name for port in begun.ports] == [FIRST, "Port-channel1"]
    assert begun.lags == (replace(LAG, members=(SECOND,)),)
    assert done == STATE
    first, last = ([command.line for command in step.commands] for step in steps)
    assert FIRST not in " ".join(first)
    up = first.index("no shutdown")
    joined = first.index("channel-group 1 mode active")
    assert first.index("shutdown") < joined < first.index("interface Port-channel1") < up
    # Nobody is shut out: what carries goes on until it is a member.
    assert "shutdown" not in last
    assert last[-2:] == ["channel-group 1 mode active", "end"]


def test_a_lag_changes_by_its_port_alone() -> None:
    wider = replace(STATE, ports=(replace(CHANNEL, vlans=(10, 20, 30)),))
    changed = lines(STATE, wider)
    assert "switchport trunk allowed vlan add 30" in changed
    assert [line for line in changed if line.startswith("interface ")] == ["interface Port-channel1"]


def test_a_port_that_leaves_its_lag_and_our_care_is_no_second_way() -> None:
    less = replace(STATE, lags=(replace(LAG, members=(FIRST,)),))
    switch = TypedCatalyst(BARE)
    switch.enter(lines(build_device_state(), STATE))
    assert "Port-channel1" in switch.running()
    switch.enter(lines(STATE, less))
    assert read(switch.running()) == less
    block = switch.running().partition(f"interface {SECOND}\n")[2].partition("!")[0]
    assert "switchport trunk allowed vlan none" in block
    assert not re.search("channel-group|TSN-|shutdown", block.replace("no shutdown", ""))
    switch.enter(lines(less, build_device_state()))
    assert "TSN-" not in switch.running()
    assert "channel-group 1" in switch.running(), "a LAG that leaves our care stays one"


@pytest.mark.parametrize("model", [C9300, C3560], ids=lambda model: model.name)
def test_a_virtual_catalyst_takes_the_commands_and_shows_each_state(model: CatalystModel) -> None:
    """Also one that refuses a trunk until it is told its encapsulation."""
    device = CatalystSwitch(replace(model, lacp_partner=True), "vtp mode transparent\n")
    line = device.open_command_line("net01")
    line.enter("enable")
    plain = build_device_state(STATE.vlans, [PortState(FIRST, PortMode.TRUNK, (10, 20))])
    static = replace(STATE, lags=(replace(LAG, mode=LagMode.STATIC),))
    less = replace(STATE, lags=(replace(LAG, members=(FIRST,)),))
    long = replace(STATE, ports=(replace(CHANNEL, vlans=tuple(range(2, 400, 2))),))
    now = build_device_state()
    for wanted in (plain, STATE, less, STATE, static, STATE, long, plain, STATE):
        named = name_for(model, wanted)
        for step in IOS.plan_steps(now, named):
            for command in step.commands:
                said = line.enter(command.line).lines
                assert not any(words.startswith("%") or "rejected" in words for words in said), (command.line, said)
            assert IOS.parse(device.show_running(), "x").state == step.result, step.title
        now = named


def test_an_encapsulation_that_is_no_longer_told_goes_from_a_lag_and_from_its_former_members() -> None:
    told = name_for(C3560, STATE)
    (channel,), (lag,) = told.ports, told.lags
    silent = replace(channel, names_dot1q=False)
    one = replace(silent, name=lag.members[0])
    other = replace(lag, mode=LagMode.STATIC, members=lag.members[1:])
    commands = lines(told, build_device_state(STATE.vlans, [silent, one], lags=[other]))
    # The port, the member that is put in anew, and the LAG.
    assert commands.count("no switchport trunk encapsulation") == 3


def name_for(model: CatalystModel, state: DeviceState) -> DeviceState:
    """The state on a model: its ports by their names, and the encapsulation where it must be told."""
    slot = "1/0/" if model is C9300 else "0/"
    ports = [
        replace(port, name=port.name.replace("1/0/", slot), names_dot1q=bool(model.needs_encapsulation))
        for port in state.ports
    ]
    lags = [replace(lag, members=tuple(name.replace("1/0/", slot) for name in lag.members)) for lag in state.lags]
    return build_device_state(state.vlans, ports, lags=lags)
