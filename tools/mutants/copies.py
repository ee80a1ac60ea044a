"""Copies of the tree that mutants are put into: the user's own files are never touched."""

from __future__ import annotations

import json
import os
import queue
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import PIPE
from typing import Any

TOOL = Path(__file__).resolve().parents[2]
"""Where the worker's own code is, should the copied project not have it."""


class UntriedError(Exception):
    """The tests fail without a mutant: nothing can be said of them."""


class Copies:
    """Copies of the tree, each for one worker at a time."""

    def __init__(self, folders: list[Path]) -> None:
        self.tree = folders[0] / "tree"
        self._free: queue.SimpleQueue[Path] = queue.SimpleQueue()
        for folder in folders:
            self._free.put(folder)
        self._running: set[subprocess.Popen[str]] = set()
        self._stopped = False

    def run_worker(self, job: dict[str, Any]) -> list[str]:
        """Return the lines that a worker answers in a copy of its own.

        Raises:
            UntriedError: the worker itself failed.
        """
        folder = self._free.get()
        try:
            return self._run(folder, job)
        finally:
            self._free.put(folder)

    def stop(self) -> None:
        """End the workers that run; those that wait do not start."""
        self._stopped = True
        for process in list(self._running):
            process.terminate()

    def _run(self, folder: Path, job: dict[str, Any]) -> list[str]:
        paper = folder / "job.json"
        paper.write_text(json.dumps(job), encoding="utf-8")
        tree, scratch = folder / "tree", folder / "scratch"
        scratch.mkdir(exist_ok=True)
        environment = {
            **os.environ,
            "PYTHONPATH": f"{tree}{os.pathsep}{TOOL}",
            "PYTHONHASHSEED": "0",
            "TMPDIR": str(scratch),
        }
        command = [sys.executable, "-m", "tools.mutants.worker", str(paper)]
        if self._stopped:
            return []
        # A session of its own: Ctrl-C reaches this process only, which then ends the worker.
        with subprocess.Popen(  # noqa: S603 our own program
            command, cwd=tree, env=environment, stdout=PIPE, stderr=PIPE, text=True, start_new_session=True
        ) as process:
            self._running.add(process)
            try:
                answers, errors = process.communicate()
            except BaseException:
                process.terminate()
                process.wait()
                raise
            finally:
                self._running.discard(process)
        shutil.rmtree(scratch, ignore_errors=True)
        if process.returncode and not self._stopped:
            message = f"the worker ended with {process.returncode}: {errors[-2000:]}"
            raise UntriedError(message)
        return answers.splitlines()


def list_files(root: Path) -> list[str]:
    """Return the project's files: those of git, also new ones, but nothing that is made by running."""
    command = ["git", "ls-files", "-co", "--exclude-standard", "-z"]
    names = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True)  # noqa: S603
    return sorted(name for name in names.stdout.split("\0") if name and (root / name).is_file())


@contextmanager
def copy_tree(root: Path, number: int) -> Iterator[Copies]:
    """Copies of the project's files, compiled so that a changed file is always read anew; gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="tsunagu-mutants-", ignore_cleanup_errors=True) as folder:
        first = Path(folder) / "0" / "tree"
        for name in list_files(root):
            (first / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, first / name)
        command = [sys.executable, "-m", "compileall", "-q", "--invalidation-mode", "checked-hash", "."]
        # What does not compile is some test's data.
        subprocess.run(command, cwd=first, check=False, capture_output=True)  # noqa: S603
        folders = [Path(folder) / str(index) for index in range(number)]
        for other in folders[1:]:
            shutil.copytree(first.parent, other)
        yield Copies(folders)
