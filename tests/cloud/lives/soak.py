"""Plays the whole table of states and failures, and generated configurations, on the real engine; says what was wrong.

    python -m tests.cloud.lives.soak [--seed N] [--generated N] [--minutes N] [--processes N] [--write]

`--minutes` ends it early: it says how many of the cases have run. Their order is drawn by the seed. `--write` puts a
row into the table of `docs/benchmarks.md`. Exit code 1 where something was wrong.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from random import Random

from tests.chaos.run import find_commit
from tests.cloud.lives.generated import play_generated
from tests.cloud.lives.states import STATES
from tests.cloud.lives.trials import list_trials, play_trial, prepare
from tests.security.fuzz.soak import write_row

PAGE = Path(__file__).parents[3] / "docs/benchmarks.md"
TABLE = "| day | commit | seed | of the table | generated | found | minutes |"
TRIALS, GENERATED = "table", "generated"
Job = tuple[str, str]
"""Stack and state, whose failures are tried one after another; or the word for a generated one, and its seed."""


@dataclass(frozen=True, slots=True)
class Played:
    """What a job has played: cases of its kind, and what was wrong."""

    kind: str
    cases: int
    wrong: list[str] = field(default_factory=list)


def list_jobs(seed: int, generated: int) -> list[Job]:
    """Return every job in an order of the seed's."""
    jobs: list[Job] = list(dict.fromkeys((one.stack, one.state) for one in list_trials()))
    jobs += [(GENERATED, str(seed + number)) for number in range(generated)]
    Random(seed).shuffle(jobs)  # noqa: S311 no secrets
    return jobs


def play_job(seed: int, until: float, job: Job) -> Played:
    """Play one; nothing of it begins after the time is over."""
    if time.time() >= until:
        return Played(job[0], 0)
    with tempfile.TemporaryDirectory() as folder:
        if job[0] == GENERATED:
            return Played(GENERATED, 1, list(_guard(f"generated {job[1]}", play_generated(int(job[1]), Path(folder)))))
        return _play_state(seed, until, job, Path(folder))


def _play_state(seed: int, until: float, job: Job, folder: Path) -> Played:
    stack, state = job
    try:
        base = prepare(stack, STATES[state], folder / "base")
    except AssertionError as error:
        return Played(TRIALS, 1, [f"{stack}, before {state}: {error}"])
    cases = 0
    wrong: list[str] = []
    for trial in list_trials():
        if (trial.stack, trial.state) == job and time.time() < until:
            cases += 1
            rng = Random(f"{seed} {trial}")  # noqa: S311 no secrets
            wrong += _guard(str(trial), play_trial(base, trial, rng, folder / str(cases)))
    return Played(TRIALS, cases, wrong)


def _guard(name: str, found: Iterator[str]) -> Iterator[str]:
    """Name each finding; a trial that cannot go on is one."""
    try:
        yield from (f"{name}: {one}" for one in found)
    except Exception as error:  # noqa: BLE001 whatever broke it, the others are played
        yield f"{name}: {type(error).__name__}: {error}"


def main(words: list[str]) -> int:
    """Play, and say what was found."""
    parser = argparse.ArgumentParser(prog="soak", description=__doc__)
    parser.add_argument("--seed", type=int, default=int(f"{datetime.now(UTC):%Y%m%d}"))
    parser.add_argument("--generated", type=int, default=50)
    parser.add_argument("--minutes", type=float, default=240.0)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args(words)
    os.environ["TSUNAGU_OFFLINE"] = "1"
    say = partial(print, flush=True)
    trials, began, done = len(list_trials()), time.time(), {TRIALS: 0, GENERATED: 0}
    say(f"soak: {trials} trials, {asked.generated} generated configurations, seed {asked.seed}")
    play, found = partial(play_job, asked.seed, began + asked.minutes * 60), 0
    with multiprocessing.get_context("fork").Pool(asked.processes, maxtasksperchild=1) as pool:
        for played in pool.imap_unordered(play, list_jobs(asked.seed, asked.generated)):
            done[GENERATED if played.kind == GENERATED else TRIALS] += played.cases
            found += len(played.wrong)
            for one in played.wrong:
                say(one)
            say(f"after {(time.time() - began) / 60:.0f} minutes: {done}, {found} wrong")
    row = (
        f"| {datetime.now(UTC):%Y-%m-%d} | {find_commit()} | {asked.seed} | {done[TRIALS]} of {trials} "
        f"| {done[GENERATED]} of {asked.generated} | {found} | {(time.time() - began) / 60:.0f} |"
    )
    say(row)
    if asked.write:
        write_row(row, PAGE, TABLE)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
