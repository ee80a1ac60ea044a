"""The defaults of options: from the environment, and from the user's own file ~/.config/tsunagu/tsunagu.toml.

What stands on the command line wins, then the environment, then the file. Neither can give a consent: who may apply
what, whom the controller trusts and how it signs in stand in the operators' file, or are said each time.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from controller.cli.conventions.option_table import OptionEntry, OptionKind, load_option_table, name_variable
from controller.errors import InputError, OperationsRefused, Origin, Problem, TsunaguError
from controller.inputs.home_folder import find_home_folder
from controller.inputs.near_matches import suggest_names
from controller.inputs.shown_text import shorten_text, shorten_value
from controller.operations.trusted_files import find_untrusted_paths, list_untrusted_folders, read_trusted_file

NAME = ".config/tsunagu/tsunagu.toml"
REFUSED = "The file of your defaults cannot be used:"
SECTION = "command"
"""The table whose tables hold for one command: `[command.plan]`, `[command.lab-up]`."""
CONSENTS = frozenset(
    {"sign-with", "as", "fingerprint", "accept-wider", "accept-no-restore", "made-elsewhere", "undo", "release"}
)
"""Options that are a consent or a proof of who somebody is: said each time, never by default."""
ELSEWHERE = frozenset(
    {
        *("access", "anchors", "approvals", "audit", "bounds", "canary", "credentials", "key", "keys", "known-hosts"),
        *("login", "operations", "password", "passwords", "plans", "principals", "retention", "rollout", "secret"),
        *("signing-key", "signers", "token", "tokens", "trust", "trusted", "user"),
    }
)
"""Words for credentials, trust and approvals, which no default may name."""
_EXCLUSIVE = (frozenset({"school", "ward", "all"}), frozenset({"quick", "light", "watch"}), frozenset({"from", "flow"}))
"""Options of which one may be given: naming one on the command line leaves the defaults of the others out."""
_ALIKE = 0.7
_KEY = re.compile(r"""\s*(?:"([^"]+)"|'([^']+)'|([A-Za-z0-9_-]+))\s*=""")
_TABLE = re.compile(r"\s*\[\s*([^\]]+?)\s*\]")


@dataclass(frozen=True, slots=True)
class Defaults:
    """Defaults for one command: by parameter, where each stands, and the variables that may hold one."""

    values: Mapping[str, Any] = field(default_factory=dict)
    origins: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def read_defaults(command: str, words: Sequence[str], environment: Mapping[str, str] = os.environ) -> Defaults:
    """Return the defaults that hold for a command.

    Args:
        command: as `plan` or `lab up`.
        words: what stands on the command line.
        environment: the variables.

    Raises:
        InputError: the file is not the user's own, or holds what it may not.
        TsunaguError: a variable would give a consent.
    """
    table = load_option_table()
    options = table.get(command, {})
    refused = [name_variable(one) for one in CONSENTS if environment.get(name_variable(one))]
    if refused:
        message = f"{min(refused)} is not read: it would be a consent, which is said on the command line each time"
        raise TsunaguError(message)
    named = {word.partition("=")[0].removeprefix("--") for word in words if word.startswith("--")}
    left_out = {one for group in _EXCLUSIVE if group & named for one in group}
    usable = {name: entry for name, entry in options.items() if name not in CONSENTS | left_out}
    variables = {entry.parameter: (name_variable(name, command), name_variable(name)) for name, entry in usable.items()}
    values, origins = _read_file(command, usable, _find_policies(words, environment))
    origins |= {
        parameter: next(one for one in names if environment.get(one))
        for parameter, names in variables.items()
        if any(environment.get(one) for one in names)
    }
    return Defaults(values, origins, variables, tuple(_find_strangers(environment)))


_READ_ELSEWHERE = ("TSUNAGU_OFFLINE", "TSUNAGU_OPERATIONS", "TSUNAGU_REHEARSAL")
"""No options, and read by `controller.offline_google.environment` and `controller.operations.operators_file`, which
take longer to load than this needs."""


def _find_policies(words: Sequence[str], environment: Mapping[str, str]) -> Path:
    for at, word in enumerate(words):
        if word == "--policies" and at + 1 < len(words):
            return Path(words[at + 1])
        if word.startswith("--policies="):
            return Path(word.partition("=")[2])
    return Path(environment.get("TSUNAGU_POLICIES") or "policies")


def _find_strangers(environment: Mapping[str, str]) -> Iterator[str]:
    """Yield a note for each variable that looks like one of ours and is none: a slip of the pen would do nothing."""
    table = load_option_table()
    known = {name_variable(name) for options in table.values() for name in options}
    known |= {name_variable(name, command) for command, options in table.items() for name in options}
    known.update(_READ_ELSEWHERE)
    for name in sorted(environment):
        if name.startswith("TSUNAGU_") and name not in known and environment[name]:
            ends = {one.removeprefix("TSUNAGU_"): one for one in known}
            near = get_close_matches(name.removeprefix("TSUNAGU_")[:100], ends, 1, _ALIKE)
            if near:
                yield f"{shorten_text(name)} is not read; did you mean {ends[near[0]]}?"


def find_defaults_file() -> Path | None:
    """Return where the file stands, or would; None where there is no home folder."""
    try:
        return find_home_folder() / NAME
    except TsunaguError:
        return None


def _read_file(
    command: str, options: Mapping[str, OptionEntry], policies: Path
) -> tuple[dict[str, Any], dict[str, str]]:
    path = find_defaults_file()
    if path is None or (not path.is_symlink() and not path.exists()):
        return {}, {}
    for _, folder in find_untrusted_paths([path], list_untrusted_folders(policies)):
        message = f"stands in {folder}: your own defaults must not stand among policies or in the working folder"
        raise InputError(REFUSED, [Problem(Origin(str(path), 1), "", message)])
    try:
        content = read_trusted_file(path, REFUSED)
    except FileNotFoundError:
        return {}, {}
    except OperationsRefused as error:
        raise InputError(REFUSED, error.problems) from None
    return parse_defaults(content, str(path), command, options)


def parse_defaults(
    content: bytes, source: str, command: str, options: Mapping[str, OptionEntry]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the values of a file that hold for a command, by parameter, and where each stands.

    Raises:
        InputError: it is no TOML, or a key or a value is not known; all problems at once.
    """
    try:
        text = content.decode("utf-8")
        document = tomllib.loads(text)
    except UnicodeDecodeError:
        message = "is no UTF-8 text: save it as UTF-8"
        raise InputError(REFUSED, [Problem(Origin(source, 1), "", message)]) from None
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        found = re.search(r"line (\d+)", str(error))
        message = f"is no TOML: {shorten_text(str(error), 200)}"
        raise InputError(REFUSED, [Problem(Origin(source, int(found[1]) if found else 1), "", message)]) from None
    table = load_option_table()
    lines = text.splitlines()
    problems: list[Problem] = []
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    every = {name: entry for known in table.values() for name, entry in known.items()}
    for section, known, entries in _list_sections(document, every, table, problems, source, lines):
        for key, value in entries.items():
            at = Origin(source, find_toml_line(lines, section, key))
            problem = _find_fault(key, value, known, section)
            if problem:
                problems.append(Problem(at, shorten_text(key), problem))
            elif key in options and (not section or section == command):
                parameter = options[key].parameter
                values[parameter] = _convert(value, options[key])
                origins[parameter] = str(at)
    if problems:
        raise InputError(REFUSED, problems)
    return values, origins


def _list_sections(  # noqa: PLR0913, PLR0917 what a problem is told with
    document: Mapping[str, Any],
    every: Mapping[str, OptionEntry],
    table: Mapping[str, Mapping[str, OptionEntry]],
    problems: list[Problem],
    source: str,
    lines: Sequence[str],
) -> Iterator[tuple[str, Mapping[str, OptionEntry], Mapping[str, Any]]]:
    """Yield the keys for all commands, then those for each command; what holds for one command wins."""
    yield "", every, {key: value for key, value in document.items() if key != SECTION}
    sections = document.get(SECTION, {})
    if not isinstance(sections, dict):
        problems.append(Problem(Origin(source, find_toml_line(lines, "", SECTION)), SECTION, "is a table for commands"))
        return
    commands = {command.replace(" ", "-"): command for command in table}
    for name, entries in sections.items():
        line = next((at for at, one in enumerate(lines, 1) if f"{SECTION}.{name}" in one), 1)
        if name not in commands:
            problems.append(Problem(Origin(source, line), "", _explain_unknown("command", name, commands)))
        elif not isinstance(entries, dict):
            problems.append(Problem(Origin(source, line), name, f"is a table: write [{SECTION}.{name}]"))
        else:
            yield commands[name], table[commands[name]], entries


def _explain_unknown(noun: str, name: str, known: Iterable[str]) -> str:
    return f"there is no {noun} {shorten_value(name)}{suggest_names(name, known)}"


def _find_fault(key: str, value: object, known: Mapping[str, OptionEntry], section: str) -> str:
    """Return what is wrong with a key or its value; empty where nothing is."""
    if key in CONSENTS | ELSEWHERE:
        return (
            "is never read here: credentials, trust and approvals stand in the operators' file (docs/operations.md), "
            "a consent on the command line"
        )
    if isinstance(value, dict):  # no option takes one, not even one of the same name
        return f"there is no table {shorten_value(key)}; what holds for one command stands in [{SECTION}.NAME]"
    if key not in known:
        noun = f"option of {section!r}" if section else "option"
        usable = [one for one in known if one not in CONSENTS]
        return f"{_explain_unknown(noun, key, usable)}; options are written as in --help, without the dashes"
    entry = known[key]
    each = value if entry.many and isinstance(value, list) else [value]
    for one in each:
        fault = _find_value_fault(one, entry)
        if fault:
            return fault
    return ""


def _find_value_fault(value: object, entry: OptionEntry) -> str:
    shown = f"(found {shorten_value(value)})"
    match entry.kind:
        case OptionKind.FLAG:
            return "" if isinstance(value, bool) else f"write true or false {shown}"
        case OptionKind.NUMBER:
            good = isinstance(value, int) and not isinstance(value, bool)
            return "" if good else f"write a whole number without quotes {shown}"
        case OptionKind.DAY:
            return "" if isinstance(value, str | date) else f"write a day as 2026-12-01 {shown}"
        case OptionKind.CHOICE:
            if value in entry.choices:
                return ""
            return f"write one of: {', '.join(entry.choices)}{suggest_names(str(value), entry.choices)} {shown}"
        case _:
            return "" if isinstance(value, str) and value else f"write a text in quotes {shown}"


def _convert(value: Any, entry: OptionEntry) -> Any:  # noqa: ANN401 as TOML has it
    """Return a value as it would stand on the command line."""
    if entry.many:
        return [_convert_one(one, entry) for one in (value if isinstance(value, list) else [value])]
    return _convert_one(value, entry)


def _convert_one(value: Any, entry: OptionEntry) -> Any:  # noqa: ANN401 see above
    if entry.kind is OptionKind.PATH:
        return str(Path(value).expanduser()) if value.startswith("~/") else value
    return value.isoformat() if isinstance(value, date) else value


def find_toml_line(lines: Sequence[str], section: str, key: str) -> int:
    """Return the line of a key of a table; 1 where it is written in a way that is not looked for.

    >>> find_toml_line(["lang = 'ja'", "", "[command.plan]", "lab = true"], "plan", "lab")
    4
    """
    wanted = f"{SECTION}.{section.replace(' ', '-')}" if section else ""
    here = ""
    for at, line in enumerate(lines, 1):
        table = _TABLE.match(line)
        if table:
            here = re.sub(r"[\s\"']", "", table[1])
            if not section and here == key:
                return at
            continue
        found = _KEY.match(line)
        if found and here == wanted and key in found.groups():
            return at
    return 1
