"""Lint every shell script of the project with shellcheck, also the programs that are put together for devices.

    python -m tools.check_shell

A script is a file that begins with `#!` and a shell. A `.sh` file without that is a part: it is linted inside each
program that holds it, because only there its names have a meaning. One that no program holds is refused.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from controller.platforms.common.own_restore import OwnRestore
from controller.platforms.registry import list_platforms, load_platform

ROOT = Path(__file__).resolve().parents[1]
_SHEBANG = re.compile(rb"#!\s*\S*[/ ](sh|bash|dash)\b")
_LINTER = ("shellcheck", "--format=json", "--severity=style")


@dataclass(frozen=True, order=True)
class Finding:
    """What the linter says of a line."""

    place: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.place}:{self.line}: {self.message}"


def list_scripts(root: Path) -> tuple[list[Path], list[Path]]:
    """Return the scripts of the project, and the parts of scripts."""
    words = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(words, cwd=root, check=True, capture_output=True).stdout  # noqa: S603 our words
    files = [root / name for name in listed.decode().split("\0") if name]
    scripts, parts = [], []
    for file in files:
        if file.is_symlink() or not file.is_file():
            continue
        with file.open("rb") as opened:
            begins = _SHEBANG.match(opened.read(64)) is not None
        if begins:
            scripts.append(file)
        elif file.suffix == ".sh":
            parts.append(file)
    return scripts, parts


def build_device_programs() -> dict[str, str]:
    """Return what runs on devices by itself, by platform."""
    platforms = {name: load_platform(name) for name in list_platforms()}
    return {name: one.build_program() for name, one in platforms.items() if isinstance(one, OwnRestore)}


def lint_script(script: Path, root: Path) -> Iterator[Finding]:
    """Lint a file."""
    for line, message in _run_linter([str(script)], ""):
        yield Finding(str(script.relative_to(root)), line, message)


def lint_program(name: str, text: str) -> Iterator[Finding]:
    """Lint a program that is no file."""
    for line, message in _run_linter(["--shell=sh", "-"], text):
        yield Finding(f"(program of {name})", line, f"{message}: {text.splitlines()[line - 1].strip()}")


def find_unheld(parts: Sequence[Path], programs: Mapping[str, str], root: Path) -> Iterator[Finding]:
    """Find the parts that no program holds: nobody would lint them."""
    for part in parts:
        text = part.read_text(encoding="utf-8")
        if not any(text.strip() in program for program in programs.values()):
            yield Finding(str(part.relative_to(root)), 1, "begins with no shell, and no device's program holds it")


def _run_linter(arguments: Sequence[str], given: str) -> list[tuple[int, str]]:
    ran = subprocess.run([*_LINTER, *arguments], input=given, capture_output=True, text=True, check=False)  # noqa: S603 our words
    if ran.returncode not in (0, 1):
        message = f"shellcheck failed: {ran.stderr.strip() or ran.stdout.strip()}"
        raise RuntimeError(message)
    return [(one["line"], f"SC{one['code']} ({one['level']}): {one['message']}") for one in json.loads(ran.stdout)]


def main(root: Path = ROOT) -> int:
    """Say what the linter finds. 0: nothing; 1: something."""
    scripts, parts = list_scripts(root)
    programs = build_device_programs()
    findings = sorted(
        [
            *(one for script in scripts for one in lint_script(script, root)),
            *(one for name, text in programs.items() for one in lint_program(name, text)),
            *find_unheld(parts, programs, root),
        ]
    )
    good = f"{len(scripts)} scripts and the programs of {len(programs)} platforms are good shell\n"
    sys.stdout.write("".join(f"{one}\n" for one in findings) or good)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
