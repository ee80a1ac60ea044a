"""A run goes on with what an earlier one has kept; a file that is damaged or in use is named."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from controller.errors import FileLocked, TsunaguError
from tests.kept_lines import KeptFileDamaged, open_kept_lines


@dataclass(frozen=True, slots=True)
class Case:
    name: str
    places: tuple[int, ...] = ()


FORM = TypeAdapter(Case)


def test_the_next_run_finds_what_was_kept(tmp_path: Path) -> None:
    file = tmp_path / "run.jsonl"
    with open_kept_lines(file, FORM) as kept:
        assert kept.list_lines() == []
        kept.add_line(Case("一", (1, 2)))
    with open_kept_lines(file, FORM) as kept:
        assert kept.list_lines() == [Case("一", (1, 2))]
        kept.add_line(Case("二"))
        assert [one.name for one in kept.list_lines()] == ["一", "二"]


def test_two_runs_at_once_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "run.jsonl"
    with (
        open_kept_lines(file, FORM),
        pytest.raises(FileLocked, match=re.escape(str(file))),
        open_kept_lines(file, FORM),
    ):
        pass
    with open_kept_lines(file, FORM) as kept:
        assert kept.list_lines() == []


def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nowhere" / "run.jsonl"):
        with (
            pytest.raises(TsunaguError, match=f"{re.escape(str(path))}: cannot be opened"),
            open_kept_lines(path, FORM),
        ):
            pass


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b'{"name": "second", "pl', "the line was not written to its end"),
        (b"second\n", "Invalid JSON"),
        (b"\n", "Invalid JSON"),
        (b'{"name": 2}\n', "name: Input should be a valid string"),
        (b'{"places": []}\n', "name: "),
        (b'{"name": "\xff"}\n', "not UTF-8"),
    ],
)
def test_a_damaged_line_is_named(tmp_path: Path, line: bytes, why: str) -> None:
    file = tmp_path / "run.jsonl"
    file.write_bytes(b'{"name": "first"}\n' + line)
    with open_kept_lines(file, FORM) as kept, pytest.raises(KeptFileDamaged, match=f"run.jsonl:2: .*{why}.*delete"):
        kept.list_lines()
