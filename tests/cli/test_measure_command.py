from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from controller.cli.output import Exit
from controller.lab.state import paths
from tests.cli.running import here
from tests.policies import SHIPPED

POLICIES = ("--policies", str(SHIPPED))
NO_LAB = f"no lab is up; build it with 'tsunagu lab up {shlex.join(POLICIES)}'"


@pytest.fixture(autouse=True)
def no_lab_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "STATE", tmp_path / "no-lab")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ((), Exit.USAGE, "name --school or --ward"),
        (("--all", "--school", "as-e04"), Exit.USAGE, "name --school or --ward"),
        (("--lab", "--all", "--family", "5"), Exit.USAGE, "--family is 4 or 6"),
        (("--lab", "--all", "--line", "fourth"), Exit.USAGE, "'fourth' is not one of 'primary', 'backup', 'third'"),
        (("--lab", "--all", "--lang", "fr"), Exit.USAGE, "'fr' is not one of 'ja', 'en'"),
        (("--lab", "--all", "--region", "nagoya"), Exit.FAILED, "no region 'nagoya'; there are: tokyo, osaka"),
        (("--lab", "--all"), Exit.FAILED, NO_LAB),
        (("--lab", "--all", "--watch", "--light"), Exit.USAGE, "--watch looks at every line: leave out --quick"),
        (("--lab", "--all", "--watch", "--line", "backup"), Exit.USAGE, "--watch looks at every line"),
        (("--lab", "--all", "--quick", "--light"), Exit.USAGE, "name one of them"),
        (
            ("--lab", "--all", "--watch"),
            Exit.FAILED,
            NO_LAB,
        ),
        (("--all",), Exit.NOT_SUPPORTED, ""),
    ],
)
def test_what_cannot_be_measured_is_said_and_nothing_is_made(
    tmp_path: Path, words: tuple[str, ...], code: Exit, said: str
) -> None:
    done = here("measure", *words, *POLICIES, cwd=tmp_path)
    assert done.code == code
    assert said in done.errors
    assert list(tmp_path.iterdir()) == []


def test_of_real_schools_it_is_said_who_has_no_probe(tmp_path: Path) -> None:
    done = here("measure", "--school", "as-e04", "--lang", "en", *POLICIES, cwd=tmp_path)
    advised = f"tsunagu measure {shlex.join(POLICIES)} --lab"
    enrolling = f"tsunagu probe enrol {shlex.join(POLICIES)} as-e04"
    assert done.said.startswith(f"as-e04: no probe is enrolled; {enrolling} enrols one")
    assert done.said.endswith(f"'{advised}' measures the virtual city\n")


def test_a_wrong_policy_is_named_with_its_line(tmp_path: Path) -> None:
    done = here("measure", "--all", "--lab", "--policies", "nowhere", cwd=tmp_path)
    assert done.code == Exit.FAILED
    assert "nowhere:1: no such folder" in done.errors
