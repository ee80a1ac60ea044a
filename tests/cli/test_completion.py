"""Completion: what a shell is offered, that it never says a word of trouble, and that it is quick."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from controller.cli.conventions.completion import complete_word
from controller.model.city import City
from tests.cli.running import ROOT, here
from tests.policies import SHIPPED


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "completion-cache"))


def ask(*words: str, policies: Path = SHIPPED, asking: str = "bash") -> list[str]:
    """The lines that a shell gets; the last word is the one that is begun."""
    environment = {"_TSUNAGU_COMPLETE": f"complete_{asking}", "TSUNAGU_POLICIES": str(policies)}
    if asking == "bash":
        environment |= {"COMP_WORDS": "\n".join(["tsunagu", *words]), "COMP_CWORD": str(len(words))}
    else:
        environment["_TYPER_COMPLETE_ARGS"] = " ".join(["tsunagu", *words])
    return complete_word(environment)[0].splitlines()


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("pl",), ["plan", "playbook"]),
        (("lab", "re"), ["repair"]),
        (("plan", "--sc"), ["--school"]),
        (("plan", "--ward", "ta"), ["takatsu", "tama"]),
        (("plan", "--ward", "麻"), ["麻生区"]),
        (("plan", "--school", "kw-s"), ["kw-s01"]),
        (("plan", "--school", "麻生第一小"), ["仮・麻生第一小学校"]),
        (("measure", "--line", ""), ["primary", "backup", "third"]),
        (("measure", "--region", "to"), ["tokyo"]),
        (("what-if", "--lang", "j"), ["ja"]),
        (("lab", "break", "kw-s"), ["kw-s01"]),
        (("explain", "--no-"), ["--no-mfa"]),
        (("nothing", "--x"), []),
    ],
)
def test_what_is_offered(words: tuple[str, ...], offered: list[str]) -> None:
    assert ask(*words) == offered


def test_every_school_and_every_device_is_offered(city: City) -> None:
    assert set(ask("plan", "--school", "")) == {school.id for school in city.estate_schools}
    devices = {device.id for school in city.estate_schools for device in city.list_devices(school)}
    assert set(ask("trust", "")) == devices
    assert ask("trust", "kw-s01-core") == ["kw-s01-core1"]


def test_each_shell_reads_its_own_form() -> None:
    assert ask("plan", "--ward", "asa", asking="fish") == ["asao\t麻生区"]
    assert ask("plan", "--ward", "asa", asking="zsh") == ["""_arguments '*: :(("asao":"麻生区"))'"""]
    assert ask("plan", "--ward", "asa", asking="powershell") == ["asao:::麻生区"]
    assert ask("plan", "--ward", "x", asking="zsh") == ["_files"]


@pytest.mark.parametrize("words", [("plan", "--school", ""), ("trust", ""), ("plan", '--school="', "")])
def test_where_nothing_can_be_read_nothing_is_offered_and_nothing_is_said(
    words: tuple[str, ...], tmp_path: Path
) -> None:
    (tmp_path / "city/schools").mkdir(parents=True)
    (tmp_path / "city/schools/x.yaml").write_bytes(b"schools:\n\x93\xfa")
    assert ask(*words, policies=tmp_path) == []
    assert ask(*words, policies=tmp_path / "nowhere") == []


def test_a_press_of_the_key_loads_no_command_and_no_library_of_the_command_line() -> None:
    program = (
        "import sys\nfrom controller.cli.conventions import entry\n"
        "try:\n    entry.start()\nfinally:\n"
        "    print([name for name in ('typer', 'rich', 'pydantic', 'yaml') if name in sys.modules], file=sys.stderr)"
    )
    asked = {"_TSUNAGU_COMPLETE": "complete_bash", "COMP_WORDS": "tsunagu\nplan\n--school\nkw-s", "COMP_CWORD": "3"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, **asked},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "kw-s01"
    assert done.stderr.strip() == "[]"


def test_the_options_that_install_it_are_there() -> None:
    said = here("--help", cwd=ROOT).said
    assert "--install-completion" in said
    assert "--show-completion" in said
