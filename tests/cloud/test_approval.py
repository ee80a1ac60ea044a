"""Who agrees to a change of staging and production: somebody at a terminal, or a plan that was looked at."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

from controller.cloud.approval import CHANGING, Approval, choose_approval
from controller.cloud.environment import build_engine_environment
from controller.errors import CloudError
from tests.cli.running import ROOT, here
from tests.cloud.conftest import Tiny

REAL = ("staging", "production")
NO_ACQUISITION = "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"


def write_plan(path: Path, stack: str) -> None:
    planned = {f"urn:pulumi:{stack}::tsunagu::pulumi:pulumi:Stack::tsunagu-{stack}": {"steps": ["create"]}}
    path.write_text(json.dumps({"manifest": {}, "config": {}, "resourcePlans": planned}), encoding="utf-8")


@pytest.mark.parametrize("stack", REAL)
@pytest.mark.parametrize("command", sorted(CHANGING))
def test_nobody_is_passed_over(stack: str, command: str, tmp_path: Path) -> None:
    assert "--yes" not in choose_approval(command, stack, Approval(), terminal=True)
    for given, terminal in ((Approval(), False), (Approval(yes=True), True), (Approval(yes=True), False)):
        with pytest.raises(CloudError, match=f"{stack}: ") as refused:
            choose_approval(command, stack, given, terminal=terminal)
        assert "--yes --without-plan" in str(refused.value)
    assert choose_approval(command, stack, Approval(yes=True, without_plan=True), terminal=False) == ("--yes",)
    plan = tmp_path / "plan.json"
    with pytest.raises(CloudError, match="no such plan"):
        choose_approval("up", stack, Approval(yes=True, plan=plan), terminal=False)
    write_plan(plan, stack)
    assert choose_approval("up", stack, Approval(plan=plan), terminal=True) == ("--plan", str(plan))
    assert choose_approval("up", stack, Approval(yes=True, plan=plan), terminal=False)[-1] == "--yes"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "not whole"),
        ('{"manifest": {}, "resourcePlans": {', "not whole"),
        ("\x00", "not whole"),
        ("[]", "no plan"),
        ("{}", "no plan"),
        ('{"resourcePlans": []}', "no plan"),
        ('{"resourcePlans": {}}', "nothing is planned"),
        (json.dumps({"resourcePlans": {"urn:pulumi:staging::tsunagu::T::a": {}}}), "another stack than production"),
    ],
)
def test_a_plan_that_is_damaged_or_of_another_stack_is_refused_before_the_engine(
    content: str, words: str, tmp_path: Path
) -> None:
    plan = tmp_path / "plan.json"
    plan.write_text(content, encoding="utf-8")
    with pytest.raises(CloudError, match=words) as refused:
        choose_approval("up", "production", Approval(yes=True, plan=plan), terminal=False)
    assert str(refused.value).startswith(f"{plan}: ")
    assert f"--stack production --save-plan {plan}" in str(refused.value)


def test_a_stack_that_there_is_not_is_refused_before_any_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TSUNAGU_OFFLINE", "1")
    monkeypatch.setenv("TSUNAGU_REHEARSAL", str(tmp_path / "rehearsal"))
    for words in (("preview",), ("up", "--yes", "--without-plan"), ("drift",), ("destroy", "--yes", "--without-plan")):
        done = here("cloud", *words, "--stack", "prodcution", cwd=ROOT)
        assert done.code == 1
        assert "prodcution: no such stack; there are lab, bootstrap, staging, production" in done.errors
    assert not (tmp_path / "rehearsal").exists()


def test_a_plan_is_saved_for_its_owner_only(tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    plan.touch(mode=0o644)
    for place, words in ((tmp_path, "the plan cannot be saved there"), (plan, "")):
        done = here("cloud", "preview", "--stack", "prodcution", "--save-plan", str(place), cwd=ROOT)
        assert words in done.errors
    assert plan.stat().st_mode & 0o777 == 0o600


def test_the_lab_asks_nobody_and_a_preview_needs_nobody() -> None:
    assert choose_approval("destroy", "lab", Approval(), terminal=False) == ("--yes",)
    assert choose_approval("preview", "production", Approval(), terminal=False) == ()


@pytest.mark.parametrize("offline", ["", "1"])
@pytest.mark.parametrize("command", sorted(CHANGING))
def test_the_command_is_refused_without_a_terminal_before_any_engine(
    command: str, offline: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TSUNAGU_OFFLINE", offline)
    monkeypatch.setattr(os, "isatty", lambda _: False)
    monkeypatch.setenv("TSUNAGU_REHEARSAL", str(tmp_path / "rehearsal"))
    for given in ((), ("--yes",)):
        done = here("cloud", command, "--stack", "production", *given, cwd=ROOT)
        assert done.code == 1, done.errors
        assert "--yes --without-plan" in done.errors.replace("\n", " ")
    assert not (tmp_path / "rehearsal").exists()


def test_only_a_rehearsal_is_kept_from_fetching_the_provider() -> None:
    assert NO_ACQUISITION not in build_engine_environment(lambda _: None, {"PATH": os.environ["PATH"]})
    kept = build_engine_environment(lambda _: None, {"PATH": os.environ["PATH"], NO_ACQUISITION: "1"})
    assert kept[NO_ACQUISITION] == "1", "whoever forbids it is heard"


def test_a_saved_plan_is_done_and_nothing_beside_it(tiny: Tiny, tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    assert tiny.pulumi("preview", "--save-plan", str(plan)).returncode == 0
    other = tiny.pulumi("up", "--plan", str(plan), "--yes", word="other")
    assert other.returncode != 0, other.stdout
    assert "violates plan" in other.stdout
    assert "word" not in tiny.names()
    assert "other" not in tiny.names()
    assert tiny.pulumi("up", "--plan", str(plan), "--yes").returncode == 0
    assert "word" in tiny.names()


def test_at_a_terminal_the_preview_is_shown_and_no_is_no(tiny: Tiny) -> None:
    program = (
        "import json, os, pathlib\n"
        "from controller.cloud.pulumi_engine import Engine\n"
        "Engine(json.loads(os.environ['ENGINE']), pathlib.Path(os.environ['PROJECT'])).run('up', 'lab', asks=True)\n"
    )
    ours, theirs = pty.openpty()
    environment = {**os.environ, "PROJECT": str(tiny.engine.project), "TERM": "xterm"}
    inner = {name: value for name, value in tiny.environment().items() if name not in _SAY_NOT_INTERACTIVE}
    environment["ENGINE"] = json.dumps({**inner, "TERM": "xterm"})
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdin=theirs, stdout=theirs, stderr=theirs, env=environment, cwd=ROOT
    )
    os.close(theirs)
    try:
        shown = _read_until(ours, "Do you want to perform this update?")
        os.write(ours, b"no\r")
        shown += _read_until(ours, "confirmation declined")
        assert process.wait(60) != 0
    finally:
        process.kill()
        process.wait()
        os.close(ours)
    assert "6 to create" in shown
    assert tiny.names() == []


_SAY_NOT_INTERACTIVE = frozenset({"CI", "GITHUB_ACTIONS", "BUILD_NUMBER", "BUILD_ID"})


def _read_until(terminal: int, words: str, patience: float = 120) -> str:
    """What is shown at a terminal until these words come."""
    shown, ends = "", time.monotonic() + patience
    while words not in shown:
        ready, _, _ = select.select([terminal], [], [], max(0, ends - time.monotonic()))
        assert ready, f"{words!r} never came: {shown[-2000:]}"
        shown += os.read(terminal, 65536).decode(errors="replace")
    return shown
