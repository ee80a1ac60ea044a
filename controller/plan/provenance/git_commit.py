"""The git commit that policies stand at; git is asked so that nothing in their folder can make it run anything.

A policy folder could bring a `.git` of its own, whose configuration names programs: filters of files, a file system
monitor, a place to fetch missing objects from. So git only ever lists names and hands out bytes as it stores them; what
it lists is compared here with the files themselves.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from threading import Timer

from controller.errors import InputRefused, PlanRefused, TsunaguError
from controller.inputs.input_file import InputFolder
from controller.model.policy_files import POLICY_FILES
from controller.plan.document import PlanFile

CHANGED = "+"
"""Stands behind a commit when the policies are not what it holds."""
NOT_CHECKED = " (not checked)"
_SAFE = (
    *("--no-pager", "--no-replace-objects", "--no-optional-locks"),
    *("-c", "safe.bareRepository=explicit"),
    *("-c", "core.fsmonitor=false"),
    *("-c", "core.hooksPath=/dev/null"),
)
_ENVIRONMENT = {
    # No protocol at all, whatever a repository's own configuration allows: what it misses is not fetched.
    "GIT_ALLOW_PROTOCOL": "",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",
}
_SECONDS = 60
_MOST_LISTED = 4 << 20
_MOST_OF_AN_ERROR = 4_000


class GitRefused(TsunaguError):
    """Git does not do what it was asked; its own words."""


def run_git(folder: Path, words: Sequence[str], *, given: bytes = b"", most_bytes: int = _MOST_LISTED) -> bytes:
    """Return what git says about a folder, without running what a repository in that folder could name.

    Raises:
        GitRefused: git refuses; with its words.
        TsunaguError: git is not there, does not answer, or says more than is read.
    """
    with TemporaryFile() as asked, TemporaryFile() as errors:
        asked.write(given)
        asked.seek(0)
        try:
            process = subprocess.Popen(  # noqa: S603 git, with words that are no options of others
                ["git", *_SAFE, "-C", str(folder), *words],  # noqa: S607 git as the user has it
                stdin=asked,
                stdout=subprocess.PIPE,
                stderr=errors,
                env={**os.environ, **_ENVIRONMENT},
            )
        except OSError as error:
            message = f"git cannot be started: {error.strerror}; is it installed?"
            raise TsunaguError(message) from None
        timer = Timer(_SECONDS, process.kill)
        timer.start()
        try:
            with process:
                said = process.stdout.read(most_bytes + 1) if process.stdout is not None else b""
                if len(said) > most_bytes:
                    process.kill()
        finally:
            timer.cancel()
        if len(said) > most_bytes or process.returncode < 0:
            message = f"git says more about {folder} than is read, or did not answer within {_SECONDS} s"
            raise TsunaguError(message)
        if process.returncode:
            errors.seek(0)
            raise GitRefused(errors.read(_MOST_OF_AN_ERROR).decode("utf-8", "replace").strip() or "no reason was given")
    return said


@dataclass(frozen=True, slots=True)
class CommittedFile:
    """A file as a commit holds it: its name from the policy folder on, and the hash of its content."""

    name: str
    mode: str
    digest: str
    size: int

    @property
    def is_regular(self) -> bool:
        """Tell if it is a file, and no link and no other repository."""
        return self.mode in {"100644", "100755"}


def find_revision(policies: Path, name: str) -> str:
    """Return the commit that a revision is.

    Raises:
        TsunaguError: git does not know it.
    """
    if name.startswith("-"):
        message = f"{name!r} is no git revision"
        raise TsunaguError(message)
    return run_git(policies, ["rev-parse", "--verify", f"{name}^{{commit}}"]).decode("ascii", "replace").strip()


def list_committed_files(policies: Path, commit: str) -> tuple[CommittedFile, ...]:
    """Return all that a commit holds in the policy folder.

    Raises:
        TsunaguError: git does not know the commit, or it holds more than is read.
    """
    said = run_git(policies, ["ls-tree", "-r", "-l", "-z", commit])
    return tuple(_split_entries(said.split(b"\0")))


def _split_entries(entries: Iterable[bytes]) -> Iterator[CommittedFile]:
    for entry in entries:
        about, tab, name = entry.partition(b"\t")
        words = about.decode("ascii", "replace").split()
        if tab and len(words) == 4:  # noqa: PLR2004 mode, type, hash, size
            mode, _, digest, size = words
            yield CommittedFile(os.fsdecode(name), mode, digest, int(size) if size.isdecimal() else 0)


def read_committed_files(policies: Path, files: Sequence[CommittedFile]) -> Iterator[tuple[CommittedFile, bytes]]:
    """Yield the content of files as git stores it: no filter and no attribute of a repository changes it.

    Raises:
        TsunaguError: git does not have one of them.
    """
    asked = "".join(f"{one.digest}\n" for one in files).encode()
    headers = sum(len(f"{one.digest} blob {one.size}\n") + 1 for one in files)
    said = run_git(policies, ["cat-file", "--batch"], given=asked, most_bytes=headers + sum(one.size for one in files))
    at = 0
    for one in files:
        header = f"{one.digest} blob {one.size}\n".encode()
        if not said.startswith(header, at):
            message = f"git does not hold {one.name} ({one.digest})"
            raise TsunaguError(message)
        at += len(header)
        yield one, said[at : at + one.size]
        at += one.size + 1


def find_commit(policies: Path) -> str:
    """Return the commit that the policies stand at, with `+` where they differ from it; "" without a repository."""
    try:
        commit = find_revision(policies, "HEAD")
    except TsunaguError:
        return ""
    return commit if _holds(policies, commit) else commit + CHANGED


def refuse_other_commit(policies: Path, plan: PlanFile, source: str) -> str:
    """Return the commit that a plan names, with how far it was checked against the policies.

    Raises:
        PlanRefused: the commit holds other policies, or the policies' repository does not know it; or the plan goes
            back to an earlier policy, which comes from a copy and from no commit.
    """
    commit = plan.commit
    if not commit:
        return ""
    if plan.undo:
        message = f"{source}: the plan goes back to an earlier policy, and says that it was made from commit "
        raise PlanRefused(message + f"{commit[:12]}; such a plan names none. Make it anew")
    here = find_commit(policies)
    if here == commit:
        return commit
    if not here or commit.endswith(CHANGED):
        # Of changes beside a commit nobody else can know what it was; the digest of the policy is what counts.
        return commit + NOT_CHECKED
    if not _holds(policies, commit):
        message = f"{source}: the plan says that it was made from commit {commit[:12]}, and {policies} does not hold "
        raise PlanRefused(message + "what that commit holds. Make it anew")
    return commit


def _holds(policies: Path, commit: str) -> bool:
    """Tell if the policy's files are exactly those of a commit, to the byte; also of those that git is told to ignore.

    What a filter would change on the way (`text=auto`, LFS) differs: git is not asked to run one.
    """
    source = InputFolder(policies)
    try:
        committed = {
            one.name: one
            for one in list_committed_files(policies, commit)
            if any(file.matches(one.name) for file in POLICY_FILES)
        }
        names = {
            name for file in POLICY_FILES for name in source.list_names(file.folder, file.pattern.rpartition("/")[2])
        }
        return names == set(committed) and all(
            one.is_regular and one.digest == _digest_blob(source.read_bytes(name), len(one.digest))
            for name, one in committed.items()
        )
    except (TsunaguError, InputRefused, FileNotFoundError):
        return False


def _digest_blob(content: bytes, length: int) -> str:
    """Return the name that git gives to a content.

    >>> _digest_blob(b"", 40)
    'e69de29bb2d1d6434b8b29ae775ad8c2e48c5391'
    """
    whole = f"blob {len(content)}\0".encode() + content
    if length == hashlib.sha256().digest_size * 2:
        return hashlib.sha256(whole).hexdigest()
    return hashlib.sha1(whole, usedforsecurity=False).hexdigest()
