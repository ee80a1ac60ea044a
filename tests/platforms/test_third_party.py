"""Platforms that another package brings: they pass the contract, can be operated, and faults in them are found."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from controller.errors import CommandFailed, DeviceBusy, PlatformIncomplete
from controller.model.network.device_state import DeviceState, Vlan, build_device_state
from controller.platforms.base import Command, Lock, Operable, Restore
from controller.platforms.common.own_restore import OwnRestore
from controller.platforms.device_text.device_text import DeviceText
from controller.platforms.registry import GROUP
from tests.platforms.ovs.virtual_switch import wait_until
from tests.platforms.samples import GROUP as SAMPLES
from tests.platforms.samples import find_sample

HERE = Path(__file__).parent
GOOD = {"invented_switch": "invented:InventedSwitch", "shell_switch": "shell_switch:ShellSwitch"}
GOOD_SAMPLES = {"invented_switch": "samples:INVENTED", "shell_switch": "samples:SHELL"}
TESTS = 11
"""Of the contract, for each platform."""
FAULTY = {f"faulty_{name}": f"faulty:{name.title()}" for name in ("lax", "weak", "hasty", "careless")}


def install(site: Path, package: str, platforms: dict[str, str], samples: dict[str, str]) -> None:
    """Put a package with its metadata into a folder, as an installer does."""
    shutil.copytree(HERE / "third_party", site / package, ignore=shutil.ignore_patterns("__pycache__"))
    (site / package / "__init__.py").touch()
    metadata = site / f"{package}-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n", encoding="utf-8")
    groups = ((GROUP, platforms), (SAMPLES, samples))
    text = "".join(
        f"[{group}]\n" + "".join(f"{name} = {package}.{where}\n" for name, where in points.items())
        for group, points in groups
    )
    (metadata / "entry_points.txt").write_text(text, encoding="utf-8")


def python(site: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(site), "TSUNAGU_NO_SHRINKING": "1"}
    return subprocess.run(
        [sys.executable, *words], cwd=HERE.parents[1], env=environment, text=True, capture_output=True, check=False
    )


def contract(site: Path, which: str) -> subprocess.CompletedProcess[str]:
    return python(site, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(HERE / "test_contract.py"), "-k", which)


def test_platforms_of_another_package_pass_the_contract(tmp_path: Path) -> None:
    install(tmp_path, "school_switches", GOOD, GOOD_SAMPLES)
    done = contract(tmp_path, "invented_switch or shell_switch")
    assert done.returncode == 0, done.stdout
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed
    assert int(passed[1]) == 2 * TESTS, "every test of the contract runs over both"


def test_a_platform_without_a_sample_fails_the_contract() -> None:
    with pytest.raises(AssertionError, match="the platform 'nonesuch' has no sample"):
        find_sample("nonesuch")


def test_the_contract_finds_what_is_wrong_with_a_platform(tmp_path: Path) -> None:
    install(tmp_path, "faulty_switches", FAULTY, dict.fromkeys(FAULTY, "faulty:SAMPLE"))
    done = contract(tmp_path, "faulty and (no_line or does_not_have or too_long or there_and_back)")
    failed = set(re.findall(r"^FAILED \S+::(\w+)\[(?:\w+-)?faulty_(\w+)\]", done.stdout, re.MULTILINE))
    assert {
        ("test_no_line_of_ours_can_change_unseen", "lax"),
        ("test_what_a_platform_does_not_have_is_refused_by_name_and_never_left_out", "weak"),
        ("test_there_and_back_and_what_is_of_others_stays", "hasty"),
        ("test_a_filter_that_is_too_long_is_refused", "careless"),
    } <= failed, done.stdout


@dataclass(frozen=True)
class LocalShell:
    """A session whose device is this machine, with a program and a folder of its own."""

    folder: Path
    program: Path
    device: str = "local"

    def run(self, command: Command) -> DeviceText:
        done = subprocess.run(
            ["/bin/sh", str(self.program), "forced", "change"],
            input=command.stdin or "",
            env={**os.environ, "SHELL_SWITCH": str(self.folder), "SSH_ORIGINAL_COMMAND": command.line},
            text=True,
            capture_output=True,
            check=False,
            timeout=60,
        )
        if done.returncode:
            raise CommandFailed(self.device, done.stderr, command=command.line)
        return DeviceText(done.stdout)


def open_local_shell(system: Operable, folder: Path) -> LocalShell:
    """A session with a machine that the system's program is installed on."""
    assert isinstance(system, OwnRestore)
    program = folder / "agent"
    program.write_text(system.build_program(), encoding="utf-8")
    return LocalShell(folder / "home", program)


@pytest.fixture
def shell_switch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Operable:
    """The platform as its entry point gives it, from a package in a folder on the path."""
    package = f"switches_{tmp_path.name}"
    install(tmp_path / "site", package, {"shell_switch": GOOD["shell_switch"]}, {})
    monkeypatch.syspath_prepend(tmp_path / "site")
    (point,) = (one for one in entry_points(group=GROUP) if one.name == "shell_switch")
    assert point.value.startswith(package)
    made = point.load()()
    assert isinstance(made, Operable)
    return made


WANTED = build_device_state([Vlan(20, "TSN-staff")])
LOCK, OTHER = Lock("plan1", "run1", 60), Lock("plan2", "run2", 60)


def push(system: Operable, session: LocalShell, restore: Restore, wanted: DeviceState) -> None:
    now = system.parse(system.read(session).reveal(), "now").state
    for step in system.plan_steps(now, wanted):
        for command in step.commands:
            system.push(session, restore, command)


def test_a_platform_of_another_package_is_operated_by_its_own_script(shell_switch: Operable, tmp_path: Path) -> None:
    session, restore = open_local_shell(shell_switch, tmp_path), Restore(600, "run1")
    shell_switch.lock(session, LOCK)
    with pytest.raises(DeviceBusy, match="the lock is held by plan plan1"):
        shell_switch.lock(session, OTHER)
    with pytest.raises(CommandFailed):
        push(shell_switch, session, restore, WANTED)  # nothing is armed yet
    assert shell_switch.parse(shell_switch.read(session).reveal(), "x").state == build_device_state()
    shell_switch.arm(session, restore)
    push(shell_switch, session, restore, WANTED)
    assert shell_switch.parse(shell_switch.read(session).reveal(), "x").state == WANTED
    assert not shell_switch.has_restored(session, restore)
    assert shell_switch.cancel(session, restore)
    assert shell_switch.read_saved(session).reveal() == ""
    shell_switch.save(session, LOCK)
    assert shell_switch.read_saved(session).reveal() == shell_switch.read(session).reveal()
    shell_switch.unlock(session, LOCK)
    shell_switch.lock(session, OTHER)


def test_the_restore_of_such_a_platform_fires_by_itself(shell_switch: Operable, tmp_path: Path) -> None:
    session, restore = open_local_shell(shell_switch, tmp_path), Restore(8, "run1")
    shell_switch.lock(session, LOCK)
    shell_switch.arm(session, restore)
    push(shell_switch, session, restore, WANTED)
    wait_until(lambda: shell_switch.has_restored(session, restore), "the restore")
    assert shell_switch.parse(shell_switch.read(session).reveal(), "x").state == build_device_state()
    assert not shell_switch.cancel(session, restore)


LONE = """
from controller.platforms.common.own_restore import OwnRestore
class Lone(OwnRestore):
    script = "lone.sh"
class Derived(Lone):
    pass
if __name__ == "__main__":
    print(Derived().build_program().splitlines()[0])
"""


@pytest.mark.parametrize("where", ["lone_module.py", "lone_package/__init__.py", "lone_package/inner.py"])
def test_the_script_stands_beside_the_class_that_names_it(tmp_path: Path, where: str) -> None:
    site = tmp_path / "site"
    path = site / where
    path.parent.mkdir(parents=True)
    (path.parent / "__init__.py").touch()
    path.write_text(LONE, encoding="utf-8")
    (path.parent / "lone.sh").write_text("# mine\n", encoding="utf-8")
    name = where.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    done = python(site, "-c", f"import {name} as one; print(one.Derived().build_program().splitlines()[0])")
    assert done.stdout == "# mine\n", done.stderr
    script = python(site, str(path))
    assert script.stdout == "# mine\n", script.stderr
    module = python(site, "-m", name) if "inner" in where else script
    assert module.stdout == "# mine\n", module.stderr
    (path.parent / "lone.sh").unlink()
    lost = python(site, "-c", f"import {name} as one; one.Derived().build_program()")
    assert f"PlatformIncomplete: {name}.Lone needs 'lone.sh' beside its module, and it is not there" in lost.stderr


def test_a_class_that_names_no_script_is_refused() -> None:
    class Nameless(OwnRestore):
        pass

    with pytest.raises(PlatformIncomplete, match="Nameless names no `script`"):
        Nameless().build_program()
