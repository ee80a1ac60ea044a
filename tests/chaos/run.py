"""Plays many seeds of chaos, in as many processes as there are CPUs; says what was found, and how fast.

    python -m tests.chaos.run [--seed N] [--applies N] [--rollouts N] [--write]

`--write` puts a row into the table of `docs/rollouts.md`. Exit code 1 where a seed found something.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory

from controller.model.city import City
from controller.model.loading.load_city import load_city
from controller.model.sites.devices import Device
from controller.model.virtual_city import VirtualCity
from tests.chaos.apply_chaos import play_apply
from tests.chaos.durable_chaos import play_durable
from tests.conftest import POLICIES
from tests.lab.mixed_city import set_platforms
from tests.policies import TODAY
from tests.rollout.memory_lab import switches
from tests.security.fuzz.soak import write_row

PAGE = Path(__file__).parents[2] / "docs/rollouts.md"
TABLE = "| day | commit | first seed | applies | rollouts | found | minutes | processor minutes |"
Play = Callable[[int, City, list[Device], Path], Iterator[str]]
KINDS: dict[str, tuple[Play, int]] = {"apply": (play_apply, 4), "rollout": (play_durable, 3)}
"""How a seed is played, and with how many schools."""


@cache
def load_scene() -> VirtualCity:
    """Return the city, with switches of the kind that is in memory."""
    return set_platforms(load_city(POLICIES, on=TODAY), {})


def play_one(job: tuple[str, int]) -> tuple[str, int, list[str]]:
    """Play a seed of a kind; return what it found."""
    kind, seed = job
    play, schools = KINDS[kind]
    city = load_scene()
    with TemporaryDirectory() as folder:
        return (
            kind,
            seed,
            list(play(seed, city, switches(city, tuple(city.virtual_estate.schools)[:schools]), Path(folder))),
        )


def _measure_cpu() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def find_commit() -> str:
    """Return the commit that is played."""
    words = ["git", "-C", str(PAGE.parent), "rev-parse", "--short", "HEAD"]
    return subprocess.run(words, capture_output=True, text=True, check=False).stdout.strip()


def main(words: list[str]) -> int:
    """Play the seeds, and say what they found."""
    parser = argparse.ArgumentParser(prog="chaos")
    for name, default in (("seed", int(f"{datetime.now(UTC):%Y%m%d}")), ("applies", 1_600), ("rollouts", 400)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args(words)
    say = partial(print, flush=True)
    say(f"chaos: {asked.applies:,} applies, {asked.rollouts:,} durable rollouts, seeds from {asked.seed}")
    jobs = [("rollout", asked.seed + number) for number in range(asked.rollouts)]
    jobs += [("apply", asked.seed + number) for number in range(asked.applies)]
    load_scene()
    began, found = time.monotonic(), 0
    with multiprocessing.get_context("fork").Pool(os.cpu_count()) as pool:
        for number, (kind, seed, wrong) in enumerate(pool.imap_unordered(play_one, jobs), 1):
            found += bool(wrong)
            for one in wrong:
                say(f"{kind} {seed}: {one}")
            if number % 100 == 0:
                after = (time.monotonic() - began) / 60
                say(f"{number:,} of {len(jobs):,} after {after:.1f} minutes, {found} found something")
        pool.close()
        pool.join()
    minutes, cpu = (time.monotonic() - began) / 60, _measure_cpu() / 60
    row = (
        f"| {datetime.now(UTC):%Y-%m-%d} | {find_commit()} | {asked.seed} | {asked.applies:,} | {asked.rollouts:,} "
        f"| {found} | {minutes:.1f} | {cpu:.1f} |"
    )
    say(row)
    if asked.write:
        write_row(row, PAGE, TABLE)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
