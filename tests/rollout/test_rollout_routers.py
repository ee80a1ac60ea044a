"""Line preference for real: changed in the policy, planned, applied over SSH, seen in BGP, watched by drift."""

from __future__ import annotations

import itertools
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from controller.errors import CommandFailed
from controller.exit_codes import Exit
from controller.lab.lab_operations import build_lab_operations
from controller.lab.network import frr_routers
from controller.lab.state import paths
from controller.lab.state.layout import SchoolLayout
from controller.lab.state.processes import wait_until
from controller.model.city import City
from controller.model.network.device_state import DeviceState
from controller.model.network.packets import Family
from controller.model.sites.devices import Device
from controller.plan.document import load_plan, save_plan
from controller.plan.provenance.made_here import record_made_plan
from controller.platforms.base import Command
from controller.platforms.frr.driver import Frr
from controller.platforms.transport.ssh_transport import SshTransport
from tests.cli.running import ROOT, Done, here
from tests.conftest import SharedLab

pytestmark = pytest.mark.lab

USUAL = """\
preference:
  - {line: primary, region: tokyo}
  - {line: primary, region: osaka}
  - {line: backup, region: tokyo}
  - {line: backup, region: osaka}
"""
TURNED = """\
preference:
  - {line: backup, region: osaka}
  - {line: primary, region: osaka}
  - {line: primary, region: tokyo}
"""
SSH = SshTransport(build_lab_operations().access)
SECONDS = "15"
_NUMBERS = itertools.count()


@dataclass(frozen=True)
class School:
    """The lab's canary: its router, and a copy of the policies that a test may change."""

    city: City
    layout: SchoolLayout
    folder: Path

    @property
    def router(self) -> Device:
        return self.city.list_devices(self.city.school_by_id[self.layout.id])[1]

    def prefer(self, text: str) -> None:
        """Change the policy. Each is one of its own: to go back to an earlier one would be an undo."""
        path = self.folder / "policies/city/lines.yaml"
        whole = (ROOT / "policies/city/lines.yaml").read_text(encoding="utf-8")
        assert USUAL in whole
        path.write_text(f"{whole.replace(USUAL, text)}# {next(_NUMBERS)}\n", encoding="utf-8")

    def tsunagu(self, *words: str) -> Done:
        return here(*words, "--policies", str(self.folder / "policies"), cwd=self.folder)

    def plan(self) -> Done:
        return self.tsunagu("plan", "--lab", "--school", self.layout.id, "-o", "plan.json")

    def apply(self) -> Done:
        return self.tsunagu("apply", "plan.json")

    def put_in_force(self, text: str) -> None:
        """Make a preference that of the policy and of the devices."""
        self.prefer(text)
        assert self.plan().code == 0
        applied = self.apply()
        assert applied.code == 0, applied.said

    def drift(self) -> Done:
        return self.tsunagu("drift", "--lab", "--school", self.layout.id)

    def type_by_hand(self, *words: str) -> None:
        """What somebody enters on the router's own shell."""
        vtysh = paths.RouterFiles(paths.STATE, self.layout.id).shell
        program = ["ip", "netns", "exec", self.layout.router, *vtysh, *(w for one in words for w in ("-c", one))]
        subprocess.run(program, check=True, capture_output=True)

    def ask(self, command: str) -> Any:  # noqa: ANN401 whatever FRR says
        return frr_routers.ask_router_json(self.layout.id, self.layout.router, paths.STATE, command)

    def best(self, family: Family) -> str:
        """The neighbour that the router takes its default route from."""
        found = self.ask(f"show bgp ipv{int(family)} unicast {family.everything} json")
        best = [path for path in found["paths"] if path.get("bestpath", {}).get("overall")]
        return str(best[0]["peer"]["peerId"]) if best else ""

    def goes_by(self, line: str, region: str) -> bool:
        """Whether both families' default routes lead over this way."""
        lines = self.city.lines
        way = next((name, one) for name, one in lines.list_paths() if (name, one.id) == (line, region))
        return all(self.best(f) == str(lines.region_address(way[1], way[0], f)) for f in Family)

    def state(self) -> DeviceState:
        """What is ours on the router. The order in which FRR shows route maps is that of their making."""
        return Frr().parse(self.running(), self.router.id).state

    def running(self) -> str:
        with SSH.open_session(self.router, Frr.device_type) as connection:
            return Frr().read(connection).reveal()


@pytest.fixture(scope="module")
def canary(city: City, shared_lab: SharedLab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[School]:
    """The canary with policies of its own; at the end it has the shipped ones again."""
    folder = tmp_path_factory.mktemp("routers")
    shutil.copytree(ROOT / "policies", folder / "policies", ignore=shutil.ignore_patterns("__pycache__"))
    made = School(city, shared_lab.build_if_missing().schools[0], folder)
    yield made
    made.put_in_force(USUAL)


@pytest.fixture
def school(canary: School) -> School:
    """The canary, with the shipped policy in force on all its devices."""
    canary.put_in_force(USUAL)
    return canary


def test_a_changed_preference_is_planned_in_words_applied_and_seen_in_bgp(school: School) -> None:
    assert wait_until(lambda: school.goes_by("primary", "tokyo"), 15.0)
    sessions = school.ask("show bgp neighbors json")
    school.prefer(TURNED)
    drifted = school.drift()
    assert drifted.code == 2
    planned = school.plan()
    assert planned.code == 0, planned.errors
    said = " ".join(planned.said.split())
    assert f"{school.router.id} (frr) would change" in said
    assert "~ IPv4 lines: backup to osaka, then primary to osaka, then primary to tokyo (now: primary to tokyo" in said
    assert "plan: 1 of 2 devices would change" in said
    assert "proof: 16 route policies: only the schools' own prefixes leave" in said
    applied = school.apply()
    assert applied.code == 0, applied.said
    assert wait_until(lambda: school.goes_by("backup", "osaka"), 15.0)
    after = school.ask("show bgp neighbors json")
    assert {name: one["connectionsEstablished"] for name, one in after.items()} == {
        name: one["connectionsEstablished"] for name, one in sessions.items()
    }
    assert school.drift().code == 0
    boot = paths.RouterFiles(paths.STATE, school.layout.id).configuration.read_text(encoding="utf-8")
    assert Frr().parse(boot, "boot").state == Frr().parse(school.running(), "running").state
    # The way that the preference leaves out carries nothing: the region hears nothing of the school there.
    address = next(line.address.v4 for line in school.layout.lines if line.name == "backup")
    tokyo = paths.name_region_namespace("tokyo")

    def heard() -> set[str]:
        table = frr_routers.ask_router_json("tokyo", tokyo, paths.STATE, "show bgp ipv4 unicast json")
        return {path["peerId"] for paths in table["routes"].values() for path in paths}

    assert wait_until(lambda: address not in heard(), 10.0)
    assert school.apply().code == 0  # the same plan once more: nothing left to do


def test_a_route_map_edited_by_hand_is_found_by_drift_and_mended(school: School) -> None:
    assert school.drift().code == 0
    name = next(line.split()[3] for line in school.running().splitlines() if "route-map TSN-in-4-backup-osaka" in line)
    school.type_by_hand("configure terminal", f"route-map {name} permit 20", "set local-preference 999")
    found = school.drift()
    assert found.code == 2
    said = " ".join(found.said.split())
    assert "- pass everything else, local preference 999" in said
    assert "(now: backup to osaka, then primary to tokyo" in said
    assert school.plan().code == 0
    assert school.apply().code == 0
    assert school.drift().code == 0
    assert wait_until(lambda: school.goes_by("primary", "tokyo"), 15.0)


def test_a_weight_set_by_hand_moves_traffic_and_is_not_judged(school: School) -> None:
    """It outranks every local preference of ours, and our own objects are all as they should be."""
    lines = school.city.lines
    bgp = "configure terminal", f"router bgp {lines.get_asn(school.city.school_by_id[school.layout.id])}"
    name, region = lines.list_paths()[-1]
    last = lines.region_address(region, name, Family.V4)
    weight = "address-family ipv4 unicast", f"neighbor {last} weight 500"
    try:
        school.type_by_hand(*bgp, *weight)
        school.type_by_hand("clear ip bgp * soft in")
        assert wait_until(lambda: school.best(Family.V4) == str(last), 15.0)
        for found in (school.drift(), school.plan()):
            assert found.code == Exit.NOT_JUDGED, found.said
            assert "not judged" in found.said
            assert f"neighbor {last} weight 500" in found.said
            assert "preferred as the policy says" not in found.said
    finally:
        school.type_by_hand(*bgp, weight[0], f"no {weight[1]}")
        school.type_by_hand("clear ip bgp * soft in")
    assert school.drift().code == 0


def test_killed_before_it_was_confirmed_the_router_goes_back_by_itself(school: School) -> None:
    before = school.state()
    school.prefer(TURNED)
    assert school.plan().code == 0
    _kill_at(school, "confirm")
    assert wait_until(lambda: school.goes_by("backup", "osaka"), 10.0)
    assert wait_until(lambda: school.state() == before, 40.0)
    assert wait_until(lambda: school.goes_by("primary", "tokyo"), 15.0)
    applied = school.apply()
    assert applied.code == 0, applied.said
    assert wait_until(lambda: school.goes_by("backup", "osaka"), 15.0)


def _kill_at(school: School, step: str) -> None:
    plan = load_plan(school.folder / "plan.json", school.city.id)
    own = plan.model_copy(update={"devices": tuple(one for one in plan.devices if one.device == school.router.id)})
    assert own.canary == school.layout.id
    save_plan(own, school.folder / "plan.json")
    record_made_plan(own.format_text().encode(), school.folder / "plan.json")
    words = [str(school.folder / name) for name in ("policies", "plan.json", "killed")]
    done = subprocess.run(
        [sys.executable, "-m", "tests.rollout.killed_apply", *words, SECONDS, step, "start"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr


@pytest.mark.parametrize(
    "line",
    ["show version", "configure terminal", "cat /etc/passwd", "sh -c 'id' frr_router x", "sh -c id", "read -c id"],
)
def test_whoever_logs_in_has_verbs_and_nothing_else(canary: School, line: str) -> None:
    for changing in (False, True):
        with SSH.open_session(canary.router, Frr.device_type, changing=changing) as connection:
            assert "router bgp" in connection.run(Command("read")).reveal()
            with pytest.raises(CommandFailed) as refused:
                connection.run(Command(line))
        assert "uid=" not in str(refused.value)
        assert "FRRouting" not in str(refused.value)
