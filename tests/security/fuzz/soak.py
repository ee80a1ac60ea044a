"""The long fuzz run: two processes, a million inputs and ten thousand folders, two hours at most.

    python -m tests.security.fuzz.soak [--seed N] [--inputs N] [--folders N] [--seconds N] [--write]

`--write` puts the run's row into docs/security.md. Exit code 1 where a reader failed.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "security.md"
TABLE = "| day | commit | seed | inputs | folders | refused | faults | slowest answer | memory |"
PROCESSES = 2
SPARE_SECONDS = 300
"""For the last batch of each process."""


def run_workers(beginning: int, inputs: int, folders: int, seconds: int) -> list[dict[str, Any]]:
    """Run the workers beside each other to their end, and return what each saw."""
    words = [sys.executable, "-m", "tests.security.fuzz.worker", "--seconds", str(seconds)]
    running = [
        subprocess.Popen(  # our own words
            [
                *words,
                *("--seed", str(beginning + 1_000_000 * place)),
                *("--inputs", str(inputs // PROCESSES)),
                *("--folders", str(folders // PROCESSES)),
            ],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        for place in range(PROCESSES)
    ]
    try:
        said = [one.communicate(timeout=seconds + SPARE_SECONDS)[0] for one in running]
    finally:
        for one in running:
            if one.poll() is None:
                one.kill()
                one.wait()
    return [
        json.loads(text)
        if text.strip()
        else {"faults": [{"target": "a worker", "fault": f"ended with {one.returncode}", "input": ""}]}
        for one, text in zip(running, said, strict=True)
    ]


def describe_run(beginning: int, found: list[dict[str, Any]]) -> str:
    """A row of the table in docs/security.md."""
    commit = subprocess.run(
        ["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    ).stdout.strip()

    def add(name: str) -> int:
        return sum(int(one.get(name, 0)) for one in found)

    slowest = max(found, key=lambda one: float(one.get("slowest_seconds", 0)))
    rss = max(int(one.get("rss_megabytes", 0)) for one in found)
    return (
        f"| {datetime.now(UTC):%Y-%m-%d} | {commit} | {beginning} | {add('inputs'):,} | {add('folders'):,} | "
        f"{add('refused'):,} | {sum(len(one['faults']) for one in found)} | {slowest.get('slowest_seconds', 0):.2f} s "
        f"({slowest.get('slowest_target', '')}) | {rss} MB |"
    )


def write_row(row: str, page: Path = PAGE, table: str = TABLE) -> None:
    """Put a row at the end of the page's table of runs; `table` is the table's first line."""
    lines = page.read_text(encoding="utf-8").splitlines()
    end = lines.index(table)
    while end < len(lines) and lines[end].startswith("|"):
        end += 1
    page.write_text("\n".join([*lines[:end], row, *lines[end:]]) + "\n", encoding="utf-8")


def main(words: list[str]) -> int:
    """Run it, and say what was seen."""
    parser = argparse.ArgumentParser(prog="fuzz soak")
    for name, default in (("seed", int(f"{datetime.now(UTC):%Y%m%d}")), ("inputs", 1_000_000), ("folders", 10_000)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--seconds", type=int, default=7200)
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args(words)
    print(f"fuzz: {asked.inputs:,} inputs, {asked.folders:,} folders, seed {asked.seed}", flush=True)  # noqa: T201 see below
    found = run_workers(asked.seed, asked.inputs, asked.folders, asked.seconds)
    row = describe_run(asked.seed, found)
    print(row)  # noqa: T201 what a person in a terminal reads
    for one in found:
        for fault in one["faults"]:
            print(f"{fault['target']}: {fault['fault']}\n  input (base64): {fault['input'][:2000]}")  # noqa: T201 see above
    if asked.write:
        write_row(row)
    return 1 if any(one["faults"] for one in found) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
