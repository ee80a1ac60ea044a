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
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from rich.table import Table

from controller.errors import TsunaguError
from controller.model.loading.load_city import load_city
from controller.model.virtual_city import VirtualCity
from tools.demo_lines import back_up, cut_a_line, list_devices, lose_a_region, measure_lines
from tools.demo_proof import a_harmless_change
from tools.stage import ROOT, TSUNAGU, Demo, StepFailed, console, run_or_stop, wait_for

SCHOOLS = 6
CLOSED_RULE = "parents"
CONDITION = "      mfa: true\n"
RESTORE_SECONDS = 6
PLANTED = "id > $HOME/x"


PairKey = tuple[str, str, str, int]


def first_day(demo: Demo) -> None:
    """Copy the policies, with one condition that was not asked for on the first day."""
    shutil.copytree(ROOT / "policies", demo.policies, ignore=shutil.ignore_patterns("__pycache__"))
    path = Path(demo.policies) / "access" / "rules.yaml"
    head, rule = path.read_text(encoding="utf-8").split("  - id: staff-ai\n", 1)
    path.write_text(f"{head}  - id: staff-ai\n{rule.replace(CONDITION, '', 1)}", encoding="utf-8")
    os.environ["TSUNAGU_REHEARSAL"] = demo.path("cloud")


def check_policy(demo: Demo) -> None:
    """Check the city and its access policy."""
    with demo.timed("check the whole city"):
        demo.run("check", "--policies", demo.policies)


def deploy_cloud(demo: Demo) -> None:
    """Deploy the cloud with the real Pulumi engine, to an offline Google; its outputs give the addresses."""
    with demo.timed("cloud up, stack lab"):
        demo.run("cloud", "up", "--stack", "lab", "--policies", demo.policies, show=14)


def build_city(demo: Demo) -> None:
    """Build the virtual city: real switches, routers, hosts in network namespaces, and the proxy's stand-in."""
    with demo.timed(f"lab up, {SCHOOLS} schools"):
        demo.run("lab", "up", "--schools", str(SCHOOLS), "--policies", demo.policies)


def plan_change(demo: Demo) -> None:
    """Plan: read the switches and routers over SSH, compile the policy, prove every filter, show the difference."""
    with demo.timed(f"plan with proof, {list_devices()}"):
        demo.plan("plan.json", show=26)


def apply_change(demo: Demo) -> None:
    """Apply in waves: the canary school first, then the rest."""
    with demo.timed(f"apply, {list_devices()}"):
        demo.apply("plan.json", show=16)


def show_matrix(demo: Demo) -> None:
    """Packets: every host tries every application over IPv4 and IPv6; denied pairs again with the filters off."""
    with demo.timed("matrix with positive control"):
        demo.run("lab", "matrix", "--policies", demo.policies, "-o", demo.path("matrix.json"), show=60)


def show_people(demo: Demo) -> None:
    """People at applications by real HTTPS: who is let in, and which part refuses (network or identity)."""
    with demo.timed("people, with attacks"):
        demo.run("lab", "people", "--policies", demo.policies, "-o", demo.path("people.json"), show=60)


def change_a_condition(demo: Demo) -> None:
    """One condition is added in the policy: preview shows it, up deploys it, the proxy refuses who lacks it."""
    before = staff_ai(demo, "people.json")
    run_or_stop(
        "on the first day a teacher without MFA is let in to staff-ai", hold=before["teacher, no MFA"] == "let in"
    )
    rules = Path(demo.policies) / "access" / "rules.yaml"
    rules.write_text((ROOT / "policies" / "access" / "rules.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    console.print("  the rule 'staff-ai' now asks for MFA (access/rules.yaml)")
    demo.run("cloud", "preview", "--stack", "lab", "--policies", demo.policies, show=24)
    demo.run("cloud", "up", "--stack", "lab", "--policies", demo.policies, show=6)
    words = ("--school", demo.canary, "-o", demo.path("after.json"))
    demo.run("lab", "people", "--policies", demo.policies, *words, show=4)
    after = staff_ai(demo, "after.json")
    run_or_stop(
        f"a teacher without MFA: {after['teacher, no MFA']}", hold=after["teacher, no MFA"] == "refused: condition"
    )
    run_or_stop(f"a teacher with MFA: {after['teacher']}", hold=after["teacher"] == "let in")
    run_or_stop(f"a pupil: {after['pupil']} (already at the switch)", hold=after["pupil"] == "refused: network")


def staff_ai(demo: Demo, name: str) -> dict[str, str]:
    """What became of the people who ask for staff-ai at the canary school, by who they are."""
    found = json.loads(Path(demo.path(name)).read_text(encoding="utf-8"))
    run_or_stop(
        "people are let in and refused exactly as the policy says, and no attack came through", hold=found["agrees"]
    )
    visits = (
        one
        for one in found["results"]
        if one["visit"]["application"] == "staff-ai"
        and one["visit"]["person"]["school"] == demo.canary
        and not one["visit"]["person"]["sits"].startswith("@")
    )
    return {
        one["visit"]["person"]["label"]: f"refused: {one['refused_by']}" if one["refused_by"] else "let in"
        for one in visits
        if (one["visit"]["person"]["label"], one["visit"]["person"]["sits"]) != ("teacher", "pupil")
    }


def close_one_way(demo: Demo) -> None:
    """One permit is deleted in a copy of the policy: exactly that way closes."""
    before = count_connections(json.loads(Path(demo.path("matrix.json")).read_text(encoding="utf-8")))
    copy = policy_without(demo, CLOSED_RULE)
    demo.plan("closed.json", policies=copy, show=18)
    demo.apply("closed.json", policies=copy)
    demo.run("lab", "matrix", "--policies", copy, "--no-control", "-o", demo.path("closed-matrix.json"), show=4)
    after = count_connections(json.loads(Path(demo.path("closed-matrix.json")).read_text(encoding="utf-8")))
    changed = {pair for pair in before if before[pair] != after[pair]}
    ways = sorted({f"{segment} -> {application}" for _, segment, application, _ in changed})
    expected = SCHOOLS * 2
    run_or_stop(
        f"{len(changed)} of {len(before)} pairs changed ({', '.join(ways)} at {SCHOOLS} schools, IPv4 and IPv6)",
        hold=ways == [f"staff -> {CLOSED_RULE}"] and len(changed) == expected,
    )
    run_or_stop("every one of them is closed now", hold=not any(after[pair] for pair in changed))
    demo.figures.append(("pairs closed by deleting one permit", f"{len(changed)} of {len(before)}, no other changed"))
    demo.plan("reopen.json", show=2)
    demo.apply("reopen.json", show=2)


def count_connections(found: dict[str, Any]) -> dict[PairKey, bool]:
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
    copy = demo.folder / "closed"
    shutil.copytree(demo.policies, copy)
    path = copy / "access" / "rules.yaml"
    head, rest = path.read_text(encoding="utf-8").split(f"  - id: {rule}\n", 1)
    path.write_text(head + rest[rest.index("  - id: ") :], encoding="utf-8")
    console.print(f"  in the copy, the rule {rule!r} is deleted from access/rules.yaml")
    return str(copy)


def name_closed_policy(demo: Demo) -> str:
    """The digest of the policy without the rule: it was applied and replaced, so to go back to it is an undo."""
    digest = str(json.loads(Path(demo.path("closed.json")).read_text(encoding="utf-8"))["policy"])
    return digest[:12]


def edit_a_plan(demo: Demo) -> None:
    """A plan is edited by hand: apply derives it anew, and refuses it with the device and the line that differ."""
    demo.plan("edited.json", "--school", demo.canary, policies=demo.path("closed"), show=2)
    path = Path(demo.path("edited.json"))
    document = json.loads(path.read_text(encoding="utf-8"))
    device = next(one for one in document["devices"] if one["steps"])
    device["steps"][0]["commands"].insert(0, {"line": PLANTED, "stdin": None})
    path.write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    console.print(
        f"  by hand, the command '{PLANTED}' is put before the first step for {device['device']}:", markup=False
    )
    said = " ".join(demo.apply("edited.json", policies=demo.path("closed"), expect=1).split())
    line = next(
        number for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), 1) if PLANTED in text
    )
    run_or_stop(
        f"it was refused before any device was reached, at line {line} for {device['device']}",
        hold=f"edited.json:{line}: {device['device']}: the plan was changed by hand" in said,
    )


def change_by_hand(demo: Demo) -> None:
    """A switch is changed by hand: the drift is found, the stale plan refused, the switch repaired."""
    school = ("--school", demo.canary)
    demo.plan("stale.json", *school, "--undo", name_closed_policy(demo), show=2)
    console.print("  by hand, a pupil's port is put among the staff:")
    demo.run("lab", "run", f"{demo.canary}/switch", "ovs-vsctl", "set", "Port", "h-pupil", "tag=10")
    demo.run("drift", "--policies", demo.policies, "--lab", "--all", expect=2)
    demo.apply("stale.json", "--undo", expect=1)
    demo.plan("repair.json", *school)
    demo.apply("repair.json")
    demo.run("drift", "--policies", demo.policies, "--lab", "--all")


def kill_an_apply(demo: Demo) -> None:
    """An apply is killed with kill -9 right after it pushed: the switch puts its old state back by itself."""
    plan_path, state = demo.path("killed.json"), demo.folder / "state"
    demo.plan("killed.json", "--school", demo.canary, "--undo", name_closed_policy(demo), show=3)
    words = ["apply", plan_path, "--undo", "--state", str(state), "--restore-after", str(RESTORE_SECONDS)]
    console.print(f"$ tsunagu apply killed.json --undo --restore-after {RESTORE_SECONDS}   (and kill -9)", style="bold")
    running = subprocess.Popen(  # noqa: S603 our own command
        [TSUNAGU, *words, "--policies", demo.policies],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=ROOT,
    )
    try:
        wait_for("the new filters are pushed", lambda: count_pushed(state), running)
    finally:
        running.kill()
        running.wait()
    killed_at = time.monotonic()
    code = drift_code(demo)
    run_or_stop(f"the switch runs the new filters, unconfirmed (drift ends with {code})", hold=code == 2)  # noqa: PLR2004
    wait_for("the switch is in its old state again", lambda: drift_code(demo) == 0)
    demo.figures.append(("kill -9 until the switch was back by itself", f"{time.monotonic() - killed_at:.1f} s"))
    run_or_stop("nobody applied a second time: drift finds nothing", hold=drift_code(demo) == 0)


def count_pushed(state: Path) -> bool:
    """Whether the timeline of an apply shows that its push has ended."""
    lines = (line for path in state.glob("timeline/*.jsonl") for line in path.read_text(encoding="utf-8").splitlines())
    return any('"event": "end"' in line and '"name": "step push"' in line for line in lines)


def drift_code(demo: Demo) -> int:
    """The exit code of drift at the canary."""
    words = [TSUNAGU, "drift", "--policies", demo.policies, "--lab", "--school", demo.canary]
    return subprocess.run(words, capture_output=True, check=False, cwd=ROOT).returncode  # noqa: S603 our own command


STEPS: tuple[Callable[[Demo], None], ...] = (
    check_policy,
    deploy_cloud,
    build_city,
    plan_change,
    apply_change,
    show_matrix,
    show_people,
    change_a_condition,
    close_one_way,
    edit_a_plan,
    change_by_hand,
    kill_an_apply,
    a_harmless_change,
    measure_lines,
    cut_a_line,
    lose_a_region,
    back_up,
)


def _find_canary() -> str:
    """Find the school of the virtual city that is changed first."""
    return load_city(ROOT / "policies", estate=VirtualCity).canary


def main() -> int:
    """Run all steps, then the summary; clean up whatever happens."""
    signal.signal(signal.SIGTERM, _stopped)
    signal.signal(signal.SIGINT, _stopped)
    began = time.monotonic()
    demo = Demo(Path(tempfile.mkdtemp(prefix="tsunagu-demo-")), _find_canary())
    title = ""
    code = 0
    try:
        first_day(demo)
        for number, step in enumerate(STEPS, 1):
            title = (step.__doc__ or "").strip()
            console.print(f"\n[bold cyan]== {number}/{len(STEPS)} {title}[/]")
            step(demo)
    except (StepFailed, TsunaguError) as failure:
        console.print(f"\n[bold red]The demo failed in the step: {title}[/]")
        console.print(f"  {failure}", markup=False)
        code = 1
    except KeyboardInterrupt:
        console.print("\n[bold red]interrupted[/]")
        code = 130
    finally:
        _clean_up(demo)
    if code == 0:
        demo.figures.append(("the whole demo", f"{time.monotonic() - began:.0f} s"))
        _summary(demo)
    return code


def _stopped(number: int, frame: FrameType | None) -> NoReturn:
    del number, frame
    # Once is enough: a second Ctrl-C must neither stop the clean-up nor end in a traceback.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise KeyboardInterrupt


def _clean_up(demo: Demo) -> None:
    """Remove the virtual city; a second Ctrl-C does not stop that."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    demo.end_background()
    if os.environ.get("KEEP") == "1":
        console.print("\nKEEP=1: the virtual city stays up. Its policies and offline Google are in the demo's folder:")
        console.print(f"  export TSUNAGU_REHEARSAL={demo.path('cloud')}", markup=False)
        console.print(f"  .venv/bin/tsunagu lab matrix --policies {demo.policies}", markup=False)
        console.print("  .venv/bin/tsunagu lab down    (when you are done)")
        return
    console.print("\n[bold cyan]== Clean up[/]")
    subprocess.run([TSUNAGU, "lab", "down"], check=False, cwd=ROOT, stderr=subprocess.DEVNULL)  # noqa: S603 our own
    shutil.rmtree(demo.folder)


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
