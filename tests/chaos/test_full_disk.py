"""The disk of the controller's state is really full, before a change and in its middle; the devices are real."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from controller.exit_codes import Exit
from controller.lab.state.layout import Layout
from controller.lab.state.processes import wait_until
from controller.model.city import City
from controller.model.virtual_city import choose_virtual_city
from controller.plan.document import load_plan
from controller.rollout.outcome import End
from tests.chaos.durable_process import FILLER, fill_disk
from tests.chaos.lab_chaos import mount_small_disk
from tests.chaos.lab_devices import LabDevice, list_lab_devices
from tests.cli.running import PROGRAM, ROOT, here
from tests.conftest import POLICIES

pytestmark = pytest.mark.lab


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk for all that the controller keeps."""
    with mount_small_disk(tmp_path / "disk") as disk:
        yield disk


def fill_in_the_middle(devices: Sequence[LabDevice], disk: Path, *words: str) -> tuple[int, str]:
    """Run a command; fill the disk once a device has armed its restore. Return its exit code, and what it said."""
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT
    ) as running:
        begun = wait_until(lambda: running.poll() is not None or any(one.is_armed() for one in devices), 60.0)
        fill_disk(disk)
        said, _ = running.communicate(timeout=120)
    assert begun
    return running.returncode, said


def test_a_full_disk_loses_no_outcome(city: City, fresh_lab: Layout, disk: Path, tmp_path: Path) -> None:
    virtual = choose_virtual_city(city)
    devices = list_lab_devices(virtual, fresh_lab)
    schools = tuple(word for one in fresh_lab.schools for word in ("--school", one.id))
    planned = here("plan", "--lab", *schools, "--policies", str(POLICIES), "-o", "plan.json", cwd=tmp_path)
    assert planned.code == 0, planned
    plan = load_plan(tmp_path / "plan.json")
    wanted = {one.device: one.states[-1] for one in plan.devices}
    factory = {name: one.read_state() for name, one in devices.items()}

    where = ("--policies", str(POLICIES), "--state", str(disk), "--restore-after", "30")
    fill_disk(disk)
    for command in (("apply",), ("rollout", "start")):
        refused = here(*command, "plan.json", *where, cwd=tmp_path)
        assert refused.code == Exit.FAILED, refused
        assert "no room" in refused.errors, refused
    assert {name: one.read_state() for name, one in devices.items()} == factory
    (disk / FILLER).unlink()

    words = ("apply", str(tmp_path / "plan.json"), *where)
    code, said = fill_in_the_middle(tuple(devices.values()), disk, *words)
    assert "Traceback" not in said
    for name, one in devices.items():
        told = {line.split()[0] for line in said.splitlines() if f" {name}" in line and line.split()[0] in set(End)}
        assert len(told) == 1, f"of {name} is told {told}: {said}"
        state = one.read_state()
        assert state is not None
        assert state == factory[name] or told == {End.APPLIED}, said
        assert state.compute_digest() == wanted[name] or told != {End.APPLIED}, said
    assert code == Exit.FAILED, said
