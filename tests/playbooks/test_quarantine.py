"""`quarantine` and `release` on virtual switches: a port and a school cut off and opened again; and how they fail."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from controller.compile.network.wanted_device_state import compile_device
from controller.lab.virtual_switches.faults import Fault
from controller.lab.virtual_switches.x530.device import X530
from controller.model.loading.load_city import load_city
from controller.plan.select import Selection, find_device, select_schools_in_service
from controller.platforms.registry import load_platform
from tests.playbooks.minato_switch import APPROVED, DEVICE, WORD, Scene, stand_switch
from tests.playbooks.test_apply_policy import FORCED, NEW, list_running

PORT = "GigabitEthernet1/0/5"
ZONE = ZoneInfo("Asia/Tokyo")
"""The city's own: between 15:00 and 24:00 UTC its day is another one than that of many machines."""
BEGUN = datetime.now(ZONE).date()
WHY = ("--set", f"until={BEGUN + timedelta(days=7)}", "--set", "reason=マルウェアの調査", "--set", "by=情報担当")

UNRESTORED = ("--set", "accept_no_restore=yes")


@dataclass
class LostLine:
    """A line that the switch takes and does not carry out; its timer is due when it is logged in to after that."""

    scene: Scene
    start: str
    lost: bool = False

    def find_fault(self, line: str) -> Fault | None:
        if line.startswith(self.start):
            self.lost = True
            return Fault(refused=())
        if self.lost and line.startswith("terminal "):
            self.lost = False
            return Fault(happens=self.scene.pass_an_hour)
        return None


def list_filtered(scene: Scene) -> list[str]:
    """The lines of an x530's filters."""
    assert isinstance(scene.site.device, X530)
    text = scene.site.device.show_running().splitlines()
    return [line for line in text if "access-list" in line or "access-group" in line or "hardware" in line]


def read_entries(scene: Scene) -> str:
    file = scene.folder / "policies/access/quarantines.yaml"
    return file.read_text(encoding="utf-8") if file.exists() else ""


def find_since(text: str, before: str) -> date:
    """The day that an entry begins, which stands right behind a text."""
    return date.fromisoformat(text.split(f"{before}since: ", 1)[1][:10])


def find_port(scene: Scene, port: str) -> list[str]:
    """What the switch runs at a port."""
    running = list_running(scene)
    start = running.index(f"interface {port}")
    return [line.strip() for line in running[start + 1 : start + 8]]


def render_wanted(policies: Path) -> str:
    """What the switch runs that is as the policy wants it."""
    file = policies / "city/schools/wan.yaml"
    text = file.read_text(encoding="utf-8")
    file.write_text(
        text.replace("lot: x530-r5\n    seg", "lot: x530-r5\n    blueprint: switching-core\n    seg", 1), "utf-8"
    )
    city = load_city(policies)
    device = find_device(city, DEVICE)
    system = load_platform(device.platform)
    first = NEW if device.platform == "cisco_ios" else f"hostname {DEVICE}\n"
    return first + system.render(compile_device(city, device, system.capabilities).wanted)


def test_a_port_is_cut_off_and_a_release_that_fails_leaves_it_so(tmp_path: Path) -> None:
    with stand_switch(tmp_path, render_wanted, adoption="all", operators=APPROVED) as scene:
        scene.pin()
        before = list_running(scene)
        looked = scene.run("quarantine", "--set", f"port={PORT}", *WHY, "--check")
        assert (looked.code, "2 changes are planned and proved" in looked.said) == (2, True), looked.said
        assert (read_entries(scene), list_running(scene)) == ("", before)
        done = scene.run("quarantine", "--set", f"port={PORT}", *WHY, *FORCED)
        assert done.code == 0, done.said
        # The tests may have begun on the day before.
        since = find_since(read_entries(scene), f'device: {DEVICE}, port: "{PORT}", ')
        assert BEGUN <= since <= datetime.now(ZONE).date()
        assert "switchport access vlan 199" in find_port(scene, PORT)
        cut, entries = list_running(scene), read_entries(scene)
        scene.site.faults = LostLine(scene, "switchport access vlan 110")
        failed = scene.run("release", "--set", f"port={PORT}", *FORCED)
        assert (failed.code, f"failed      {DEVICE}: reverted: " in failed.said) == (1, True), failed.said
        assert "(the policy says again what it said before)" in failed.said
        assert (read_entries(scene), sorted(list_running(scene))) == (entries, sorted(cut))


def test_a_school_is_cut_off_and_opened_again_on_another_kind_of_switch(tmp_path: Path) -> None:
    with stand_switch(tmp_path, render_wanted, model="x530", adoption="all", operators=APPROVED) as scene:
        scene.pin()
        before = list_filtered(scene)
        done = scene.run("quarantine", *WHY, "--set", "keeps=printing", *FORCED, *UNRESTORED)
        assert done.code == 0, done.said
        assert "school: mn-02" in read_entries(scene)
        assert 'keeps: ["printing"]' in read_entries(scene)
        assert list_filtered(scene) != before
        again = scene.run("release", *FORCED, *UNRESTORED)
        assert again.code == 0, again.said
        assert read_entries(scene) == "format: 1\nquarantines: []\n"
        assert sorted(list_filtered(scene)) == sorted(before)
        vain = scene.run("release", *FORCED, *UNRESTORED)
        assert vain.code == 1, vain.said
        assert f"failed      {DEVICE}: school mn-02 is not cut off; in " in vain.said
        assert read_entries(scene) == "format: 1\nquarantines: []\n"


def test_a_dead_switch_leaves_the_policy_as_it_was(tmp_path: Path) -> None:
    with stand_switch(tmp_path, render_wanted, adoption="all", operators=APPROVED) as scene:
        scene.pin()
        scene.stop()
        until = BEGUN + timedelta(days=7)
        words = f'{{"quarantine_until": "{until}", "quarantine_reason": "a test", "quarantine_by": "a test"}}'
        dead = scene.run_ansible("quarantine", "-e", words, "-e", f"quarantine_root={scene.work}")
        assert (dead.code, "UNREACHABLE" in dead.said) == (4, True), dead.said
        assert read_entries(scene) == ""


def test_a_school_is_closed_in_order_and_not_at_all_without_its_last_backup(tmp_path: Path) -> None:
    with stand_switch(tmp_path, render_wanted, adoption="all", operators=APPROVED) as scene:
        scene.pin()
        before, why = list_running(scene), ("--set", "reason=統廃合", "--set", "by=学務課")
        scene.change_word("another")
        refused = scene.run("close_school", *why, *FORCED)
        assert (refused.code, f"failed      {DEVICE}: " in refused.said) == (1, True), refused.said
        assert (read_entries(scene), list_running(scene)) == ("", before)
        scene.change_word(WORD)
        done = scene.run("close_school", *why, *FORCED)
        assert done.code == 0, done.said
        (saved,) = scene.work.glob(f"closed/*/{DEVICE}.cfg")
        assert f"hostname {DEVICE}" in saved.read_text("utf-8")
        assert saved.with_name("evidence.tar.gz").exists()
        assert BEGUN <= find_since(read_entries(scene), "closed:\n  - {school: mn-02, ") <= datetime.now(ZONE).date()
        assert scene.key.split()[1] not in scene.pins.read_text(encoding="ascii")
        city = load_city(scene.folder / "policies")
        school = city.school_by_id["mn-02"]
        assert school not in select_schools_in_service(city, Selection())
        assert select_schools_in_service(city, Selection(["mn-02"])) == (school,)
