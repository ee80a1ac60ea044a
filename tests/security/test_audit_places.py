"""Attacks by another place: a second trail, other locks, a trail that others have put beside the policies."""

from __future__ import annotations

import ast
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path
from unittest.mock import patch

import pytest
import typer

from controller.cli.devices import plan as plan_command
from controller.cli.devices.observation import observe_devices
from controller.cli.estates import choose_state_folder, find_user_name, load_operations_of
from controller.errors import OperationsRefused
from controller.model.city import City
from controller.model.virtual_city import VirtualCity
from controller.operations.operations import Operations
from controller.operations.operators_file import VARIABLE
from controller.plan.select import find_device
from controller.storage.audit.audit_trail import AuditKind, AuditTrail
from controller.storage.audit.audit_verification import verify_trail
from controller.storage.audit.head_copy import HeadCopy, HeadFile, SystemdHead
from tests.cli.running import ROOT, here

REAL, VIRTUAL = City.estate, VirtualCity.estate
SHIPPED = str(ROOT / "policies")


@pytest.fixture
def operators(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The operators' state folder; the head of its trail is kept in a file beside it."""
    folder = tmp_path / "operators"
    folder.mkdir(mode=0o700)
    file = folder / "operations.yaml"
    file.write_text(f"format: 1\nstate: {folder}/state\naudit: {{head: {folder}/heads}}\n", encoding="utf-8")
    file.chmod(0o600)
    monkeypatch.setenv(VARIABLE, str(file))
    return folder / "state"


class Journal:
    """A journal in a file, asked by a program of its name."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.file = HeadFile(folder / "journal")
        program = folder / "bin/journalctl"
        program.parent.mkdir()
        program.write_text(f"#!/bin/sh\ncat {self.file.path}\n", encoding="utf-8")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")


@pytest.mark.parametrize("kind", ["file", "journal"])
def test_a_trail_that_is_gone_is_missed_by_every_other_one_of_its_copy(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = Journal(tmp_path, monkeypatch).file if kind == "journal" else HeadFile(tmp_path / "heads")
    head: HeadCopy = SystemdHead() if kind == "journal" else written
    trail, other = AuditTrail(tmp_path / "a", written), AuditTrail(tmp_path / "b", written)
    trail.record(AuditKind.APPROVED, plan="1")
    other.record(AuditKind.APPLIED, plan="1")
    with written.path.open("a", encoding="utf-8") as file:
        file.write('{"trail": "no path", "n": 1, "hash": "x"}\n')
    report = verify_trail(AuditTrail(trail.state), head)
    assert (report.fault, other.name in report.notes[-1]) == (None, True)
    shutil.rmtree(other.state)
    assert f"{other.name}: this audit trail is gone" in str(verify_trail(AuditTrail(trail.state), head).fault)
    (other.state / "audit").mkdir(parents=True)
    assert f"{other.name}: this audit trail is gone" in str(verify_trail(AuditTrail(trail.state), head).fault)


def test_verify_looks_at_every_trail_that_the_copy_knows(operators: Path, tmp_path: Path) -> None:
    head = HeadFile(operators.parent / "heads")
    AuditTrail(operators, head).record(AuditKind.APPROVED, plan="1")
    policies = tmp_path / "another/policies"
    policies.mkdir(parents=True)
    older, scratch = tmp_path / "older", tmp_path / "work/.tsunagu"
    AuditTrail(older, head).record(AuditKind.APPLIED, plan="1")
    AuditTrail(scratch).record(AuditKind.APPLIED, plan="2")
    done = here("audit", "verify", "--json", cwd=scratch.parent)
    found = json.loads(done.said)
    assert (done.code, found["fault"]) == (0, None)
    assert found["trails"] == [str(one / "audit") for one in (operators, scratch, older)]
    file = older / "audit/trail-000001.jsonl"
    file.write_text(file.read_text(encoding="utf-8").replace("applied", "planned"), encoding="utf-8")
    done = here("audit", "verify", cwd=policies.parent)
    assert (done.code, f"broken: {file}:2" in done.said.replace("\n", "")) == (1, True)
    shutil.rmtree(older)
    for words in ((), ("--state", str(scratch))):
        done = here("audit", "verify", *words, cwd=policies.parent)
        assert (done.code, "this audit trail is gone" in done.said.replace("\n", " ")) == (1, True)


def test_what_is_done_to_real_devices_has_one_place_wherever_a_command_runs(operators: Path, tmp_path: Path) -> None:
    policies = tmp_path / "repository/policies"
    (policies / ".tsunagu/audit").mkdir(parents=True)
    operations = load_operations_of(REAL, policies)
    for folder in (policies.parent, policies, Path("/")):
        with chdir(folder):
            assert choose_state_folder(REAL, operations, None, policies) == operators
    for state in (Path(".tsunagu"), tmp_path, operators):
        with pytest.raises(typer.BadParameter, match="--state is for the virtual city"):
            choose_state_folder(REAL, operations, state, policies)
        with pytest.raises(typer.BadParameter, match="--state is for the virtual city"):
            load_operations_of(REAL, policies, state)
        assert choose_state_folder(VIRTUAL, operations, state, policies) == state


@pytest.mark.parametrize("home", ["repository", "repository/home", "repository/policies"])
def test_a_state_folder_beside_the_policies_is_refused(
    tmp_path: Path, home: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a job whose home is its workspace: the repository could bring the trail and the record with it."""
    policies = tmp_path / "repository/policies"
    policies.mkdir(parents=True)
    (tmp_path / "repository/.git").mkdir()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / home / ".local/state"))
    with pytest.raises(OperationsRefused, match="name a folder outside of policies and the working folder"):
        choose_state_folder(REAL, Operations(), None, policies)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "elsewhere"))
    assert choose_state_folder(REAL, Operations(), None, policies) == tmp_path / "elsewhere/tsunagu"
    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    assert Operations().state.is_absolute()


def test_a_plan_that_is_saved_stands_in_the_trail(city: City, operators: Path, tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    rendered = here("render", "--school", "kw-s01", "-o", "configs", "--policies", SHIPPED, cwd=work)
    assert "rendered: 20 devices" in rendered.said, rendered.errors
    core = find_device(city, "kw-s01-core1")
    (work / "saved").mkdir()
    (work / "configs" / f"{core.id}.cfg").rename(work / "saved" / f"{core.id}.cfg")
    observed = observe_devices(city, [core], work / "saved", encoding=None)
    with (
        patch.object(plan_command, "list_reachable_devices", lambda *_: [core]),
        patch.object(plan_command, "observe_devices", lambda *_, **__: observed),
    ):
        done = here("plan", "--all", "-o", "plan.json", "--policies", SHIPPED, cwd=work)
    assert (done.code, done.errors) == (0, "")
    [entry] = [one for one in AuditTrail(operators).read_entries() if one["kind"] == AuditKind.PLANNED]
    saved = json.loads((work / "plan.json").read_text(encoding="utf-8"))
    assert (entry["planner"], entry["policy"], entry["undo"]) == (find_user_name(), saved["policy"], "no")
    assert not (work / ".tsunagu").exists()


def list_unbounded_loads() -> Iterator[str]:
    """Every call of the commands that reads the operators' file without saying which policies are in use."""
    for path in sorted((ROOT / "controller/cli").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = getattr(node.func, "id", "")
            if name in {"load_operations", "read_operators_file"} and "policies" not in ast.unparse(node):
                yield f"{path}:{node.lineno}"


def test_every_command_says_beside_which_policies_the_operators_file_must_not_stand() -> None:
    assert list(list_unbounded_loads()) == []


@pytest.mark.parametrize("command", ["monitor", "audit verify", "audit prune", "check", "drift --all"])
def test_a_file_that_check_refuses_is_taken_by_no_command(
    tmp_path: Path, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = tmp_path / "repository"
    shutil.copytree(SHIPPED, repository / "policies", ignore=shutil.ignore_patterns("__pycache__"))
    (repository / ".git").mkdir()
    file = repository / "operations.yaml"
    file.write_text("format: 1\n", encoding="utf-8")
    file.chmod(0o600)
    monkeypatch.setenv(VARIABLE, str(file))
    (tmp_path / "work").mkdir()
    with patch.object(os, "execv") as begun:
        done = here(*command.split(), "--policies", str(repository / "policies"), cwd=tmp_path / "work")
    assert (done.code, begun.called) == (1, False)
    assert "must not stand among policies" in " ".join(done.errors.split())
