"""The options of every command, as a file that is read without loading any command.

Loading all commands takes a second; completion and the defaults' file need to know all options at once. A test holds
the file against the commands; `python tools/make_option_table.py` writes it anew.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files
from types import MappingProxyType


class OptionKind(StrEnum):
    """What an option takes."""

    FLAG = "flag"
    TEXT = "text"
    PATH = "path"
    NUMBER = "number"
    CHOICE = "choice"
    DAY = "day"


@dataclass(frozen=True, slots=True)
class OptionEntry:
    """An option: the name of its parameter, what it takes, whether it may be repeated, and how it is switched off."""

    parameter: str
    kind: OptionKind
    many: bool = False
    choices: tuple[str, ...] = ()
    off: str = ""


FILE = "option_table.json"
PLACES = {"DEVICE": "device", "PLATFORM": "platform", "PLAN": "file"}
"""What an argument names, where a shell can complete it."""


@cache
def load_option_table() -> Mapping[str, Mapping[str, OptionEntry]]:
    """Return the options of each command by their long name without dashes; a command of a group is `lab up`."""
    content = json.loads(files("controller.cli.conventions").joinpath(FILE).read_text(encoding="utf-8"))
    return MappingProxyType({command: _read_options(options) for command, options in content.items()})


def _read_options(options: Mapping[str, Mapping[str, object]]) -> Mapping[str, OptionEntry]:
    found = {}
    for name, one in options.items():
        choices = one.get("choices", [])
        found[name] = OptionEntry(
            str(one["parameter"]),
            OptionKind(str(one["kind"])),
            bool(one.get("many")),
            tuple(map(str, choices)) if isinstance(choices, list) else (),
            str(one.get("off", "")),
        )
    return MappingProxyType(found)


def name_variable(option: str, command: str = "") -> str:
    """Return the variable of the environment that holds an option's default; with a command, for it alone.

    >>> name_variable("restore-after")
    'TSUNAGU_RESTORE_AFTER'
    >>> name_variable("schools", "lab up")
    'TSUNAGU_LAB_UP_SCHOOLS'
    """
    words = f"{command} {option}" if command else option
    return "TSUNAGU_" + words.replace("-", "_").replace(" ", "_").upper()
