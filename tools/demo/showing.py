"""Shows chapters one after the other: each that fails says so, and those that do not need it go on."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

from controller.errors import TsunaguError
from tools.demo.chapters import Chapter
from tools.demo.engine import EngineBuild
from tools.demo.stage import Demo, StepFailed, console

FAILURES = (StepFailed, TsunaguError, OSError, ValueError, LookupError)
"""What a chapter that does not show what it should ends with."""


class Showing:
    """A run through chapters; `failed` says of each that failed, or was left out, why."""

    def __init__(
        self, demo: Demo, chapters: Sequence[Chapter], engine: EngineBuild | None = None, shown: Iterable[str] = ()
    ) -> None:
        """Begin with what has been `shown` already."""
        self._demo, self._chapters, self._engine = demo, chapters, engine
        self._shown = set(shown)
        self.failed: dict[str, str] = {}

    def show_all(self) -> None:
        """Show every chapter whose needs have been shown."""
        for number, chapter in enumerate(self._chapters, 1):
            console.print(f"\n[bold cyan]== {number}/{len(self._chapters)} {chapter.name}: {chapter.title}[/]")
            missing = [need for need in chapter.needs if need not in self._shown]
            if missing:
                self.failed[chapter.name] = f"left out; it needs {', '.join(missing)}"
                console.print(f"  {self.failed[chapter.name]}", markup=False)
                continue
            self._show(chapter)

    def _show(self, chapter: Chapter) -> None:
        began = time.monotonic()
        try:
            if self._engine is not None:
                if chapter.engine:
                    self._engine.wait()
                else:
                    self._engine.say_progress()
            chapter.show(self._demo)
        except FAILURES as failure:
            self._fail(chapter, str(failure))
            self._repair(chapter)
        else:
            self._shown.add(chapter.name)
            self._demo.figures.append((f"chapter {chapter.name}", f"{time.monotonic() - began:.0f} s"))

    def _fail(self, chapter: Chapter, reason: str) -> None:
        self.failed[chapter.name] = reason
        console.print("  [bold red]this chapter failed:[/]")
        console.print(f"  {reason}", markup=False)

    def _repair(self, chapter: Chapter) -> None:
        """Put right what a chapter changed; in vain, nothing that it could have spoilt is shown any more."""
        if chapter.repair is None:
            return
        try:
            chapter.repair(self._demo)
        except FAILURES as failure:
            console.print(f"  and what it changed could not be put right: {failure}", markup=False)
            self._shown &= {"check"}
