"""The device in memory answers as `own_restore.sh` does: drawn commands go to both, and every answer is the same."""

from __future__ import annotations

import doctest
import os
import random
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from controller.errors import CommandFailed, DeviceUnreachable, LoginRefused
from controller.model.sites.devices import Device
from controller.platforms.base import Command
from controller.platforms.transport.in_memory_device import configuration, faults, words
from controller.platforms.transport.in_memory_device.clock import ManualClock
from controller.platforms.transport.in_memory_device.configuration import LineConfiguration
from controller.platforms.transport.in_memory_device.device import MemoryDevice
from controller.platforms.transport.in_memory_device.faults import KINDS, FaultScript, kinds_at, make_fault
from controller.platforms.transport.in_memory_device.session import MemorySession, MemoryTransport
from controller.platforms.transport.in_memory_device.words import Words, read_own_restore_words

COMMON = Path(__file__).parents[2] / "controller/platforms/common/own_restore.sh"
SYSTEM = """\
set -eu
me=line_system
home=$LINE_SYSTEM
die() { printf '%s: %s\\n' "$me" "$*" >&2; exit 1; }
running() { cat "$home/text"; }
put_back() { cat >"$home/text.new" && mv "$home/text.new" "$home/text"; }
pushed() { sh -c "$1"; }
saved() { [ ! -e "$home/boot" ] || cat "$home/boot"; }
save() { guard; holds "$1" || die "run $1 does not hold the lock"; cp "$home/text" "$home/boot"; echo saved; }
load() { die 'no'; }
"""
"""The part of a system whose configuration is a file."""
RUNS = (("plan1", "run1"), ("plan1", "run2"), ("plan2", "run3"))


class ShellDevice:
    """The real script, on this machine, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.program = folder / "program"
        self.program.write_text(SYSTEM + COMMON.read_text(encoding="utf-8"), encoding="utf-8")
        (folder / "text").write_text("a\n", encoding="utf-8")

    def answer(self, *said: str) -> str:
        """What it answers; "refused" where it ends with an error."""
        done = subprocess.run(
            ["sh", str(self.program), *said],
            env={**os.environ, "LINE_SYSTEM": str(self.folder)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        return done.stdout if done.returncode == 0 else "refused"

    def end(self) -> None:
        """Withdraw what is still armed, so that no job outlives the test."""
        for owner, run in RUNS:
            self.answer("lock", owner, run, "60")
            self.answer("cancel", run)
            self.answer("unlock", owner, run)


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[ShellDevice]:
    made = ShellDevice(tmp_path / "device")
    yield made
    made.end()


class AppendedText(LineConfiguration):
    """A configuration that a push adds a line to, as `echo LINE >>text` does."""

    def execute(self, command: Command) -> str:
        self.load(self.show() + command.line.split()[1] + "\n")
        return ""


def draw_command(rng: random.Random) -> tuple[str, ...]:
    owner, run = rng.choice(RUNS)
    push = ("push", run, rng.choice("bcdef"))
    lock = ("lock", owner, run, "600")
    choices = (lock, lock, ("unlock", owner, run), ("arm", run, "600"), push, push, ("cancel", run), ("restored", run))
    return rng.choice((*choices, ("save", run), ("read",), ("saved",), ("armed",), ("unconfirmed",)))


def ask_memory(device: MemoryDevice, said: tuple[str, ...]) -> str:
    verb, *rest = said
    try:
        if verb == "push":
            return device.answer(verb, (rest[0],), Command(f"echo {rest[1]} >>text"))
        return device.answer(verb, tuple(rest))
    except configuration.Refused:
        return "refused"


@pytest.mark.parametrize("seed", range(6))
def test_drawn_commands_are_answered_alike(seed: int, shell: ShellDevice) -> None:
    rng = random.Random(seed)  # noqa: S311 the same commands for the same seed
    device = MemoryDevice("d1", AppendedText("a\n"), ManualClock())
    told = []
    for _ in range(30):
        said = draw_command(rng)
        in_memory = ask_memory(device, said)
        if said[0] == "push":
            said = (*said[:2], f"grep -qx {said[2]} {shell.folder}/text || echo {said[2]} >>{shell.folder}/text")
        real = shell.answer(*said)
        # Seconds that are left differ by the time that the real one takes.
        real, in_memory = (" ".join(answer.split()[:2]) if "busy" in answer else answer for answer in (real, in_memory))
        if said[0] == "unconfirmed":
            # The seconds and the order of the runs differ.
            real, in_memory = (
                "\n".join(sorted(" ".join(line.split()[:4]) for line in one.splitlines())) for one in (real, in_memory)
            )
        if said[0] in ("read", "saved"):
            real = "".join(sorted(real.splitlines(keepends=True)))
        told.append(f"{shlex.join(said)} -> {real!r}, in memory {in_memory!r}")
        assert in_memory == real, "\n".join(told)
    assert "".join(sorted(shell.answer("read").splitlines(keepends=True))) == device.running


def test_a_restore_fires_alike_and_frees_the_lock(shell: ShellDevice) -> None:
    clock = ManualClock()
    device = MemoryDevice("d1", AppendedText("a\n"), clock)
    for said in (("lock", "plan1", "run1", "60"), ("arm", "run1", "1")):
        assert shell.answer(*said) == ask_memory(device, said)
    # The lock of another plan waits for the restore, and the device is in its old state then.
    clock.sleep(1)
    said = ("lock", "plan2", "run3", "60")
    while (answer := shell.answer(*said)).startswith("busy"):
        pass
    assert answer == ask_memory(device, said) == "held\n"
    late = "restored run1", "armed", "cancel run1", "push run1 b", "unlock plan2 run3"
    for asked in late:
        words_asked = tuple(asked.split())
        assert shell.answer(*words_asked) == ask_memory(device, words_asked), asked


@pytest.mark.parametrize("module", [configuration, faults, words], ids=lambda module: module.__name__)
def test_the_examples_are_true(module: ModuleType) -> None:
    done = doctest.testmod(module)
    assert done.attempted
    assert not done.failed


def session_of(device: MemoryDevice) -> MemorySession:
    def read_words(command: Command) -> Words:
        verb, *rest = command.line.split()
        return Words(verb, tuple(rest))

    return MemorySession(device, read_words)


def spoiled(kind: str, verb: str, seconds: float = 5.0) -> MemoryDevice:
    device = MemoryDevice("d1", LineConfiguration("vlan 1 old\n"), ManualClock(), startup="vlan 1 boot\n")
    device.draw_fault = FaultScript({(verb, 0): make_fault(kind, verb, seconds)})
    return device


@pytest.mark.parametrize(
    ("kind", "takes_effect", "breaks"),
    [
        ("breaks before", False, True),
        ("breaks after", True, True),
        ("is slow before", True, False),
        ("is slow after", True, False),
        ("lies about success", False, False),
        ("lies about failure", True, False),
        ("refuses", False, False),
        ("restarts before", False, True),
        ("restarts after", False, True),
        ("leaves before", False, True),
        ("leaves after", True, True),
    ],
)
def test_each_kind_of_fault_is_what_it_says(kind: str, takes_effect: bool, breaks: bool) -> None:  # noqa: FBT001
    device = spoiled(kind, "lock")
    session = session_of(device)
    if breaks:
        with pytest.raises(DeviceUnreachable):
            session.run(Command("lock plan run 60"))
        with pytest.raises(DeviceUnreachable):
            session.run(Command("read"))
    elif kind in ("lies about failure", "refuses"):
        with pytest.raises(CommandFailed):
            session.run(Command("lock plan run 60"))
    else:
        assert session.run(Command("lock plan run 60")).reveal() == "held\n"
    # A restart comes after the lock was taken, and forgets it.
    assert (device.locked_by == "run") is takes_effect
    assert device.running == ("vlan 1 boot\n" if "restarts" in kind else "vlan 1 old\n")
    assert device.is_away is ("restarts" in kind or "leaves" in kind)
    assert device.clock.monotonic() == (5.0 if "slow" in kind else 0.0)
    assert device.exchanges[0].fault.kind == kind
    assert device.exchanges[0].succeeded is (not breaks and kind not in ("lies about failure", "refuses"))


@pytest.mark.parametrize(
    ("kind", "says"), [("does half, says so", "error"), ("does half, breaks", "break"), ("does half, says all", "")]
)
def test_a_push_can_be_done_by_halves(kind: str, says: str) -> None:
    device = spoiled(kind, "push")
    session = MemorySession(device, read_own_restore_words)
    device.answer("lock", ("plan", "run", "60"))
    device.answer("arm", ("run", "60"))
    push = Command("push run configure", "vlan 2 b\nvlan 3 c\nvlan 4 d\n")
    if says:
        with pytest.raises(CommandFailed if says == "error" else DeviceUnreachable):
            session.run(push)
    else:
        assert session.run(push).reveal() == ""
    assert device.running == "vlan 1 old\nvlan 2 b\n"
    device.clock.sleep(60)
    assert device.running == "vlan 1 old\n"


def test_an_answer_that_comes_too_late_is_none() -> None:
    device = spoiled("is slow after", "lock", 31.0)
    with pytest.raises(DeviceUnreachable):
        session_of(device).run(Command("lock plan run 60"))
    assert device.locked_by == "run"


def test_only_a_push_has_halves_and_no_state_is_lied_about() -> None:
    assert set(kinds_at("push")) == set(KINDS)
    assert "lies about success" not in kinds_at("read")
    with pytest.raises(ValueError, match="no kind of fault 'lies about success' at 'armed'"):
        make_fault("lies about success", "armed", 0)


@pytest.mark.parametrize(
    ("kind", "refusal"),
    [("refuses", LoginRefused), ("breaks before", DeviceUnreachable), ("leaves after", DeviceUnreachable)],
)
def test_a_login_can_fail(model: Device, kind: str, refusal: type[Exception]) -> None:
    device = MemoryDevice(model.id, LineConfiguration(), ManualClock())
    device.draw_fault = FaultScript({("open", 0): make_fault(kind, "open", 5.0)})
    transport = MemoryTransport([device])
    with pytest.raises(refusal), transport.open_session(model, "linux"):
        pass
    device.clock.sleep(6)
    with transport.open_session(model, "linux") as session:
        assert session.device == model.id
    assert device.logins == 2


def test_what_it_does_not_know_it_refuses() -> None:
    device = MemoryDevice("d1", LineConfiguration(), ManualClock())
    with pytest.raises(CommandFailed, match="no command 'reload in 5'"):
        MemorySession(device, read_own_restore_words).run(Command("reload in 5"))
