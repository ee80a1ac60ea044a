"""Small odd cities get an answer from every command that needs no device, or a refusal with its place; no fault."""

from __future__ import annotations

import random
import re
from functools import partial
from pathlib import Path

import pytest

from tests.cities.odd_cities import ODDITIES, Oddity, build_files, write_city
from tests.cli.running import Done, here, in_a_process
from tests.soak import FACTOR

CLASH = {"with_other_words", "with_lots_at_schools", "with_inventory"}
"""What renames or divides what others look for comes last."""
CONTRARY = {"with_ipv4_only", "with_ipv6_only"}
"""Together they leave no family at all, which no city can have."""
SEED = 20261129
CITIES = 21 if FACTOR == 1 else 40 * FACTOR
"""A thousand where `make soak` makes it 25 times."""
ONCE, WHOLE = -(-len(ODDITIES) // 2), 10
"""So many cities have every oddity once: they are proved as a whole, and one of so many others is."""
PLACE = re.compile(r"(\.yaml:\d+|s\d{4}-\w+|s\d{4})(: | \()")
"""A file with its line, or a device or school by its id."""


def draw_cities(seed: int, number: int) -> list[tuple[int, tuple[Oddity, ...]]]:
    """Cities of one to three schools with two oddities each; none stands again before each has stood once."""
    draw = random.Random(seed)  # noqa: S311 a seeded test
    found: list[tuple[int, tuple[Oddity, ...]]] = []
    while len(found) < number:
        mixed = draw.sample(ODDITIES, len(ODDITIES))
        for first in range(0, len(mixed), 2):
            if {one.__name__ for one in mixed[first : first + 2]} == CONTRARY:
                continue
            pair = sorted(mixed[first : first + 2], key=lambda one: one.__name__ in CLASH)
            found.append((draw.randint(1, 3), tuple(pair)))
    return found[:number]


def name_city(value: object) -> str:
    return "-".join(one.__name__ for one in value) if isinstance(value, tuple) else str(value)


def list_commands(
    segment: str, application: str, *, whole: bool = True, configs: bool = False
) -> tuple[tuple[str, ...], ...]:
    """Every command that needs no device; what is rendered is then read as what devices run.

    The conditions at the proxy are most of the work of a whole proof, so only some cities have that one. `configs`:
    what is rendered is proved as what devices run, too.
    """
    proved = (("prove", "--school", "s0001", "--configs", "rendered"),) if configs else ()
    return (
        ("check",),
        ("check", "--json"),
        ("prove", "--all") if whole else ("prove", "--school", "s0001"),
        ("explain", "--from", f"s0001/{segment}", "--to", application),
        ("explain", "--from", f"s0001/{segment}", "--to", application, "--json"),
        ("render", "--all", "--output", "rendered"),
        ("plan", "--all", "--configs", "rendered"),
        ("adopt", "s0001", "--configs", "rendered"),
        *proved,
        ("what-if", "--edit", "city/city.yaml"),
        ("migrate",),
    )


def judge_answer(words: tuple[str, ...], ran: Done) -> None:
    """See that a command answered, or refused with the place that it means."""
    said = ran.said + ran.errors
    assert "Traceback" not in said, said
    assert "a fault of the program" not in said, (words, said)
    assert ran.code in {0, 1, 2, 3, 4}, (words, ran.code, said)
    if words[0] == "check":
        assert ran.code == 0, f"what an oddity leaves is a whole policy: {said}"
    elif ran.code == 1:
        assert PLACE.search(said), f"{words}: a refusal names its place: {said}"


@pytest.mark.parametrize(
    ("number", "schools", "oddities"),
    [(number, *city) for number, city in enumerate(draw_cities(SEED, CITIES))],
    ids=name_city,
)
def test_an_odd_city_gets_an_answer_or_a_refusal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, schools: int, oddities: tuple[Oddity, ...]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    files = build_files(schools, oddities)
    folder = write_city(files, tmp_path / "policies")
    segment = files["access/segments.yaml"]["segments"][0]["id"]
    application = files["access/applications.yaml"]["applications"][0]["id"]
    whole = number < ONCE or number % WHOLE == 0
    for words in list_commands(segment, application, whole=whole, configs=number % WHOLE == 1):
        edit = tuple(str(folder / word) if word.endswith(".yaml") else word for word in words)
        judge_answer(words, here(*edit, "--policies", str(folder), cwd=tmp_path))


def test_a_process_of_its_own_says_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What runs in this process above is the command that people start."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = write_city(build_files(*draw_cities(SEED, 1)[0]), tmp_path / "policies")
    command = partial(in_a_process, "check", "--json", "--policies", str(folder), cwd=tmp_path)
    assert command() == here("check", "--json", "--policies", str(folder), cwd=tmp_path)
