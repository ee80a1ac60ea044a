"""The demo's chapter about durable rollouts: one is killed in its second wave and resumed; a gate undoes a wave."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import yaml

from controller.lab.state import paths
from controller.lab.state.layout import SchoolLayout
from controller.lab.state.undo_log import read_active_record
from controller.operations.operators_file import FORMAT
from controller.rollout.outcome import End
from controller.storage.whole_file import write_whole
from tools.demo.changes import close_in_a_copy, restore_policy, write_anew
from tools.demo.stage import ROOT, TSUNAGU, Demo, StepFailed, console, run_or_stop

RESTORE_SECONDS = 6
WAVES = ({"name": "canary", "schools": "canary"}, {"name": "rest", "schools": "rest"})
GATE: Mapping[str, Any] = {"gates": [{"kind": "management"}, {"kind": "services"}], "undo-on-failure": True}
ENDS = frozenset(End)
PLATFORM = "ovs"
"""The schools of this chapter have these switches: they go back by themselves, and quickly."""


def roll_out_in_waves(demo: Demo) -> None:
    """A rollout is killed (kill -9) in its second wave and resumed; a gate stops a wave, which is undone."""
    schools = choose_schools(demo)
    chosen = tuple(word for school in schools for word in ("--school", school))
    with demo.timed("a rollout killed in wave 2 and resumed; a wave undone by its gate"):
        closed = close_in_a_copy(demo)
        set_rollout_settings({"waves": [*WAVES]})
        demo.plan("waves.json", *chosen, policies=closed, show=4)
        rollout = kill_in_second_wave(demo, "waves.json", closed)
        demo.run("rollout", "list", "--lab", "--state", demo.path("rollouts"), show=4)
        # Its exit code is 0 only where every device is as planned.
        said = demo.run("rollout", "resume", rollout, "--lab", "--state", demo.path("rollouts"), show=8)
        run_or_stop("after the resumption it is done, every device as planned", hold=f"{rollout}: done" in said)

        write_anew(demo, demo.policies)
        set_rollout_settings({"waves": [{**WAVES[0], **GATE}, WAVES[1]]})
        demo.plan("gate.json", *chosen, show=4)
        console.print("  nobody measures the schools' names and pages: the gate 'services' will have nothing to judge")
        said = demo.run("rollout", "start", *name_plan(demo, "gate.json", demo.policies), expect=1, show=8)
        rollout = next(line.split()[1] for line in said.splitlines() if line.endswith("has begun"))
        reason = next((line for line in said.splitlines() if line.startswith(f"rollout {rollout}: stopped")), "")
        run_or_stop(f"the gate stopped it: {reason.partition(': ')[2][:160]}", hold="the gate services" in reason)
        run_or_stop("the wave was undone, the next one never began", hold=is_undone(list_ends(said)))
    set_rollout_settings({})
    end_rollout(demo, rollout)
    # What was undone is wanted still: nothing has changed since it was planned.
    demo.apply("gate.json", show=2)


def choose_schools(demo: Demo) -> tuple[str, ...]:
    """Return the canary and another school, whose switches go back by themselves."""
    known: tuple[SchoolLayout, ...] = read_active_record(paths.STATE).layout.schools
    others = [one.id for one in known if one.platform == PLATFORM and one.id != demo.canary]
    if not others:
        message = f"the chapter needs a second school whose switch is of the platform {PLATFORM} (city/lab.yaml)"
        raise StepFailed(message)
    return demo.canary, others[0]


def set_rollout_settings(settings: Mapping[str, Any]) -> None:
    """Write what holds for rollouts into the virtual city's operators' file; nothing else in it changes."""
    path = paths.STATE / paths.OPERATIONS
    document = yaml.safe_load(path.read_text(encoding="utf-8")) or {"format": FORMAT}
    kept = {"canary": document["rollout"]["canary"]} if "canary" in document.get("rollout", {}) else {}
    document["rollout"] = {**kept, **settings}
    write_whole(yaml.safe_dump(document, sort_keys=False).encode(), path)


def name_plan(demo: Demo, name: str, policies: str) -> tuple[str, ...]:
    """Return the words by which a rollout of a plan is started."""
    where = ("--state", demo.path("rollouts"), "--policies", policies)
    return (demo.path(name), *where, "--restore-after", str(RESTORE_SECONDS))


def kill_in_second_wave(demo: Demo, name: str, policies: str) -> str:
    """Start a rollout, and kill its process with kill -9 once a device of the second wave has begun; return its id."""
    console.print(f"$ tsunagu rollout start {name} --json   (and kill -9 in wave 2)", style="bold")
    words = [TSUNAGU, "rollout", "start", *name_plan(demo, name, policies), "--json"]
    with subprocess.Popen(  # noqa: S603 our own command
        words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT
    ) as running:
        assert running.stdout is not None  # noqa: S101 it is piped
        try:
            for line in running.stdout:
                event = json.loads(line)
                if event.get("event") == "device-begun" and event["wave"] == WAVES[1]["name"]:
                    console.print(f"  {event['device']} of wave 2 has begun: kill -9", markup=False)
                    return str(event["rollout"])
        finally:
            running.kill()
            running.wait()
    message = "the rollout ended before a device of the second wave had begun"
    raise StepFailed(message)


def list_ends(said: str) -> set[tuple[str, str]]:
    r"""Return the wave and the end of each device that was tried, as a command shows a rollout.

    >>> sorted(list_ends("wave canary:\n  reverted  s1\n  wave rest:\n    to come   s2\n"))
    [('canary', 'reverted')]
    """
    found, wave = set[tuple[str, str]](), ""
    for words in map(str.split, said.splitlines()):
        if len(words) == 2 and words[0] == "wave" and words[1].endswith(":"):  # noqa: PLR2004 `wave NAME:`
            wave = words[1].removesuffix(":")
        elif wave and words and words[0] in ENDS:
            found.add((wave, words[0]))
    return found


def is_undone(ends: Collection[tuple[str, str]]) -> bool:
    """Whether what the first wave changed is back, and nothing of another wave ended."""
    return ("canary", "reverted") in ends and set(ends) <= {("canary", "reverted"), ("canary", "unchanged")}


def put_rollouts_right(demo: Demo) -> None:
    """Put the operators' file and the devices back, also after a chapter that failed."""
    set_rollout_settings({})
    active = Path(demo.path("rollouts"))
    if active.is_dir():
        end_rollouts(demo)
    restore_policy(demo)


def end_rollouts(demo: Demo) -> None:
    """Cancel a rollout that has not ended: it would keep every later one from beginning."""
    words = [TSUNAGU, "rollout", "list", "--lab", "--state", demo.path("rollouts"), "--json"]
    done = subprocess.run(words, capture_output=True, check=False, text=True, cwd=ROOT)  # noqa: S603 our own command
    if done.returncode:
        return
    for one in json.loads(done.stdout)["rollouts"]:
        if one["state"] in ("running", "paused", "stopped"):
            end_rollout(demo, one["rollout"])


def end_rollout(demo: Demo, rollout: str) -> None:
    """Cancel a rollout."""
    demo.run("rollout", "cancel", rollout, "--lab", "--state", demo.path("rollouts"), show=2)
