"""Folders of programs that are run for an operator: where they must not stand, and who else could change them.

The project's own (`playbooks/` beside the controller's packages) is as trusted as the controller that runs it. Any
other is named by the operator, and may not be one that a change to the policies, or another user, puts there.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import controller
from controller.errors import OperationsRefused
from controller.inputs.real_path import find_real_path
from controller.operations.trusted_files import (
    find_folder_fault,
    find_status_fault,
    find_untrusted_paths,
    list_untrusted_folders,
    refuse_file,
)

PROJECT = Path(controller.__file__).resolve().parents[1]
"""The folder that the controller itself is run from."""
MOST_ENTRIES = 20_000
"""In a folder of programs; a larger one is a mistake, such as a home folder."""


def check_program_folder(folder: Path, own: str, policies: Path) -> Path:
    """Return the real path of a folder whose programs are about to be run.

    `own` is what the project's own folder is called; it needs no look at who can write, for whoever can write there
    can write the controller as well.

    Raises:
        OperationsRefused: it stands in the policies' repository or in the working folder's, or somebody else can
            change it, or a file in it, or it links to what stands outside.
    """
    real = find_real_path(folder)
    if real == PROJECT / own:
        return real
    what = f"the folder of {own}"
    for _, apart in find_untrusted_paths([folder.absolute()], list_untrusted_folders(policies)):
        message = (
            f"stands in {apart}, and what is run for an operator does not come from the policies' repository or from "
            f"the working folder; copy it elsewhere, or leave it out: the project's own is {PROJECT / own}"
        )
        raise refuse_file(what, folder, message)
    # What is there to be refused is found; a folder that is not there has no playbook, which is said by name.
    if real.is_dir():
        for fault in _find_faults(folder, real):
            raise fault
    return real


def _find_faults(folder: Path, real: Path) -> Iterator[OperationsRefused]:
    what = "what is run from it"
    reason = find_folder_fault(folder.absolute() / "file") or find_folder_fault(real / "file")
    if reason:
        yield refuse_file(what, folder, reason)
    count = 0
    for place, folders, files in os.walk(real):
        for name in (*folders, *files):
            path = Path(place, name)
            count += 1
            if count > MOST_ENTRIES:
                yield refuse_file(
                    what, folder, f"has more than {MOST_ENTRIES:,} entries; name the playbooks' own folder"
                )
            status = path.lstat()
            if stat.S_ISLNK(status.st_mode):
                if not find_real_path(path).is_relative_to(real):
                    yield refuse_file(what, path, "is a link that leaves the folder; copy what it names")
                continue
            fault = find_status_fault(status)
            if fault:
                yield refuse_file(what, path, fault)
