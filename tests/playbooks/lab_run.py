"""Runs every playbook, and `tsunagu restore`, on Open vSwitch switches of the lab; packets and devices say if it is so.

    python -m tests.playbooks.lab_run [--write]

`--write` puts a row for each into the table of `playbooks/README.md`. Exit code 1 where one did not do what it says.
"""

from __future__ import annotations

import argparse
import base64
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from controller.lab import lifecycle as virtual_city
from controller.lab.network import ovs_switches, ssh_servers, ssh_user
from controller.lab.state import paths, undo_log
from controller.lab.state.layout import HostLayout, Layout, Listener, SchoolLayout
from controller.lab.state.processes import kill_process, wait_until
from controller.model.loading.load_city import load_city
from controller.model.network.device_state import DeviceState
from controller.model.virtual_city import VirtualCity, choose_virtual_city
from controller.platforms.transport import namespace
from controller.platforms.transport.host_keys import format_fingerprint
from tests.chaos.lab_devices import LabDevice, list_lab_devices
from tests.chaos.run import find_commit
from tests.conftest import POLICIES, SCHOOLS
from tests.rotation.test_key_rotation_lab import say_keys
from tests.security.fuzz.soak import write_row

PAGE = Path(__file__).parents[2] / "playbooks/README.md"
TABLE = "| day | commit | playbook | what the devices and packets show | seconds |"
TSUNAGU = Path(sys.executable).parent / "tsunagu"
say = partial(print, flush=True)
WHY = ("--set", "reason=マルウェアの調査", "--set", "by=情報担当")


class NotSo(Exception):
    """A playbook did not do what it says."""


@dataclass
class LabScene:
    """A lab, a copy of the policies that playbooks may write to, and where the operator stands."""

    folder: Path
    city: VirtualCity
    layout: Layout
    rows: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        shutil.copytree(POLICIES, self.policies, ignore=shutil.ignore_patterns("__pycache__"))
        self.work.mkdir()
        self.devices = list_lab_devices(self.city, self.layout)

    @property
    def policies(self) -> Path:
        """The copy of the policies."""
        return self.folder / "policies"

    @property
    def work(self) -> Path:
        """The operator's folder."""
        return self.folder / "work"

    @property
    def pins(self) -> Path:
        """The pinned host keys."""
        return paths.STATE / paths.KNOWN_HOSTS

    def find_switch(self, school: SchoolLayout) -> LabDevice:
        """The switch of a school."""
        return next(one for one in self.devices.values() if one.school.id == school.id and one.is_switch)

    def tsunagu(self, *words: str, expect: int = 0) -> str:
        """Run a command; return what it said.

        Raises:
            NotSo: it ended with another exit code.
        """
        done = subprocess.run(
            [TSUNAGU, *words, "--lab", "--policies", str(self.policies)],
            cwd=self.work,
            env={**os.environ, "LC_ALL": "C.UTF-8"},
            capture_output=True,
            text=True,
            check=False,
        )
        said = done.stdout + done.stderr
        if done.returncode != expect:
            message = f"{' '.join(words)} ended with {done.returncode}, expected {expect}: {said[-3000:]}"
            raise NotSo(message)
        return said

    def play(self, name: str, *words: str, expect: int = 0) -> str:
        """Run a playbook."""
        return self.tsunagu("playbook", "run", name, *words, expect=expect)

    def show(self, name: str, work: Callable[[], str]) -> None:
        """Run one part, and keep its row."""
        began = time.monotonic()
        said = work()
        seconds = time.monotonic() - began
        self.rows.append(f"| {datetime.now(UTC):%Y-%m-%d} | {find_commit()} | {name} | {said} | {seconds:.0f} |")
        say(self.rows[-1])

    def reaches(self, school: SchoolLayout, host: str) -> bool:
        """Whether a host of a school gets an answer from its own gateway, over IPv4, within three tries."""
        found = next(one for one in school.hosts if one.id == host)
        words = ["ping", "-c", "1", "-W", "1", found.interface.gateway.first]
        inside = ["ip", "netns", "exec", found.namespace, *words]
        return wait_until(lambda: subprocess.run(inside, capture_output=True, check=False).returncode == 0, 3.0)

    def list_open_ways(self, school: SchoolLayout) -> list[str]:
        """Return from which hosts of a school which applications are reached; not what a host offers itself."""

        def try_way(way: tuple[HostLayout, Listener]) -> str:
            host, one = way
            try:
                namespace.open_connection(host.namespace, one.address, one.port, 0.7).close()
            except OSError:
                return ""
            return f"{host.id} to {one.applications[0]} at {one.address}"

        ways = [
            (host, one) for host in school.hosts for one in self.layout.listeners if one.namespace != host.namespace
        ]
        with ThreadPoolExecutor(48) as pool:
            return sorted(filter(None, pool.map(try_way, ways)))

    def write_fingerprints(self, *devices: LabDevice) -> str:
        """Write down what is read on consoles; return the playbook's setting."""
        lines = []
        for one in devices:
            key = (one.files.folder / f"{ssh_servers.HOST_KEY}.pub").read_text(encoding="ascii").split()[1]
            lines.append(f"{one.device.id} {format_fingerprint(base64.b64decode(key))}\n")
        (self.work / "consoles.txt").write_text("".join(lines), encoding="ascii")
        return "fingerprints=consoles.txt"

    def unpin(self, *devices: LabDevice) -> None:
        """Take devices out of the pins."""
        addresses = {str(one.device.management) for one in devices}
        lines = self.pins.read_text(encoding="ascii").splitlines(keepends=True)
        self.pins.write_text("".join(one for one in lines if one.split()[0] not in addresses), encoding="ascii")

    def is_pinned(self, one: LabDevice) -> bool:
        """Whether a device's host key is pinned."""
        lines = self.pins.read_text(encoding="ascii").splitlines()
        return any(line.split()[0] == str(one.device.management) for line in lines)

    def install_new_switch(self, school: SchoolLayout) -> None:
        """Put a factory-new Open vSwitch with a host key of its own in the place of a school's switch."""
        running = undo_log.list_current_processes(paths.STATE)
        for program in ovs_switches.PROGRAMS:
            kill_process(running[school.id, program])
        shutil.rmtree(paths.SwitchFiles(paths.STATE, school.id).folder)
        ovs_switches.build_switch(self.layout, school, paths.STATE)


def hold(what: str, *, true: bool) -> str:
    """Return what is so.

    Raises:
        NotSo: it is not.
    """
    if not true:
        raise NotSo(what)
    return what


def onboard(scene: LabScene, school: SchoolLayout) -> str:
    """A school, then its switch alone."""
    own = [one for one in scene.devices.values() if one.school.id == school.id]
    scene.unpin(*own)
    scene.play("onboard_school", "--school", school.id, "--set", scene.write_fingerprints(*own), "-o", "first")
    hold("all are pinned", true=all(map(scene.is_pinned, own)))
    switch = scene.find_switch(school)
    scene.unpin(switch)
    words = ("--school", school.id, "--device", switch.device.id, "--set", scene.write_fingerprints(switch))
    scene.play("onboard_switch", *words, "-o", "second")
    saved = len([*scene.work.glob("first/*/*.cfg")]), len([*scene.work.glob("second/*/*.cfg")])
    hold("the switch is pinned again", true=scene.is_pinned(switch))
    return hold("its keys are pinned, its first backups saved", true=saved == (len(own), 1))


def apply_policy(scene: LabScene) -> str:
    """Drift before, the policy, no drift afterwards."""
    scene.play("drift", "--all", "-o", "before", expect=2)
    scene.play("apply_policy", "--all", "--check", expect=2)
    scene.play("apply_policy", "--all")
    scene.play("drift", "--all", "-o", "after")
    school = scene.layout.schools[0]
    return hold("drift before (2), none afterwards (0); pupils get through", true=scene.reaches(school, "pupil"))


def cut_port_off(scene: LabScene, school: SchoolLayout) -> str:
    """A port is cut off and opened again."""
    switch = scene.find_switch(school)
    port = ("--school", school.id, "--set", f"device={switch.device.id}", "--set", "port=h-pupil")
    before = switch.read_state()
    scene.play("quarantine", *port, "--set", f"until={date_in(7)}", *WHY)
    hold("the pupils' host reaches nothing", true=not scene.reaches(school, "pupil"))
    hold("the staff's host does", true=scene.reaches(school, "staff"))
    scene.play("release", *port)
    hold("the pupils' host is back", true=scene.reaches(school, "pupil"))
    return hold(
        "that port's host reaches nothing, its neighbour does; then as before", true=switch.read_state() == before
    )


def date_in(days: int) -> str:
    """A day from today on, as the settings want it."""
    return f"{datetime.now(UTC).date() + timedelta(days=days)}"


def replace_switch(scene: LabScene, school: SchoolLayout, kept: Path) -> str:
    """A new switch comes up with the old one's state."""
    switch = scene.find_switch(school)
    before = switch.read_state()
    scene.install_new_switch(school)
    hold("the new one is empty", true=switch.read_state() != before)
    which = ("--school", school.id, "--device", switch.device.id)
    given = ("--set", scene.write_fingerprints(switch), "--set", f"backup={kept}")
    scene.play("replace_switch", *which, *given, "--check", expect=2)
    scene.play("replace_switch", *which, *given)
    return _hold_back(scene, switch, before)


def restore_switch(scene: LabScene, school: SchoolLayout, kept: Path) -> str:
    """The same by `tsunagu restore`."""
    switch = scene.find_switch(school)
    before = switch.read_state()
    scene.install_new_switch(school)
    scene.write_fingerprints(switch)
    fingerprint = (scene.work / "consoles.txt").read_text(encoding="ascii").split()[1]
    words = ("--backup", str(kept), "--fingerprint", fingerprint, "--restore-after", "30")
    scene.tsunagu("restore", switch.device.id, *words)
    return _hold_back(scene, switch, before)


def _hold_back(scene: LabScene, switch: LabDevice, before: DeviceState | None) -> str:
    hold("it is pinned", true=scene.is_pinned(switch))
    hold("it runs what the old one ran", true=before is not None and switch.read_state() == before)
    hold("it boots with that", true=switch.read_boot_state() == before)
    hold("nothing is armed", true=not switch.is_armed())
    return hold(
        "the new switch runs and boots with what the old one did; pupils get through",
        true=scene.reaches(switch.school, "pupil"),
    )


def close_school(scene: LabScene, school: SchoolLayout) -> str:
    """A school is taken out of service."""
    before = len(scene.list_open_ways(school))
    scene.play("close_school", "--school", school.id, "--set", "reason=統廃合", "--set", "by=学務課")
    own = [one for one in scene.devices.values() if one.school.id == school.id]
    hold("no key of it is pinned", true=not any(map(scene.is_pinned, own)))
    left = scene.list_open_ways(school)
    hold(f"no way is open any more, and these are: {'; '.join(left)}", true=before > 0 and not left)
    return f"{before} ways to applications were open, none is any more; its pins are gone"


def rotate_credentials(scene: LabScene, school: SchoolLayout) -> str:
    """The controller's key is let in on all devices, then the old one taken away."""
    new = scene.folder / "next-key"
    ssh_user.create_ssh_key(new, "next")
    old = paths.STATE / paths.CONTROLLER_KEY
    say_keys(key=old, next_key=new)
    scene.play("rotate_credentials", "--school", school.id, "--check", expect=2)
    scene.play("rotate_credentials", "--all")
    say_keys(key=new, previous_key=old)
    scene.play("rotate_credentials", "--all")
    scene.play("rotate_credentials", "--all", "--check")
    own = (one.files.own / "keys" for one in scene.devices.values())
    gone = old.with_suffix(".pub").read_text(encoding="ascii").split()[1]
    return hold(
        "each device lets the new key in, proved by its own session, and the old one no more",
        true=not any(gone in one.read_text(encoding="ascii") for one in own),
    )


def list_parts(scene: LabScene) -> Iterator[tuple[str, Callable[[], str]]]:
    """What is run, one after the other."""
    first, second = scene.layout.schools[:2]
    kept = partial(lambda: next(iter(scene.work.glob("kept/*"))))
    yield "onboard_school, onboard_switch", partial(onboard, scene, first)
    yield "drift, apply_policy", partial(apply_policy, scene)

    def back_up() -> str:
        scene.play("backup", "--all", "-o", "kept")
        saved = len([*kept().glob("*.cfg")])
        return hold(f"{saved} devices are saved", true=saved == len(scene.devices))

    yield "backup", back_up
    yield "quarantine, release", partial(cut_port_off, scene, first)

    def collect() -> str:
        scene.play("evidence", "--school", first.id)
        return hold("one archive", true=len([*scene.work.glob("evidence/*/evidence.tar.gz")]) == 1)

    yield "evidence", collect
    yield "replace_switch", lambda: replace_switch(scene, first, kept())
    yield "`tsunagu restore`", lambda: restore_switch(scene, second, kept())
    yield "rotate_credentials", partial(rotate_credentials, scene, first)
    yield "close_school", partial(close_school, scene, second)


def main(words: list[str]) -> int:
    """Build a lab, run all playbooks, and say how they did."""
    parser = argparse.ArgumentParser(prog="playbooks of the lab")
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args(words)
    city = choose_virtual_city(load_city(POLICIES))
    layout = virtual_city.build_virtual_city(city, SCHOOLS, lambda _: None)
    failed = 0
    try:
        with TemporaryDirectory() as folder:
            scene = LabScene(Path(folder), city, layout)
            for name, work in list_parts(scene):
                try:
                    scene.show(name, work)
                except NotSo as error:
                    failed += 1
                    say(f"{name}: not so: {error}")
    finally:
        virtual_city.remove_virtual_city(lambda _: None)
    if asked.write and not failed:
        for row in scene.rows:
            write_row(row, PAGE, TABLE)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
