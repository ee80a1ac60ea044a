"""The workflows of docs/ci: their form, their shell steps on the engine, and that the first preview asks nothing."""

from __future__ import annotations

import re
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from tests.cli.running import ROOT
from tests.cloud.ci_workflow import ShellStep, Workflow, load_workflow
from tests.cloud.conftest import Tiny
from tests.cloud.project_copy import ProjectCopy

FOLDER = ROOT / "docs" / "ci"
FIRST, LATER = FOLDER / "first-preview.yaml", FOLDER / "preview.yaml"
WORKFLOWS = sorted(FOLDER.glob("*.yaml"))
NOT_RUN = {"Install Tsunagu": "from a package index", "Install the engine and the provider": "from the internet"}
ASKING = """
import pulumi_gcp as gcp

gcp.organizations.get_project(project_id="school-lab")
"""


def run_steps(workflow: Workflow, copy: ProjectCopy, **changes: str) -> str:
    """Run the shell steps of a workflow, one after the other as a runner does; return what the last one said."""
    (job,) = workflow.jobs.values()
    environment = {**copy.environment, **job.env, **changes}
    said = ""
    for step in job.steps:
        if isinstance(step, ShellStep) and step.name not in NOT_RUN:
            answer = subprocess.run(
                ["bash", "-eo", "pipefail", "-c", step.run],
                cwd=copy.folder,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=300,
                check=False,
            )
            assert answer.returncode == 0, f"{step.name}:\n{answer.stdout}"
            said = answer.stdout
    return said


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_is_as_the_syntax_has_it_and_says_that_it_was_not_tried(path: Path) -> None:
    workflow = load_workflow(path)
    text = path.read_text(encoding="utf-8")
    assert "Not tried here" in text.partition("name:")[0]
    for action in re.findall(r"uses: .*", text):
        assert re.fullmatch(r"uses: [a-z/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action), "its release stands beside it"
    assert f"gcp {version('pulumi-gcp')}" in text, "the provider of the SDK's release"
    names = {step.name for job in workflow.jobs.values() for step in job.steps}
    assert names >= NOT_RUN.keys()


def test_every_workflow_is_known_here() -> None:
    assert sorted([FIRST, LATER]) == WORKFLOWS


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        (FIRST, "@11bd71901bbe5b1630ceea73d27597364c9af683", "@v4"),
        (FIRST, "pull_request:", "pull_request_target:"),
        (FIRST, "contents: read", "contents: write"),
        (FIRST, '--stack "$STACK" --policy-pack', "--stack ${{ github.head_ref }} --policy-pack"),
        (FIRST, "STACK: staging", "STACK: ${{ github.head_ref }}"),
        (LATER, "${{ vars.STAGING_PREVIEWER }}", "${{ secrets.KEY }}"),
        (LATER, "timeout-minutes: 45", 'timeout-minutes: "45"'),
        (LATER, "runs-on: ubuntu-24.04", "runs-on: self-hosted"),
        (LATER, "    steps:", "    continue-on-error: true\n    steps:"),
    ],
)
def test_what_the_form_forbids_is_refused(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    changed: Any = yaml.safe_load(text.replace(old, new, 1))
    with pytest.raises(ValidationError):
        Workflow.model_validate(changed)


def test_the_first_preview_asks_google_nothing(tmp_path: Path) -> None:
    """With its steps as they stand, on an empty state; what is asked of the engine's own record is not Google's."""
    copy = ProjectCopy(tmp_path)
    said = run_steps(load_workflow(FIRST), copy)
    assert re.search(r"\+ \d{2,} to create", said), said
    assert "tsunagu-guardrails" in said
    assert copy.list_asked() == []


def test_the_later_preview_runs_on_the_state_that_it_is_told(tmp_path: Path) -> None:
    copy = ProjectCopy(tmp_path)
    state = tmp_path / "state"
    state.mkdir()
    passphrase = tmp_path / "passphrase.txt"
    passphrase.write_text("of this test\n", encoding="utf-8")
    known = {"STATE": state.as_uri(), "PULUMI_CONFIG_PASSPHRASE_FILE": str(passphrase), "STACK": "bootstrap"}
    init = ["pulumi", "stack", "init", "bootstrap", "--non-interactive"]
    there = {**copy.environment, **known, "PULUMI_BACKEND_URL": state.as_uri()}
    subprocess.run(init, cwd=copy.folder, env=there, check=True, capture_output=True)
    assert "to create" in run_steps(load_workflow(LATER), copy, **known)
    assert copy.list_asked() == [], "nor does the bootstrap ask anything as long as nothing is there"


def test_a_program_that_asks_is_counted(tiny: Tiny, tmp_path: Path) -> None:
    """The count would notice: a function whose arguments are known is asked in the first preview."""
    copy = ProjectCopy(tmp_path / "copy")
    (tiny.engine.project / "__main__.py").write_text(ASKING, encoding="utf-8")
    environment = {**tiny.environment(), "PATH": copy.environment["PATH"], "TSUNAGU_TEST_ASKED": str(copy.asked)}
    subprocess.run(tiny.engine.command("preview", "--stack", "lab"), env=environment, capture_output=True, check=False)
    assert copy.list_asked() == ["gcp:organizations/getProject:getProject"]
