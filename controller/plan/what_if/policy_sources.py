"""The two policies that are compared: files laid over a policy, or what a git revision holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

from controller.errors import InputRefused, TsunaguError
from controller.inputs.input_file import MOST_BYTES, MOST_BYTES_IN_ALL, MOST_FILES
from controller.inputs.real_path import find_real_path
from controller.model.city import City
from controller.model.loading.load_city import load_city
from controller.model.policy_bounds import PolicyBounds
from controller.model.policy_files import POLICY_FILES
from controller.plan.provenance.git_commit import (
    CommittedFile,
    GitRefused,
    find_revision,
    list_committed_files,
    read_committed_files,
)


def find_replacements(policies: Path, given: Sequence[str]) -> dict[str, Path]:
    """The files that stand in for some of `policies`, each by the name that it replaces.

    Each is `FILE`, whose path ends as the name of a policy file does (`new/access/rules.yaml`, or `rules.yaml` where
    that is clear), or `NAME=FILE`.

    Raises:
        TsunaguError: a file does not exist, or it is not clear what it replaces.
    """
    found: dict[str, Path] = {}
    names = [str(path.relative_to(policies)) for file in POLICY_FILES for path in sorted(policies.glob(file.pattern))]
    for text in given:
        name, equals, file = text.partition("=")
        path = Path(file if equals else text)
        if not path.is_file():
            message = f"--edit {text}: there is no file {path}"
            raise TsunaguError(message)
        replaced = name if equals else _replaced(path, names, text)
        if not any(file.matches(replaced) for file in POLICY_FILES):
            known = ", ".join(sorted(file.pattern for file in POLICY_FILES))
            message = f"--edit {text}: {replaced} is the name of no policy file; they are {known}"
            raise TsunaguError(message)
        if replaced in found:
            message = f"--edit {text}: {replaced} is already replaced by {found[replaced]}"
            raise TsunaguError(message)
        found[replaced] = path
    return found


def _replaced(path: Path, names: Sequence[str], text: str) -> str:
    parts = find_real_path(path).parts
    for length in range(min(3, len(parts)), 0, -1):
        tail = "/".join(parts[-length:])
        fitting = [name for name in names if name == tail or (length == 1 and name.endswith(f"/{tail}"))]
        if len(fitting) == 1:
            return fitting[0]
        if len(fitting) > 1:
            message = f"--edit {text}: could replace {' or '.join(fitting)}; write NAME={path}"
            raise TsunaguError(message)
    message = f"--edit {text}: no policy file has this name; write NAME={path}, e.g. access/rules.yaml={path}"
    raise TsunaguError(message)


@contextmanager
def extract_revision(policies: Path, name: str) -> Iterator[Path]:
    """The policies as they are in a git revision, in a folder of their own for as long as it is needed.

    Raises:
        TsunaguError: git does not know the revision, or it holds no such folder.
    """
    try:
        files = list_committed_files(policies, find_revision(policies, name))
        _check_files(files, shown := Path(f"{name}:{policies}"))
        contents = list(read_committed_files(policies, files))
    except GitRefused as error:
        message = f"{policies} cannot be read from revision {name!r}: {error}"
        raise TsunaguError(message) from None
    with TemporaryDirectory(prefix="tsunagu-policies-") as folder:
        for file, content in contents:
            place = Path(folder, file.name)
            try:
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(content)
            except OSError as error:
                raise InputRefused(shown / file.name, f"cannot be written: {error.strerror}") from None
        yield Path(folder)


def _check_files(files: Sequence[CommittedFile], shown: Path) -> None:
    """Refuse what is no file, and more than is read of a folder."""
    left = MOST_BYTES_IN_ALL
    if not files:
        message = f"{shown}: this revision holds no such folder"
        raise TsunaguError(message)
    for count, file in enumerate(files):
        left -= file.size
        if file.name.startswith("/") or ".." in file.name.split("/"):
            raise InputRefused(shown / file.name, "leads out of the policy folder")
        if not file.is_regular:
            raise InputRefused(shown / file.name, "is a link in this revision; a regular file is needed")
        if count > MOST_FILES or left < 0 or file.size > MOST_BYTES:
            raise InputRefused(shown / file.name, "with this file it is more than is read")


def load_revision(policies: Path, name: str, on: date, bounds: PolicyBounds) -> City:
    """The city as a git revision describes it; messages name files as `REVISION:policies/...`."""
    with extract_revision(policies, name) as folder:
        return load_city(folder, on=on, undeployed=True, bounds=bounds, shown_as=f"{name}:{policies}")
