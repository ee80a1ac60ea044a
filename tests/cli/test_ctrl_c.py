"""Ctrl-C as a terminal sends it: to a whole group of processes, in the middle of work; one word, and no rest."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from controller.exit_codes import Exit
from controller.lab.state.processes import wait_until
from tests.cli.running import ROOT
from tests.policies import SHIPPED
from tests.started_processes import has_ended, signal_group

MOST_SECONDS = 10.0
"""An answer takes well under a second; on a machine with much other work everything takes longer."""
PROGRAM = """
import os, sys, threading
from {module} import {function}
import {module} as place
def begun(*given, **named):
    os.write(1, b"begun")
    if {waits}:
        # What follows is quick: it would be over before the key is pressed. A signal that comes between Python's last
        # look and the wait itself ends no wait, so it is many short ones.
        for _ in range(1200):
            threading.Event().wait(0.05)
    return real(*given, **named)
real, place.{function} = place.{function}, begun
from controller.cli.conventions.entry import start
sys.argv[1:] = {words!r}
start()
"""
QUICK = {"plan", "drift", "what-if", "playbook", "adopt"}
PROVE = ["prove", "--all", "--no-cache", "--policies", str(SHIPPED)]

SCHOOL = ["--school", "kw-s01", "--policies", str(SHIPPED)]
ADOPT = ["adopt", "kw-s01", "--policies", str(SHIPPED)]
RENDER = ["render", "--all", "-o", "out", "--policies", str(SHIPPED)]


def list_living(group: int) -> list[str]:
    """The processes of a group that still run; one that has ended and waits to be taken note of does not."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            name, _, rest = path.read_text(encoding="utf-8", errors="replace").rpartition(")")
            state, _, its_group, *_ = rest.split()
            if int(its_group) == group and state not in "ZX":
                found.append(name)
    return found


def interrupt(
    module: str, function: str, words: list[str], folder: Path, *, waits: bool = False
) -> tuple[int, str, float]:
    """Run a command until a function is called, press Ctrl-C; its exit code, what it said, the seconds it took."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(module=module, function=function, words=words, waits=waits)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdout.read(5) == b"begun"
    pressed = time.monotonic()
    signal_group(process, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    took = time.monotonic() - pressed
    while living := list_living(process.pid):
        assert time.monotonic() - pressed < MOST_SECONDS, living
    return process.returncode, errors.decode(), took


@pytest.mark.parametrize(
    ("module", "function", "words"),
    [
        ("controller.plan.proof.city_proof", "_prove_each", PROVE),
        ("controller.cli.policy.check", "load_estate_city", ["check", "--policies", str(SHIPPED)]),
        ("controller.cli.policy.render", "prove_rendered_device", RENDER),
        ("controller.cli.devices.plan", "select_devices", ["plan", "--configs", str(SHIPPED), *SCHOOL]),
        ("controller.cli.devices.plan", "list_reachable_devices", ["drift", *SCHOOL]),
        ("controller.cli.policy.what_if", "_two", ["what-if", "--from", "HEAD", "--policies", str(SHIPPED)]),
        ("controller.cli.devices.adopt", "load_estate_city", [*ADOPT, "--configs", str(SHIPPED)]),
        ("controller.cli.devices.adopt", "observe_devices", ADOPT),
        ("controller.cli.devices.playbook", "list_reachable_devices", ["playbook", "run", "backup", *SCHOOL]),
    ],
)
def test_ctrl_c(module: str, function: str, words: list[str], tmp_path: Path) -> None:
    code, said, took = interrupt(module, function, words, tmp_path, waits=words[0] in QUICK)
    assert code == Exit.INTERRUPTED
    assert said.splitlines()[-1].startswith("tsunagu: interrupted")
    assert "Traceback" not in said
    assert took < MOST_SECONDS
    assert not list(tmp_path.rglob(".*"))  # no file that was being written


PREVIEW = """
import sys
from pathlib import Path
from controller.cli import cloud
from controller.cloud.pulumi_engine import Engine
class Slow(Engine):
    def command(self, *arguments):
        return ["sh", "-c", "trap '' INT; sleep 60 & echo begun; wait"]
cloud.choose_engine = lambda *given, **named: Slow({{"PATH": "/usr/bin:/bin"}}, Path())
from controller.cli.conventions.entry import start
sys.argv[1:] = {words!r}
start()
"""
"""A preview by an engine that does not listen to Ctrl-C, and has a process of its own beside it."""


@pytest.mark.parametrize("words", [["cloud", "preview"], ["cloud", "preview", "--json"]], ids=" ".join)
def test_ctrl_c_while_the_engine_previews(words: list[str], tmp_path: Path) -> None:
    given = [*words, "--policies", str(SHIPPED)]
    process = subprocess.Popen(
        [sys.executable, "-c", PREVIEW.format(words=given)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    while "begun" not in (line := process.stdout.readline()):
        assert line, "it ended before the engine had begun"
    pressed = time.monotonic()
    signal_group(process, signal.SIGINT)
    # What the engine started beside it may hold the output open: the command itself is waited for.
    assert wait_until(lambda: has_ended(process), 60.0)
    assert time.monotonic() - pressed < MOST_SECONDS
    signal_group(process, signal.SIGKILL)
    said, _ = process.communicate()
    assert process.returncode == Exit.INTERRUPTED
    assert "tsunagu: interrupted" in said


READING = """
import os, signal, sys
class Press:
    pressed = False
    def find_spec(self, name, path=None, target=None):
        if name == "yaml.error" and not self.pressed:
            self.pressed = True
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Press())
from controller.cli.conventions.entry import start
sys.argv[1:] = {words!r}
start()
"""


@pytest.mark.parametrize("words", [["check"], ["check", "--json"]], ids=" ".join)
def test_ctrl_c_while_the_program_is_read(words: list[str]) -> None:
    """A module that is half read makes other errors of those that need it; they are no faults."""
    done = subprocess.run(
        [sys.executable, "-c", READING.format(words=words)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (Exit.INTERRUPTED, "tsunagu: interrupted\n")
    if "--json" in words:
        assert json.loads(done.stdout)["error"]["code"] == "interrupted"


def test_a_session_that_waits_for_a_device_does_not_hold_the_answer_up() -> None:
    """Also threads that read devices: the process ends without them."""
    program = (
        "import threading\n"
        "from controller.cli import main as place\n"
        "def wait(_):\n"
        "    threading.Thread(target=threading.Event().wait).start()\n"
        "    raise KeyboardInterrupt\n"
        "place.build_command_line = wait\n"
        "place.sys.argv[1:] = ['drift', '--all']\n"
        "place.main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (Exit.INTERRUPTED, "tsunagu: interrupted\n")


def test_the_library_of_ssh_is_silent_also_where_only_a_host_key_is_asked_for() -> None:
    program = (
        "import logging\nfrom controller.platforms.transport import dialing\n"
        "assert dialing\nlogging.getLogger('paramiko.transport').error('Exception: what a device said')"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stderr == ""
