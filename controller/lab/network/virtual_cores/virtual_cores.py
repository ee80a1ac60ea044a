"""Starting a school's virtual switch, and cutting its power."""

from __future__ import annotations

import secrets
import signal
from pathlib import Path

from controller.errors import LabError
from controller.lab.network import background_programs, ssh_servers, ssh_user
from controller.lab.network.data_plane.filter_counters import count_denied_packets
from controller.lab.network.virtual_cores.core_devices import Flash, write_flash
from controller.lab.state import paths as lab_paths
from controller.lab.state import undo_log
from controller.lab.state.layout import SchoolLayout
from controller.lab.state.processes import is_alive, kill_process, signal_process

CORE = "virtual-switch"
PROGRAMS = (CORE,)
_MODULE = "controller.lab.network.virtual_cores.core_program"


def create_enable_secret(state: Path) -> None:
    """Make the secret of the virtual switches' privileged mode, readable by root alone."""
    path = state / lab_paths.ENABLE_SECRET
    path.touch(mode=0o600)
    path.write_text(f"{secrets.token_hex(12)}\n", encoding="ascii")


def build_core(school: SchoolLayout, startup: str, state: Path) -> None:
    """Make a switch with this startup configuration, and start it.

    Raises:
        LabError: it refuses a line of it, or does not start.
    """
    files = lab_paths.SwitchFiles(state, school.id)
    files.folder.mkdir(parents=True)
    ssh_user.create_ssh_key(files.folder / ssh_servers.HOST_KEY, school.device)
    write_flash(files.flash, Flash(startup=startup))
    start_core(school, state)


def start_core(school: SchoolLayout, state: Path) -> None:
    """Start a switch with what it keeps, and remember the process.

    Raises:
        LabError: it does not start; with what it said.
    """
    log = lab_paths.SwitchFiles(state, school.id).folder / f"{CORE}.log"
    words = (_MODULE, str(state), school.id)
    program = background_programs.SchoolProgram(CORE, school.id, school.switch, words, log)
    background_programs.start_school_program(program, state)


def restart_core(school: SchoolLayout, state: Path) -> None:
    """Cut a switch's power and give it back: it boots with its startup configuration.

    Raises:
        LabError: it does not end, or does not start.
    """
    running = undo_log.list_current_processes(state).get((school.id, CORE))
    if running is not None and is_alive(running):
        kill_process(running)
    start_core(school, state)


def set_clock_ahead(school: SchoolLayout, seconds: int, state: Path) -> None:
    """Set a running switch's clock this much ahead of the machine's: what was due within that time happens at once.

    Raises:
        LabError: the switch does not run.
    """
    files = lab_paths.SwitchFiles(state, school.id)
    fresh = files.clock.with_suffix(".new")
    fresh.write_text(f"{seconds}\n", encoding="ascii")
    fresh.replace(files.clock)
    running = undo_log.list_current_processes(state).get((school.id, CORE))
    if running is None or not signal_process(running, signal.SIGUSR1):
        message = f"the virtual switch of {school.id} does not run, so its clock cannot be set; start the lab again"
        raise LabError(message)


def has_filters(school: SchoolLayout) -> bool:
    """Tell if the switch's packets are in hand: its tables of filters are there."""
    try:
        count_denied_packets(school.switch)
    except LabError:
        return False
    return True
