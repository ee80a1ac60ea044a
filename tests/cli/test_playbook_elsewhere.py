"""`tsunagu playbook` finds its playbooks wherever it is started."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.cli.devices import playbook
from controller.cli.output import Exit
from controller.rollout.playbooks.playbook import HostOutcome, Playbook
from tests.cli.running import ROOT, here

POLICIES = str(ROOT / "policies")


def test_a_playbook_is_found_from_another_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run: list[Playbook] = []

    def take(book: Playbook, _listeners: object) -> list[HostOutcome]:
        run.append(book)
        return []

    monkeypatch.setattr(playbook, "run_playbook", take)
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    monkeypatch.delenv("TSUNAGU_OPERATIONS", raising=False)
    (tmp_path / "work").mkdir()
    here("playbook", "run", "backup", "--school", "kw-s01", "--policies", POLICIES, cwd=tmp_path / "work")
    (book,) = run
    assert (book.folder, book.name) == (ROOT / "playbooks", "backup")
    assert (book.folder / "backup.yml").is_file()


def test_a_playbook_misspelt_names_those_that_there_are(tmp_path: Path) -> None:
    done = here("playbook", "run", "bakup", "--all", "--policies", POLICIES, cwd=tmp_path)
    assert done.code == Exit.FAILED
    there = ", ".join(sorted(path.stem for path in (ROOT / "playbooks").glob("*.yml")))
    assert "backup, " in there
    assert f"playbooks; there are: {there}; did you mean backup?" in done.errors


def test_a_folder_without_playbooks_says_how_another_is_named(tmp_path: Path) -> None:
    (tmp_path / "books").mkdir()
    (tmp_path / "work").mkdir()
    words = ("playbook", "run", "backup", "--all", "--policies", POLICIES, "--playbooks", str(tmp_path / "books"))
    done = here(*words, cwd=tmp_path / "work")
    assert done.code == Exit.FAILED
    assert "there are: none; name the folder that holds them with --playbooks DIR" in done.errors
