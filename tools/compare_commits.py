"""Compare the CPU seconds of a benchmark at two commits, in turns, so that a noisy machine is noisy for both.

    python -m tools.compare_commits OLD NEW [--times 5] -- tests/benchmarks/whole_city.py --paths

Each commit is checked out into a temporary work tree of its own. The benchmark runs there OLD, NEW, OLD, NEW, ... with
this Python and that tree's source. What counts is the CPU time (user and system) of the process and of all that it
waited for; the medians and their ratio are printed. Exit code 1 where NEW takes more than --limit (1.10) times OLD's.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@contextmanager
def checked_out(commit: str, folder: Path) -> Iterator[Path]:
    """A work tree of a commit, removed at the end."""
    git = ("git", "-C", str(ROOT), "worktree")
    subprocess.run([*git, "add", "-q", "--detach", str(folder), commit], check=True)  # noqa: S603 a commit of ours
    try:
        yield folder
    finally:
        subprocess.run([*git, "remove", "--force", str(folder)], check=True)  # noqa: S603


def write_entry_points(folder: Path) -> Path:
    """Write the platforms that this tree registers where Python finds them before those of the installed project."""
    project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    installed = folder / ".entry-points" / f"{project['name']}-{project['version']}.dist-info"
    installed.mkdir(parents=True, exist_ok=True)
    metadata = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    (installed / "METADATA").write_text(metadata, encoding="utf-8")
    groups = (
        f"[{group}]\n" + "".join(f"{name} = {target}\n" for name, target in entries.items())
        for group, entries in project["entry-points"].items()
    )
    (installed / "entry_points.txt").write_text("\n".join(groups), encoding="utf-8")
    return installed.parent


def measure_cpu_seconds(folder: Path, words: Sequence[str]) -> float:
    """The CPU seconds of one run of a script of this folder, with the folder's own packages.

    Raises:
        SystemExit: the benchmark failed; with what it said.
    """
    path = os.pathsep.join((str(folder), str(write_entry_points(folder))))
    environment = {**os.environ, "PYTHONPATH": path, "XDG_CACHE_HOME": str(folder / ".cache")}
    began = os.times()
    answer = subprocess.run(  # noqa: S603 a benchmark of ours
        [sys.executable, *words], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    ended = os.times()
    if answer.returncode:
        sys.exit(f"{' '.join(words)} failed in {folder.name}:\n{answer.stdout}{answer.stderr}")
    return ended.children_user - began.children_user + ended.children_system - began.children_system


def format_row(name: str, commit: str, seconds: Sequence[float]) -> str:
    """A line with the median and all that it was made of.

    >>> format_row("old", "abc1234", [2.0, 1.0, 4.0])
    'old abc1234: median 2.00 CPU s (1.00 2.00 4.00)'
    """
    each = " ".join(f"{one:.2f}" for one in sorted(seconds))
    return f"{name} {commit}: median {statistics.median(seconds):.2f} CPU s ({each})"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the turns and print the ratio; 1 where it is above the limit."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("old")
    parser.add_argument("new")
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--limit", type=float, default=1.10)
    parser.add_argument("words", nargs="+", metavar="SCRIPT", help="the benchmark and its arguments, after --")
    given = parser.parse_args(arguments)
    with (
        tempfile.TemporaryDirectory(prefix="tsunagu-compare-") as place,
        checked_out(given.old, Path(place) / "old") as old,
        checked_out(given.new, Path(place) / "new") as new,
    ):
        measured: dict[Path, list[float]] = {old: [], new: []}
        for _ in range(given.times):
            for folder, seconds in measured.items():
                seconds.append(measure_cpu_seconds(folder, given.words))
    ratio = statistics.median(measured[new]) / statistics.median(measured[old])
    print(format_row("old", given.old, measured[old]))  # noqa: T201 what it is for
    print(format_row("new", given.new, measured[new]))  # noqa: T201
    print(f"{' '.join(given.words)}: {ratio:.2f} times the CPU")  # noqa: T201
    return int(ratio > given.limit)


if __name__ == "__main__":
    sys.exit(main())
