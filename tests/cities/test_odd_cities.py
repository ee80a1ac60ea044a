"""Small odd cities get an answer from every command that needs no device, or a refusal with its place; no traceback."""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cities.odd_cities import ODDITIES, Oddity, build_files, write_city
from tests.soak import FACTOR

CLASH = {"with_other_words", "with_lots_at_schools", "with_inventory"}
"""What renames or divides what others look for comes last."""


def draw_cities(seed: int, rounds: int) -> list[tuple[int, tuple[Oddity, ...]]]:
    """Cities in which every oddity stands once a round, beside one other, with one to three schools."""
    draw = random.Random(seed)  # noqa: S311 a seeded test
    found: list[tuple[int, tuple[Oddity, ...]]] = []
    for _ in range(rounds):
        mixed = draw.sample(ODDITIES, len(ODDITIES))
        for first in range(0, len(mixed), 2):
            pair = sorted(mixed[first : first + 2], key=lambda one: one.__name__ in CLASH)
            found.append((draw.randint(1, 3), tuple(pair)))
    return found


def name_city(value: object) -> str:
    return "-".join(one.__name__ for one in value) if isinstance(value, tuple) else str(value)


def run_command(words: tuple[str, ...], folder: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("tsunagu")
    return subprocess.run(
        [program, *words, "--policies", folder],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "XDG_CACHE_HOME": str(folder.parent / "cache")},
        timeout=300,
    )


@pytest.mark.parametrize(("schools", "oddities"), draw_cities(20261129, max(1, FACTOR // 2)), ids=name_city)
def test_an_odd_city_gets_an_answer_or_a_refusal(tmp_path: Path, schools: int, oddities: tuple[Oddity, ...]) -> None:
    files = build_files(schools, oddities)
    folder = write_city(files, tmp_path / "policies")
    segment = files["access/segments.yaml"]["segments"][0]["id"]
    application = files["access/applications.yaml"]["applications"][0]["id"]
    for words in (
        ("check",),
        ("prove", "--all"),
        ("explain", "--from", f"s0001/{segment}", "--to", application),
    ):
        ran = run_command(words, folder)
        said = ran.stdout + ran.stderr
        assert "Traceback" not in said, said
        assert ran.returncode in {0, 1, 2}, said
        if words == ("check",):
            assert ran.returncode == 0, f"what an oddity leaves is a whole policy: {said}"
        elif ran.returncode == 1:
            assert re.search(r"(\.yaml:\d+|s\d{4}-\w+): ", said), f"a refusal names its place: {said}"
