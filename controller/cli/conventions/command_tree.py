"""The commands as the library has built them: walks them, and adds what all of them have in common."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import typer

from controller.cli.conventions.examples import EXAMPLES, format_examples
from controller.cli.conventions.option_table import OptionKind
from controller.cli.output_places import guard_outputs

if TYPE_CHECKING:
    from controller.cli.conventions.defaults import Defaults

_VALUES = {
    "from": "SCHOOL/SEGMENT|REVISION",
    "to": "APPLICATION|REVISION",
    "at": "YYYY-MM-DDTHH:MM",
    "undo": "DIGEST",
    "as": "NAME",
    "edit": "FILE",
    "fingerprint": "SHA256:...",
}
_HIDDEN = frozenset({"help", "install-completion", "show-completion"})


def finish_command_line(built: Any, command: Sequence[str], defaults: Defaults | None) -> None:  # noqa: ANN401 below
    """Find a command by its words in what the library has built, and finish it."""
    at = built
    for name in command:
        at = getattr(at, "commands", {}).get(name)
        if at is None:
            return
    finish_command(at, " ".join(command), defaults)


def finish_command(built: Any, words: str, defaults: Defaults | None) -> None:  # noqa: ANN401 below
    """Give a command its examples and the guard of its outputs, and its options readable words and their variables.

    `built` is of a class that the library does not show.
    """
    built.epilog = format_examples(EXAMPLES.get(words, ()))
    guard_outputs(built, words)
    for parameter in built.params:
        if defaults is not None and parameter.param_type_name == "option":
            parameter.envvar = list(defaults.variables.get(parameter.name, ())) or parameter.envvar
        if parameter.param_type_name == "argument":
            parameter.display_type_rich = _hide_type
        elif not parameter.is_flag and parameter.metavar is None:
            parameter.metavar = _name_value(parameter)


def list_commands() -> Iterator[tuple[str, Any]]:
    """Yield every command that is no group and not hidden, by its words; this loads all of them."""
    from controller.cli.main import BELOW, COMMANDS, GROUPS, build_command_line  # noqa: PLC0415 it uses this module

    for name in (*COMMANDS, *GROUPS):
        built: Any = typer.main.get_command(build_command_line(name))
        yield from _walk(name, built.commands[name])
    for name, below in BELOW:
        built = typer.main.get_command(build_command_line(name, below))
        yield from _walk(name, built.commands[name])


def _walk(words: str, command: Any) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 see above
    below = getattr(command, "commands", None)
    if below is None:
        if not command.hidden:
            yield words, command
        return
    for name, one in below.items():
        yield from _walk(f"{words} {name}", one)


def describe_options(command: Any) -> Mapping[str, Mapping[str, object]]:  # noqa: ANN401 see above
    """Return the options of a command as the option table holds them."""
    found: dict[str, Mapping[str, object]] = {}
    for parameter in command.params:
        if parameter.param_type_name != "option" or parameter.hidden:
            continue
        name = max(parameter.opts, key=len).removeprefix("--")
        if name in _HIDDEN:
            continue
        entry: dict[str, object] = {"parameter": parameter.name, "kind": str(_find_kind(parameter))}
        choices = list_choices(parameter)
        if choices:
            entry["choices"] = choices
        if parameter.multiple:
            entry["many"] = True
        if parameter.secondary_opts:
            entry["off"] = parameter.secondary_opts[0].removeprefix("--")
        found[name] = entry
    return dict(sorted(found.items()))


def _hide_type(ctx: object) -> None:
    """Show no type beside an argument: its name says what it is."""
    del ctx


def _name_value(parameter: Any) -> str:  # noqa: ANN401 see above
    """Return what help shows for an option's value: a word that people use, instead of the program's type."""
    kind = _find_kind(parameter)
    if kind is OptionKind.CHOICE:
        return "|".join(list_choices(parameter))
    name = max(parameter.opts, key=len).removeprefix("--")
    shown = {OptionKind.DAY: "YYYY-MM-DD", OptionKind.NUMBER: "NUMBER", OptionKind.PATH: "PATH"}
    return _VALUES.get(name) or shown.get(kind) or name.upper()


def list_choices(parameter: Any) -> list[str]:  # noqa: ANN401 see above
    """Return the words that a parameter takes, where it takes only some."""
    return [str(one) for one in parameter.type_descriptor.choices or ()]


def _find_kind(parameter: Any) -> OptionKind:  # noqa: ANN401 see above
    if parameter.is_flag:
        return OptionKind.FLAG
    if list_choices(parameter):
        return OptionKind.CHOICE
    annotation = parameter.type_descriptor.annotation
    (one, *_) = get_args(annotation) or (annotation,)
    kinds = {int: OptionKind.NUMBER, Path: OptionKind.PATH, datetime: OptionKind.DAY}
    return kinds.get(one, OptionKind.TEXT)
