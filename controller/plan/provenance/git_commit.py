"""The git commit that policies stand at; git is asked so that nothing in their folder can make it run anything."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from controller.errors import PlanRefused, TsunaguError

CHANGED = "+"
"""Stands behind a commit when the policies are not what it holds."""
SAFE = (
    *("-c", "safe.bareRepository=explicit"),
    *("-c", "core.fsmonitor=false"),
    *("-c", "core.hooksPath=/dev/null"),
    *("-c", "protocol.allow=never"),
)
"""A policy folder could hold the files of a repository of its own, whose configuration names programs."""
_SECONDS = 60


def run_git(folder: Path, words: Sequence[str]) -> subprocess.CompletedProcess[bytes]:
    """Run git about a folder, without the configuration that a repository in that folder could bring.

    Raises:
        TsunaguError: git is not there, or does not answer.
    """
    try:
        return subprocess.run(  # noqa: S603 git, with words that are no options of others
            ["git", *SAFE, "-C", str(folder), *words],  # noqa: S607 git as the user has it
            capture_output=True,
            check=False,
            timeout=_SECONDS,
        )
    except OSError as error:
        message = f"git cannot be started: {error.strerror}"
        raise TsunaguError(message) from None
    except subprocess.TimeoutExpired:
        message = f"git did not answer within {_SECONDS} s about {folder}"
        raise TsunaguError(message) from None


def find_commit(policies: Path) -> str:
    """Return the commit that the policies stand at, with `+` where they differ from it; "" without a repository."""
    try:
        head = run_git(policies, ["rev-parse", "--verify", "--quiet", "HEAD^{commit}"])
    except TsunaguError:
        return ""
    commit = head.stdout.decode("ascii", "replace").strip()
    if head.returncode or not commit:
        return ""
    return commit if _holds(policies, commit) else commit + CHANGED


def refuse_other_commit(policies: Path, commit: str, source: str) -> str:
    """Return the commit that a plan names, with how far it was checked against the policies.

    Raises:
        PlanRefused: the commit holds other policies, or the policies' repository does not know it.
    """
    if not commit:
        return ""
    if commit.endswith(CHANGED):
        return commit
    here = find_commit(policies)
    if not here:
        return f"{commit} (not checked)"
    if here != commit and not _holds(policies, commit):
        message = f"{source}: the plan says that it was made from commit {commit[:12]}, and {policies} does not hold "
        raise PlanRefused(message + "what that commit holds. Make it anew")
    return commit


def _holds(policies: Path, commit: str) -> bool:
    """Tell if the folder holds exactly what a commit holds there."""
    words = ["diff", "--quiet", "--no-ext-diff", "--no-textconv", commit, "--", "."]
    if run_git(policies, words).returncode:
        return False
    others = run_git(policies, ["ls-files", "--others", "--exclude-standard", "--", "."])
    return others.returncode == 0 and not others.stdout.strip()
