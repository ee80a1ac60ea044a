"""A lot that the city does not have yet: its platforms are written into `city/blueprints.yaml` with its first schools.

A lot is known once a school has it, and a school can have only a lot with platforms. So both come in one step.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import yaml

from controller.errors import InputRefused
from controller.importing.cell_values import CellRefused
from controller.importing.school_files import FileChange
from controller.importing.school_records import SchoolRecord
from controller.importing.source_table import ProblemList
from controller.inputs.bounded_yaml import YamlRefused, compose_yaml
from controller.inputs.input_file import InputFolder, decode_text
from controller.model.policy_files import BLUEPRINTS

LotPlatforms = Mapping[tuple[str, str], str]
"""The platform of a lot's devices of a role, by the lot and the role."""


def collect_lot_platforms(words: Sequence[str]) -> LotPlatforms:
    """Return what `LOT:ROLE=PLATFORM` says, of each word.

    >>> collect_lot_platforms(["lot-9:core=cisco_ios"])
    {('lot-9', 'core'): 'cisco_ios'}

    Raises:
        CellRefused: a word says something else, or one place twice.
    """
    found: dict[tuple[str, str], str] = {}
    for word in words:
        place, equals, platform = word.partition("=")
        lot, colon, role = place.partition(":")
        if not (equals and colon and lot and role and platform):
            message = f"{word!r} is not LOT:ROLE=PLATFORM, such as lot-2:core=cisco_ios"
            raise CellRefused(message)
        if found.setdefault((lot, role), platform) != platform:
            message = f"{place!r} is given two platforms: {found[lot, role]!r} and {platform!r}"
            raise CellRefused(message)
    return found


def add_lot_platforms(policies: Path, records: Iterable[SchoolRecord], chosen: LotPlatforms) -> tuple[FileChange, ...]:
    """Return the change of `city/blueprints.yaml` that gives new lots of a source their platforms; () if there is none.

    Raises:
        ImportRefused: a school has a lot without platforms, and nobody says which it has; says what to add.
        InputRefused: the file is laid out so that a program would not change it safely; names the line.
    """
    folder = InputFolder(policies)
    name, path = BLUEPRINTS.name, policies / BLUEPRINTS.name
    before = decode_text(folder.read_bytes(name), path)
    maps = list(_list_platform_maps(before, path))
    known = {key.value for _, node in maps for key, _ in node.value}
    wanted = {record.lot: record for record in reversed(list(records)) if record.lot and record.lot not in known}
    _refuse_unknown_lots(wanted, sorted({role for role, _ in maps}), chosen)
    edits: dict[int, tuple[yaml.MappingNode, dict[str, str]]] = {}
    for role, node in maps:
        for (lot, of_role), platform in chosen.items():
            if lot in wanted and of_role == role:
                kept = edits.setdefault(node.start_mark.index, (node, {}))[1]
                if kept.setdefault(lot, platform) != platform:
                    line = node.start_mark.line + 1
                    message = f"line {line}: a list of platforms that several roles share gives lot {lot!r} only one"
                    raise InputRefused(path, f"{message}; change it by hand")
    after = before
    for place in sorted(edits, reverse=True):
        node, lots = edits[place]
        after = _add_to_map(after, node, lots)
    return (FileChange(name, before, after),) if after != before else ()


def _refuse_unknown_lots(wanted: Mapping[str, SchoolRecord], roles: Sequence[str], chosen: LotPlatforms) -> None:
    problems = ProblemList()
    for lot, record in wanted.items():
        missing = [role for role in roles if (lot, role) not in chosen]
        if missing:
            options = " ".join(f"--lot-platform {lot}:{role}=PLATFORM" for role in missing)
            message = f"the lot {lot!r} is new, and its devices have no platforms; add to the command: {options}"
            problems.add(record.origin, "", message)
    problems.refuse("Platforms of new lots are missing; nothing was written:")


def _list_platform_maps(text: str, path: Path) -> Iterator[tuple[str, yaml.MappingNode]]:
    """Yield every list of platforms by lot, with the role that has it; a shared one once for each role."""
    try:
        root = compose_yaml(text)
    except YamlRefused as refused:
        raise InputRefused(path, str(refused)) from None
    for group in _list_items(_find_value(root, "blueprints")):
        for device in _list_items(_find_value(group, "devices")):
            role, platform = _find_value(device, "role"), _find_value(device, "platform")
            if isinstance(role, yaml.ScalarNode) and isinstance(platform, yaml.MappingNode) and platform.value:
                yield role.value, platform


def _find_value(node: yaml.Node | None, key: str) -> yaml.Node | None:
    entries = node.value if isinstance(node, yaml.MappingNode) else ()
    return next((value for found, value in entries if found.value == key), None)


def _list_items(node: yaml.Node | None) -> list[yaml.Node]:
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def _add_to_map(text: str, node: yaml.MappingNode, lots: Mapping[str, str]) -> str:
    """Return the text with more lots behind the last of a list."""
    last_key, last_value = node.value[-1]
    end = last_value.end_mark.index
    if node.flow_style:
        added = "".join(f", {lot}: {platform}" for lot, platform in lots.items())
    else:
        indent = " " * last_key.start_mark.column
        line_end = "\r\n" if "\r\n" in text else "\n"
        end = text.find("\n", end)
        end = len(text) if end < 0 else end + 1
        added = "".join(f"{indent}{lot}: {platform}{line_end}" for lot, platform in lots.items())
        if text[end - 1 : end] != "\n":
            added = line_end + added
    return text[:end] + added + text[end:]
