"""The backup playbook on real switches: by the command, and by plain Ansible."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from controller.lab.lab_operations import build_lab_operations
from controller.lab.network import ovs_switches
from controller.lab.state.layout import Layout
from controller.lab.state.paths import OPERATIONS, STATE
from controller.lab.state.processes import kill_process
from controller.lab.state.undo_log import list_current_processes
from controller.model.city import City
from controller.model.virtual_city import choose_virtual_city
from controller.plan.select import Selection, select_devices
from controller.platforms.base import Operable
from controller.platforms.registry import load_platform
from controller.platforms.transport.ssh_transport import SshTransport

pytestmark = pytest.mark.lab

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
SSH = SshTransport(build_lab_operations().access)
LAB_OPERATIONS = str(STATE / OPERATIONS)


def run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    around = {**os.environ, "LC_ALL": "C.UTF-8", **environment}
    cwd = ROOT / "playbooks" if words[0] == "ansible-playbook" else ROOT
    return subprocess.run(
        [BIN / words[0], *words[1:]], cwd=cwd, env=around, capture_output=True, text=True, check=False
    )


def of_the_lab(layout: Layout) -> tuple[str, ...]:
    return tuple(word for school in layout.schools for word in ("--school", school.id))


def texts(folder: Path) -> dict[str, str]:
    (dated,) = folder.iterdir()
    return {path.stem: path.read_text(encoding="utf-8") for path in sorted(dated.glob("*.cfg"))}


def test_every_saved_text_means_what_the_device_runs(city: City, lab: Layout, tmp_path: Path) -> None:
    # "All" are the schools that are up, here two of the six that the overlay has.
    words = ("--lab", "--all", "-o", str(tmp_path / "saved"), "--state", str(tmp_path), "--json")
    done = run("tsunagu", "playbook", "run", "backup", *words)
    assert done.returncode == 0, done.stderr
    found = {one["host"]: one for one in json.loads(done.stdout)["hosts"]}
    saved = texts(tmp_path / "saved")
    devices = select_devices(choose_virtual_city(city), Selection([school.id for school in lab.schools]))
    assert set(saved) == {device.id for device in devices}
    for device in devices:
        system = load_platform(device.platform)
        assert isinstance(system, Operable)
        with SSH.open_session(device, system.device_type) as connection:
            now = system.parse(system.read(connection).reveal(), device.id).state
        assert system.parse(saved[device.id], device.id).state == now
        assert found[device.id]["backup"]["state"] == now.compute_digest()


def test_a_dead_device_is_named_and_the_others_are_saved(lab: Layout, tmp_path: Path) -> None:
    dead = lab.schools[1]
    kill_process(list_current_processes(STATE)[dead.id, ovs_switches.LOGIN])
    try:
        words = ("--lab", *of_the_lab(lab), "-o", str(tmp_path / "saved"), "--state", str(tmp_path))
        done = run("tsunagu", "playbook", "run", "backup", *words)
        limit = ",".join(f"school_{school.id.replace('-', '_')}" for school in lab.schools)
        extra = ("-e", f"backup_root={tmp_path / 'plain'}", "--limit", limit)
        plain = run("ansible-playbook", "backup.yml", *extra, TSUNAGU_LAB="1", TSUNAGU_OPERATIONS=LAB_OPERATIONS)
    finally:
        ovs_switches.start_switch_ssh(lab, dead, STATE)
    assert done.returncode == 1
    assert f"unreachable {dead.device}: no SSH answer" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert plain.returncode == 4
    assert f"fatal: [{dead.device}]: UNREACHABLE!" in plain.stdout
    for folder in (tmp_path / "saved", tmp_path / "plain"):
        assert dead.device not in texts(folder)
        assert lab.schools[0].device in texts(folder)


def test_the_run_is_one_trace_timed_by_ansible(lab: Layout, tmp_path: Path) -> None:
    school = lab.schools[0]
    words = ("--lab", "--school", school.id, "-o", str(tmp_path / "saved"), "--state", str(tmp_path))
    assert run("tsunagu", "playbook", "run", "backup", *words).returncode == 0
    (timeline,) = (tmp_path / "timeline").iterdir()
    ended: list[dict[str, Any]] = [
        span for span in map(json.loads, timeline.read_text(encoding="utf-8").splitlines()) if span["event"] == "end"
    ]
    by_name = {span["name"]: span for span in ended}
    assert len({span["context"]["trace_id"] for span in ended}) == 1
    root, device = by_name["rollout playbook backup"], by_name[f"device {school.device}"]
    steps = [span for span in ended if span["name"] == "step Save what the device runs"]
    (step,) = (span for span in steps if span["parent_id"] == device["context"]["span_id"])
    assert device["parent_id"] == root["context"]["span_id"]
    assert root["start_time"] <= device["start_time"] <= step["start_time"] < step["end_time"] <= root["end_time"]
