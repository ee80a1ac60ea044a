"""The page under news, in Debian's headless Chromium: every tile changes once a second; a rollout of a whole city.

    python tests/benchmarks/page.py [--tiles 176 1000] [--rounds 10] [--devices 4928]

Tells how long the page took to show everything, how long until the last tile of a round was shown, and what the main
thread's tasks took, on a processor and on the clock. The machine's load stands beside each figure: on a busy one the
clock counts what the page waits for. Figures are made up; everything else is the page as it is.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import time
from pathlib import Path
from random import Random
from statistics import median

sys.path.insert(0, str(Path(__file__).parents[2]))

from playwright.sync_api import Browser, sync_playwright

from controller.model.city import City
from controller.model.loading.load_city import load_city
from controller.model.policy_files import SCHOOLS
from controller.model.sites.schools import SchoolFile
from tests.chromium import ARGUMENTS
from tests.monitoring.page.figures import Figures
from tests.monitoring.page.main_thread import Busy, recorded
from tests.monitoring.page.rollouts import begin_rollout, end_device, large_rollout
from tests.monitoring.page.serving import served

POLICIES = Path(__file__).parents[2] / "policies"
LONG = 50.0
SHOWN = "document.querySelectorAll('.tile').length"


def enlarged(city: City, tiles: int) -> City:
    """The city with so many schools; more than it has are the same ones again, under other names."""
    own = city.schools
    schools = [
        own[n % len(own)].model_copy(update={"id": f"{own[n % len(own)].id}{'' if n < len(own) else f'-{n}'}"})
        for n in range(tiles)
    ]
    return city.replace_file(SCHOOLS, SchoolFile(schools=tuple(schools)))


def measure(browser: Browser, city: City, rounds: int) -> None:
    """Print the figures of one size."""
    figures, random = Figures(city), Random(1)  # noqa: S311 figures, no secrets
    tiles = len(city.schools)
    with served(figures) as base:
        page = browser.new_page(viewport={"width": 1920, "height": 1080})
        began = time.monotonic()
        page.goto(base)
        while page.evaluate(SHOWN) < tiles:
            page.wait_for_timeout(10)
        shown = time.monotonic() - began
        page.wait_for_timeout(1000)
        latencies = []

        def act() -> None:
            last = list(figures.tiles)[-1]
            for _ in range(rounds):
                told = time.monotonic()
                figures.measure_all(random)
                wanted = f"{int(figures.tiles[last]['measured_mbps']):,}"
                while page.locator(f"[data-school='{last}'] .measured").text_content() != wanted:
                    page.wait_for_timeout(50)
                latencies.append(time.monotonic() - told)
                page.wait_for_timeout(max(0.0, 1000 * (1 - latencies[-1])))

        busy = recorded(browser, page, act)
        heap = page.evaluate("performance.memory.usedJSHeapSize") / 2**20
        page.close()
    sys.stdout.write(
        f"{tiles} tiles, {rounds} rounds: all shown after {shown:.2f} s; a round shown after {median(latencies):.2f} s "
        f"(median), {max(latencies):.2f} s (worst)\n"
        f"  main thread: {sum(busy.cpu) / 2 / rounds:.0f} ms CPU a round; JS heap {heap:.1f} MiB\n{describe(busy)}"
    )


def measure_rollout(browser: Browser, city: City, devices: int, rounds: int) -> None:
    """Print the figures of a rollout: shown whole, then four devices a round that end."""
    figures, whole = Figures(city), large_rollout(city, devices)
    running = next(n for n, device in enumerate(whole["waves"][0]["devices"]) if device["step"])
    with served(figures) as base:
        page = browser.new_page(viewport={"width": 1920, "height": 1080})
        page.goto(f"{base}/rollout?lang=en")
        page.wait_for_selector("html[data-connection=live]")
        shown = 0.0

        def act() -> None:
            nonlocal shown
            figures.rollout = whole
            began = time.monotonic()
            figures.tell("rollout", begin_rollout(whole))
            page.wait_for_function(
                "(rows) => document.querySelectorAll('.device').length > 0"
                " && document.querySelectorAll('#spans tr').length === rows",
                arg=1 + len(city.schools),
                polling=10,
            )
            shown = time.monotonic() - began
            for number in range(rounds):
                for n in range(4):
                    figures.tell("rollout", end_device(whole, running + 4 * number + n))
                page.wait_for_timeout(500)

        busy = recorded(browser, page, act)
        page.close()
    change = len(json.dumps(end_device(whole, running)))
    sys.stdout.write(
        f"{devices} devices: shown after {shown:.2f} s; the whole is {len(json.dumps(whole)) / 1e6:.2f} MB, "
        f"a change {change} bytes\n{describe(busy)}"
    )


def describe(busy: Busy) -> str:
    """What held the page up, and how busy the machine was meanwhile."""
    over = sum(one > LONG for one in busy.cpu)
    return (
        f"  longest task {max(busy.cpu):.1f} ms CPU, {max(busy.wall):.1f} ms on the clock; over {LONG:.0f} ms: "
        f"{over} by CPU, {len(busy.long_tasks)} by the Long Tasks API; load {os.getloadavg()[0]:.1f}\n"
    )


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description="The page under news.")
    parser.add_argument("--tiles", type=int, nargs="+", default=[176, 1000])
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--devices", type=int, nargs="*", default=[4_928])
    wanted = parser.parse_args()
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("chromium is not installed: apt-get install chromium")
    city = load_city(POLICIES)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        for tiles in wanted.tiles:
            measure(browser, enlarged(city, tiles), wanted.rounds)
        for devices in wanted.devices:
            measure_rollout(browser, city, devices, wanted.rounds)
        browser.close()


if __name__ == "__main__":
    main()
