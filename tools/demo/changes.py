"""The demo's chapters about a change on devices: a permit deleted, an edited plan, drift, a controller killed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

from tools.demo.lines import ENDPOINT
from tools.demo.stage import ROOT, TSUNAGU, Demo, console, run_or_stop, wait_for

CLOSED_RULE = "parents"
RESTORE_SECONDS = 6
PLANTED = "id > $HOME/x"

PairKey = tuple[str, str, str, int]


def close_one_way(demo: Demo) -> None:
    """One permit is deleted in a copy of the policy: exactly that way closes."""
    before = count_connections(json.loads(Path(demo.path("matrix.json")).read_text(encoding="utf-8")))
    copy = close_in_a_copy(demo)
    demo.plan("closed.json", policies=copy, show=18)
    demo.apply("closed.json", policies=copy)
    demo.run("lab", "matrix", "--policies", copy, "--no-control", "-o", demo.path("closed-matrix.json"), show=4)
    after = count_connections(json.loads(Path(demo.path("closed-matrix.json")).read_text(encoding="utf-8")))
    changed = {pair for pair in before if before[pair] != after[pair]}
    ways = sorted({f"{segment} -> {application}" for _, segment, application, _ in changed})
    expected = demo.schools * 2
    run_or_stop(
        f"{len(changed)} of {len(before)} pairs changed ({', '.join(ways)} at {demo.schools} schools, IPv4 and IPv6)",
        hold=ways == [f"staff -> {CLOSED_RULE}"] and len(changed) == expected,
    )
    run_or_stop("every one of them is closed now", hold=not any(after[pair] for pair in changed))
    demo.figures.append(("pairs closed by deleting one permit", f"{len(changed)} of {len(before)}, no other changed"))
    write_anew(demo, demo.policies)
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


def close_in_a_copy(demo: Demo) -> str:
    """Return the folder of a new copy of the policies without one rule."""
    demo.copies += 1
    name = f"closed-{demo.copies}"
    copy = demo.folder / name
    shutil.copytree(demo.policies, copy)
    path = copy / "access" / "rules.yaml"
    head, rest = path.read_text(encoding="utf-8").split(f"  - id: {CLOSED_RULE}\n", 1)
    path.write_text(head + rest[rest.index("  - id: ") :], encoding="utf-8")
    write_anew(demo, str(copy))
    console.print(f"  in the copy {name!r}, the rule {CLOSED_RULE!r} is deleted from access/rules.yaml", markup=False)
    return str(copy)


def write_anew(demo: Demo, policies: str) -> None:
    """Make a policy a new one by a comment: one that was applied before would come back as an undo only."""
    demo.copies += 1
    with (Path(policies) / "access" / "rules.yaml").open("a", encoding="utf-8") as file:
        file.write(f"# change {demo.copies}\n")


def restore_policy(demo: Demo) -> None:
    """Put every device back to the policy, after a chapter that failed."""
    write_anew(demo, demo.policies)
    demo.plan("restore.json", show=2)
    demo.apply("restore.json", show=2)


def edit_a_plan(demo: Demo) -> None:
    """A plan is edited by hand: apply derives it anew, and refuses it with the device and the line that differ."""
    copy = close_in_a_copy(demo)
    demo.plan("edited.json", "--school", demo.canary, policies=copy, show=2)
    path = Path(demo.path("edited.json"))
    document = json.loads(path.read_text(encoding="utf-8"))
    device = next(one for one in document["devices"] if one["steps"])
    device["steps"][0]["commands"].insert(0, {"line": PLANTED, "stdin": None})
    path.write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    console.print(
        f"  by hand, the command '{PLANTED}' is put before the first step for {device['device']}:", markup=False
    )
    said = " ".join(demo.apply("edited.json", policies=copy, expect=1).split())
    line = next(
        number for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), 1) if PLANTED in text
    )
    run_or_stop(
        f"it was refused before any device was reached, at line {line} for {device['device']}",
        hold=f"edited.json:{line}: {device['device']}: the plan was changed by hand" in said,
    )


def change_by_hand(demo: Demo) -> None:
    """A switch is changed by hand: the drift is found, the stale plan refused, the switch repaired."""
    school, copy = ("--school", demo.canary), close_in_a_copy(demo)
    demo.plan("stale.json", *school, policies=copy, show=2)
    console.print("  by hand, a pupil's port is put among the staff:")
    demo.run("lab", "run", f"{demo.canary}/switch", "ovs-vsctl", "set", "Port", "h-pupil", "tag=10")
    demo.run("drift", "--policies", demo.policies, "--lab", "--all", expect=2)
    demo.apply("stale.json", policies=copy, expect=1)
    write_anew(demo, demo.policies)
    demo.plan("repair.json", *school)
    demo.apply("repair.json")
    demo.run("drift", "--policies", demo.policies, "--lab", "--all")


def kill_an_apply(demo: Demo) -> None:
    """An apply is killed with kill -9 right after it pushed: the switch puts its old state back by itself."""
    plan_path, state, copy = demo.path("killed.json"), demo.folder / "killed-state", close_in_a_copy(demo)
    demo.plan("killed.json", "--school", demo.canary, policies=copy, show=3)
    words = ["apply", plan_path, "--state", str(state), "--restore-after", str(RESTORE_SECONDS)]
    console.print(f"$ tsunagu apply killed.json --restore-after {RESTORE_SECONDS}   (and kill -9)", style="bold")
    running = subprocess.Popen(  # noqa: S603 our own command
        [TSUNAGU, *words, "--policies", copy],
        # Without the monitor the timeline is a file, which tells when the push has ended.
        env={name: value for name, value in os.environ.items() if name != ENDPOINT},
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
    told = find_drift(demo).stdout
    run_or_stop("the switch runs the new filters, unconfirmed, and drift says so", hold="has not confirmed yet" in told)
    wait_for("the switch is in its old state again", lambda: find_drift(demo).returncode == 0)
    demo.figures.append(("kill -9 until the switch was back by itself", f"{time.monotonic() - killed_at:.1f} s"))
    run_or_stop("nobody applied a second time: drift finds nothing", hold=find_drift(demo).returncode == 0)


def count_pushed(state: Path) -> bool:
    """Whether the timeline of an apply shows that its push has ended."""
    lines = (line for path in state.glob("timeline/*.jsonl") for line in path.read_text(encoding="utf-8").splitlines())
    return any('"event": "end"' in line and '"name": "step push"' in line for line in lines)


def find_drift(demo: Demo) -> subprocess.CompletedProcess[str]:
    """What drift says at the canary, and how it ends."""
    words = [TSUNAGU, "drift", "--policies", demo.policies, "--lab", "--school", demo.canary, "--lang", "en"]
    return subprocess.run(words, capture_output=True, text=True, check=False, cwd=ROOT)  # noqa: S603 our own command
