"""What the soak has played, kept in a file, and which of it still holds for the code of now."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pydantic import TypeAdapter

from controller.errors import TsunaguError

ROOT = Path(__file__).parents[3]
DEPLOYED = (
    "controller/cloud",
    "controller/compile",
    "controller/model",
    "controller/offline_google",
    "examples/minato",
    "policies",
    "stacks",
    "tests/cloud/lives/generated.py",
    "tests/cloud/lives/stack_life.py",
    "tests/cloud/lives/states.py",
    "tests/cloud/lives/trials.py",
    "tools/engine",
)
"""What a deployment is made of and how a trial is played: where one of these has changed, a job is played again."""
GENERATED = "generated"
Job = tuple[str, str]
"""Stack and state, whose failures are tried one after another; or the word for a generated one, and its seed."""


class DeploymentChanged(TsunaguError):
    """What is played has no commit, so nobody could tell later what it was."""

    def __init__(self, files: str) -> None:
        super().__init__(f"commit first what is played (only then it can be kept):\n{files}")


@dataclass(frozen=True, slots=True)
class PlayedJob:
    """A job that was played: how many cases of how many it has, and what was wrong."""

    stack: str
    state: str
    cases: int
    of: int
    wrong: tuple[str, ...]
    seed: int
    commit: str
    seconds: float

    @property
    def job(self) -> Job:
        """What was played."""
        return self.stack, self.state


KEPT_FORM = TypeAdapter(PlayedJob)


def choose_valid(kept: Iterable[PlayedJob], seed: int, now: str) -> dict[Job, PlayedJob]:
    """Return the jobs of a seed that need not be played again, each as it was played last.

    What was wrong is played again at every other commit.
    """
    last: dict[Job, PlayedJob] = {}
    for one in kept:
        if one.seed == seed:
            last.pop(one.job, None)  # its place is that of the last time
            last[one.job] = one
    return {
        job: one
        for job, one in last.items()
        if one.commit == now or (not one.wrong and not is_deployment_changed(one.commit))
    }


@cache
def is_deployment_changed(commit: str, root: Path = ROOT) -> bool:
    """Whether what is deployed differs from this commit's; also where the commit is not known here."""
    return bool(_run_git(root, "diff", "--quiet", commit, "--", *DEPLOYED).returncode)


def find_clean_commit(root: Path = ROOT) -> str:
    """Return the commit of what is deployed.

    Raises:
        DeploymentChanged: a file of it is changed and not committed.
    """
    changed = _run_git(root, "status", "--porcelain", "--", *DEPLOYED).stdout.rstrip()
    if changed:
        raise DeploymentChanged(changed)
    return _run_git(root, "rev-parse", "--short=12", "HEAD").stdout.strip()


def _run_git(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["git", "-C", str(root), *words], capture_output=True, text=True, check=False)
