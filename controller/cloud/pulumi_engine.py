"""The Pulumi engine at work on a stack: where staging and production are deployed."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from controller.cloud.go_build import Progress
from controller.errors import CloudError
from controller.exit_codes import choose_pulumi_exit

LAB = "lab"
POLICIES = "TSUNAGU_POLICIES"
"""Tells the stack's program another policies folder than its configuration names."""
_ASKS_NOTHING = "--non-interactive"
BOOTSTRAP = "bootstrap"
"""The stack that keeps the states of the others."""
STACKS = (LAB, BOOTSTRAP, "staging", "production")


class EngineFailed(CloudError):
    """The engine ended with an error, which it has told itself; our exit code says of which kind."""

    def __init__(self, command: str, code: int) -> None:
        self.exit_code = choose_pulumi_exit(code)
        super().__init__(f"'pulumi {command}' ended with exit code {code}; what it said stands above")


@dataclass(frozen=True, slots=True)
class Engine:
    """A Pulumi engine in an environment. The output of its commands goes where ours goes, as it comes."""

    environment: Mapping[str, str]
    project: Path

    @property
    def workspace(self) -> Path:
        """The folder that the engine works in."""
        return self.project

    def run(self, command: str, stack: str, *arguments: str, beside: bool = False, asks: bool = False) -> None:
        """Run a command on a stack.

        `beside`: what it says goes to standard error, as standard output is a program's. `asks`: it asks at the
        terminal, after its preview.

        Raises:
            EngineFailed: it did not end well.
        """
        words = self.command(command, "--stack", stack, *arguments)
        answer = subprocess.run(  # noqa: S603 the engine, with arguments of ours
            [word for word in words if word != _ASKS_NOTHING] if asks else words,
            env=self.environment,
            check=False,
            stdout=sys.stderr if beside else None,
        )
        if answer.returncode:
            raise EngineFailed(command, answer.returncode)

    def ready(self, stack: str, say: Progress) -> None:
        """See to it that the stack can be worked on; at Google nobody may remove a lock or repair a record unasked.

        Raises:
            CloudError: it cannot.
        """

    def outputs(self, stack: str) -> tuple[int, Mapping[str, Any]]:
        """The number of the stack's last deployment, and its outputs.

        Raises:
            CloudError: the engine cannot tell.
        """
        history = json.loads(self.ask("stack", "history", "--stack", stack, "--json"))
        found: Mapping[str, Any] = json.loads(self.ask("stack", "output", "--stack", stack, "--json"))
        # A backend in files numbers nothing (every version is 0): there the count of deployments is the number.
        return max(len(history), *(int(entry["version"]) for entry in history)), found

    def ask(self, *arguments: str, given: str | None = None) -> str:
        """What a command of the engine answers.

        Raises:
            CloudError: it ended with an error; with its words.
        """
        answer = subprocess.run(  # noqa: S603 see run
            self.command(*arguments), env=self.environment, input=given, capture_output=True, text=True, check=False
        )
        if answer.returncode:
            message = f"'pulumi {' '.join(arguments)}': {(answer.stderr or answer.stdout).strip()}"
            raise CloudError(message)
        return answer.stdout

    def command(self, *arguments: str) -> list[str]:
        """The words of a command, without questions asked."""
        return ["pulumi", *arguments, "--cwd", str(self.workspace), _ASKS_NOTHING]
