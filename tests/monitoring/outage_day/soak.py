"""The whole scripted bad day, with every school of the city: page, `/metrics`, alerts, and what people are told.

    python -m tests.monitoring.outage_day.soak [--seed N] [--schools 176] [--pictures FOLDER] [--write]

`--write` puts a row into the table of `docs/monitor.md`. Exit code 1 where something was not as the script says,
130 where Ctrl-C has ended it.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from controller.model.loading.load_city import load_city
from controller.rollout.ending_signals import end_like_interrupt
from tests.chaos.run import find_commit
from tests.chromium import open_chromium
from tests.monitoring.outage_day.alerts import judge_alerts
from tests.monitoring.outage_day.pictures import ALL, Shown, take_pictures
from tests.monitoring.outage_day.play import Play
from tests.monitoring.outage_day.replay import replay_day
from tests.monitoring.outage_day.script import Day, Step, cast_roles, read_day
from tests.monitoring.running import POLICIES
from tests.security.fuzz.soak import write_row
from tests.soak import whole_from

PAGE = Path(__file__).resolve().parents[3] / "docs" / "monitor.md"
TABLE = "| day | commit | seed | schools | steps | ticks of 15 s | what was not as the script says | seconds, load |"
PICTURED = ("all-well", "cut", "tokyo-lost", "rollout-lost", "clocks-off", "cut-off", "feeder-dead")
"""Steps whose end is pictured."""
ENDED = 130
"""The exit code of a run that Ctrl-C has ended."""
say = partial(print, flush=True)


def take_step_pictures(play: Play, folder: Path, step: Step, shown: Shown) -> None:
    """Pictures of a step's end: the city, and what else the step is about."""
    say(f"  {step.name}: as the script says")
    if step.name not in PICTURED:
        return
    pictures = partial(take_pictures, shown, folder)
    taken = [*pictures(f"{step.name}-city", views=ALL)]
    if step.name == "cut-off":
        taken += pictures("cut-off-wall", "/?wall=1")
        taken += pictures("cut-off-school", f"/schools/{play.cast.roles['f']}")
    if step.rollout:
        taken += pictures("rollout", "/rollout")
    say(f"  {len(taken)} pictures")


def main(words: list[str]) -> int:
    """Play the day, and say what was seen."""
    day = read_day()
    asked = _parse_words(words, day)
    try:
        with end_like_interrupt():
            return _play_day(day, asked)
    except KeyboardInterrupt:
        say("ended; nothing of it is kept, and the next run begins anew")
        return ENDED


def _parse_words(words: list[str], day: Day) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="outage day")
    parser.add_argument("--seed", type=int, default=int(f"{datetime.now(UTC):%Y%m%d}"))
    parser.add_argument("--schools", type=whole_from(len(day.roles)), default=176, help="one for each role at least")
    parser.add_argument("--faster", type=whole_from(1), default=20, help="so many times faster is the replay")
    parser.add_argument("--pictures", type=Path)
    parser.add_argument("--write", action="store_true")
    return parser.parse_args(words)


def _play_day(day: Day, asked: argparse.Namespace) -> int:
    began = time.monotonic()
    say(f"outage day: {len(day.steps)} steps, {asked.schools} schools, seed {asked.seed}, commit {find_commit()}")
    city, wrong = load_city(POLICIES), list[str]()
    with TemporaryDirectory() as folder, open_chromium() as browser:
        play = Play(cast_roles(day, city, asked.schools, asked.seed), city, Path(folder))
        if asked.pictures:
            play.on_step = partial(take_step_pictures, play, asked.pictures)
        else:
            play.on_step = lambda step, *_: say(f"  {step.name}: as the script says")
        try:
            play.run(browser)
        except AssertionError as error:
            wrong.append(str(error))
        else:
            told = judge_alerts(play.cast, play.scrapes, Path(folder))
            wrong += [told] if told else []
            say("  alerts by the shipped rules, at every step's end: judged")
            wrong += replay_day(play.cast, play.scrapes, Path(folder), asked.faster)
            say("  Prometheus and Alertmanager, at every step's end: compared")
    for one in wrong:
        say(one)
    seconds, load = time.monotonic() - began, os.getloadavg()[0]
    row = (
        f"| {datetime.now(UTC):%Y-%m-%d} | {find_commit()} | {asked.seed} | {asked.schools} | {len(day.steps)} | "
        f"{play.scrapes.ticks} | {len(wrong) or 'nothing'} | {seconds:.0f}, {load:.1f} |"
    )
    say(row)
    if asked.write and not wrong:
        write_row(row, PAGE, TABLE)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
