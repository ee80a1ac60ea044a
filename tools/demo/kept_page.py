"""The page that KEEP=1 leaves open: a school that needs help, for a reader who looks for five seconds."""

from __future__ import annotations

import json
import os
import subprocess
import urllib.request
from threading import Thread
from typing import NoReturn

from controller.lab.state import paths
from controller.lab.state.undo_log import read_active_record
from tools.demo.lines import ENDPOINT, read_tiles, start_page
from tools.demo.stage import Demo, StepFailed, console, wait_for

LINES = ("primary", "backup")


def hold_page(demo: Demo) -> None:
    """Show a school in trouble, and hold the page until Ctrl-C; the virtual city goes on meanwhile."""
    console.print(
        "\n[bold cyan]== The page: a school is cut off, and the page says which, since when and what next.[/]"
    )
    watch = show_trouble(demo)
    page = os.environ[ENDPOINT]
    console.print(f"\nThe page: {page}/   (English: {page}/?lang=en, for a wall: {page}/?wall=1)", markup=False)
    console.print("KEEP=1: it stays open until Ctrl-C. In another terminal this makes it green again:")
    console.print("  .venv/bin/tsunagu lab repair --all")
    try:
        show_until_ended(demo, watch)
    except KeyboardInterrupt:
        console.print("\nThe page is closed.")


def show_until_ended(demo: Demo, watch: subprocess.Popen[str]) -> NoReturn:
    """Show what the watch says, as long as it and the monitor live.

    Raises:
        StepFailed: one of them ended by itself, so the page is not kept any more.
    """
    for other in demo.background:
        if other is not watch:
            # What it says ends with the watch: a page without its monitor is no page.
            Thread(target=_end_together, args=(other, watch), daemon=True).start()
    for line in watch.stdout or ():
        console.print(f"  {line.rstrip()}", markup=False)
    watch.wait()
    ended = next((one for one in demo.background if one.poll() is not None), watch)
    message = f"the page is not kept any more: `{demo.name_command(ended)}` ended by itself with {ended.returncode}"
    raise StepFailed(message)


def _end_together(one: subprocess.Popen[str], watch: subprocess.Popen[str]) -> None:
    one.wait()
    watch.terminate()


def show_trouble(demo: Demo) -> subprocess.Popen[str]:
    """Cut the canary's primary line, and all lines of another school; give the watch that the page is fed by."""
    start_page(demo)
    schools = [school.id for school in read_active_record(paths.STATE).layout.schools]
    cut_off = next(school for school in schools if school != demo.canary)
    where = ("--policies", demo.policies, "--state", demo.path("state"))
    watch = demo.start("measure", "--lab", "--all", "--watch", *where)
    wait_for("the page sees every line of every school up", lambda: all(_are_up(school) for school in schools))
    demo.run("lab", "break", demo.canary, "primary-line")
    for line in LINES:
        demo.run("lab", "break", cut_off, f"{line}-line")
    wait_for(f"{cut_off} is cut off, and the page names it first", lambda: _read_first_need() == ("cut-off", cut_off))
    return watch


def _are_up(school: str) -> bool:
    lines = read_tiles()[school]["lines"]
    return all(lines[name] == "up" for name in LINES)


def _read_first_need() -> tuple[str, str] | None:
    """The kind and the school of the need that stands first on the page."""
    with urllib.request.urlopen(f"{os.environ[ENDPOINT]}/api/needs", timeout=10) as answer:  # noqa: S310 our own monitor
        needs = json.load(answer)["needs"]
    return (needs[0]["kind"], needs[0]["school"]) if needs else None
