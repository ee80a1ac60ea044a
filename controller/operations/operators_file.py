"""Finds and reads the operators' file; refuses one that somebody else could have written."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from controller.errors import OperationsRefused, Origin, PolicyError, Problem
from controller.model.formats.number import take_format
from controller.model.yaml_source import Document, parse_yaml
from controller.operations.fields import expand_home
from controller.operations.operations import HOME, Operations
from controller.operations.trusted_files import (
    find_untrusted_paths,
    list_untrusted_folders,
    read_trusted_file,
    refuse_file,
)

VARIABLE = "TSUNAGU_OPERATIONS"
FORMAT = 1
REFUSED = "The operators' file cannot be used:"


def find_operators_file(environment: Mapping[str, str] = os.environ) -> tuple[Path, bool]:
    """Return the path of the operators' file, and whether somebody named it.

    >>> find_operators_file({"TSUNAGU_OPERATIONS": "/etc/tsunagu/operations.yaml"})
    (PosixPath('/etc/tsunagu/operations.yaml'), True)

    Raises:
        OperationsRefused: the variable holds a path that depends on the working folder.
        TsunaguError: there is no home folder.
    """
    named = environment.get(VARIABLE)
    if not named:
        return expand_home(f"{HOME}/operations.yaml"), False
    path = expand_home(named)
    if not path.is_absolute():
        raise refuse_file(REFUSED, named, f"{VARIABLE} must hold a path that begins with / or ~/")
    return path, True


@dataclass(frozen=True, slots=True)
class OperatorsFile:
    """An operators' file that was read: what it says, and on which line it says something."""

    path: Path
    operations: Operations
    document: Document

    def find_origin(self, *field: str) -> Origin:
        """Return where a field stands."""
        return self.document.find_origin(field)


def load_operations(path: Path | None = None, *, policies: Path | None = None) -> Operations:
    """Return what the operators' file says; every default where there is no file and none was named.

    Args:
        path: the file; left out: what `TSUNAGU_OPERATIONS` names, else ~/.config/tsunagu/operations.yaml.
        policies: the policy folder in use. Neither the file nor anything that it names may stand in there, in its git
            repository, or in the working folder.

    Raises:
        OperationsRefused: it is missing, somebody else's, where others can write, or holds what it may not.
    """
    found = read_operators_file(path, policies=policies)
    return Operations() if found is None else found.operations


def read_operators_file(path: Path | None = None, *, policies: Path | None = None) -> OperatorsFile | None:
    """Return the operators' file with its lines; None where there is no file and none was named.

    Args:
        path: the file; left out: what `TSUNAGU_OPERATIONS` names, else ~/.config/tsunagu/operations.yaml.
        policies: the policy folder in use. Neither the file nor anything that it names may stand in there, in its git
            repository, or in the working folder.

    Raises:
        OperationsRefused: it is missing, somebody else's, where others can write, or holds what it may not.
    """
    file, named = find_operators_file() if path is None else (path, True)
    if not named and not file.is_symlink() and not file.exists():
        return None
    folders = list_untrusted_folders(policies)
    for _, folder in find_untrusted_paths([file], folders):
        raise refuse_file(REFUSED, file, _explain_place(folder))
    try:
        content = read_trusted_file(file, REFUSED)
    except FileNotFoundError:
        message = f"file is missing; write it, or leave {VARIABLE} unset for the defaults"
        raise refuse_file(REFUSED, file, message) from None
    return _read_operations(file, content, folders)


def load_monitor_operations(path: Path | None = None, *, policies: Path | None = None) -> Operations:
    """Return what the operators' file says, for a monitor: what it must not listen with is refused at its line.

    Raises:
        OperationsRefused: as `load_operations`, or the monitor would listen beyond loopback without TLS or a login.
    """
    found = read_operators_file(path, policies=policies)
    if found is None:
        return Operations()
    gap = found.operations.monitor.find_gap()
    if gap is not None:
        field, why = gap
        origin = found.find_origin("monitor", "login" if field == "listen" else "listen")
        raise OperationsRefused(REFUSED, [Problem(origin, f"monitor.{field}", why)])
    return found.operations


def _explain_place(folder: Path) -> str:
    return f"stands in {folder}: how the controller works must not stand among policies or in the working folder"


def _read_operations(file: Path, content: bytes, folders: tuple[Path, ...]) -> OperatorsFile:
    try:
        document = parse_yaml(content, str(file))
    except PolicyError as error:
        raise OperationsRefused(REFUSED, error.problems) from None
    rest, found, problem = take_format(document, FORMAT, 0)
    if problem is not None:
        raise OperationsRefused(REFUSED, [problem])
    if not found:
        raise refuse_file(REFUSED, file, f"needs the field format: {FORMAT}")
    operations, problems = rest.validate(Operations)
    if operations is None:
        raise OperationsRefused(REFUSED, problems)
    for path, folder in find_untrusted_paths(operations.list_paths(), folders):
        raise refuse_file(REFUSED, file, f"names {path}, which {_explain_place(folder)}")
    return OperatorsFile(file, operations, rest)
