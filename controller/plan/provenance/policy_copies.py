"""Copies of the policies that were applied, each in a folder named by its digest, where only the controller writes.

A rollout reads its policy from its copy: what happens to `policies/` meanwhile changes nothing. To go back to an
earlier policy is to plan from its copy.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path

from controller.errors import PlanRefused, TsunaguError
from controller.inputs.input_file import InputFolder
from controller.model.city import City
from controller.model.loading.load_city import load_city
from controller.model.policy_bounds import PolicyBounds
from controller.model.policy_files import POLICY_FILES
from controller.model.virtual_city import ESTATES
from controller.operations.operations import Operations
from controller.plan.document import PlanFile
from controller.storage.file_lock import hold_folder_lock

FOLDER = "policies"
_JUDGED = "judged"
KEPT = 50
"""Copies that are kept; the one that was used longest ago goes first."""
SHORTEST = 8
PATIENCE = 30.0
_WAITING = ".new-"
_DIGEST = re.compile("[0-9a-f]{64}")


@contextmanager
def copy_policy(
    policies: Path, estate: type[City], bounds: PolicyBounds, now: datetime | None = None
) -> Iterator[tuple[City, Path]]:
    """Copy a policy into a folder that goes away, and load it from there; yield the city and the folder.

    The city is that of the day of `now`; left out: today. `bounds` are those of the operators.

    The files are read once: what is loaded is what is in the copy.

    Raises:
        PolicyError: it cannot be loaded.
    """
    with tempfile.TemporaryDirectory(prefix="tsunagu-policy-") as name:
        folder = Path(name)
        _copy_files(policies, folder)
        # A folder that is no policy at all is told of by loading it, as everywhere else.
        source = folder if any(folder.iterdir()) else policies
        city = load_city(source, shown_as=str(policies), estate=estate, bounds=bounds)
        day = city.policy_date if now is None else now.astimezone(city.timezone).date()
        if day != city.policy_date:
            city = load_city(source, shown_as=str(policies), estate=estate, on=day, bounds=bounds)
        yield city, folder


@contextmanager
def choose_policy(plan: PlanFile, policies: Path, operations: Operations, now: datetime) -> Iterator[tuple[City, Path]]:
    """Load the policy that a plan must come from: that of the folder, or for an undo the earlier one that was kept.

    Yield the city of the day of `now`, and the folder that its files can be copied from.

    Raises:
        PolicyError: it cannot be loaded.
        PlanRefused: no such policy was kept.
    """
    estate, bounds = ESTATES[plan.estate], operations.get_bounds()
    if plan.undo:
        city = load_kept_policy(plan.policy, operations.state, estate, bounds)
        day = now.astimezone(city.timezone).date()
        yield load_kept_policy(plan.policy, operations.state, estate, bounds, day), Path(city.directory)
        return
    with copy_policy(policies, estate, bounds, now) as (city, folder):
        yield city, folder


def keep_policy(city: City, folder: Path, state: Path) -> Path:
    """Keep a loaded policy's files under its digest; return where.

    Raises:
        TsunaguError: it cannot be written.
        FileLocked: another one is being kept all the time.
    """
    place = state / FOLDER / city.digest
    try:
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _refuse_foreign_folder(place.parent)
        with hold_folder_lock(place.parent, patience=PATIENCE):
            _put_copy(folder, place)
            _drop_oldest(place.parent, place)
    except OSError as error:
        message = f"{place}: the policy's copy cannot be kept: {error.strerror}"
        raise TsunaguError(message) from None
    return place


def name_judged(state: Path) -> Path:
    """Return where copies of policies are kept (by `keep_policy`) that were judged for a start.

    Whether that came to be is not known there: a copy in the state folder itself says that the policy was applied.
    """
    return state / _JUDGED


def _put_copy(folder: Path, place: Path) -> None:
    """Put the copy in its place whole. The same digest means the same files; anew, in case somebody changed them."""
    with tempfile.TemporaryDirectory(dir=place.parent, prefix=_WAITING) as name:
        waiting, old = Path(name, "new"), Path(name, "old")
        waiting.mkdir(mode=0o700)
        # An undo is kept from its own copy, so that one must still be there to be read.
        _copy_files(folder, waiting)
        if place.exists():
            place.rename(old)
        waiting.rename(place)


def find_policy_copy(digest: str, state: Path) -> Path:
    """Return the folder in which the copy of a policy is kept.

    Raises:
        PlanRefused: there is none, or there are several whose digest begins so.
    """
    return _find_kept(digest, state)


def find_applied_copy(digest: str, state: Path) -> Path | None:
    """Return the folder of the copy of a policy that was applied from here; None where none is kept (also for "")."""
    return state / FOLDER / digest if digest and is_policy_kept(digest, state) else None


def is_policy_kept(digest: str, state: Path) -> bool:
    """Tell if a policy was applied from here before and its copy is still kept."""
    return (state / FOLDER / digest).is_dir()


def load_kept_policy(
    digest: str, state: Path, estate: type[City], bounds: PolicyBounds, on: date | None = None
) -> City:
    """Load a policy that was applied from here before, by its digest or the first letters of it.

    Raises:
        PlanRefused: there is none, there are several, or it is not any more what its name says.
    """
    place = _find_kept(digest, state)
    city = load_city(place, on=on, estate=estate, bounds=bounds)
    if city.digest != place.name:
        message = f"{place}: the kept policy is not what its name says; it was changed. Remove it"
        raise PlanRefused(message)
    return city


def _find_kept(digest: str, state: Path) -> Path:
    folder = state / FOLDER
    if not re.fullmatch(f"[0-9a-f]{{{SHORTEST},64}}", digest):
        message = f"{digest[:80]!r} is no digest of a policy; give {SHORTEST} or more of its letters 0-9 and a-f"
        raise PlanRefused(message)
    if folder.is_dir():
        _refuse_foreign_folder(folder)
    kept = [one.name for one in sorted(_list_kept(folder), key=_last_used)] if folder.is_dir() else []
    found = [name for name in kept if name.startswith(digest)]
    if len(found) == 1:
        return folder / found[0]
    known = ", ".join(name[:12] for name in kept[-5:]) or "none"
    message = f"{folder} holds {len(found)} policies whose digest begins with {digest!r}; the last ones there: {known}"
    raise PlanRefused(message)


def _copy_files(policies: Path, folder: Path) -> None:
    """Copy the files that a policy consists of, by the one opener: what it does not read stops the copy."""
    source = InputFolder(policies)
    for kind in POLICY_FILES:
        place, _, pattern = kind.pattern.rpartition("/")
        for name in filter(kind.matches, source.list_names(place, pattern)):
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes(name))


def _refuse_foreign_folder(folder: Path) -> None:
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o022:
        message = f"{folder}: must be a folder of yours that nobody else can write to (chmod 700)"
        raise PlanRefused(message)


def _drop_oldest(folder: Path, used: Path) -> None:
    """Remove copies above their number, and what a killed rollout left half copied; the lock is held."""
    os.utime(used)
    for one in folder.glob(f"{_WAITING}*"):
        shutil.rmtree(one)
    kept = sorted((one for one in _list_kept(folder) if one != used), key=_last_used)
    for one in kept[: max(0, len(kept) - KEPT + 1)]:
        shutil.rmtree(one)


def _list_kept(folder: Path) -> list[Path]:
    return [one for one in folder.iterdir() if _DIGEST.fullmatch(one.name) and one.is_dir() and not one.is_symlink()]


def _last_used(path: Path) -> float:
    return path.stat().st_mtime
