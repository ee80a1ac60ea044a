"""Completes a word of `tsunagu` for a shell: commands, options, and the ids and names of schools, wards and devices.

A shell waits for it at every press of the key, so no command is loaded and no policy is validated: the ids of schools
and wards are found line by line, devices are remembered from the last time. Whatever is wrong, it offers less and never
says a word: a message would land in the middle of what somebody types.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from controller.cli.conventions.option_table import OptionEntry, OptionKind, load_option_table
from controller.inputs.home_folder import find_home_folder
from controller.inputs.input_file import InputFolder

ARGUMENTS = {
    **dict.fromkeys(("trust", "repair"), "device"),
    **dict.fromkeys(("adopt", "lab break", "lab repair"), "school"),
    "agent": "platform",
}
"""What the first argument of a command names."""
_MOST = 20_000
_ITEM = re.compile(r"^(?P<indent>\s*)-\s*(?:\{\s*)?id:\s*[\"']?(?P<id>[A-Za-z0-9-]+)")
_NAME = re.compile(r"\bname:\s*[\"']?(?P<name>[^\"',}#]+)")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A word that may be meant, and what it is, where the shell can show that."""

    word: str
    help: str = ""


def complete_word(environment: Mapping[str, str]) -> tuple[str, int]:
    """Return what the shell that asked wants to read, and the exit code by which fish knows whether there is any."""
    shell = environment.get("_TSUNAGU_COMPLETE", "").removeprefix("complete_")
    try:
        words, begun = _read_words(shell, environment)
        candidates = dict.fromkeys(list_candidates(words, begun, environment))
        found = [one for one in candidates if one.word.isprintable() and one.help.isprintable()]
    except Exception:  # noqa: BLE001 a fault is no candidate, and its words would stand in somebody's command line
        found = []
    if environment.get("_TYPER_COMPLETE_FISH_ACTION") == "is-args":
        return "", 0 if found else 1
    return _format_candidates(shell, found), 0


def _read_words(shell: str, environment: Mapping[str, str]) -> tuple[list[str], str]:
    """Return the whole words after the program's name, and the one that is begun."""
    if shell == "bash":
        words = _split(environment.get("COMP_WORDS", ""))
        at = int(environment.get("COMP_CWORD", "1"))
        return words[1:at], words[at] if at < len(words) else ""
    line = environment.get("_TYPER_COMPLETE_ARGS", "")
    words = _split(line)[1:]
    return (words[:-1], words[-1]) if words and not line[-1].isspace() else (words, "")


def _split(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError:  # a quotation mark that is still open
        return line.split()


def list_candidates(words: Sequence[str], begun: str, environment: Mapping[str, str]) -> Iterator[Candidate]:
    """Yield what may stand for a word that is begun, after whole words."""
    table = load_option_table()
    command = find_command(words)
    if command not in table:
        depth = len(command.split())
        for name in dict.fromkeys(
            one.split()[depth] for one in table if one.startswith(f"{command} " if depth else "")
        ):
            if name.startswith(begun):
                yield Candidate(name)
        if not depth:
            yield from _list_options({}, begun, ("--version", "--install-completion", "--show-completion"))
        return
    if words and words[-1] == command:
        yield from (Candidate(one.split()[1]) for one in table if one.startswith(f"{command} {begun}"))
    options = table[command]
    last = words[-1] if words else ""
    asked = options.get(last.removeprefix("--")) if last.startswith("--") else None
    if asked is not None and asked.kind is not OptionKind.FLAG:
        yield from _list_values(last.removeprefix("--"), asked, begun, words, environment)
    elif begun.startswith("-"):
        yield from _list_options(options, begun, ("--help",))
    elif command in ARGUMENTS:
        yield from _list_named(ARGUMENTS[command], begun, words, environment)


def find_command(words: Sequence[str]) -> str:
    """Return the command that words begin with, as far as they say.

    >>> find_command(["lab", "up", "--schools", "3"])
    'lab up'
    >>> find_command(["lab"])
    'lab'
    """
    table = load_option_table()
    plain = [word for word in words if not word.startswith("-")]
    for depth in (2, 1):
        command = " ".join(plain[:depth])
        if command in table or any(one.startswith(f"{command} ") for one in table if command):
            return command
    return ""


def _list_options(options: Mapping[str, OptionEntry], begun: str, besides: Sequence[str]) -> Iterator[Candidate]:
    names = [f"--{name}" for name in options] + [f"--{one.off}" for one in options.values() if one.off]
    for name in sorted({*names, *besides}):
        if name.startswith(begun):
            yield Candidate(name)


def _list_values(
    option: str, entry: OptionEntry, begun: str, words: Sequence[str], environment: Mapping[str, str]
) -> Iterator[Candidate]:
    if entry.kind is OptionKind.CHOICE:
        yield from (Candidate(one) for one in entry.choices if one.startswith(begun))
    elif option in {"school", "ward", "device", "region"} and entry.kind is OptionKind.TEXT:
        yield from _list_named(option, begun, words, environment)


def _list_named(noun: str, begun: str, words: Sequence[str], environment: Mapping[str, str]) -> Iterator[Candidate]:
    """Yield ids that begin so; where none does, the names that hold what was typed."""
    known = dict(_find_named(noun, find_policies(words, environment)))
    ids = [Candidate(one, name) for one, name in known.items() if one.startswith(begun)]
    names = [Candidate(name, one) for one, name in known.items() if begun and begun in name and " " not in name]
    yield from (ids or names)[:_MOST]


def find_policies(words: Sequence[str], environment: Mapping[str, str]) -> Path:
    """Return the policy folder that a command line names, or a variable."""
    for at, word in enumerate(words):
        if word == "--policies" and at + 1 < len(words):
            return Path(words[at + 1]).expanduser()
    return Path(environment.get("TSUNAGU_POLICIES") or "policies").expanduser()


def _find_named(noun: str, policies: Path) -> Iterator[tuple[str, str]]:
    if noun == "platform":
        from controller.platforms.registry import list_platforms  # noqa: PLC0415 it is slow, and seldom asked

        yield from ((name, "") for name in list_platforms())
    elif noun == "device":
        yield from _list_devices(policies)
    elif noun == "school":
        for name in InputFolder(policies).list_names("city/schools", "*.yaml"):
            yield from _scan_items(policies, name, "schools")
    elif noun == "region":
        yield from _scan_items(policies, "city/lines.yaml", "regions")
    else:
        yield from _scan_items(policies, "city/city.yaml", "wards")


def _scan_items(policies: Path, name: str, section: str) -> Iterator[tuple[str, str]]:
    """Yield the id and the name of each item of a list in a YAML file, read line by line."""
    pending, indent, here = "", 0, False
    for line in InputFolder(policies).read_text(name).splitlines():
        if line[:1].isalpha():
            here = line.startswith(f"{section}:")
        if not here:
            continue
        item = _ITEM.match(line)
        if item:
            if pending:
                yield pending, ""
            pending, indent = item["id"], len(item["indent"])
        called = _NAME.search(line) if pending else None
        if called and (item or len(line) - len(line.lstrip()) > indent):
            yield pending, called["name"].strip()
            pending = ""
    if pending:
        yield pending, ""


def _list_devices(policies: Path) -> Iterator[tuple[str, str]]:
    """Yield the ids of devices, from the last time if the policy is as it was, else from the policy."""
    cache, state = _find_cache(policies), _describe_files(policies)
    with suppress(OSError, ValueError, KeyError, TypeError):
        kept = json.loads(cache.read_bytes())
        if kept["state"] == state:
            yield from ((str(one), "") for one in kept["devices"])
            return
    # The city says which devices it has; that takes a second or two, once for each change of the policy.
    from controller.model.loading.load_city import load_city  # noqa: PLC0415 see above
    from controller.operations.operators_file import load_operations  # noqa: PLC0415 see above

    city = load_city(policies, bounds=load_operations(policies=policies).get_bounds())
    devices = [device.id for school in city.estate_schools for device in city.list_devices(school)]
    with suppress(OSError):
        from controller.storage.whole_file import write_whole  # noqa: PLC0415 see above

        cache.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_whole(json.dumps({"state": state, "devices": devices}).encode(), cache)
    yield from ((one, "") for one in devices)


def _find_cache(policies: Path) -> Path:
    folder = Path(os.environ.get("XDG_CACHE_HOME") or find_home_folder() / ".cache")
    key = hashlib.sha256(os.fsencode(policies.absolute())).hexdigest()[:16]
    return folder / "tsunagu" / "completion" / f"{key}.json"


def _describe_files(policies: Path) -> str:
    """Return a digest of the names, sizes and times of a policy's files."""
    found = hashlib.sha256()
    for path in sorted((policies / "city").rglob("*.yaml")):
        status = path.stat()
        found.update(f"{path} {status.st_size} {status.st_mtime_ns}\n".encode(errors="surrogateescape"))
    return found.hexdigest()


def _format_candidates(shell: str, found: Sequence[Candidate]) -> str:
    """Return the candidates as the script of a shell reads them (the scripts are those of `--show-completion`)."""
    if shell == "zsh":
        if not found:
            return "_files"
        shown = "\n".join(f'"{_escape(one.word)}"' + (f':"{_escape(one.help)}"' if one.help else "") for one in found)
        return f"_arguments '*: :(({shown}))'"
    if shell == "fish":
        return "\n".join(f"{one.word}\t{one.help}" if one.help else one.word for one in found)
    if shell in {"powershell", "pwsh"}:
        return "\n".join(f"{one.word}:::{one.help or ' '}" for one in found)
    return "\n".join(one.word for one in found)


def _escape(text: str) -> str:
    r"""Return text for zsh's `_arguments`.

    >>> _escape("a:b")
    'a\\\\:b'
    """
    plain = "".join(one for one in text if one.isprintable())
    return plain.replace('"', '""').replace("'", "''").replace("$", "\\$").replace("`", "\\`").replace(":", r"\\:")
