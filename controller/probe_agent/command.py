"""`tsunagu-probe.pyz`: run and check, for people; measure and fetch, for the supervisor; serve, for a region."""

from __future__ import annotations

import argparse
import os
import signal
import stat
import sys
import time
from pathlib import Path

from controller.probe_agent.configuration import Configuration, load_configuration
from controller.probe_agent.measuring_loop import UPDATE_WORD, MeasuringLoop
from controller.probe_agent.probing.measuring_round import find_alive_paths
from controller.probe_agent.problems import ProbeProblem, tell
from controller.probe_agent.sender import Reception
from controller.probe_agent.version import VERSION
from controller.probe_agent.whole_file import write_file

_GOOD, _FAILED, _INTERRUPTED = 0, 1, 130


def main(words: list[str]) -> int:
    """Do one of the verbs; 0 when it went well."""
    try:
        return _serve(words[1:]) if words[:1] == ["serve"] else _do_work(words)
    except KeyboardInterrupt:  # where nobody waits for it: `check`, and what a terminal stops beside the supervisor
        return _INTERRUPTED


def _do_work(words: list[str]) -> int:
    """What a school's probe does."""
    parser = argparse.ArgumentParser(prog="tsunagu-probe", description="The probe that stands at a school.")
    parser.add_argument("--version", action="version", version=VERSION)
    parser.add_argument(
        "verb",
        choices=("run", "check", "measure", "fetch"),
        help="run: for ever; check: once, and say; (serve, first of all words: a region's measuring endpoint)",
    )
    parser.add_argument("--config", type=Path, required=True, help="the file that 'tsunagu probe enrol' wrote")
    parser.add_argument("--state", type=Path, required=True, help="folder for what is kept")
    parser.add_argument("--run", default="", help=argparse.SUPPRESS)
    wanted = parser.parse_args(words)
    os.umask(0o077)
    try:
        configuration = load_configuration(wanted.config)
        wanted.state.mkdir(mode=0o700, parents=True, exist_ok=True)
        refuse_open_folder(wanted.state)
        match wanted.verb:
            case "run":
                return _supervise(configuration, wanted.config, wanted.state)
            case "fetch":
                return _fetch(configuration, wanted.state)
            case "check":
                return measure_once(configuration, wanted.state)
            case _:
                signal.signal(signal.SIGTERM, lambda *_: sys.exit(_GOOD))
                # The supervisor holds the other end of standard input: however that ends, this ends, too.
                MeasuringLoop(configuration, wanted.state, time.time, time.monotonic, wanted.run).work(0)
    except ProbeProblem as problem:
        tell(str(problem))
        return _FAILED
    except OSError as error:
        reason = f"{error.filename or wanted.state}: {error.strerror or error}"
        tell(f"{reason}; is --state a folder that this user may write to, with room on its disk?")
        return _FAILED
    return _GOOD


def refuse_open_folder(state: Path) -> None:
    """Refuse a folder that others can write into: versions that were verified are begun from there.

    Raises:
        ProbeProblem: it is another user's, or open to others.
    """
    found = state.stat()
    if found.st_uid not in (0, os.geteuid()) or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        owner = f"it is of user {found.st_uid}, mode {stat.S_IMODE(found.st_mode):04o}"
        message = f"{state}: others may write there ({owner}); run it as that user, or name a folder of your own, 0700"
        raise ProbeProblem(message)


def open_stop() -> int:
    """A file descriptor that can be read from once this process is told to end."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    return reading


def _serve(words: list[str]) -> int:
    """Be the measuring endpoint of a region; it has no configuration and keeps nothing."""
    from controller.probe_agent.endpoint.serve_command import serve_throughput  # noqa: PLC0415 no probe at a school needs it

    try:
        serve_throughput(words, open_stop())
    except ProbeProblem as problem:
        tell(str(problem))
        return _FAILED
    return _GOOD


def _supervise(configuration: Configuration, path: Path, state: Path) -> int:
    from controller.probe_agent.updating.supervisor import Supervisor  # noqa: PLC0415 the one that measures needs none

    installed = Path(os.path.realpath(sys.argv[0]))
    Supervisor(configuration, path, state, installed, open_stop(), time.monotonic).supervise()
    return _GOOD


def _fetch(configuration: Configuration, state: Path) -> int:
    from controller.probe_agent.updating.fetch_update import NotUpdated, fetch_update, write_release  # noqa: PLC0415
    from controller.probe_agent.updating.slots import UpdateWord, load_slots, save_slots  # noqa: PLC0415
    from controller.probe_agent.updating.supervisor import FOUND_UPDATE, NO_UPDATE  # noqa: PLC0415

    slots = load_slots(state)
    try:
        release = fetch_update(configuration, slots.version or VERSION, slots.refused)
    except NotUpdated as why:
        if why.word is not UpdateWord.NONE:
            write_file(state / UPDATE_WORD, why.word.encode("ascii"))
            tell(f"no update: {why}; version {slots.version or VERSION} runs on")
        return NO_UPDATE
    write_release(release, state / f"{slots.free}.pyz")
    save_slots(state, slots.begin_trial(release.version, release.digest))
    return FOUND_UPDATE


def measure_once(configuration: Configuration, state: Path) -> int:
    """Measure and send once, and say what answers; 0 where the monitor has what was measured now."""
    loop = MeasuringLoop(configuration, state, time.time, time.monotonic)
    measured = loop.measure()
    answer = loop.send()
    if not measured or answer.reception is not Reception.TAKEN or answer.refused:
        return _FAILED
    alive = find_alive_paths(configuration.paths, measured)
    for path in configuration.paths:
        if path not in alive:
            tell(f"nothing answers over {path.line} in {path.region} ({path.family})")
    answering = f"{len(configuration.paths)} paths are measured, of which {len(alive)} answer"
    tell(f"{configuration.school}: {answering}, and the monitor has the results")
    return _GOOD
