"""A city whose cores are of three kinds, with packets: Open vSwitch, virtual Catalysts, virtual x530s."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from ipaddress import ip_address
from itertools import chain

import pytest

from controller.compile.network.wanted_device_state import compile_device
from controller.exit_codes import Exit
from controller.integration.computers.seen_computers import read_mac_tables
from controller.lab import lifecycle as virtual_city
from controller.lab.lab_status import read_lab_status
from controller.lab.network.virtual_cores import virtual_cores
from controller.lab.network.virtual_cores.core_devices import Flash, write_flash
from controller.lab.state import paths, undo_log
from controller.lab.state.layout import Layout, SchoolLayout
from controller.lab.state.processes import is_alive, wait_until
from controller.lab.trials.matrix import try_matrix
from controller.lab.trials.matrix_results import PairVerdict
from controller.lab.trials.outage_probe import OutageProbe
from controller.model.access.rules import INTERNET
from controller.model.network.device_state import DeviceState, PortRole
from controller.model.network.packets import Family
from controller.model.virtual_city import VirtualCity, choose_virtual_city
from controller.platforms.base import Readable
from controller.platforms.registry import load_platform
from tests.adoption.take_over.conftest import list_names
from tests.cli.running import ROOT
from tests.conftest import SharedLab, refuse_labs_of_others
from tests.lab.mixed_city import CATALYST, KINDS, X530, MixedPolicy
from tests.lab.trials.test_matrix import put_in_force
from tests.lab.typed_commands import type_commands
from tests.rollout.conftest import SSH
from tests.rollout.memory_lab import RULE, without_rule

pytestmark = pytest.mark.lab

SCHOOLS = 3
"""One of each kind: what six show more costs minutes on a small machine."""
HTTPS = 443
AHEAD = 600
"""Seconds that a switch's clock is set ahead: more than any restore takes that is armed here."""
PATIENCE = 30.0
SAVE = {CATALYST: ("copy running-config startup-config", ""), X530: ("copy running-config startup-config",)}


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> MixedPolicy:
    return MixedPolicy(tmp_path_factory.mktemp("mixed"))


@pytest.fixture(scope="module")
def mixed(policy: MixedPolicy) -> VirtualCity:
    return policy.load()


@pytest.fixture(scope="module")
def mixed_lab(mixed: VirtualCity, shared_lab: SharedLab) -> Iterator[Layout]:
    """A school of each kind, the policy in force and saved at each."""
    shared_lab.remove()
    refuse_labs_of_others()
    layout = virtual_city.build_virtual_city(mixed, SCHOOLS, lambda _: None)
    try:
        with ThreadPoolExecutor(SCHOOLS) as pool:
            list(pool.map(lambda school: bring_in_force(mixed, layout, school), layout.schools))
        yield layout
    finally:
        virtual_city.remove_virtual_city(lambda _: None)


def bring_in_force(city: VirtualCity, layout: Layout, school: SchoolLayout, *, save: bool = True) -> None:
    if not school.is_virtual:
        put_in_force(city, school)
        return
    commands = list_commands(city, school)
    assert commands
    type_commands(layout, school, [*commands, *(SAVE[school.platform] if save else ())])


def read_text(city: VirtualCity, school: SchoolLayout) -> str:
    """The running configuration of a school's switch, read over SSH."""
    device = city.list_devices(city.school_by_id[school.id])[0]
    system = load_platform(device.platform)
    assert isinstance(system, Readable)
    with SSH.open_session(device, system.device_type) as session:
        return system.read(session).reveal()


def read_running(city: VirtualCity, school: SchoolLayout) -> DeviceState:
    """What a school's switch holds now."""
    return load_platform(school.platform).parse(read_text(city, school), school.device).state


def compile_wanted(city: VirtualCity, school: SchoolLayout) -> DeviceState:
    device = city.list_devices(city.school_by_id[school.id])[0]
    return compile_device(city, device, load_platform(device.platform).capabilities).wanted


def list_commands(city: VirtualCity, school: SchoolLayout) -> list[str]:
    """The commands that lead a school's switch from where it is to what the policy wants."""
    steps = load_platform(school.platform).plan_steps(read_running(city, school), compile_wanted(city, school))
    return [command.line for command in chain.from_iterable(step.commands for step in steps)]


def is_as_wanted(city: VirtualCity, school: SchoolLayout) -> bool:
    return read_running(city, school) == compile_wanted(city, school)


def of_kind(layout: Layout, platform: str) -> SchoolLayout:
    return next(school for school in layout.schools if school.platform == platform)


def test_every_kind_stands_and_lets_through_exactly_what_the_policy_says(mixed: VirtualCity, mixed_lab: Layout) -> None:
    assert sorted(school.platform for school in mixed_lab.schools) == sorted(KINDS)
    assert read_lab_status().lives
    matrix = try_matrix(mixed)
    assert matrix.agrees, [one for one in matrix.results if one.verdict is not PairVerdict.AGREES][:5]
    assert all(one.counted and one.control for one in matrix.results if not one.pair.permitted)
    assert all(is_as_wanted(mixed, school) for school in mixed_lab.schools if school.is_virtual)


def test_every_kind_says_over_ssh_which_host_it_has_seen_at_which_port(mixed: VirtualCity, mixed_lab: Layout) -> None:
    """With the key that only reads; the hosts sent packets in the test before, or send one now."""
    devices = {school.id: mixed.list_devices(mixed.school_by_id[school.id])[0] for school in mixed_lab.schools}
    for school in mixed_lab.schools:
        host = next(one for one in school.hosts if one.id == "staff")
        send = (
            "ip",
            "netns",
            "exec",
            host.namespace,
            "ping",
            "-c",
            "1",
            "-W",
            "1",
            str(host.interface.gateway.of(mixed.families[0])),
        )
        subprocess.run(send, check=False, capture_output=True)
        shown = subprocess.run(
            ("ip", "-n", host.namespace, "-j", "link", "show", "type", "veth"), check=True, capture_output=True
        )
        mac = json.loads(shown.stdout)[0]["address"]
        vlan = mixed.list_segments(mixed.school_by_id[school.id])[host.segment].vlan
        (reading,) = read_mac_tables([devices[school.id]], SSH)
        assert not reading.refusal
        ports = [
            one.name
            for one in devices[school.id].ports
            if one.segments == (host.segment,) and one.role is PortRole.HOST_FACING
        ]
        assert [(one.vlan, [one.port]) for one in reading.learnt if one.mac == mac] == [(vlan, ports)]


def test_a_power_cut_brings_back_what_was_saved_and_nothing_else(mixed: VirtualCity, mixed_lab: Layout) -> None:
    less = choose_virtual_city(without_rule(mixed, RULE))
    schools = [of_kind(mixed_lab, CATALYST), of_kind(mixed_lab, X530)]
    for school in schools:
        bring_in_force(less, mixed_lab, school, save=False)
        assert not is_as_wanted(mixed, school)
    for school in schools:
        old = undo_log.list_current_processes(paths.STATE)[school.id, virtual_cores.CORE]
        virtual_city.restart_switch(school.id)
        assert not is_alive(old)
        assert is_as_wanted(mixed, school)
    assert try_matrix(mixed, [school.id for school in schools], control=False).agrees
    assert read_lab_status().lives


@pytest.mark.parametrize("platform", [CATALYST, X530])
def test_hosts_lose_nothing_that_both_policies_permit_while_a_filter_is_replaced(
    mixed: VirtualCity, mixed_lab: Layout, platform: str
) -> None:
    """The new list is made and bound before the old one goes, line by line: the data plane follows each line."""
    school = of_kind(mixed_lab, platform)
    host = next(one for one in school.hosts if one.id == "staff")
    less = choose_virtual_city(without_rule(mixed, RULE))
    with OutageProbe.to_the_internet(mixed_lab, host) as probe:
        for city in (less, mixed):
            type_commands(mixed_lab, school, list_commands(city, school))
            assert is_as_wanted(city, school)
    assert probe.outages() == dict.fromkeys(mixed_lab.families, 0.0)


def unbind_first_filter(layout: Layout, school: SchoolLayout) -> None:
    """Take the first filter of ours off its place, as somebody would by hand."""
    place = ""
    for line in type_commands(layout, school, ["show running-config"]).splitlines():
        if line.startswith("interface "):
            place = line
        elif place and "access-group TSN-" in line:
            type_commands(layout, school, ["configure terminal", place, f"no {line.strip()}", "end"])
            return
    pytest.fail("no filter of ours is bound")


@pytest.mark.parametrize("platform", [CATALYST, X530])
def test_a_change_is_applied_and_what_was_changed_by_hand_is_found_and_repaired(
    policy: MixedPolicy, mixed_lab: Layout, platform: str
) -> None:
    """By the commands that operators type; packets agree with the policy after each."""
    school = of_kind(mixed_lab, platform)
    policy.write_rules(without=RULE)
    policy.plan(school.id)
    policy.apply()
    assert try_matrix(policy.load(), [school.id], control=False).agrees
    assert policy.find_drift(school.id) == 0
    unbind_first_filter(mixed_lab, school)
    assert policy.find_drift(school.id) == Exit.DIFFERS
    policy.write_rules()
    policy.plan(school.id)
    policy.apply()
    assert policy.find_drift(school.id) == 0
    assert try_matrix(policy.load(), [school.id], control=False).agrees


def test_killed_before_it_confirms_a_catalyst_goes_back_by_itself(policy: MixedPolicy, mixed_lab: Layout) -> None:
    """Its timer counts in whole minutes, on a clock of its own that the test sets ahead."""
    school = of_kind(mixed_lab, CATALYST)
    policy.write_rules()
    whole = policy.load()
    old = read_running(whole, school)
    policy.write_rules(without=RULE)
    policy.plan(school.id)
    words = [str(policy.folder / name) for name in ("policies", "plan.json", "state")]
    killed = subprocess.run(
        [sys.executable, "-m", "tests.rollout.killed_apply", *words, "60", "confirm", "start"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert read_running(whole, school) != old
    virtual_cores.set_clock_ahead(school, AHEAD, paths.STATE)
    assert wait_until(lambda: read_running(whole, school) == old, PATIENCE)
    assert try_matrix(whole, [school.id], control=False).agrees
    policy.apply()
    assert try_matrix(policy.load(), [school.id], control=False).agrees
    policy.write_rules()
    policy.plan(school.id)
    policy.apply()
    assert read_running(whole, school) == old


def boot_as_somebody_elses(school: SchoolLayout) -> None:
    """Give a switch the configuration that it saved, with every name of ours another one: nothing there is ours."""
    kept = paths.SwitchFiles(paths.STATE, school.id).flash
    saved = kept.read_text(encoding="utf-8")
    assert saved.count("TSN-") > len(school.hosts)
    write_flash(kept, Flash.model_validate_json(saved.replace("TSN-", "OLD-")))
    virtual_cores.restart_core(school, paths.STATE)


def list_websites(layout: Layout) -> dict[Family, tuple[str, int]]:
    """What staff and pupils may open of the internet, in each family."""
    return {
        Family(ip_address(one.address).version): (one.address, one.port)
        for one in layout.listeners
        if INTERNET in one.applications and one.port == HTTPS
    }


@pytest.mark.parametrize("platform", [CATALYST, X530])
def test_a_switch_of_somebody_elses_is_taken_over_while_its_hosts_go_on(
    policy: MixedPolicy, mixed_lab: Layout, platform: str
) -> None:
    school = of_kind(mixed_lab, platform)
    policy.write_rules()
    city = policy.load()
    device = city.list_devices(city.school_by_id[school.id])[0]
    boot_as_somebody_elses(school)
    assert read_running(city, school).bindings == ()
    assert try_matrix(city, [school.id], control=False).agrees
    names = list_names(city, device, read_text(city, school))
    assert len(names) > len(school.hosts)
    words = [word for name in names for word in ("--take-over", f"{device.id}:{name}")]
    planned = policy.tsunagu("plan", "--lab", "--school", school.id, "-o", "plan.json", *words)
    # Before they are taken over, its interfaces are ways of others, which nothing of ours judges.
    assert planned.code in {Exit.GOOD, Exit.NOT_JUDGED}, planned
    with ExitStack() as stack:
        hosts = [host.namespace for host in school.hosts if host.id in {"staff", "pupil"}]
        probes = [stack.enter_context(OutageProbe(name, list_websites(mixed_lab))) for name in hosts]
        policy.apply()
    assert [probe.outages() for probe in probes] == [dict.fromkeys(mixed_lab.families, 0.0)] * len(hosts)
    assert is_as_wanted(city, school)
    assert policy.find_drift(school.id) == 0
    assert try_matrix(city, [school.id], control=False).agrees
