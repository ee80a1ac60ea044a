"""Rollouts of a ward's changes of stage, by the commands that operators type; also killed and resumed."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from controller.lab.lifecycle import restart_switch
from controller.lab.state import paths
from controller.storage.whole_file import write_whole
from tests.cli.running import PROGRAM, ROOT, Done, here
from tests.lab.integration.ward_scene import WardScene

RESTORE_SECONDS = 60
WAVES = ({"name": "canary", "schools": "canary"}, {"name": "rest", "schools": "rest"})
PROBES: Mapping[str, Any] = {"gates": [{"kind": "management"}, {"kind": "policy-probes", "sample": 16}]}
"""The post-check of every wave: its devices answer, and packets of the hosts of its schools pass as the policy says."""
LEFT_BROKEN = "restart it: it boots with what is saved"
UNDO: Mapping[str, Any] = {"undo-on-failure": True, "undo-may-widen": True}
"""A wave that fails its post-check goes back by itself, also to where the old networks are open again."""


class RolloutFailed(Exception):
    """A rollout did not end as it should."""


@dataclass
class Killed:
    """A rollout whose process was killed: what it was doing, by its own events."""

    rollout: str
    after: tuple[str, ...]
    ended: bool


@dataclass
class WardRollouts:
    """The rollouts of a ward; with `kill_at`, the process of the next one is killed so many seconds after its begin."""

    scene: WardScene
    kill_at: list[float] = field(default_factory=list)
    killed: list[Killed] = field(default_factory=list)
    restarted: list[str] = field(default_factory=list)
    planned: int = 0

    def set_gates(self, *, undo: bool = False) -> None:
        """Write the waves and their post-checks into the virtual city's operators' file."""
        path = paths.STATE / paths.OPERATIONS
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        kept = {"canary": document["rollout"]["canary"]} if "canary" in document.get("rollout", {}) else {}
        settings = {"waves": [*WAVES], **PROBES, **(UNDO if undo else {})}
        document["rollout"] = {**kept, **settings}
        write_whole(yaml.safe_dump(document, sort_keys=False).encode(), path)

    def roll_out(self) -> None:
        """Plan what the policies say now, and carry it out.

        Raises:
            RolloutFailed: it did not end well.
        """
        plan = self.plan()
        while self.kill_at:
            seen = self._kill(plan, self.kill_at.pop())
            self.killed.append(seen)
            if seen.rollout:
                self.resume(seen.rollout)
                return
        done = self._run("rollout", "start", plan, *self._where(), *self._answers())
        if done.code:
            raise RolloutFailed(done)

    def plan(self) -> str:
        """Save a plan; return its name."""
        self.planned += 1
        name = f"plan-{self.planned}.json"
        planned = self.scene.plan(name)
        if planned.code:
            raise RolloutFailed(planned)
        return name

    def start(self) -> Done:
        """Plan what the policies say now, and begin to carry it out; how that ended."""
        return self._run("rollout", "start", self.plan(), *self._where(), *self._answers())

    def cancel_stopped(self) -> None:
        """End the rollouts that were stopped: each would keep every later one from beginning."""
        for one in self.list_rollouts():
            if one["state"] == "stopped":
                self._run("rollout", "cancel", one["rollout"], "--lab", *self._state())

    def resume(self, rollout: str) -> None:
        """Go on with a rollout whose process was killed.

        Raises:
            RolloutFailed: it did not end well.
        """
        found = self.describe(rollout)
        if found["state"] == "done":
            return
        done = self._run("rollout", "resume", rollout, "--lab", *self._state())
        found = self.describe(rollout)
        left = [one["school"] for one in found["outcomes"] if one["end"] == "failed" and LEFT_BROKEN in one["reason"]]
        if left:
            # What the reason asks people to do: a switch without a restore of its own was in the middle of a list.
            for school in left:
                restart_switch(school)
            self.restarted += left
            # What failed is not tried again by a rollout: the rest is planned anew from what the devices hold.
            self.cancel_stopped()
            self.kill_at.clear()
            self.roll_out()
            return
        if found["state"] != "done" or found["ended_well"] != found["devices"]:
            raise RolloutFailed(done, found)

    def describe(self, rollout: str) -> dict[str, Any]:
        """Return what is known of a rollout."""
        shown = self._run("rollout", "show", rollout, "--lab", *self._state(), "--json")
        found: dict[str, Any] = json.loads(shown.said)
        return found

    def list_rollouts(self) -> list[dict[str, Any]]:
        """Return all rollouts, as the command lists them."""
        said = self._run("rollout", "list", "--lab", *self._state(), "--json").said
        found: list[dict[str, Any]] = json.loads(said)["rollouts"]
        return found

    def find_drift(self) -> int:
        """Return the exit code of drift at the ward's schools."""
        chosen = (word for school in self.scene.schools for word in ("--school", school))
        return self.scene.tsunagu("drift", "--lab", *chosen).code

    def _kill(self, plan: str, seconds: float) -> Killed:
        """Start a rollout in a process of its own, and kill that so many seconds after the rollout has begun."""
        words = ["rollout", "start", plan, *self._where(), *self._answers(), "--json"]
        seen: list[str] = []
        rollout = ""
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"}
        with subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=self.scene.folder,
            env=environment,
        ) as running:
            assert running.stdout is not None
            try:
                event = json.loads(running.stdout.readline())
                rollout = str(event["rollout"])
                running.wait(seconds)
            except subprocess.TimeoutExpired:
                pass
            finally:
                ended = running.poll() is not None
                running.kill()
                seen += [json.loads(line).get("event", "end") for line in running.stdout if line.endswith("\n")]
        return Killed(rollout, tuple(seen), ended)

    def _where(self) -> Sequence[str]:
        return ("--policies", str(self.scene.path), *self._state())

    def _state(self) -> Sequence[str]:
        return ("--state", str(self.scene.folder / "state"))

    def _answers(self) -> Sequence[str]:
        return ("--restore-after", str(RESTORE_SECONDS), "--accept-no-restore")

    def _run(self, *words: str) -> Done:
        return here(*words, cwd=self.scene.folder)


def draw_moments(rng: random.Random, number: int, longest: float) -> list[float]:
    """Draw the moments at which processes are killed, in seconds after the begin of their rollout."""
    return [rng.uniform(0.0, longest) for _ in range(number)]
