"""What every platform that is registered must do, also one that another package brings.

A platform whose states or device are not known here fails: see `samples`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from netmiko.ssh_dispatcher import platforms as netmiko_platforms

from controller.errors import ConfigRefused
from controller.model.network.device_state import (
    Attachment,
    DeviceState,
    Entry,
    FilterBinding,
    PortMode,
    PortRole,
    PortState,
    Vlan,
    build_device_state,
    build_filter,
    build_vlan_interface,
)
from controller.model.network.lags import Lag, LagMode
from controller.model.network.line_routes import DefaultRoute, LineGateway, TunnelInterface
from controller.model.network.packets import Direction, Effect, Family, Match, Protocol
from controller.model.network.route_policies import PrefixList, PrefixRange, build_routing
from controller.model.network.state_lines import format_state, parse_state
from controller.model.network.wireless import Protection, WirelessNetwork
from controller.platforms.base import Observation, Platform, Readable
from controller.platforms.common.own_restore import OwnRestore
from controller.platforms.common.timed_operation import is_changeable
from controller.platforms.common.understanding import redact_configuration
from controller.platforms.device_text.device_text import DeviceText
from controller.platforms.registry import list_platforms, load_platform
from tests.platforms.samples import Emulated, Sample, find_sample
from tests.platforms.states import bound, everything
from tests.soak import examples

# Where platforms are tried that must fail, nobody reads the smallest example.
PHASES = [one for one in Phase if one is not Phase.shrink or "TSUNAGU_NO_SHRINKING" not in os.environ]
UNKNOWN = "quite-unknown"
EMPTY = build_device_state()
V4 = Family.V4

for_every_platform = pytest.mark.parametrize("name", list_platforms())


def sampled(name: str) -> tuple[Platform, Sample]:
    return load_platform(name), find_sample(name)


def read(system: Platform, text: str) -> Observation | None:
    """What a text means; None where it is refused."""
    try:
        return system.parse(text, "x")
    except ConfigRefused as refused:
        named = str(refused)
    assert "x:" in named, "a refusal names the line"
    return None


@for_every_platform
@settings(max_examples=examples(40), deadline=None, phases=PHASES)
@given(data=st.data())
def test_what_is_rendered_is_read_back(name: str, data: st.DataObject) -> None:
    system, sample = sampled(name)
    state = data.draw(sample.states)
    text = system.render(state)
    seen = system.parse(text, "x")
    assert seen.state == state
    assert seen.state.compute_digest() == state.compute_digest()
    assert seen.lines == seen.managed + len(seen.unmanaged)
    assert not seen.remarks
    assert not seen.conflicting
    assert system.render(seen.state) == text
    assert not system.plan_steps(state, state)
    assert parse_state(format_state(state)) == state, "a plan that was saved holds all of it"


def walk(system: Platform, device: Emulated, now: DeviceState, wanted: DeviceState) -> None:
    """Perform the steps; after each the device is in the state that it promises."""
    for step in system.plan_steps(now, wanted):
        assert step.commands, f"{step.title}: a step without commands changes nothing"
        for command in step.commands:
            device.run(command)
        assert system.parse(device.text(), step.title).state == step.result, step.title
    assert system.parse(device.text(), "wanted").state == wanted


def kept_lines(system: Platform, sample: Sample, device: Emulated) -> set[str]:
    """The lines of others, but those that a port may get when it leaves our care."""
    lines = {line.text for line in system.parse(device.text(), "others").unmanaged}
    return {line for line in lines if not re.fullmatch(sample.released, line)}


@for_every_platform
@settings(max_examples=examples(20), deadline=None, phases=PHASES, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_there_and_back_and_what_is_of_others_stays(name: str, data: st.DataObject) -> None:
    system, sample = sampled(name)
    first, second = data.draw(sample.states), data.draw(sample.states)
    with sample.device() as device:
        before = kept_lines(system, sample, device)
        now = EMPTY
        for wanted in (first, second, first, EMPTY):
            walk(system, device, now, wanted)
            now = wanted
        assert before <= kept_lines(system, sample, device)


@for_every_platform
@settings(max_examples=examples(10), deadline=None, phases=PHASES, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_change_that_breaks_off_after_any_command_can_be_finished(name: str, data: st.DataObject) -> None:
    """What is on the device is read and gone on from; or it is refused with its line, never read as something else."""
    system, sample = sampled(name)
    first, second = data.draw(sample.states), data.draw(sample.states)
    commands = [command for step in system.plan_steps(first, second) for command in step.commands]
    done = data.draw(st.integers(0, len(commands)))
    with sample.device() as device:
        walk(system, device, EMPTY, first)
        for command in commands[:done]:
            device.run(command)
        device.break_off()
        seen = read(system, device.text())
        if seen is not None:
            walk(system, device, seen.state, second)


def managed_lines(system: Platform, sample: Sample) -> tuple[list[str], Iterator[int]]:
    """The lines of the example, and the places of those that are ours and mean something."""
    text = system.render(sample.example())
    unmanaged = {line.number for line in system.parse(text, "x").unmanaged}
    lines = text.splitlines()
    return lines, (
        place
        for place, line in enumerate(lines)
        if place + 1 not in unmanaged and line.strip(" !") and line.strip() not in sample.neutral
    )


def with_a_word_more(lines: list[str], place: int) -> list[str]:
    return [*lines[:place], f"{lines[place]} {UNKNOWN}", *lines[place + 1 :]]


def without(lines: list[str], place: int) -> list[str]:
    return lines[:place] + lines[place + 1 :]


def doubled(lines: list[str], place: int) -> list[str]:
    return [*lines[: place + 1], *lines[place:]]


@for_every_platform
@pytest.mark.parametrize("change", [with_a_word_more, without, doubled])
def test_no_line_of_ours_can_change_unseen(name: str, change: Callable[[list[str], int], list[str]]) -> None:
    """With an unknown word more, left out, or twice: the device is refused, or it is in another state."""
    system, sample = sampled(name)
    wanted = system.parse(system.render(sample.example()), "x").state
    lines, places = managed_lines(system, sample)
    tried = 0
    for place in places:
        tried += 1
        line = lines[place]
        if change is with_a_word_more and re.fullmatch(sample.free, line):
            continue
        if line.startswith(("#", "==>")):
            continue  # the name of a part, which has no meaning by itself
        seen = read(system, "\n".join((*change(lines, place), "")))
        assert seen is None or seen.state != wanted or seen.remarks, line
    assert tried > 10


def filtered(*entries: Entry) -> DeviceState:
    one = build_filter(20, Direction.FROM, V4, [*entries, everything(V4)])
    return build_device_state(filters=[one], bindings=[bound(one)])


ESTABLISHED = Entry(Effect.PERMIT, Match(V4, Protocol.TCP, V4.everything, V4.everything, established=True))
NETWORK = WirelessNetwork("a", 20, Protection.ENHANCED_OPEN, isolated=True, uplink="eth1")
ROUTES = build_routing([PrefixList("TSN-own-4-01234567", V4, (PrefixRange(Effect.PERMIT, V4.everything, 0, 32),))])


def asked(port: str) -> dict[str, DeviceState]:
    """For each capability a state that asks for it."""
    access = PortState(port, PortMode.ACCESS, (20,))
    return {
        "vlan_database": build_device_state([Vlan(20, "TSN-staff")]),
        "switches": build_device_state(ports=[access]),
        "maximum_entries": filtered(),
        "interfaces": build_device_state(interfaces=[build_vlan_interface(20, ["10.0.0.1/24"])]),
        "wireless": build_device_state(networks=[NETWORK]),
        "routes": build_device_state(routing=ROUTES),
        "static_routes": build_device_state(default_routes=[DefaultRoute(V4, (LineGateway("10.0.0.1", "10.0.0.1"),))]),
        "tunnels": build_device_state(tunnels=[TunnelInterface("backup", "ipip6", "2001:db8::1", 1400)]),
        "isolates": build_device_state(ports=[replace(access, isolated=True)]),
        "trunk_encapsulation": build_device_state(ports=[replace(access, mode=PortMode.TRUNK, names_dot1q=True)]),
        "lags": build_device_state(ports=[replace(access, name="po1")], lags=[Lag("po1", LagMode.STATIC, (port,))]),
        "reads_port_roles": build_device_state(ports=[replace(access, role=PortRole.HOST_FACING)]),
        "established": replace(filtered(ESTABLISHED), bindings=()),
    }


@for_every_platform
def test_what_a_platform_does_not_have_is_refused_by_name_and_never_left_out(name: str) -> None:
    system, sample = sampled(name)
    for capability, state in asked(sample.port or "port1").items():
        if not getattr(system.capabilities, capability):
            # What has no ports or filters at all says that first.
            earlier = not system.capabilities.switches or not system.capabilities.maximum_entries
            expected = "capability" if earlier else capability
            with pytest.raises(ValueError, match=expected):
                system.render(state)
            with pytest.raises(ValueError, match=expected):
                system.plan_steps(EMPTY, state)


@for_every_platform
def test_a_filter_that_is_too_long_is_refused(name: str) -> None:
    system, sample = sampled(name)
    can = system.capabilities
    if not can.maximum_entries:
        with pytest.raises(ValueError, match="filters no packets"):
            system.render(filtered())
        return
    first = int(Family.V4.everything.network_address)
    networks = (Family.V4.everything.__class__((first + number, 32)) for number in range(can.maximum_entries))
    entries = [Entry(Effect.PERMIT, Match(V4, None, one, V4.everything)) for one in networks]
    with pytest.raises(ValueError, match=f"at most {can.maximum_entries}"):
        system.render(filtered(*entries))
    whole = filtered(*entries[1:])
    if sample.binds_at_ports or (can.attachment is Attachment.PORT and can.vlan_database):
        whole = replace(whole, bindings=())  # it stands on ports only
    assert system.parse(system.render(whole), "x").state == whole


@for_every_platform
def test_nothing_of_ours_is_a_secret_and_what_was_redacted_is_read_the_same(name: str) -> None:
    system, sample = sampled(name)
    text = system.render(sample.example())
    kept, _ = redact_configuration(system, DeviceText(text), "x")
    assert kept.count("\n") == text.count("\n")
    assert system.parse(kept, "x").state == sample.example()


@for_every_platform
def test_a_filter_of_another_name_than_ours_is_refused(name: str) -> None:
    system, _ = sampled(name)
    state = build_device_state(bindings=[FilterBinding(20, Direction.FROM, V4, "LEGACY")])
    with pytest.raises(ValueError, match=r"LEGACY|must be bound"):
        system.render(state)


@for_every_platform
def test_a_platform_says_what_it_is(name: str) -> None:
    system, _ = sampled(name)
    assert system.name == name
    assert system.capabilities.over_ssh == is_changeable(system)
    if isinstance(system, Readable):
        assert system.device_type in netmiko_platforms
    if isinstance(system, OwnRestore):
        program = system.build_program()
        assert program.startswith("#!/bin/sh\n")
        assert program.index("put_back()") < program.index("# --- the lock ---")
