"""LAGs of AlliedWare Plus: where their filters stand, what is read of members, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controller.errors import ConfigRefused
from controller.model.network.device_state import DeviceState, PortMode, PortRole, PortState, Vlan, build_device_state
from controller.model.network.lags import NO_LAG, Lag, LagMode
from controller.platforms.allied_telesis_awplus.driver import AlliedTelesisAwplus
from controller.platforms.base import refuse_conflicts
from tests.platforms.states import AWPLUS_PORTS, EXAMPLE_FILTERS, bound, without_flags
from tests.platforms.x530_device import TypedX530

AWPLUS = AlliedTelesisAwplus()
FIRST, SECOND = AWPLUS_PORTS[:2]
UPLINKS = PortState("po1", PortMode.TRUNK, (10, 20), PortRole.UPLINK)
LAG = Lag("po1", LagMode.LACP, (FIRST, SECOND))
HOSTS = PortState("port1.0.24", PortMode.TRUNK, (10, 20), PortRole.HOST_FACING)
VLANS = [Vlan(10, "TSN-management"), Vlan(20, "TSN-staff")]
BARE = without_flags(build_device_state(VLANS, filters=EXAMPLE_FILTERS, bindings=map(bound, EXAMPLE_FILTERS)))
STATE = replace(BARE, ports=(UPLINKS, HOSTS), lags=(LAG,))
STATIC = replace(
    STATE, ports=(HOSTS, replace(UPLINKS, name="sa2")), lags=(replace(LAG, name="sa2", mode=LagMode.STATIC),)
)
TO = [one.name for one in STATE.filters if "-to-" in one.name]


def blocks(state: DeviceState) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for block in AWPLUS.render(state).split("!\n"):
        header, _, rest = block.partition("\n")
        found[header] = [line.strip() for line in rest.splitlines()]
    return found


def refusal(text: str) -> str:
    with pytest.raises(ConfigRefused) as caught:
        AWPLUS.parse(text, "x")
    return str(caught.value)


def test_filters_stand_on_each_member_of_lacp_and_on_a_static_lag_itself() -> None:
    lacp, static = blocks(STATE), blocks(STATIC)
    for name in (FIRST, SECOND):
        assert "channel-group 1 mode active" in lacp[f"interface {name}"]
        assert sum("TSN-20-to-" in line for line in lacp[f"interface {name}"]) == len(TO)
        assert "static-channel-group 2" in static[f"interface {name}"]
        assert not any("TSN-20-to-" in line for line in static[f"interface {name}"])
    assert not any("TSN-20-to-" in line for line in lacp["interface po1"])
    assert sum("TSN-20-to-" in line for line in static["interface sa2"]) == len(TO)
    for state in (STATE, STATIC):
        assert AWPLUS.parse(AWPLUS.render(state), "x").state == state


@pytest.mark.parametrize("state", [STATE, STATIC], ids=["lacp", "static"])
def test_an_uplink_becomes_a_lag_and_one_again(state: DeviceState) -> None:
    plain = replace(BARE, ports=(replace(UPLINKS, name=FIRST), HOSTS))
    device, now = TypedX530(), build_device_state()
    for wanted in (plain, state, plain, STATIC, STATE, build_device_state()):
        for step in AWPLUS.plan_steps(now, wanted):
            device.enter(command.line for command in step.commands)
            assert AWPLUS.parse(device.text(), step.title).state == step.result, step.title
        now = wanted


def test_no_port_is_open_while_it_changes() -> None:
    """After each command a port that passes what it receives has every filter that belongs there."""
    plain = replace(BARE, ports=(replace(UPLINKS, name=FIRST), HOSTS))
    for way in ([plain, STATE], [STATE, plain], [plain, STATIC], [STATIC, plain], [STATIC, STATE], [STATE, STATIC]):
        device, now = TypedX530(), build_device_state()
        for wanted in way:
            for step in AWPLUS.plan_steps(now, wanted):
                for command in step.commands:
                    device.enter([command.line])
                    assert not list_open_ports(device), (step.title, command.line)
            now = wanted


def list_open_ports(device: TypedX530) -> list[str]:
    """The uplinks that pass VLAN 20 without a filter: on themselves, or on the static LAG that they are in."""
    found, running = [], device.switch.running
    for name in (FIRST, SECOND):
        port = running.ports[name]
        static = port.group is not None and port.group[0] == "static"
        judging = running.aggregates[f"sa{port.group[1]}"] if static and port.group else port
        lists = {one for _, one in judging.lists if "TSN-20-to-" in one}
        if not port.shutdown and port.mode == "trunk" and 20 in port.allowed and lists != set(TO):
            found.append(name)
    return found


def test_lists_where_they_judge_nothing_are_refused() -> None:
    lacp, static = AWPLUS.render(STATE), AWPLUS.render(STATIC)
    attached = next(line for line in blocks(STATE)[f"interface {FIRST}"] if line.startswith("access-group"))
    message = refusal(lacp.replace(" description TSN-gateway\n", f" description TSN-gateway\n {attached}\n"))
    assert "a LAG of LACP has lists on its members alone" in message
    member = " description TSN-member\n"
    assert "a static LAG has lists itself (sa2)" in refusal(static.replace(member, f"{member} {attached}\n", 1))
    shut = lacp.replace(member, f"{member} shutdown\n", 1)
    assert "it is out of service in po1" in refusal(shut)
    second = lacp.index(f"interface {SECOND}\n")
    lacking = lacp[:second] + lacp[second:].replace(f" {attached}\n", "", 1)
    assert f"stands on {FIRST} and not on {SECOND}" in refusal(lacking)


def test_members_that_pass_nothing_are_idle() -> None:
    open_lag = build_device_state(ports=[UPLINKS], lags=[LAG])
    text = AWPLUS.render(open_lag)
    seen = AWPLUS.parse(text.replace(" description TSN-member\n", " description TSN-member\n shutdown\n", 1), "x")
    assert seen.state.lags == (replace(LAG, members=(SECOND,), idle=(FIRST,)),)
    assert any(f"port {FIRST} counts as out of service in po1" in line.text for line in seen.remarks)
    alone = AWPLUS.parse(text.replace(" channel-group 1 mode active\n", ""), "x")
    assert not alone.state.ports
    assert alone.state.lags == (Lag(NO_LAG, LagMode.LACP, (), (FIRST, SECOND)),)
    assert sum("is in none" in line.text for line in alone.remarks) == 2


def test_a_change_that_broke_off_when_members_had_left_is_gone_on_from() -> None:
    """They are shut down then, and still marked: nothing of that may stay behind."""
    begun = build_device_state(VLANS, [UPLINKS], lags=[LAG])
    for wanted in (build_device_state(VLANS), build_device_state(VLANS, [replace(UPLINKS, name=FIRST)]), begun):
        device = TypedX530()
        for step in AWPLUS.plan_steps(build_device_state(), begun):
            device.enter(command.line for command in step.commands)
        for name in (FIRST, SECOND):
            device.enter(("configure terminal", f"interface {name}", "shutdown", "no channel-group", "end"))
        seen = AWPLUS.parse(device.text(), "x").state
        assert seen.lags == (Lag(NO_LAG, LagMode.LACP, (), (FIRST, SECOND)),)
        for step in AWPLUS.plan_steps(seen, wanted):
            device.enter(command.line for command in step.commands)
            assert AWPLUS.parse(device.text(), step.title).state == step.result, step.title
        assert "shutdown" not in device.text().replace("no shutdown", "")


@pytest.mark.parametrize(
    "words",
    ["channel-group 1 mode passive", "channel-group 1 mode active x", "static-channel-group 1 member-filters"],
)
def test_a_way_to_join_that_is_none_of_ours_is_refused(words: str) -> None:
    text = AWPLUS.render(build_device_state(ports=[UPLINKS], lags=[LAG]))
    message = refusal(text.replace("channel-group 1 mode active", words, 1))
    assert f"{words!r}: expected channel-group NUMBER mode active or static-channel-group NUMBER" in message


@pytest.mark.parametrize("kind", ["channel-group", "static-channel-group"])
@pytest.mark.parametrize("mode", ["", " mode active", " mode passive"])
def test_a_port_of_ours_in_a_lag_that_the_policy_does_not_know(kind: str, mode: str) -> None:
    text = AWPLUS.render(build_device_state(ports=[HOSTS]))
    message = refusal(text.replace(" native vlan none\n", f" native vlan none\n {kind} 3{mode}\n"))
    assert f"conflict: {HOSTS.name} is ours" in message
    assert "which the policy does not know" in message
    assert f"no {kind}" in message


def test_a_port_of_others_in_a_lag_of_ours_or_of_others() -> None:
    text = AWPLUS.render(build_device_state(ports=[UPLINKS], lags=[LAG]))
    third = "interface port1.0.9\n switchport\n switchport mode trunk\n channel-group 1 mode active\n"
    with pytest.raises(ConfigRefused, match="LAG po1, of our ports alone"):
        refuse_conflicts(AWPLUS.parse(text + third, "x"), build_device_state(ports=[UPLINKS], lags=[LAG]), "x")
    with pytest.raises(ConfigRefused, match="channel-group 1 mode active"):
        refuse_conflicts(AWPLUS.parse(third, "x"), build_device_state(ports=[replace(HOSTS, name="port1.0.9")]), "x")
