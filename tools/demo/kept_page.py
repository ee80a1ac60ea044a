"""The page that KEEP=1 leaves open: a school that needs help, for a reader who looks for five seconds."""

from __future__ import annotations

import json
import os
import urllib.request

from controller.lab.state import paths
from controller.lab.state.undo_log import read_active_record
from tools.demo.lines import ENDPOINT, read_tiles, start_page
from tools.demo.stage import Demo, console, wait_for

LINES = ("primary", "backup")


def hold_page(demo: Demo) -> None:
    """Cut a school off, and hold the page that says so until Ctrl-C; the virtual city goes on meanwhile."""
    console.print(
        "\n[bold cyan]== The page: a school is cut off, and the page says which, since when and what next.[/]"
    )
    start_page(demo)
    schools = [school.id for school in read_active_record(paths.STATE).layout.schools]
    cut_off = schools[1]
    watch = demo.start(
        "measure", "--lab", "--all", "--watch", "--policies", demo.policies, "--state", demo.path("state")
    )
    wait_for(
        "the page sees both lines of every school up", lambda: all(_read_lines(one) == ("up", "up") for one in schools)
    )
    demo.run("lab", "break", demo.canary, "primary-line")
    for line in LINES:
        demo.run("lab", "break", cut_off, f"{line}-line")
    wait_for(
        f"{cut_off} is cut off, and is what the page names first", lambda: _read_first_need() == ("cut-off", cut_off)
    )
    console.print(f"\nThe page: {os.environ[ENDPOINT]}/   (English: {os.environ[ENDPOINT]}/?lang=en)", markup=False)
    console.print(
        "KEEP=1: it stays open until Ctrl-C; `tsunagu lab repair --all` in another terminal makes it green again."
    )
    try:
        for line in watch.stdout or ():
            console.print(f"  {line.rstrip()}", markup=False)
    except KeyboardInterrupt:
        console.print("\nthe page is closed")


def _read_lines(school: str) -> tuple[str, ...]:
    lines = read_tiles()[school]["lines"]
    return tuple(lines[name] for name in LINES)


def _read_first_need() -> tuple[str, str] | None:
    """The kind and the school of the need that stands first on the page."""
    with urllib.request.urlopen(f"{os.environ[ENDPOINT]}/api/needs", timeout=10) as answer:  # noqa: S310 our own monitor
        needs = json.load(answer)["needs"]
    return (needs[0]["kind"], needs[0]["school"]) if needs else None
