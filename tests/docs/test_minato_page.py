"""docs/minato.md: its commands end as they say, its outputs are theirs, its YAML stands in the example."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.cli.running import ROOT, here

PAGE = (ROOT / "docs/minato.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)
SECONDS = re.compile(r"\d+\.\d s\b")
LEFT_OUT = "..."


def run_line(line: str, folder: Path) -> str:
    """Run a line of the page in a folder; return what it said on standard output."""
    command, _, comment = (part.strip() for part in line.partition("  #"))
    words = shlex.split(command)
    if words[0] != "tsunagu":
        subprocess.run(words, cwd=folder, check=True)
        return ""
    done = here(*words[1:], cwd=folder)
    expected = int(comment.removeprefix("exit code ")) if comment else 0
    assert done.code == expected, f"{line}\n{done.said[-2000:]}\n{done.errors[-2000:]}"
    return done.said


def find_difference(shown: str, said: str) -> str:
    """Return the first line of the page that the output does not have there; nothing where it is the output.

    A line `...` stands for any lines, and `...` at the end of a line for the rest of it.
    """
    lines = [SECONDS.sub("N s", line) for line in said.splitlines()]
    at, may_skip = 0, False
    for line in SECONDS.sub("N s", shown).splitlines():
        if line == LEFT_OUT:
            may_skip = True
            continue
        begin = line.removesuffix(LEFT_OUT)
        last = len(lines) if may_skip else min(at + 1, len(lines))
        found = [n for n in range(at, last) if lines[n] == line or (begin != line and lines[n].startswith(begin))]
        if not found:
            return line
        at, may_skip = found[0] + 1, False
    return "" if may_skip or at == len(lines) else f"end of the output, but there is: {lines[at]}"


@pytest.mark.parametrize(
    ("shown", "said", "difference"),
    [
        ("a\nb\n", "a\nb\n", ""),
        ("a\n...\nc\n", "a\nb\nc\n", ""),
        ("a ...\n", "a b\n", ""),
        ("x 0.3 s\n", "x 1.7 s\n", ""),
        ("a\nc\n", "a\nb\nc\n", "c"),
        ("a\n", "a\nb\n", "end of the output, but there is: b"),
        ("...\nz\n", "a\n", "z"),
        ("b\n...\na\n", "a\nb\n", "b"),
    ],
)
def test_a_difference_is_found(shown: str, said: str, difference: str) -> None:
    assert find_difference(shown, said) == difference


def test_the_commands_say_what_the_page_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))  # a reader has no earlier proofs
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    said, compared = "", 0
    for kind, block in BLOCKS:
        if kind == "":
            for line in block.splitlines():
                said = run_line(line, tmp_path)
        elif kind == "text":
            assert find_difference(block, said) == "", said[:3000]
            compared += 1
    assert compared >= 7


def test_the_yaml_stands_in_the_example() -> None:
    shown = [block.partition("\n") for kind, block in BLOCKS if kind == "yaml"]
    assert len(shown) >= 3
    for name, _, text in shown:
        file = ROOT / "examples/minato" / name.removeprefix("# ")
        assert text in file.read_text(encoding="utf-8"), name


def test_every_file_of_the_example_is_in_the_table() -> None:
    named = set(re.findall(r"^\| `([^`]+)` \|", PAGE, flags=re.MULTILINE))
    tops = {"city/city.yaml", "city/lines.yaml", "city/blueprints.yaml", "configurations/"}
    assert tops <= named
    assert all(list((ROOT / "examples/minato").glob(name)) for name in named)
