"""How commands speak: one console for people, one JSON document for programs, exit codes with a meaning.

It is the last place before a terminal or a log: whatever text comes here, no control character of it goes out.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from enum import IntEnum
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from controller.inputs.shown_text import escape_json, escape_lines


class _Console(Console):
    """A console whose reader may go away (`| head`): the command goes on, and its exit code keeps its meaning."""

    def on_broken_pipe(self) -> None:
        """Let what is still said go nowhere."""
        os.dup2(os.open(os.devnull, os.O_WRONLY), self.file.fileno())

    def print(self, *objects: Any, **options: Any) -> None:  # noqa: ANN401 as rich has it
        """Print; rich takes some control characters out of texts in silence, so they are escaped before it."""
        super().print(*(escape_lines(one) if isinstance(one, str) else one for one in objects), **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Render; cells of tables are escaped here. What rich itself writes to steer the terminal is marked so."""
        for segment in super().render(renderable, options):
            if segment.control:
                yield segment
            else:
                yield Segment(escape_lines(segment.text), segment.style)


console = _Console(highlight=False, soft_wrap=True, emoji=False)
errors = _Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)


class Exit(IntEnum):
    """What an exit code means; the README lists them."""

    GOOD = 0
    FAILED = 1
    DIFFERS = 2
    NOT_SUPPORTED = 3
    NOT_JUDGED = 4
    INEXPRESSIBLE = 5
    USAGE = 64
    FAULT = 70
    INTERRUPTED = 130


def say_table(table: RenderableType, columns: int) -> None:
    """A table that needs so many columns; a narrower terminal wraps its lines, and no cell is cut."""
    # `Console.print` takes no width beyond the terminal's, so the table has a console of its own.
    _Console(highlight=False, soft_wrap=True, emoji=False, width=max(console.width, columns)).print(table)


def print_line(text: str = "", style: str | None = None) -> None:
    """A line for people, exactly as it is."""
    console.print(text, style=style, markup=False)


def say_json(document: Mapping[str, object]) -> None:
    """The one JSON document of a `--json` run."""
    sys.stdout.write(escape_json(json.dumps(document, ensure_ascii=False, indent=1, default=str)) + "\n")


def say_delegated(device: str, delegated: Sequence[str]) -> None:
    """What of the policy a device leaves to another one; nobody may overlook it."""
    for line in delegated:
        print_line(f"! {device}: {line}", "magenta")


def describe_beside_filters(policies: int, networks: int) -> str:
    """What was proved beside filters, as it follows their number."""
    counted = ((policies, "route policies"), (networks, "wireless networks"))
    return "".join(f" and {count} {what}" for count, what in counted if count)
