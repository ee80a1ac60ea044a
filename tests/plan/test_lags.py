"""LAGs of schools: said in the blueprint or the inventory, checked where they stand, compiled, rendered and proved."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from controller.cli.policy.unknown_platforms import find_impossible_devices
from controller.compile.network.adoption_level import keep_unmanaged_parts
from controller.compile.network.wanted_device_state import compile_device
from controller.errors import BeyondCapability
from controller.model.network.device_state import DeviceState, build_device_state
from controller.model.network.lags import Lag, LagMode
from controller.model.network.state_lines import format_state, parse_state
from controller.plan.proof.city_checks import ParsedDevice, check_paths
from controller.plan.proof.rendered_device import find_port_differences, find_step_differences, prove_rendered_device
from controller.plan.review import describe_changes
from controller.platforms.registry import load_platform
from tests.plan.test_listed_devices import list_cores, write_inventory
from tests.policies import PolicyFolder

FLOOR = "{first: 1, last: 6, mode: trunk, segments: all}"
UPLINK = "{first: 23, last: 24, mode: trunk, segments: all, faces: gateway, lag: {number: 1}}"

SECOND = UPLINK.replace("23, last: 24", "21, last: 22")
TWICE = "pattern: 'GigabitEthernet1/0/{n}'"


@pytest.fixture
def policies(tmp_path: Path) -> PolicyFolder:
    return PolicyFolder(tmp_path)


def list_core(*ports: str, platform: str = "cisco_ios", school: str = "kw-e01") -> str:
    return f"{{id: {school}-core1, school: {school}, role: core, platform: {platform}, ports: [{', '.join(ports)}]}}"


@pytest.mark.parametrize(
    ("platform", "mode", "name", "members"),
    [
        ("cisco_ios", "lacp", "Port-channel1", ("GigabitEthernet1/0/23", "GigabitEthernet1/0/24")),
        ("cisco_ios", "static", "Port-channel1", ("GigabitEthernet1/0/23", "GigabitEthernet1/0/24")),
        ("allied_telesis_awplus", "lacp", "po1", ("port1.0.23", "port1.0.24")),
        ("allied_telesis_awplus", "static", "sa1", ("port1.0.23", "port1.0.24")),
    ],
)
def test_two_uplinks_are_one_port_and_the_school_is_proved(
    policies: PolicyFolder, platform: str, mode: str, name: str, members: tuple[str, ...]
) -> None:
    school = "kw-e01" if platform == "cisco_ios" else "tm-e01"
    uplink = UPLINK.replace("number: 1", f"number: 1, mode: {mode}")
    write_inventory(policies, list_core(FLOOR, uplink, platform=platform, school=school))
    city = policies.load()
    (core,) = list_cores(city, school)
    system = load_platform(platform)
    intent = compile_device(city, core, system.capabilities)
    assert intent.wanted.lags == (Lag(name, LagMode(mode), members),)
    assert name in [port.name for port in intent.wanted.ports]
    prove_rendered_device(city, intent, system)
    checks = check_paths(city, [ParsedDevice(core, intent.wanted, intent.delegated)])
    assert checks
    assert not [found for check in checks for found in check.differences]
    assert not list(find_impossible_devices(city))
    # From the first day on: every state on the way is proved, too.
    steps = system.plan_steps(build_device_state(), intent.wanted)
    assert not list(find_step_differences(city, intent, build_device_state(), steps, system))
    assert parse_state(format_state(intent.wanted)) == intent.wanted


def test_a_lag_of_two_switches_of_a_stack(policies: PolicyFolder) -> None:
    one = "{first: 49, last: 49, mode: trunk, segments: all, faces: gateway, lag: {number: 12, mode: static}}"
    other = one.replace("faces:", "pattern: 'GigabitEthernet2/0/{n}', faces:")
    write_inventory(policies, list_core(FLOOR, one, other))
    city = policies.load()
    (core,) = list_cores(city)
    wanted = compile_device(city, core, load_platform("cisco_ios").capabilities).wanted
    assert wanted.lags == (Lag("Port-channel12", LagMode.STATIC, ("GigabitEthernet1/0/49", "GigabitEthernet2/0/49")),)


@pytest.mark.parametrize(
    ("ports", "expected"),
    [
        (["{first: 24, last: 24, mode: trunk, segments: all}", UPLINK], "port 24 is given twice"),
        (
            [f"{{first: 24, last: 24, mode: trunk, segments: all, {TWICE}}}", UPLINK],
            "port GigabitEthernet1/0/24 is in two LAGs, or in one and by itself; it stands at city/devices/",
        ),
        (
            [UPLINK, UPLINK.replace("number: 1", "number: 2").replace("faces", f"{TWICE}, faces")],
            "port GigabitEthernet1/0/23 is in two LAGs",
        ),
        ([UPLINK, SECOND.replace("gateway", "hosts")], "alike in mode, segments"),
        ([UPLINK, SECOND.replace("1}", "1, mode: static}")], "alike in mode"),
        ([UPLINK, SECOND.replace("all", "[staff]").replace("trunk", "access")], "alike in mode"),
        ([UPLINK.replace("23", "16")], "LAG 1 has 9 ports"),
        ([UPLINK.replace("number: 1", "number: 0")], "lag.number"),
        ([UPLINK.replace("number: 1", "number: 257")], "lag.number"),
        ([UPLINK.replace("number: 1", "number: 1, mode: pagp")], "lag.mode"),
    ],
)
def test_what_a_policy_cannot_say_of_a_lag(policies: PolicyFolder, ports: list[str], expected: str) -> None:
    write_inventory(policies, list_core(FLOOR, *ports))
    problems = policies.problems()
    assert any(expected in problem for problem in problems), problems
    assert all(problem.startswith("city/devices/kawasaki.yaml:3") for problem in problems)


def test_the_same_in_a_blueprint(policies: PolicyFolder) -> None:
    policies.edit("city/blueprints.yaml", "faces: gateway}", "faces: gateway, lag: {number: 1}}")
    city = policies.load()
    (core,) = list_cores(city)
    assert compile_device(city, core, load_platform(core.platform).capabilities).wanted.lags
    policies.edit(
        "city/blueprints.yaml", "segments: all} # one to each", "segments: all, lag: {number: 1}} # one to each"
    )
    problems = policies.problems()
    assert any("city/blueprints.yaml:" in one and "the ports of LAG 1 are alike" in one for one in problems), problems


@pytest.mark.parametrize(
    ("number", "mode", "platform", "why"),
    [
        (33, "lacp", "allied_telesis_awplus", "numbers lacp LAGs from 1 to 32"),
        (97, "static", "allied_telesis_awplus", "numbers static LAGs from 1 to 96"),
        (1, "static", "ovs", "ovs has no LAGs (capability 'lags')"),
    ],
)
def test_a_lag_that_the_platform_has_not(
    policies: PolicyFolder, number: int, mode: str, platform: str, why: str
) -> None:
    policies.edit("city/blueprints.yaml", "port-names:\n", "port-names:\n  ovs: h{n}\n")
    uplink = UPLINK.replace("number: 1", f"number: {number}, mode: {mode}")
    write_inventory(policies, list_core(FLOOR, uplink, platform=platform, school="tm-e01"))
    city = policies.load()
    (core,) = list_cores(city, "tm-e01")
    with pytest.raises(BeyondCapability, match=why.replace("(", r"\(").replace(")", r"\)")):
        compile_device(city, core, load_platform(platform).capabilities)
    (found,) = find_impossible_devices(city)
    assert found.origin.file.endswith("city/devices/kawasaki.yaml")
    assert why in found.message


def test_a_lag_that_differs_is_told_in_words_of_no_vendor(policies: PolicyFolder) -> None:
    write_inventory(policies, list_core(FLOOR, UPLINK))
    city = policies.load()
    (core,) = list_cores(city)
    intent = compile_device(city, core, load_platform("cisco_ios").capabilities)
    (lag,) = intent.wanted.lags
    idle = replace(lag, members=lag.members[:1], idle=lag.members[1:])
    seen = replace(intent.wanted, lags=(idle,))
    changes = describe_changes({}, seen, intent.wanted)
    first, second = lag.members
    assert changes == [
        f"- LAG Port-channel1 lacp of {first}, out of service: {second}",
        f"+ LAG Port-channel1 lacp of {first}, {second}",
    ]
    (difference,) = find_port_differences(intent, seen)
    assert difference.endswith(f"is wanted; it is LAG Port-channel1 lacp of {first}, out of service: {second}")
    assert keep_unmanaged_parts("filters", seen, intent.wanted).lags == seen.lags
    assert keep_unmanaged_parts("all", DeviceState(), intent.wanted).lags == intent.wanted.lags
