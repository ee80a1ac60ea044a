"""Takes a ward of the virtual city through every stage and back, then kills its rollouts; says what packets saw.

    python -m tests.lab.integration.soak [--seed N] [--kills N] [--write]

`--write` puts a row for each kind of core into docs/integration.md, and the longest interruptions into
`controller/integration/measured_interruptions.json`. Exit code 1 where something was found.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import cycle
from pathlib import Path
from tempfile import TemporaryDirectory

from controller.integration.interruption import RULES, InterruptionCause
from controller.lab import lifecycle as virtual_city
from controller.model.sites.stages import Stage
from controller.rollout.ending_signals import end_like_interrupt
from tests.conftest import refuse_labs_of_others
from tests.lab.integration.ward_rollouts import WardRollouts
from tests.lab.integration.ward_scene import PLATFORMS, WardScene
from tests.lab.integration.ward_trial import StepSeen, WardTrial
from tests.lab.mixed_city import X530
from tests.security.fuzz.soak import write_row

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs/integration.md"
TABLE = (
    "| day | commit | seed | core | changes | killed | restarted by hand | sent | lost | "
    "longest interruption, moved ports (s) | forbidden tries | reached |"
)
MEASURED = ROOT / "controller/integration/measured_interruptions.json"
COMMAND = "python -m tests.lab.integration.soak"
WAY = (Stage.COEXIST, Stage.INTEGRATED, Stage.COEXIST)
"""The ward's networks are apart at the beginning."""
KILL_UNTIL = 0.8
"""The share of a whole rollout's time in which processes are killed."""


@dataclass
class Soak:
    """A run, and what it found."""

    seed: int
    kills: int
    seen: list[StepSeen] = field(default_factory=list)
    killed: int = 0
    restarts: int = 0
    found: list[str] = field(default_factory=list)

    def run(self, folder: Path) -> None:
        """Build the ward, and take it there and back; then again and again, killed each time."""
        refuse_labs_of_others()
        scene = WardScene(folder)
        layout = virtual_city.build_virtual_city(scene.load(), len(PLATFORMS), lambda _: None)
        rollouts = WardRollouts(scene)
        try:
            with WardTrial(scene, layout) as trial:
                trial.see_factory_state()
                rollouts.set_gates()
                rollouts.roll_out()
                for stage in WAY:
                    self.change(trial, rollouts, stage)
                self.kill(trial, rollouts)
        finally:
            virtual_city.remove_virtual_city(lambda _: None)

    def kill(self, trial: WardTrial, rollouts: WardRollouts) -> None:
        """Kill as many rollouts as are asked for, each at a moment of its own, and resume them."""
        rng = random.Random(self.seed)  # noqa: S311 no secrets
        longest = max(one.seconds for one in self.seen) * KILL_UNTIL
        stages = cycle((Stage.SEPARATED, Stage.COEXIST, Stage.INTEGRATED, Stage.COEXIST))
        while self.killed < self.kills:
            rollouts.kill_at = [rng.uniform(0.0, longest)]
            self.change(trial, rollouts, next(stages))
            self.killed += not rollouts.killed[-1].ended

    def change(self, trial: WardTrial, rollouts: WardRollouts, stage: Stage) -> None:
        """Change the stage, and look at what each school's senders saw."""
        rollouts.restarted.clear()
        seen = trial.change_stage(stage, rollouts.roll_out)
        self.restarts += len(rollouts.restarted)
        # A switch that boots forwards nothing meanwhile: what its school lost then is no loss of the change.
        seen = [replace(one, kept_lost=()) if one.school in rollouts.restarted else one for one in seen]
        self.seen += seen
        self.found += [f"{one.school} -> {one.after}: {what}" for one in seen for what in list_wrong(one)]
        if rollouts.find_drift():
            self.found.append(f"{stage}: a device is not as planned")
        kills = ""
        if rollouts.killed:
            kills = f"; killed after {' '.join(rollouts.killed[-1].after) or 'nothing'}"
            kills += f"; restarted by hand: {', '.join(rollouts.restarted) or 'none'}"
        said = "; ".join(
            f"{one.platform}: {len(one.kept_lost)} lost, {one.moved_gap:.1f} s, {len(one.reached)} reached"
            for one in seen
        )
        print(f"{stage} in {seen[0].seconds:.0f} s: {said}{kills}", flush=True)  # noqa: T201 a program for people


def list_wrong(seen: StepSeen) -> Iterator[str]:
    """Yield what a change must not show."""
    yield from (f"lost: {name}" for name in dict.fromkeys(seen.kept_lost))
    if seen.moved_gap > RULES[InterruptionCause.SOCKETS].seconds:
        yield f"a moved port was interrupted for {seen.moved_gap:.1f} s, longer than announced"
    yield from (f"reached: {name}" for name in seen.reached)
    yield from (f"not as the policy says afterwards: {name}" for name in seen.silent)


def write_kind(soak: Soak, platform: str, commit: str) -> str:
    """Return the row of a kind of core."""
    own = [one for one in soak.seen if one.platform == platform]
    cells = (
        datetime.now(UTC).date(),
        commit,
        soak.seed,
        platform,
        len(own),
        soak.killed,
        soak.restarts if platform == X530 else 0,
        sum(one.kept_sent for one in own),
        sum(len(one.kept_lost) for one in own),
        f"{max(one.moved_gap for one in own):.1f}",
        sum(one.forbidden_tries for one in own),
        sum(len(one.reached) for one in own),
    )
    return f"| {' | '.join(map(str, cells))} |"


def write_measured(seen: Iterable[StepSeen], command: str) -> None:
    """Write the longest interruption of ports that change their segment, and of what stays in its own."""
    every = tuple(seen)
    seconds = {
        "sockets": round(max(one.moved_gap for one in every), 1),
        "gateway": round(max(one.kept_gap for one in every), 1),
    }
    document = {"measured_on": str(datetime.now(UTC).date()), "command": command, "seconds": seconds}
    MEASURED.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def main() -> int:
    """Run; 1 where something was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout.strip()
    soak = Soak(asked.seed, asked.kills)
    with end_like_interrupt(), TemporaryDirectory() as folder:
        soak.run(Path(folder))
    rows = [write_kind(soak, platform, commit) for platform in PLATFORMS.values()]
    print("\n".join((TABLE, *rows, *soak.found)))  # noqa: T201 a program for people
    if asked.write:
        for row in rows:
            write_row(row, PAGE, TABLE)
        # What was killed and resumed is no interruption of a change as it is announced.
        write_measured(soak.seen[: len(WAY) * len(PLATFORMS)], f"{COMMAND} --seed {asked.seed} --kills {asked.kills}")
    return 1 if soak.found else 0


if __name__ == "__main__":
    sys.exit(main())
