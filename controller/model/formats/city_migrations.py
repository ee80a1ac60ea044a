"""Format 2 of city.yaml and lab.yaml: how devices are reached stands in the operators' file; policies name its id."""

from __future__ import annotations

from typing import Any

import yaml

from controller.inputs.bounded_yaml import YamlRefused, compose_yaml
from controller.model.formats.migration import Migration, MigrationRefused
from controller.model.formats.text_edits import find_entry, find_last_line, insert_lines, remove_lines, write_field
from controller.model.yaml_source import parse_yaml

FIELD = "device-access"
ACCESS = "switches"
"""What the one access of an older city is called."""
KNOWN_HOSTS = "~/.config/tsunagu/known_hosts"
_NAMED = f"{{default: {ACCESS}}}"


def name_access(text: str) -> str:
    r"""The text of city.yaml with the id of an access in the place of what the access is.

    >>> name_access("id: a\ndevice-access:\n  user: u\n  known-hosts: k\noffices: []\n")
    'id: a\ndevice-access: {default: switches}\noffices: []\n'

    Raises:
        MigrationRefused: no access stands there.
    """
    entry = find_entry(text, (FIELD,))
    if entry is None:
        return text
    key, value = entry
    if not isinstance(value, yaml.MappingNode):
        message = f"{FIELD}: is no access with fields of its own; write {FIELD}: {_NAMED}"
        raise MigrationRefused(message)
    if _names_ids(value):
        return text
    if value.flow_style:
        return write_field(text, (FIELD,), _NAMED)
    line = int(key.start_mark.line)
    with_id = insert_lines(text, find_last_line(value), [f"{' ' * int(key.start_mark.column)}{FIELD}: {_NAMED}"])
    return remove_lines(with_id, line, find_last_line(value))


def _names_ids(access: yaml.MappingNode) -> bool:
    return any(key.value == "default" for key, _ in access.value)


def remove_access(text: str) -> str:
    r"""The text of lab.yaml without an access: `tsunagu lab up` writes the virtual city's own operators' file.

    >>> remove_access("canary: a\ndevice-access: {user: u}\nhosts: []\n")
    'canary: a\nhosts: []\n'

    Raises:
        MigrationRefused: the field does not stand on lines of its own.
    """
    entry = find_entry(text, (FIELD,))
    if entry is None:
        return text
    key, value = entry
    first, last = int(key.start_mark.line), find_last_line(value)
    without = remove_lines(text, first, last)
    if _keys(without) != [one for one in _keys(text) if one != FIELD]:
        message = f"{FIELD}: does not stand on lines of its own; take it out by hand"
        raise MigrationRefused(message)
    return without


def _keys(text: str) -> list[str]:
    try:
        node = compose_yaml(text)
    except YamlRefused:
        return []
    return [str(key.value) for key, _ in node.value] if isinstance(node, yaml.MappingNode) else []


def advise_access(text: str) -> tuple[str, ...]:
    r"""Return the lines that the operators' file needs in the place of what leaves city.yaml.

    >>> advise_access("device-access: {user: u, key: {env: K}, known-hosts: .tsunagu/known_hosts}\n")[3:6]
    ('    user: u', '    key:', '      env: K')
    """
    entry = find_entry(text, (FIELD,))
    if entry is None or not isinstance(entry[1], yaml.MappingNode) or _names_ids(entry[1]):
        return ()
    access: dict[str, Any] = parse_yaml(text.encode(), FIELD).data[FIELD]
    old = access.get("known-hosts")
    moved = isinstance(old, str) and not old.startswith(("/", "~/"))
    if moved:
        access["known-hosts"] = KNOWN_HOSTS
    written = yaml.safe_dump({"format": 1, "access": {ACCESS: access}}, sort_keys=False, allow_unicode=True)
    note = (f"# then: mv {old} {KNOWN_HOSTS}",) if moved else ()
    return *written.splitlines(), *note


CITY_ACCESS = Migration(
    1, "policies name an access by its id; what it is stands in the operators' file", name_access, advise_access
)
LAB_ACCESS = Migration(1, "how these devices are reached is written when they are built", remove_access)
