from __future__ import annotations

from dataclasses import replace

import pytest

from controller.compile.network.wanted_device_state import compile_device
from controller.errors import LabError
from controller.lab.network.virtual_cores.core_devices import CORES, Flash, boot_core, list_ports
from controller.lab.network.virtual_cores.first_configuration import write_first_configuration
from controller.lab.state.layout import SchoolLayout
from controller.lab.state.layout_planning import plan_layout
from controller.lab.virtual_switches.command_line import VirtualSwitch
from controller.model.policy_files import LAB
from controller.model.virtual_city import VirtualCity
from controller.platforms.registry import load_platform
from tests.lab.mixed_city import CATALYST, X530, mix

SECRET = "a secret of the lab"  # noqa: S105 of a test


@pytest.fixture(scope="session")
def mixed(city: VirtualCity) -> VirtualCity:
    return mix(city)


def school_of(mixed: VirtualCity, platform: str) -> SchoolLayout:
    return next(one for one in plan_layout(mixed, 6).schools if one.platform == platform)


def boot(mixed: VirtualCity, platform: str) -> VirtualSwitch:
    text = write_first_configuration(mixed, school_of(mixed, platform))
    return boot_core(platform, Flash(startup=text), SECRET).switch


@pytest.mark.parametrize("platform", CORES)
def test_a_switch_boots_with_everything_of_ours_but_the_filters(mixed: VirtualCity, platform: str) -> None:
    school = school_of(mixed, platform)
    device = mixed.list_devices(mixed.school_by_id[school.id])[0]
    system = load_platform(platform)
    wanted = compile_device(mixed, device, system.capabilities).wanted
    assert wanted.filters
    seen = system.parse(boot(mixed, platform).show_running(), device.id)
    assert seen.state == replace(wanted, filters=(), bindings=())
    assert not seen.remarks


@pytest.mark.parametrize("platform", CORES)
def test_it_takes_every_command_of_a_plan_to_the_wanted_state(mixed: VirtualCity, platform: str) -> None:
    """Two readings of the vendor's documents: what renders and what takes it share no code."""
    school = school_of(mixed, platform)
    device = mixed.list_devices(mixed.school_by_id[school.id])[0]
    system = load_platform(platform)
    wanted = compile_device(mixed, device, system.capabilities).wanted
    switch = boot(mixed, platform)
    line = switch.open_command_line("tsunagu")
    for word in ("enable", SECRET):
        line.enter(word)
    for step in system.plan_steps(system.parse(switch.show_running(), device.id).state, wanted):
        for command in step.commands:
            said = line.enter(command.line)
            assert not [one for one in said.lines if one.startswith("%")], (command.line, said.lines)
    assert system.parse(switch.show_running(), device.id).state == wanted


@pytest.mark.parametrize("platform", CORES)
def test_what_it_keeps_is_what_it_boots_with_again(mixed: VirtualCity, platform: str) -> None:
    text = write_first_configuration(mixed, school_of(mixed, platform))
    core = boot_core(platform, Flash(startup=text), SECRET)
    line = core.switch.open_command_line("tsunagu")
    for word in ("enable", SECRET, "configure terminal", "hostname kept", "end", "copy running-config startup-config"):
        said = line.enter(word)
    while said.question is not None:
        said = line.enter("")
    line.enter("configure terminal")
    line.enter("hostname not-kept")
    assert core.switch.hostname == "not-kept"
    again = boot_core(platform, Flash.model_validate_json(core.copy_flash().model_dump_json()), SECRET)
    assert again.switch.hostname == "kept"
    assert again.switch.get_forwarding() == core.switch.get_forwarding()


@pytest.mark.parametrize("platform", CORES)
def test_a_line_that_it_refuses_is_named(mixed: VirtualCity, platform: str) -> None:
    text = write_first_configuration(mixed, school_of(mixed, platform))
    with pytest.raises(LabError, match=r"refuses 1 lines of its startup configuration, first: .*no such command"):
        boot_core(platform, Flash(startup=text.replace("hostname", "no such command\nhostname", 1)), SECRET)


def test_ports_that_nothing_is_plugged_into_are_shut(mixed: VirtualCity) -> None:
    for platform in CORES:
        school = school_of(mixed, platform)
        used = {port.name for port in school.ports} | {wire.port for wire in school.wires}
        up = {port.name for port in boot(mixed, platform).get_forwarding().ports if port.up}
        assert up == used <= set(list_ports(platform))


def test_the_wires_of_a_switch(mixed: VirtualCity) -> None:
    catalyst, x530 = school_of(mixed, CATALYST), school_of(mixed, X530)
    assert [(wire.interface, wire.tag) for wire in catalyst.wires][-1] == ("g-transit", None)
    assert {gateway.port for gateway in catalyst.gateways} == {"g-transit"}
    assert catalyst.behind
    assert all(wire.tag is not None for wire in x530.wires), "its filters know a VLAN by its tag"
    assert not x530.behind
    for school in (catalyst, x530):
        assert {wire.interface for wire in school.wires} == {host.port for host in school.hosts} | {
            gateway.port for gateway in school.gateways
        }
        assert list(school.management.address.by_family) == list(school.management.address.by_family)[:1]


def test_a_platform_that_the_lab_has_no_switch_of_is_refused_by_name(city: VirtualCity) -> None:
    file = city.virtual_estate
    other = city.replace_file(LAB, file.model_copy(update={"platforms": {file.canary: "hostapd"}}))
    with pytest.raises(LabError, match=r"no switch of the platform hostapd .*it has: ovs, allied_telesis_awplus"):
        plan_layout(other, 1)
