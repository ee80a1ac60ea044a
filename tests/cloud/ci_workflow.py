"""The part of GitHub's workflow syntax that docs/ci uses, strictly; what it does not know is refused."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, field_validator

Text = Annotated[str, Field(min_length=1)]
_VARIABLE = re.compile(r"\$\{\{ vars\.[A-Z_]+ \}\}|[^$]*")


class Strict(BaseModel):
    """Nothing is guessed, and nothing is left over."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class PullRequests(Strict):
    """Paths by which a request starts the workflow."""

    paths: list[Text]


class Trigger(Strict):
    """What starts it. `pull_request_target` is not here: it would give secrets to strangers."""

    pull_request: PullRequests


class Permissions(Strict):
    """What the job's own token may."""

    contents: Literal["read"]
    id_token: Annotated[Literal["write"] | None, Field(alias="id-token")] = None


class Concurrency(Strict):
    """One run at a time."""

    group: Text
    cancel_in_progress: Annotated[Literal["true"], Field(alias="cancel-in-progress")]


class ActionStep(Strict):
    """A step of somebody else's, by its commit."""

    name: Text
    uses: Annotated[str, Field(pattern=r"^[a-z-]+/[a-z-]+@[0-9a-f]{40}$")]
    with_: Annotated[dict[str, Text], Field(alias="with")]

    @field_validator("with_")
    @classmethod
    def _only_variables(cls, given: dict[str, str]) -> dict[str, str]:
        return _check_expressions(given)


class ShellStep(Strict):
    """A step of ours. No expression of GitHub's: what somebody else wrote would become a command."""

    name: Text
    run: Annotated[str, Field(min_length=1, pattern=r"^[^{]*$")]


class Job(Strict):
    """A job on a machine whose kind is named."""

    runs_on: Annotated[Literal["ubuntu-24.04"], Field(alias="runs-on")]
    timeout_minutes: Annotated[int, Field(alias="timeout-minutes", ge=1, le=60)]
    env: dict[Annotated[str, Field(pattern=r"^[A-Z_]+$")], Text]
    steps: Annotated[list[ActionStep | ShellStep], Field(min_length=1)]

    @field_validator("env")
    @classmethod
    def _only_variables(cls, given: dict[str, str]) -> dict[str, str]:
        return _check_expressions(given)


class Workflow(Strict):
    """A workflow of docs/ci."""

    name: Text
    on: Trigger
    permissions: Permissions
    concurrency: Concurrency | None = None
    jobs: Annotated[dict[str, Job], Field(min_length=1)]


def load_workflow(path: Path) -> Workflow:
    """Read a workflow."""
    return Workflow.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))


def _check_expressions(given: dict[str, str]) -> dict[str, str]:
    for name, value in given.items():
        if not _VARIABLE.fullmatch(value):
            message = f"{name}: {value!r}: only the repository's variables"
            raise ValueError(message)
    return given
