"""How commands speak: one console for people, one JSON document for programs, exit codes with a meaning.

It is the last place before a terminal or a log: whatever text comes here, no control character of it goes out.
In a run with --json standard output holds JSON and nothing else: what people read goes to standard error.
"""

from __future__ import annotations

import errno
import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from controller.cli.advised_commands import complete_commands, forget_estate
from controller.errors import TsunaguError
from controller.exit_codes import Exit as Exit  # noqa: PLC0414 commands take it from here
from controller.inputs.shown_text import escape_json, escape_lines
from controller.messages import Catalogue, Language, load_catalogue
from controller.storage.whole_file import write_whole


class _Console(Console):
    """A console whose reader may go away: the command goes on, and its exit code keeps its meaning.

    A reader goes away by ending (`| head`), or since its terminal is closed.
    """

    lost_reader = False
    """Whether the reader has gone: what is only there to be read may end then."""

    def on_broken_pipe(self) -> None:
        """Let what is still said go nowhere."""
        self.lost_reader = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), self.file.fileno())

    def _check_buffer(self) -> None:
        try:
            super()._check_buffer()
        except OSError as error:
            if error.errno != errno.EIO:  # of a terminal that was closed; rich knows of pipes only
                raise
            self.on_broken_pipe()

    def print(self, *objects: Any, **options: Any) -> None:  # noqa: ANN401 as rich has it
        """Print; rich takes some control characters out of texts in silence, so they are escaped before it.

        Commands that a text advises get the options of the estate that this run is about.
        """
        shown = (escape_lines(complete_commands(one)) if isinstance(one, str) else one for one in objects)
        super().print(*shown, **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Render; cells of tables are escaped here. What rich itself writes to steer the terminal is marked so."""
        for segment in super().render(renderable, options):
            if segment.control:
                yield segment
            else:
                yield Segment(escape_lines(segment.text), segment.style)


console = _Console(highlight=False, soft_wrap=True, emoji=False)
errors = _Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)


@dataclass
class _Run:
    """The command that runs: its words, whether it speaks JSON, whether it has, and what it said last to people."""

    command: str = "command"
    as_json: bool = False
    said_json: bool = False
    last_line: str = ""
    language: Language = "en"


_RUN = _Run()
JSON_VERSIONS: Mapping[str, int] = {}
"""Versions of JSON documents that are not 1 any more."""


def begin_run(command: Sequence[str], *, as_json: bool) -> None:
    """Say which command runs, and whether its standard output is for a program."""
    _RUN.command, _RUN.as_json = "-".join(command) or "command", as_json
    _RUN.said_json, _RUN.last_line, _RUN.language = False, "", "en"
    console.stderr = as_json
    console.lost_reader = errors.lost_reader = False
    forget_estate()


def set_language(language: Language) -> None:
    """Say in which language this run speaks to people; one that speaks to programs has English only."""
    _RUN.language = "en" if _RUN.as_json else language


def get_language() -> Language:
    """Return the language of this run."""
    return _RUN.language


def get_words() -> Catalogue:
    """Return the messages in the language of this run."""
    return load_catalogue(_RUN.language)


def lacks_json() -> bool:
    """Return whether this run was to print JSON and has printed none."""
    return _RUN.as_json and not _RUN.said_json


def get_last_line() -> str:
    """Return what was said last to people."""
    return _RUN.last_line


def say_table(table: RenderableType, columns: int) -> None:
    """A table that needs so many columns; a narrower terminal wraps its lines, and no cell is cut."""
    # `Console.print` takes no width beyond the terminal's, so the table has a console of its own.
    wide = _Console(highlight=False, soft_wrap=True, emoji=False, width=max(console.width, columns))
    wide.stderr = console.stderr
    wide.print(table)


def print_line(text: str = "", style: str | None = None) -> None:
    """A line for people, exactly as it is."""
    _RUN.last_line = text
    console.print(text, style=style, markup=False)


def print_data(text: str, style: str | None = None) -> None:
    """A line of data, as a diff or what a device holds: exactly as it is, also what looks like advice there."""
    _RUN.last_line = text
    console.print(Text(escape_lines(text)), style=style)


def print_message(key: str, style: str | None = None, **marks: object) -> None:
    """A line for people, from the catalogue, in the language of this run."""
    print_line(get_words().say(key, **marks), style)


def name_first(name: str, called: str) -> str:
    """Return a word of the policy as people read it: its name with the id in brackets; in English the id alone."""
    return get_words().say("common.named", name=name, called=called) if called and _RUN.language == "ja" else name


def translate_first_line(refusal: str, subject: str = "proofs") -> str:
    """Return a refusal with the line that says what is refused in the language of this run; the rest as it is."""
    first, newline, rest = refusal.partition("\n")
    return f"{get_words().translate(subject, first)}{newline}{rest}"


def name_form(form: str) -> str:
    """Return the value of `format` of a JSON document: its name and version.

    >>> name_form("check")
    'check/1'
    """
    return f"{form}/{JSON_VERSIONS.get(form, 1)}"


def say_json(document: Mapping[str, object], *, form: str | None = None) -> None:
    """Print the one JSON document of a `--json` run; `form` names it where it is not the command's own."""
    whole = {"format": name_form(form or _RUN.command), **document}
    sys.stdout.write(escape_json(json.dumps(whole, ensure_ascii=False, indent=1, default=str)) + "\n")
    _RUN.said_json = True


def say_json_line(document: Mapping[str, object], *, form: str) -> None:
    """Print one JSON document of many on a line of its own, at once."""
    whole = {"format": name_form(form), **document}
    _RUN.said_json = True
    try:
        sys.stdout.write(escape_json(json.dumps(whole, ensure_ascii=False, default=str)) + "\n")
        sys.stdout.flush()
    except OSError as error:
        if error.errno == errno.EIO:  # of a terminal that was closed
            raise BrokenPipeError(errno.EPIPE, error.strerror) from None
        raise


@contextmanager
def suppress_lost_reader() -> Iterator[None]:
    """Let what is printed in a block go nowhere, once whoever read it has gone; the exit code keeps its meaning."""
    try:
        yield
    except BrokenPipeError:
        drop_output()


def drop_output() -> None:
    """Let what standard output still holds, and what follows, go nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def write_output(text: str, path: Path) -> None:
    """Write a file that a command was asked for: whole or not at all, readable as the user's other files are.

    Raises:
        TsunaguError: it cannot be written; names the file.
    """
    try:
        if path.exists() and not path.is_file():  # a terminal, a pipe
            path.write_text(text, encoding="utf-8")
        else:
            write_whole(text.encode(), path, private=False)
    except OSError as error:
        message = f"{path}: cannot be written: {error.strerror or error}; what stood there before still does"
        raise TsunaguError(message) from None


def say_delegated(device: str, delegated: Sequence[str]) -> None:
    """What of the policy a device leaves to another one; nobody may overlook it."""
    for line in delegated:
        print_line(f"! {device}: {get_words().translate('proofs', line)}", "magenta")


def describe_beside_filters(policies: int, networks: int) -> str:
    """What was proved beside filters, as it follows their number."""
    counted = ((policies, "route policies"), (networks, "wireless networks"))
    return "".join(f" and {count} {what}" for count, what in counted if count)
