"""What a playbook can be told: the arguments that its role declares (Ansible's own `meta/argument_specs.yml`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from controller.errors import TsunaguError
from controller.inputs.input_file import read_input_text
from controller.inputs.near_matches import suggest_names
from controller.inputs.real_path import find_real_path
from controller.inputs.shown_text import shorten_value

FOLDER = "folder"
"""The setting that `-o` gives: where a run writes."""
_TEMPLATE_MARKS = ("{{", "{%", "{#")


@dataclass(frozen=True, slots=True)
class PlaybookSetting:
    """One thing that a playbook can be told; `is_path`: a file or folder, from where the operator stands."""

    name: str
    description: str
    required: bool
    is_path: bool


@dataclass(frozen=True, slots=True)
class DeclaredPlaybook:
    """A playbook of a folder, what it is for, and what it can be told."""

    name: str
    purpose: str
    settings: tuple[PlaybookSetting, ...]


def list_playbooks(folder: Path) -> tuple[DeclaredPlaybook, ...]:
    """Return the playbooks of a folder, by their names.

    Raises:
        TsunaguError: what the role of one declares cannot be read.
    """
    names = sorted(path.stem for path in folder.glob("*.yml") if path.is_file() and not path.is_symlink())
    return tuple(read_playbook(folder, name) for name in names)


def read_playbook(folder: Path, name: str) -> DeclaredPlaybook:
    """Return what the role of a playbook's own name declares; without a role it can be told nothing.

    Raises:
        TsunaguError: it cannot be read.
    """
    path = folder / "roles" / name / "meta" / "argument_specs.yml"
    if not path.exists():
        return DeclaredPlaybook(name, "", ())
    try:
        found = yaml.load(read_input_text(path), Loader=yaml.CSafeLoader)["argument_specs"]["main"]
        settings = tuple(_read_setting(name, key, one) for key, one in found.get("options", {}).items())
        return DeclaredPlaybook(name, str(found["short_description"]), settings)
    except (yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        message = f"{path}: argument_specs.main cannot be read ({error.__class__.__name__})"
        raise TsunaguError(message) from None


def _read_setting(playbook: str, key: str, one: Mapping[str, object]) -> PlaybookSetting:
    name, required = key.removeprefix(f"{playbook}_"), one.get("required") is True
    return PlaybookSetting(name, str(one["description"]), required, one["type"] == "path")


def build_variables(playbook: DeclaredPlaybook, output: Path, words: Sequence[str]) -> dict[str, str]:
    """Return the variables of a run: where it writes, and what the operator says with `NAME=VALUE`.

    Raises:
        TsunaguError: a word has another form, names a setting that the playbook has not, or one is missing.
    """
    known = {one.name: one for one in playbook.settings}
    found = {FOLDER: str(output)} if FOLDER in known else {}
    for word in words:
        name, mark, value = word.partition("=")
        if not mark or not value:
            message = f"--set {shorten_value(word)}: expected NAME=VALUE"
            raise TsunaguError(message)
        if name not in known or name == FOLDER:
            there = sorted(known.keys() - {FOLDER})
            message = f"--set {shorten_value(name)}: the playbook {playbook.name} has no such setting; it has: "
            message += f"{', '.join(there) or 'none'}{suggest_names(name, there)}"
            raise TsunaguError(message)
        if name in found:
            message = f"--set {name}: is given twice"
            raise TsunaguError(message)
        if any(part in value for part in _TEMPLATE_MARKS):
            message = f"--set {name}: a value is no template; leave out {' '.join(_TEMPLATE_MARKS)}"
            raise TsunaguError(message)
        found[name] = str(find_real_path(Path(value))) if known[name].is_path else value
    missing = [one for one in playbook.settings if one.required and one.name not in found]
    if missing:
        needed = "; ".join(f"--set {one.name}=... ({one.description})" for one in missing)
        message = f"the playbook {playbook.name} needs {needed}"
        raise TsunaguError(message)
    return {f"{playbook.name}_{name}": value for name, value in found.items()}
