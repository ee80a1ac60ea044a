"""`make demo`: the main job on the virtual city, by the same commands that a user types.

Every step says what it shows and checks that it did. A step that does not ends the demo with a non-zero code and
says which and why. The virtual city is removed at the end, also after Ctrl-C; KEEP=1 leaves it running.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from rich.console import Console
from rich.table import Table

from controller.model.load import load_city

ROOT = Path(__file__).resolve().parent.parent
TSUNAGU = str(Path(sys.executable).parent / "tsunagu")
SCHOOLS = 6
CLOSED_RULE = "staff-ai"
RESTORE_SECONDS = 8
PATIENCE_SECONDS = 60.0

console = Console(highlight=False, soft_wrap=True, emoji=False)

PairKey = tuple[str, str, str, int]


class StepFailed(Exception):
    """A step did not show what it should."""


@dataclass
class Demo:
    """The demo's folder, the canary school, and what was measured."""

    folder: Path
    canary: str
    figures: list[tuple[str, str]] = field(default_factory=list)

    def path(self, name: str) -> str:
        """A file of the demo's own folder."""
        return str(self.folder / name)

    def run(self, *words: str, expect: int = 0, show: int = 12) -> str:
        """Run a command of ours, and show the beginning and the end of what it says; all of it is returned."""
        shown = self._say_command(words)
        done = subprocess.run(  # noqa: S603 our own command
            [TSUNAGU, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, cwd=ROOT
        )
        lines = done.stdout.replace(f"{self.folder}/", "").splitlines()
        if len(lines) > show:
            half = show // 2
            lines = [*lines[:half], f"  ... {len(lines) - show} more lines ...", *lines[half - show :]]
        for line in lines:
            console.print(f"  {line}", markup=False)
        if done.returncode != expect:
            message = f"`tsunagu {shown}` ended with {done.returncode}, expected {expect}"
            raise StepFailed(message)
        return done.stdout

    @contextmanager
    def timed(self, what: str) -> Iterator[None]:
        """Measure a part for the summary."""
        began = time.monotonic()
        yield
        self.figures.append((what, f"{time.monotonic() - began:.1f} s"))

    def _say_command(self, words: tuple[str, ...]) -> str:
        shown = " ".join(word.replace(f"{self.folder}/", "") for word in words)
        console.print(f"$ tsunagu {shown}", style="bold", markup=False)
        return shown


def must(message: str, *, hold: bool) -> None:
    """End the demo unless what the message says is true."""
    if not hold:
        complaint = f"not true: {message}"
        raise StepFailed(complaint)
    console.print(f"  [green]true:[/] {message}")


def check(demo: Demo) -> None:
    """Check the city and its access policy."""
    with demo.timed("check the whole city"):
        demo.run("check")


def build(demo: Demo) -> None:
    """Build the virtual city: real switches, routers, hosts in network namespaces."""
    with demo.timed(f"lab up, {SCHOOLS} schools"):
        demo.run("lab", "up", "--schools", str(SCHOOLS))


def plan(demo: Demo) -> None:
    """Plan: read the switches over SSH, compile the policy, prove every filter, show the difference."""
    with demo.timed(f"plan with proof, {SCHOOLS} switches"):
        demo.run("plan", "--lab", "--all", "-o", demo.path("plan.json"), show=26)


def apply(demo: Demo) -> None:
    """Apply in waves: the canary school first, then the rest."""
    with demo.timed(f"apply, {SCHOOLS} switches"):
        demo.run("apply", demo.path("plan.json"), show=16)


def matrix(demo: Demo) -> None:
    """Packets: every host tries every application over IPv4 and IPv6; denied pairs again with the filters off."""
    with demo.timed("matrix with positive control"):
        demo.run("lab", "matrix", "-o", demo.path("matrix.json"), show=60)


def close_one_way(demo: Demo) -> None:
    """One permit is deleted in a copy of the policy: exactly that way closes."""
    before = connections(json.loads(Path(demo.path("matrix.json")).read_text(encoding="utf-8")))
    copy = policy_without(demo, CLOSED_RULE)
    demo.run("plan", "--policies", copy, "--lab", "--all", "-o", demo.path("closed.json"), show=18)
    demo.run("apply", demo.path("closed.json"), "--policies", copy, show=8)
    demo.run("lab", "matrix", "--policies", copy, "--no-control", "-o", demo.path("closed-matrix.json"), show=4)
    after = connections(json.loads(Path(demo.path("closed-matrix.json")).read_text(encoding="utf-8")))
    changed = {pair for pair in before if before[pair] != after[pair]}
    ways = sorted({f"{segment} -> {application}" for _, segment, application, _ in changed})
    expected = SCHOOLS * 2
    must(
        f"{len(changed)} of {len(before)} pairs changed ({', '.join(ways)} at {SCHOOLS} schools, IPv4 and IPv6)",
        hold=ways == [f"staff -> {CLOSED_RULE}"] and len(changed) == expected,
    )
    must("every one of them is closed now", hold=not any(after[pair] for pair in changed))
    demo.figures.append(("pairs closed by deleting one permit", f"{len(changed)} of {len(before)}, no other changed"))
    demo.run("plan", "--lab", "--all", "-o", demo.path("reopen.json"), show=2)
    demo.run("apply", demo.path("reopen.json"), show=2)


def connections(found: dict[str, Any]) -> dict[PairKey, bool]:
    """Which pairs of a matrix connected."""
    return {
        (one["pair"]["school"], one["pair"]["segment"], one["pair"]["target"]["column"], family_of(one)): one[
            "connected"
        ]
        for one in found["results"]
    }


def family_of(result: dict[str, Any]) -> int:
    """The family of the address that a pair was tried with."""
    return 6 if ":" in result["pair"]["target"]["address"] else 4


def policy_without(demo: Demo, rule: str) -> str:
    """A copy of the policies without one rule."""
    copy = demo.folder / "policies"
    shutil.copytree(ROOT / "policies", copy)
    path = copy / "access" / "rules.yaml"
    head, rest = path.read_text(encoding="utf-8").split(f"  - id: {rule}\n", 1)
    path.write_text(head + rest[rest.index("  - id: ") :], encoding="utf-8")
    console.print(f"  in the copy, the rule {rule!r} is deleted from access/rules.yaml")
    return str(copy)


def change_by_hand(demo: Demo) -> None:
    """A switch is changed by hand: the drift is found, the stale plan refused, the switch mended."""
    stale = demo.path("stale.json")
    demo.run("plan", "--policies", demo.path("policies"), "--lab", "--school", demo.canary, "-o", stale, show=2)
    console.print("  by hand, a pupil's port is put among the staff:")
    demo.run("lab", "run", f"{demo.canary}/switch", "ovs-vsctl", "set", "Port", "h-pupil", "tag=10")
    demo.run("drift", "--lab", "--all", expect=2)
    demo.run("apply", stale, expect=1)
    demo.run("plan", "--lab", "--school", demo.canary, "-o", demo.path("mend.json"))
    demo.run("apply", demo.path("mend.json"))
    demo.run("drift", "--lab", "--all")


def kill_an_apply(demo: Demo) -> None:
    """An apply is killed with kill -9 right after it pushed: the switch puts its old state back by itself."""
    plan_path, state = demo.path("killed.json"), demo.folder / "state"
    demo.run("plan", "--policies", demo.path("policies"), "--lab", "--school", demo.canary, "-o", plan_path, show=3)
    words = ["apply", plan_path, "--state", str(state), "--restore-after", str(RESTORE_SECONDS)]
    console.print(f"$ tsunagu apply killed.json --restore-after {RESTORE_SECONDS}   (and kill -9)", style="bold")
    running = subprocess.Popen(  # noqa: S603 our own command
        [TSUNAGU, *words, "--policies", demo.path("policies")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=ROOT,
    )
    try:
        wait_for("the new filters are pushed", lambda: pushed(state), running)
    finally:
        running.kill()
        running.wait()
    killed_at = time.monotonic()
    code = drift_code(demo)
    must(f"the switch runs the new filters, unconfirmed (drift ends with {code})", hold=code == 2)  # noqa: PLR2004
    wait_for("the switch is in its old state again", lambda: drift_code(demo) == 0)
    demo.figures.append(("kill -9 until the switch was back by itself", f"{time.monotonic() - killed_at:.1f} s"))
    must("nobody applied a second time: drift finds nothing", hold=drift_code(demo) == 0)


def pushed(state: Path) -> bool:
    """Whether the timeline of an apply shows that its push has ended."""
    lines = (line for path in state.glob("timeline/*.jsonl") for line in path.read_text(encoding="utf-8").splitlines())
    return any('"event": "end"' in line and '"name": "step push"' in line for line in lines)


def drift_code(demo: Demo) -> int:
    """The exit code of drift at the canary."""
    words = [TSUNAGU, "drift", "--lab", "--school", demo.canary]
    return subprocess.run(words, capture_output=True, check=False, cwd=ROOT).returncode  # noqa: S603 our own command


def wait_for(what: str, condition: Callable[[], bool], running: subprocess.Popen[bytes] | None = None) -> None:
    """Wait until the condition holds."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > deadline or (running is not None and running.poll() is not None):
            message = f"waited in vain until {what}"
            raise StepFailed(message)
        time.sleep(0.02)
    console.print(f"  [green]true:[/] {what}")


def plant_a_wrong_rule(demo: Demo) -> None:
    """A wrong rule is planted in a rendered filter: the proof catches it with a packet."""
    folder = demo.folder / "rendered"
    demo.run("render", "--lab", "--all", "-o", str(folder))
    path = folder / f"{demo.canary}-core1.cfg"
    right = path.read_text(encoding="utf-8")
    wrong = "\n".join(widened(line) for line in right.split("\n"))
    must("one prefix of one line of `from pupil` is widened: 203.0.113.20 -> 203.0.113.0/27", hold=right != wrong)
    path.write_text(wrong, encoding="utf-8")
    said = demo.run("prove", "--lab", "--all", "--configs", str(folder), expect=2)
    must("the proof names the line, the packet and what the policy says of it", hold=f"{path.name}:" in said)


def widened(line: str) -> str:
    """The line that lets pupils reach the learning dashboard, widened to its neighbours; others as they are."""
    pupil_permit = "reg0=0x10014" in line and "nw_dst=203.0.113.20," in line and line.endswith("actions=NORMAL")
    return line.replace("nw_dst=203.0.113.20,", "nw_dst=203.0.113.0/27,") if pupil_permit else line


STEPS: tuple[Callable[[Demo], None], ...] = (
    check,
    build,
    plan,
    apply,
    matrix,
    close_one_way,
    change_by_hand,
    kill_an_apply,
    plant_a_wrong_rule,
)


def main() -> int:
    """Run all steps, then the summary; clean up whatever happens."""
    signal.signal(signal.SIGTERM, _stopped)
    began = time.monotonic()
    code = 0
    with tempfile.TemporaryDirectory(prefix="tsunagu-demo-") as folder:
        demo = Demo(Path(folder), load_city(ROOT / "policies").lab.canary)
        try:
            for number, step in enumerate(STEPS, 1):
                title = (step.__doc__ or "").strip()
                console.print(f"\n[bold cyan]== {number}/{len(STEPS)} {title}[/]")
                step(demo)
        except StepFailed as failure:
            console.print(f"\n[bold red]The demo failed in step {number}, {title}[/]\n  {failure}")
            code = 1
        except KeyboardInterrupt:
            console.print("\n[bold red]interrupted[/]")
            code = 130
        finally:
            _clean_up()
    if code == 0:
        demo.figures.append(("the whole demo", f"{time.monotonic() - began:.0f} s"))
        _summary(demo)
    return code


def _stopped(number: int, frame: FrameType | None) -> NoReturn:
    del number, frame
    raise KeyboardInterrupt


def _clean_up() -> None:
    """Remove the virtual city; a second Ctrl-C does not stop that."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if os.environ.get("KEEP") == "1":
        console.print("\nKEEP=1: the virtual city stays up; remove it with: .venv/bin/tsunagu lab down")
        return
    console.print("\n[bold cyan]== Clean up[/]")
    subprocess.run([TSUNAGU, "lab", "down"], check=False, cwd=ROOT, stderr=subprocess.DEVNULL)  # noqa: S603 our own


def _summary(demo: Demo) -> None:
    table = Table(title="What the demo measured on this machine", title_justify="left")
    table.add_column("what")
    table.add_column("measured", justify="right")
    for what, figure in demo.figures:
        table.add_row(what, figure)
    console.print(table)
    console.print("[bold green]The demo succeeded: every step showed what it says.[/]")


if __name__ == "__main__":
    sys.exit(main())
