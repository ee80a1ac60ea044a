"""Plays seeds of chaos on the real lab, one after the other on one lab; says what was found.

    python -m tests.chaos.lab_run [--seed N] [--seeds N] [--write]

`--write` puts a row into the table of `docs/rollouts.md`. Exit code 1 where a seed found something.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from controller.lab import lifecycle as virtual_city
from controller.lab.state.layout import Layout
from controller.model.city import City
from controller.model.loading.load_city import load_city
from controller.model.policy_files import LINES
from controller.model.virtual_city import VirtualCity, choose_virtual_city
from tests.chaos.lab_chaos import OnKill, play_lab
from tests.chaos.run import PAGE, find_commit
from tests.conftest import POLICIES, SCHOOLS
from tests.policies import TODAY
from tests.rollout.memory_lab import RULE, without_rule
from tests.security.fuzz.soak import write_row

TABLE = "| day | commit | first seed | seeds | schools | devices | found | minutes |"


def turn_policy(city: City) -> VirtualCity:
    """Return the virtual city with another policy, which changes every switch and every router."""
    virtual = choose_virtual_city(city)
    file = virtual.files.get(LINES)
    turned = virtual.replace_file(LINES, file.model_copy(update={"usual": file.usual[::-1]}))
    return choose_virtual_city(without_rule(turned, RULE))


def play_seeds(
    seeds: range, city: City, layout: Layout, folder: Path, on_kill: OnKill = lambda _: None
) -> Iterator[tuple[int, list[str]]]:
    """Play seeds, each from the policy before to the other one; yield what each found."""
    policies = (choose_virtual_city(city), turn_policy(city))
    for number, seed in enumerate(seeds):
        wanted = policies[number % 2]
        yield seed, list(play_lab(seed, wanted, layout, folder / str(seed), on_kill))


def main(words: list[str]) -> int:
    """Build a lab, play the seeds, and say what they found."""
    parser = argparse.ArgumentParser(prog="chaos of the lab")
    parser.add_argument("--seed", type=int, default=int(f"{datetime.now(UTC):%Y%m%d}"))
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args(words)
    say, began, found = partial(print, flush=True), time.monotonic(), 0
    city = choose_virtual_city(load_city(POLICIES, on=TODAY))
    layout = virtual_city.build_virtual_city(city, SCHOOLS, lambda _: None)
    try:
        with TemporaryDirectory() as folder:
            for seed, wrong in play_seeds(range(asked.seed, asked.seed + asked.seeds), city, layout, Path(folder)):
                found += bool(wrong)
                after = (time.monotonic() - began) / 60
                say(f"lab {seed} after {after:.1f} minutes: {'; '.join(wrong) or 'as it must be'}")
    finally:
        virtual_city.remove_virtual_city(lambda _: None)
    devices = sum(len(city.list_devices(city.school_by_id[one.id])) for one in layout.schools)
    row = (
        f"| {datetime.now(UTC):%Y-%m-%d} | {find_commit()} | {asked.seed} | {asked.seeds} | {len(layout.schools)} "
        f"| {devices} | {found} | {(time.monotonic() - began) / 60:.1f} |"
    )
    say(row)
    if asked.write:
        write_row(row, PAGE, TABLE)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
