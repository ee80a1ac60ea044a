"""`make demo`, `make demo CHAPTERS="cloud people"`, `make demo ALL=1`, `make demo CHAPTERS=list`.

Every chapter says what it shows and checks that it did. One that does not makes the exit code non-zero and says which
and why; those that need it are left out, the others go on. The virtual city is removed at the end, also after Ctrl-C;
KEEP=1 leaves it running, and holds a page open that shows a school in trouble, until Ctrl-C.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

from rich.table import Table

from controller.model.loading.load_city import load_city
from controller.model.virtual_city import VirtualCity
from tools.demo.chapters import CHAPTERS, STORY, Chapter, UnknownChapter, choose_chapters, describe_chapters
from tools.demo.engine import EngineBuild
from tools.demo.kept_page import hold_page
from tools.demo.showing import FAILURES, Showing
from tools.demo.stage import ROOT, TSUNAGU, Demo, console
from tools.demo.story import begin_first_day

WRONG_USE = 64
INTERRUPTED = 130


def main() -> int:
    """Show the chapters that the environment names, then the summary; clean up whatever happens."""
    names = os.environ.get("CHAPTERS", "").split()
    if names == ["list"]:
        console.print(describe_chapters(), markup=False)
        return 0
    try:
        chapters = CHAPTERS if os.environ.get("ALL") == "1" else choose_chapters(names or STORY)
    except UnknownChapter as unknown:
        console.print(f"demo: {unknown}", markup=False)
        return WRONG_USE
    signal.signal(signal.SIGTERM, _stopped)
    signal.signal(signal.SIGINT, _stopped)
    return _show(chapters)


def _show(chapters: Sequence[Chapter]) -> int:
    began = time.monotonic()
    demo = Demo(Path(tempfile.mkdtemp(prefix="tsunagu-demo-")), load_city(ROOT / "policies", estate=VirtualCity).canary)
    engine = None
    try:
        if any(chapter.engine for chapter in chapters):
            engine = EngineBuild(demo.folder / "engine.txt")
        begin_first_day(demo)
        showing = Showing(demo, chapters, engine)
        showing.show_all()
        demo.figures.append(("the whole demo", f"{time.monotonic() - began:.0f} s"))
        if _is_kept() and demo.has_city:
            try:
                hold_page(demo)
            except FAILURES as failure:
                showing.failed["page"] = str(failure)
    except KeyboardInterrupt:
        console.print("\n[bold red]interrupted[/]")
        return INTERRUPTED
    finally:
        _clean_up(demo, engine)
    _summary(demo)
    for name, reason in showing.failed.items():
        console.print(f"The chapter {name} failed: {reason}", style="bold red", markup=False)
    if not showing.failed:
        console.print("[bold green]The demo succeeded: every chapter showed what it says.[/]")
    return 1 if showing.failed else 0


def _is_kept() -> bool:
    return os.environ.get("KEEP") == "1"


def _stopped(number: int, frame: FrameType | None) -> NoReturn:
    del number, frame
    # Once is enough: a second Ctrl-C must neither stop the clean-up nor end in a traceback.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise KeyboardInterrupt


def _clean_up(demo: Demo, engine: EngineBuild | None) -> None:
    """Remove the virtual city; a second Ctrl-C does not stop that."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if engine is not None:
        engine.end()
    demo.end_background()
    if _is_kept():
        console.print("\nKEEP=1: the virtual city stays up. Its policies and offline Google are in the demo's folder:")
        console.print(f"  export TSUNAGU_REHEARSAL={demo.path('cloud')}", markup=False)
        console.print(f"  .venv/bin/tsunagu lab matrix --policies {demo.policies}", markup=False)
        console.print("  .venv/bin/tsunagu lab down    (when you are done)")
        return
    console.print("\n[bold cyan]== Clean up[/]")
    if demo.has_city:
        subprocess.run([TSUNAGU, "lab", "down"], check=False, cwd=ROOT, stderr=subprocess.DEVNULL)  # noqa: S603 our own
    shutil.rmtree(demo.folder)


def _summary(demo: Demo) -> None:
    table = Table(title="What the demo measured on this machine", title_justify="left")
    table.add_column("what")
    table.add_column("measured", justify="right")
    for what, figure in demo.figures:
        table.add_row(what, figure)
    console.print(table)


if __name__ == "__main__":
    sys.exit(main())
