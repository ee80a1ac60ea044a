"""Plays the whole table of states and failures, and generated configurations, on the real engine; says what was wrong.

    python -m tests.cloud.lives.soak [--seed N] [--generated N] [--minutes N] [--processes N] [--keep FILE] [--write]

`--minutes` ends it early, as Ctrl-C does: it says how many of the cases have run. Their order is drawn by the seed.
With `--keep` the next run with this file goes on there, and `--write` puts one row for all of them into the table of
`docs/benchmarks.md`. Exit code 1 where something was wrong.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from random import Random

from controller.errors import TsunaguError
from controller.rollout.ending_signals import end_like_interrupt
from tests.chaos.run import find_commit
from tests.cloud.lives.generated import play_generated
from tests.cloud.lives.played_jobs import (
    GENERATED,
    KEPT_FORM,
    Job,
    PlayedJob,
    choose_valid,
    find_clean_commit,
)
from tests.cloud.lives.states import STATES
from tests.cloud.lives.trials import Trial, lead_into, list_trials, play_trial
from tests.kept_lines import KeptLines, open_kept_lines
from tests.security.fuzz.soak import write_row
from tests.soak import whole_from

PAGE = Path(__file__).parents[3] / "docs/benchmarks.md"
TABLE = "| day | commit | seed | of the table | generated | found | minutes |"
ENDED = 130
"""The exit code of a run that Ctrl-C has ended."""
Play = Callable[[Job], PlayedJob]


def list_jobs(seed: int, generated: int) -> list[Job]:
    """Return every job in an order of the seed's."""
    jobs: list[Job] = list(dict.fromkeys((one.stack, one.state) for one in list_trials()))
    jobs += [(GENERATED, str(seed + number)) for number in range(generated)]
    Random(seed).shuffle(jobs)  # noqa: S311 no secrets
    return jobs


@dataclass(frozen=True, slots=True)
class JobPlayer:
    """Plays jobs below a folder; nothing of one begins after the time is over."""

    seed: int
    until: float
    commit: str
    folder: Path

    def play(self, job: Job) -> PlayedJob:
        """Play one in this process."""
        began = time.time()
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            cases, wrong = self._play_cases(job, Path(folder)) if began < self.until else (0, [])
        of = 1 if job[0] == GENERATED else len(_list_trials_of(job))
        return PlayedJob(*job, cases, of, tuple(wrong), self.seed, self.commit, round(time.time() - began, 1))

    def _play_cases(self, job: Job, folder: Path) -> tuple[int, list[str]]:
        stack, state = job
        if stack == GENERATED:
            return 1, list(_guard(f"generated {state}", play_generated(int(state), folder)))
        try:
            beginning = lead_into(stack, STATES[state], folder / "base")
        except Exception as error:  # noqa: BLE001 whatever broke it, the other jobs are played
            return 0, [f"{stack}, before {state}: {type(error).__name__}: {error}"]
        wrong = [f"{stack}, {state}: {one}" for one in beginning.find_taken_away()]
        cases = 0
        for trial in _list_trials_of(job):
            if time.time() < self.until:
                cases += 1
                rng = Random(f"{self.seed} {trial}")  # noqa: S311 no secrets
                wrong += _guard(str(trial), play_trial(beginning, trial, rng, folder / str(cases)))
        return cases, wrong


def _list_trials_of(job: Job) -> list[Trial]:
    return [one for one in list_trials() if (one.stack, one.state) == job]


def _guard(name: str, found: Iterator[str]) -> Iterator[str]:
    """Name each finding; a trial that cannot go on is one."""
    try:
        yield from (f"{name}: {one}" for one in found)
    except Exception as error:  # noqa: BLE001 whatever broke it, the others are played
        yield f"{name}: {type(error).__name__}: {error}"


def play_jobs(play: Play, jobs: Sequence[Job], processes: int) -> Generator[PlayedJob]:
    """Yield each job when it was played; whoever wants no more of them closes this, and what runs is ended."""
    with multiprocessing.get_context("fork").Pool(processes, _lead_session, maxtasksperchild=1) as pool:
        yield from pool.imap_unordered(play, jobs)


def _lead_session() -> None:
    """Ctrl-C is for the parent alone: it ends its workers by SIGTERM, and with each the engines that it has started."""
    os.setsid()
    signal.signal(signal.SIGTERM, lambda *_: os.killpg(os.getpid(), signal.SIGKILL))


@dataclass
class SoakRun:
    """A run: what is asked for, what earlier runs have kept, and what was played so far."""

    jobs: Sequence[Job]
    done: dict[Job, PlayedJob] = field(default_factory=dict)
    kept: KeptLines[PlayedJob] | None = None

    def play(self, play: Play, processes: int, say: Callable[[str], None]) -> bool:
        """Play what is not done; say whether Ctrl-C let it come to its end."""
        todo = [job for job in self.jobs if job not in self.done]
        try:
            with closing(play_jobs(play, todo, processes)) as playing:
                for played in playing:
                    self._take(played)
                    for one in played.wrong:
                        say(one)
                    if played.cases:
                        say(f"{self.count_cases()}; {played.stack}, {played.state}: {played.seconds:.0f} s")
        except KeyboardInterrupt:
            return False
        return True

    def _take(self, played: PlayedJob) -> None:
        self.done[played.job] = played
        if self.kept is not None and played.cases == played.of:
            self.kept.add_line(played)

    def count_cases(self) -> str:
        """Return how much of all was played, for people."""
        table, generated = (self._count(is_generated=one) for one in (False, True))
        return f"{table} of the table, {generated} generated, {self.found} wrong"

    def _count(self, *, is_generated: bool) -> str:
        played = sum(one.cases for job, one in self.done.items() if (job[0] == GENERATED) == is_generated)
        mine = [job for job in self.jobs if (job[0] == GENERATED) == is_generated]
        return f"{played} of {len(mine) if is_generated else len(list_trials())}"

    @property
    def found(self) -> int:
        """How much was wrong."""
        return sum(len(one.wrong) for one in self.done.values())

    def format_row(self, seed: int) -> str:
        """Return the row of the table: the commits of the first and of the last job, and the minutes of all in sum."""
        commits = list(dict.fromkeys(one.commit[:8] for one in self.done.values() if one.cases or one.wrong))
        made = " to ".join(dict.fromkeys((commits[0], commits[-1]))) if commits else "none"
        minutes = sum(one.seconds for one in self.done.values()) / 60
        return (
            f"| {datetime.now(UTC):%Y-%m-%d} | {made} | {seed} | {self._count(is_generated=False)} "
            f"| {self._count(is_generated=True)} | {self.found} | {minutes:.0f} |"
        )


def write_run(row: str, seed: int, page: Path = PAGE) -> None:
    """Put the row into the page, in place of what an earlier run with this seed has put there."""
    lines = page.read_text(encoding="utf-8").splitlines(keepends=True)
    at = lines.index(f"{TABLE}\n")
    kept = [one for place, one in enumerate(lines) if place < at or not _is_row_of(one, seed)]
    page.write_text("".join(kept), encoding="utf-8")
    write_row(row, page, TABLE)


def _is_row_of(line: str, seed: int) -> bool:
    cells = [cell.strip() for cell in line.split("|")]
    return len(cells) == TABLE.count("|") + 1 and cells[3] == str(seed)


def _parse_words(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="soak", description=__doc__)
    parser.add_argument("--seed", type=int, default=int(f"{datetime.now(UTC):%Y%m%d}"))
    parser.add_argument("--generated", type=whole_from(0), default=50)
    parser.add_argument("--minutes", type=float, default=240.0)
    parser.add_argument("--processes", type=whole_from(1), default=os.cpu_count() or 1)
    parser.add_argument("--keep", type=Path, help="where played jobs are added, and found again by the next run")
    parser.add_argument("--write", action="store_true")
    return parser.parse_args(words)


def _describe_end(asked: argparse.Namespace) -> str:
    """How to go on after Ctrl-C."""
    again = f"python -m tests.cloud.lives.soak --seed {asked.seed} --generated {asked.generated}"
    if asked.keep is None:
        return f"ended; nothing of it is kept. A run that can be ended: {again} --keep FILE"
    return f"ended; what was in play begins anew. Go on by: {again} --keep {asked.keep} (--write at the end)"


def main(words: list[str]) -> int:
    """Play, and say what was found."""
    asked = _parse_words(words)
    os.environ["TSUNAGU_OFFLINE"] = "1"
    say = partial(print, flush=True)
    run = SoakRun(list_jobs(asked.seed, asked.generated))
    try:
        with ExitStack() as cleanup:
            cleanup.enter_context(end_like_interrupt())
            folder = cleanup.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
            commit = find_clean_commit() if asked.keep else find_commit()
            if asked.keep:
                run.kept = cleanup.enter_context(open_kept_lines(asked.keep, KEPT_FORM))
                valid = choose_valid(run.kept.list_lines(), asked.seed, commit)
                run.done = {job: one for job, one in valid.items() if job in run.jobs}
            say(f"soak: {len(run.jobs)} jobs, of which {len(run.done)} are kept; seed {asked.seed}")
            player = JobPlayer(asked.seed, time.time() + asked.minutes * 60, commit, Path(folder))
            is_over = run.play(player.play, asked.processes, say)
    except TsunaguError as error:
        say(str(error))
        return 2
    row = run.format_row(asked.seed)
    say(row)
    if not is_over:
        say(_describe_end(asked))
        return ENDED
    if asked.write:
        write_run(row, asked.seed)
    return 1 if run.found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
