from __future__ import annotations

import os
import subprocess
from collections import Counter
from itertools import chain

import pytest

from controller.compile.network.wanted_device_state import compile_device
from controller.errors import LabError
from controller.lab.network import ovs_switches
from controller.lab.state import paths
from controller.lab.state.layout import Layout, SchoolLayout
from controller.lab.trials.lab_tables import build_matrix_table
from controller.lab.trials.matrix import try_matrix
from controller.lab.trials.matrix_results import PairResult, PairVerdict
from controller.model.access.rules import RuleFile
from controller.model.network.device_state import DeviceState
from controller.model.network.packets import Family
from controller.model.policy_files import RULES
from controller.model.virtual_city import VirtualCity
from controller.platforms.ovs.driver import OpenVSwitch
from tests.conftest import SharedLab

pytestmark = pytest.mark.lab

LEFTOVER = "cookie=0x6c61620000000001,priority=65535,actions=NORMAL"


def put_in_force(city: VirtualCity, school: SchoolLayout) -> None:
    platform = OpenVSwitch()
    device = city.list_devices(city.school_by_id[school.id])[0]
    wanted = compile_device(city, device, platform.capabilities).wanted
    environment = {**os.environ, **paths.SwitchFiles(paths.STATE, school.id).environment}
    for command in chain.from_iterable(step.commands for step in platform.plan_steps(DeviceState(), wanted)):
        run = subprocess.run(
            ["sh", "-c", command.line],
            input=command.stdin or "",
            text=True,
            env=environment,
            capture_output=True,
            check=False,
        )
        assert run.returncode == 0, run.stderr


@pytest.fixture(scope="module")
def filtered(city: VirtualCity, shared_lab: SharedLab) -> Layout:
    """A lab that was factory-new, with the policy in force; the first test of it leaves it so."""
    if not shared_lab.as_built:
        shared_lab.remove()
    layout = shared_lab.build_if_missing()
    for school in layout.schools:
        put_in_force(city, school)
    return layout


def wrong(results: tuple[PairResult, ...]) -> Counter[PairVerdict]:
    return Counter(one.verdict for one in results if one.verdict is not PairVerdict.AGREES)


def of(results: tuple[PairResult, ...], host: str, column: str) -> tuple[PairVerdict, PairVerdict]:
    """The verdicts on a host's pair in IPv4 and IPv6."""
    found = {
        one.pair.target.family: one.verdict
        for one in results
        if (one.pair.host, one.pair.target.column) == (host, column)
    }
    return found[Family.V4], found[Family.V6]


def test_on_factory_switches_the_matrix_fails(city: VirtualCity, untouched_lab: Layout) -> None:
    matrix = try_matrix(city, control=False)
    assert not matrix.agrees
    denied = sum(part.denied for part in matrix.summary)
    assert wrong(matrix.results) == {PairVerdict.OPEN: denied}
    assert {one.pair.school for one in matrix.results} == {school.id for school in untouched_lab.schools}


def test_with_the_compiled_filters_it_agrees_and_leaves_the_switches_as_they_were(
    city: VirtualCity, filtered: Layout
) -> None:
    def dump(school: SchoolLayout) -> str:
        return ovs_switches.run_ovs_ofctl(
            school, paths.STATE, "--names", "--no-stats", "dump-flows", ovs_switches.BRIDGE
        )

    before = [dump(school) for school in filtered.schools]
    ovs_switches.run_ovs_ofctl(filtered.schools[1], paths.STATE, "add-flow", ovs_switches.BRIDGE, LEFTOVER)
    said: list[str] = []
    matrix = try_matrix(city, progress=said.append)
    assert wrong(matrix.results) == {}
    assert matrix.agrees
    assert [part.pairs for part in matrix.summary] == [len(matrix.results) // 2] * 2
    assert all(one.counted and one.control for one in matrix.results if not one.pair.permitted)
    assert [dump(school) for school in filtered.schools] == before
    assert said
    assert build_matrix_table(matrix)
    only = try_matrix(city, denied=False)
    assert only.agrees
    assert not only.with_control
    assert {one.pair for one in only.results} == {one.pair for one in matrix.results if one.pair.permitted}


def test_what_is_not_the_filters_doing_is_not_taken_for_it(city: VirtualCity, filtered: Layout) -> None:
    """In IPv4 only: a flow that drops before the filter sees it, a dead service; and a permit deleted, not applied."""
    school = filtered.schools[0]
    flow = "cookie=7,priority=60000,ip,in_port=h-pupil,nw_dst=10.254.0.10,actions=drop"
    ovs_switches.run_ovs_ofctl(school, paths.STATE, "add-flow", ovs_switches.BRIDGE, flow)
    staff_ai = next(p.network_address for p in city.outputs.applications["staff-ai"].ipv4)
    words = ["ip", "-n", paths.INTERNET, "addr", "del", f"{staff_ai}/32", "dev", "lo"]
    subprocess.run(words, check=True, capture_output=True)
    less = city.replace_file(RULES, RuleFile(rules=tuple(rule for rule in city.rules if rule.id != "printing")))

    results = try_matrix(less, (school.id,)).results

    assert {one.pair.school for one in results} == {school.id}
    assert of(results, "pupil", "grading") == (PairVerdict.DENIED_BY_OTHER, PairVerdict.AGREES)
    assert of(results, "pupil", "staff-ai") == (PairVerdict.CONTROL_FAILED, PairVerdict.AGREES)
    assert of(results, "staff", "staff-ai") == (PairVerdict.CLOSED, PairVerdict.AGREES)
    assert of(results, "staff", "printing") == (PairVerdict.OPEN, PairVerdict.OPEN)
    assert of(results, "staff", "affairs") == (PairVerdict.AGREES, PairVerdict.AGREES)
    assert wrong(results) == {
        PairVerdict.DENIED_BY_OTHER: 1,
        PairVerdict.CONTROL_FAILED: 2,  # pupil and printer
        PairVerdict.CLOSED: 1,
        PairVerdict.OPEN: len(Family),
    }


def test_a_school_that_is_not_in_the_lab(city: VirtualCity, lab: Layout) -> None:
    with pytest.raises(LabError, match=f"no school nowhere; it has: {lab.schools[0].id}"):
        try_matrix(city, ("nowhere",))


@pytest.mark.usefixtures("no_lab")
def test_no_lab(city: VirtualCity) -> None:
    with pytest.raises(LabError, match="no lab is up"):
        try_matrix(city)
