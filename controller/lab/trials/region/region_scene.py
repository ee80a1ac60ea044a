"""Builds what a drill needs, and removes all of it: namespaces, processes, databases, the folder."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from controller.cloud.go_build import Progress
from controller.errors import DrillRefused, FileLocked, LabError
from controller.lab.network.background_programs import SchoolProgram, start_school_program
from controller.lab.network.namespaces import remove_namespaces
from controller.lab.network.programs import PATH
from controller.lab.state import undo_log
from controller.lab.state.processes import (
    end_processes,
    identify_namespaces,
    kill_process,
    list_inhabitants,
    wait_until,
)
from controller.lab.trials.region.databases.deployed_pair import DeployedInstance
from controller.lab.trials.region.databases.postgres_instances import (
    PostgresAccess,
    PostgresInstance,
    find_postgres_programs,
)
from controller.lab.trials.region.region_network import USERS, RegionNetwork, RegionNode, list_drill_namespaces
from controller.storage.file_lock import hold_folder_lock

FRONTEND = "controller.lab.trials.region.programs.region_frontend"
SERVICE = "controller.lab.trials.region.programs.affairs_service"
_PROGRAMS = {"ip": "iproute2", "unshare": "util-linux", "setpriv": "util-linux", "setsid": "util-linux"}
_PATIENCE_SECONDS = 1.0
_LEAVING_SECONDS = 10.0


class Machine(Protocol):
    """What is asked of the machine before anything is changed."""

    def is_linux(self) -> bool:
        """Whether it is Linux."""

    def is_root(self) -> bool:
        """Whether this is root."""

    def find_program(self, name: str) -> str | None:
        """Where a program is."""

    def find_postgres(self) -> Path | None:
        """Where PostgreSQL's programs are."""


class ThisMachine:
    """This one."""

    def is_linux(self) -> bool:
        """Whether it is Linux."""
        return platform.system() == "Linux"

    def is_root(self) -> bool:
        """Whether this is root."""
        return os.geteuid() == 0

    def find_program(self, name: str) -> str | None:
        """Where a program is."""
        return shutil.which(name, path=PATH)

    def find_postgres(self) -> Path | None:
        """Where PostgreSQL's programs are."""
        return find_postgres_programs()


def check_drill_requirements(machine: Machine) -> Path:
    """Return where PostgreSQL's programs are, on a machine that can hold the drill.

    Raises:
        DrillRefused: it cannot; everything that is missing, and how to get it.
    """
    missing = []
    if not machine.is_linux():
        missing.append("Linux: the regions are made of Linux network namespaces")
    elif not machine.is_root():
        missing.append("root: run it as root, for example with sudo")
    absent = {name: package for name, package in _PROGRAMS.items() if machine.find_program(name) is None}
    if absent:
        missing.append(f"{', '.join(absent)}: apt-get install {' '.join(sorted(set(absent.values())))}")
    programs = machine.find_postgres()
    if programs is None:
        missing.append("PostgreSQL: apt-get install postgresql")
    if missing or programs is None:
        raise DrillRefused("no region can be drilled here; missing:\n" + "\n".join(f"  {one}" for one in missing))
    return programs


@contextmanager
def hold_drill_folder(state: Path, say: Progress) -> Iterator[Path]:
    """Hold the drill's folder for a `with` block; everything of the drill is gone afterwards, whatever happened.

    Raises:
        DrillRefused: another drill is at work.
        LabError: something of it does not go away.
    """
    state.mkdir(mode=0o755, exist_ok=True)
    try:
        with hold_folder_lock(state, patience=_PATIENCE_SECONDS):
            if list_drill_namespaces() or any(state.iterdir()):
                say("removing what a drill that was killed has left")
                remove_scene(state)
                state.mkdir(mode=0o755)
            try:
                yield state
            finally:
                remove_scene(state)
    except FileLocked:
        message = f"another drill of a region is at work on this machine ({state}); wait until it has ended"
        raise DrillRefused(message) from None


def remove_scene(state: Path) -> None:
    """Remove everything of a drill.

    Raises:
        LabError: something does not go away.
    """
    names = list_drill_namespaces()
    ours = identify_namespaces(names)
    end_processes([*undo_log.list_processes(state), *list_inhabitants(ours)])
    while late := list_inhabitants(ours):
        end_processes(late)
    remove_namespaces(names)

    def is_gone() -> bool:
        with suppress(OSError):
            # An engine that was interrupted may still write its last words.
            shutil.rmtree(state)
        return not state.exists()

    if not wait_until(is_gone, _LEAVING_SECONDS, every=0.1):
        message = f"{state} cannot be removed: remove it by hand, and run the drill again"
        raise LabError(message)


@dataclass(slots=True)
class RegionScene:
    """The two regions with their real databases and programs. The `PairHands` of the drill."""

    state: Path
    network: RegionNetwork
    programs: Path
    access: PostgresAccess = field(default_factory=PostgresAccess.make)
    databases: dict[str, PostgresInstance] = field(default_factory=dict)

    def get_region(self, location: str) -> RegionNode:
        """The region of a location.

        Raises:
            LabError: the drill has none there.
        """
        for one in self.network.regions:
            if one.location == location:
                return one
        message = f"{location} is no region of the drill"
        raise LabError(message)

    def start_frontend(self) -> None:
        """Start the proxy.

        Raises:
            LabError: it does not start; with what it said.
        """
        program = SchoolProgram("proxy", "", USERS, (FRONTEND, str(self.state)), self.state / "proxy.log")
        start_school_program(program, self.state)

    def start_service(self, region: RegionNode) -> None:
        """Start the service of a region.

        Raises:
            LabError: it does not start; with what it said.
        """
        words = (SERVICE, str(self.state), region.inside, region.location)
        log = self.state / f"service-{region.id}.log"
        start_school_program(SchoolProgram("service", region.id, region.inside, words, log), self.state)

    def kill_region(self, region: RegionNode) -> int:
        """Kill everything in a region at once; how many processes it was."""
        found = list_inhabitants(identify_namespaces([region.inside]))
        for process in found:
            kill_process(process)
        return len(found)

    def exists(self, name: str) -> bool:
        """Whether there is a real database for an instance."""
        return name in self.databases

    def is_standby(self, name: str) -> bool:
        """Whether a real database follows another one."""
        return self.databases[name].is_standby()

    def create_primary(self, one: DeployedInstance) -> None:
        """Make a real database that is written to."""
        made = self._make(one)
        made.create_primary()
        self.databases[one.name] = made

    def create_standby(self, one: DeployedInstance) -> None:
        """Make a real database that follows another one."""
        made, master = self._make(one), self.databases[one.master]
        made.create_standby(master)
        master.wait_for_standby(made)
        self.databases[one.name] = made

    def promote(self, name: str) -> None:
        """Let a real database be written to."""
        self.databases[name].promote()

    def switch_over(self, old: str, new: str) -> None:
        """Stop the old primary when all it has was sent, promote the other, and let the old one follow."""
        before, after = self.databases[old], self.databases[new]
        before.stop()
        after.wait_for_position(before.find_last_position())
        after.promote()
        before.follow(after)

    def _make(self, one: DeployedInstance) -> PostgresInstance:
        region = self.get_region(one.location)
        self.network.add_database(region, one.address)
        folder = self.state / one.name
        return PostgresInstance(one.name, folder, region.inside, one.address, self.programs, self.access)
