"""What is run for an operator comes from the project or from the operator: never from where the operator stands."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from controller.cli.cloud import GUARDRAILS
from controller.cli.devices.playbook import FOLDER
from controller.cloud.go_build import PROJECT
from controller.errors import OperationsRefused
from controller.operations import trusted_programs
from controller.operations.trusted_programs import check_program_folder
from controller.rollout.playbooks.playbook import Playbook, run_playbook
from tests.cli.running import here
from tests.missing_parts import needs_root

ROOT = Path(__file__).resolve().parents[2]
RUN = "- hosts: all\n  gather_facts: false\n  tasks: [{ansible.builtin.debug: {msg: hello}}]\n"
CONFIG = "[defaults]\ninventory = ./inv.sh\n"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home, a clone of policies, and an empty working folder, each apart."""
    for name in ("home", "clone/policies", "work", "operator"):
        (tmp_path / name).mkdir(parents=True)
    subprocess.run(["git", "init", "-q", tmp_path / "clone"], check=True)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path


def write_books(folder: Path, name: str = "backup") -> Path:
    """Playbooks whose inventory is a program: what it does, it does before any device is asked."""
    (folder / "roles").mkdir(parents=True)
    (folder / "ansible.cfg").write_text(CONFIG)
    (folder / f"{name}.yml").write_text(RUN)
    (folder / "inv.sh").write_text(f"#!/bin/sh\ntouch {folder}/pwned\necho '{{}}'\n")
    (folder / "inv.sh").chmod(0o755)
    return folder


def check(place: Path, folder: Path) -> Path:
    return check_program_folder(folder, "playbooks", place / "clone/policies")


def refused(place: Path, folder: Path) -> str:
    with pytest.raises(OperationsRefused) as caught:
        check(place, folder)
    return str(caught.value)


@pytest.mark.parametrize("working", ["clone", "clone/policies", "work"])
@pytest.mark.parametrize("name", ["backup", "harvest"])
def test_playbooks_that_lie_where_the_operator_stands_are_not_run(place: Path, working: str, name: str) -> None:
    books = write_books(place / working / "playbooks", name)
    words = ("playbook", "run", name, "--policies", str(ROOT / "policies"), "--all", "--lab")
    default = here(*words, "--playbooks", str(books), cwd=place / working)
    assert default.code == 1
    assert "stands in" in default.errors
    if name != "backup":  # the project's own has one of that name
        assert "there is no playbook" in here(*words, cwd=place / working).errors
    assert not (books / "pwned").exists()


def test_the_default_is_the_project_s_own_whatever_the_working_folder_is(place: Path) -> None:
    write_books(place / "work/playbooks")
    assert FOLDER == ROOT / "playbooks"
    assert check(place, FOLDER) == FOLDER


@pytest.mark.parametrize("where", ["clone/playbooks", "clone/policies/books", "clone/deep/er", "work/playbooks"])
def test_a_folder_in_the_policies_repository_or_the_working_folder_is_refused(place: Path, where: str) -> None:
    books = write_books(place / where)
    assert "stands in" in refused(place, books)
    (place / "operator/link").symlink_to(books)
    assert "stands in" in refused(place, place / "operator/link")
    assert "stands in" in refused(place, Path(os.path.relpath(books)))


def test_a_folder_of_the_operator_s_is_taken(place: Path) -> None:
    books = write_books(place / "operator/books")
    assert check(place, books) == books
    (books / "again").symlink_to(books / "roles")
    assert check(place, books) == books


@pytest.mark.parametrize("mode", [0o020, 0o002, 0o022])
@pytest.mark.parametrize("name", [".", "roles", "ansible.cfg", "backup.yml", "roles/deep/main.yml", ".."])
def test_a_folder_that_others_can_change_anywhere_is_refused(place: Path, name: str, mode: int) -> None:
    books = write_books(place / "operator/books")
    (books / "roles/deep").mkdir()
    (books / "roles/deep/main.yml").write_text("[]\n")
    (books / name).chmod((books / name).stat().st_mode | mode)
    assert "change" in refused(place, books)


@pytest.mark.parametrize("name", ["plugins", "roles/x", "filter_plugins"])
def test_a_link_that_leaves_the_folder_is_refused(place: Path, name: str) -> None:
    books = write_books(place / "operator/books")
    (place / "clone/plugins").mkdir()
    (books / name).symlink_to(place / "clone/plugins")
    assert "leaves the folder" in refused(place, books)


@needs_root
def test_a_file_of_somebody_else_is_refused(place: Path) -> None:
    books = write_books(place / "operator/books")
    os.chown(books / "inv.sh", 65534, 65534)
    assert "belongs to user 65534" in refused(place, books)


def test_a_folder_without_end_is_refused(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trusted_programs, "MOST_ENTRIES", 20)
    books = write_books(place / "operator/books")
    for number in range(30):
        (books / f"roles/{number}").touch()
    assert "more than 20 entries" in refused(place, books)


@pytest.mark.parametrize("name", ["ANSIBLE_INVENTORY", "ANSIBLE_LIBRARY", "ANSIBLE_CALLBACK_PLUGINS", "ANSIBLE_CONFIG"])
def test_ansible_s_own_variables_do_not_reach_a_playbook(
    place: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    books = write_books(place / "operator/books")
    (books / "ansible.cfg").write_text("[defaults]\ninventory = hosts\n")
    (books / "hosts").write_text("one ansible_connection=local\n")
    told = "[{ansible.builtin.debug: {msg: \"{{ lookup('env', '" + name + "') }}\"}}]"
    (books / "backup.yml").write_text(f"- hosts: all\n  gather_facts: false\n  tasks: {told}\n")
    monkeypatch.setenv(name, "./strange")
    (outcome,) = run_playbook(Playbook(books, "backup", ["one"], {}, {}), [])
    (result,) = outcome.results.values()
    assert "strange" not in result["msg"]
    assert os.environ[name] == "./strange"


def test_the_policies_hold_nothing_that_is_run() -> None:
    kinds = {path.suffix for path in (ROOT / "policies").rglob("*") if path.is_file()}
    assert kinds == {".yaml", ".json"}
    assert not any(path.stat().st_mode & 0o111 for path in (ROOT / "policies").rglob("*") if path.is_file())


def test_the_guardrails_are_the_project_s_own() -> None:
    assert GUARDRAILS.is_relative_to(PROJECT / "stacks")
    assert (GUARDRAILS / "PulumiPolicy.yaml").is_file()
