"""--json: one document on standard output whatever happens, true to its schema; people read standard error."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from controller.cli import main as command_line
from controller.cli.conventions.json_forms import FORMS
from controller.cli.output import Exit
from controller.exit_codes import choose_pulumi_exit
from controller.lab.state import paths
from tests.cli.running import ROOT, here
from tests.policies import SHIPPED

POLICIES = ("--policies", str(SHIPPED))
SCHOOL = ("--school", "kw-s01", *POLICIES)


def check_document(text: str) -> dict[str, Any]:
    """The document, which must be one, and what the schema of its format says."""
    document: dict[str, Any] = json.loads(text)
    name = document["format"].partition("/")[0]
    schema = json.loads((ROOT / "docs" / "json" / f"{name}.schema.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(document)
    return document


@pytest.mark.parametrize("name", FORMS)
def test_every_schema_is_one(name: str) -> None:
    schema = json.loads((ROOT / "docs" / "json" / f"{name}.schema.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    assert schema["properties"]["format"]["const"].partition("/")[0] == name


@pytest.mark.parametrize(
    ("words", "form"),
    [
        (("check", *POLICIES), "check/1"),
        (("plan", "--configs", "configs", *SCHOOL), "plan/1"),
        (("explain", "--from", "kw-s01/staff", "--to", "affairs", "--role", "teacher", *POLICIES), "explain/1"),
        (("explain", "--flow", "affairs", "--to", "learning-analytics", *POLICIES), "explain-flow/1"),
        (("prove", "--no-cache", *SCHOOL), "prove/1"),
        (("render", "-o", "rendered", *SCHOOL), "render/1"),
        (("migrate", *POLICIES), "migrate/1"),
        (("agent", "ovs"), "agent/1"),
        (("audit", "verify"), "audit-verify/1"),
    ],
)
def test_a_document_is_as_its_schema_says(tmp_path: Path, words: tuple[str, ...], form: str) -> None:
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs/kw-s01-core1.cfg").write_text("hostname core1\nend\n", encoding="utf-8")
    (tmp_path / ".tsunagu").mkdir()
    done = here(*words, "--json", cwd=tmp_path)
    assert check_document(done.said)["format"] == form


@pytest.mark.parametrize(
    ("words", "code", "name"),
    [
        (("plan",), Exit.USAGE, "usage"),
        (("plan", "--al"), Exit.USAGE, "usage"),
        (("check", "--policies", "nowhere"), Exit.FAILED, "policy-error"),
        (("apply", "plan.json"), Exit.FAILED, "plan-refused"),
        (("approve", "plan.json"), Exit.USAGE, "usage"),
        (("trust", "kw-s01-core1", *POLICIES), Exit.USAGE, "usage"),
        (("drift", "--school", "nowhere", *POLICIES), Exit.FAILED, "tsunagu-error"),
        (("agent", "nothing"), Exit.USAGE, "usage"),
        (("lab", "matrix", "--policies", "nowhere"), Exit.FAILED, "policy-error"),
        (("lab", "down", "--no"), Exit.USAGE, "usage"),
        (("report", "measurement", "1", *POLICIES), Exit.FAILED, "tsunagu-error"),
        (("audit", "prune"), Exit.FAILED, "tsunagu-error"),
        (("render", "-o", "file", *SCHOOL), Exit.FAILED, "tsunagu-error"),
        (("monitor", "--port", "x"), Exit.USAGE, "usage"),
        (("playbook", "run", "nothing", "--all"), Exit.FAILED, "tsunagu-error"),
        (("cloud", "up", "--stack"), Exit.USAGE, "usage"),
    ],
)
def test_a_refusal_is_a_document_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], code: Exit, name: str
) -> None:
    monkeypatch.setattr(paths, "STATE", tmp_path / "no-lab")
    monkeypatch.setenv("XDG_STATE_HOME", f"{tmp_path}-state")
    (tmp_path / "file").write_text("", encoding="utf-8")
    done = here(*words[:1], *(words[1:2] if words[0] in command_line.GROUPS else ()), "--json",
                *words[2 if words[0] in command_line.GROUPS else 1 :], cwd=tmp_path)  # fmt: skip
    assert done.code == code, done.errors
    error = check_document(done.said)["error"]
    assert (error["exit"], error["code"]) == (code, name)
    assert error["message"].splitlines()[0] in done.errors


def test_where_the_problems_are_is_told_apart_from_the_message(tmp_path: Path) -> None:
    done = here("check", "--json", "--policies", "nowhere", cwd=tmp_path)
    (problem,) = check_document(done.said)["error"]["problems"]
    assert (problem["file"], problem["line"]) == ("nowhere", 1)
    assert problem["message"].startswith("no such folder")


def fail(error: BaseException) -> Callable[[str], object]:
    def raises(_: str) -> object:
        raise error

    return raises


@pytest.mark.parametrize(
    ("error", "name", "code"),
    [
        (KeyboardInterrupt(), "interrupted", Exit.INTERRUPTED),
        (RuntimeError("x"), "fault", Exit.FAULT),
        (OSError(28, "No space left on device", "plan.json"), "system", Exit.FAILED),
    ],
)
def test_ctrl_c_a_fault_and_an_error_of_the_system_are_documents_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, name: str, code: Exit
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr(command_line, "build_command_line", fail(error))
    monkeypatch.setattr(command_line, "_leave_threads", lambda _: None)
    done = here("check", "--json", cwd=tmp_path)
    assert done.code == code
    assert check_document(done.said)["error"]["code"] == name
    assert done.errors.count("\n") == 1


def test_pulumi_has_no_code_that_means_something_else_here() -> None:
    ours = {Exit.GOOD, Exit.FAILED, Exit.DIFFERS, Exit.NOT_SUPPORTED, Exit.USAGE, Exit.FAULT}
    assert not {choose_pulumi_exit(code) for code in range(1, 256)} & ours
    assert choose_pulumi_exit(130) is Exit.INTERRUPTED
