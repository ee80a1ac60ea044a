"""Run the Pulumi engine on a stack, with the right environment and after a crash, too."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from controller.errors import LabError
from controller.lab.cloud.environment import Rehearsal, offline, offline_environment, with_engine
from controller.lab.cloud.installation import PROJECT, Progress
from controller.lab.cloud.world import World

LAB = "lab"
POLICIES = "TSUNAGU_POLICIES"
"""Tells the stack's program another policies folder than its configuration names."""
STACKS = (LAB, "staging", "production")
_YES = frozenset({"up", "refresh", "destroy"})


class EngineFailed(LabError):
    """The engine ended with an error, which it has told itself; its exit code is ours."""

    def __init__(self, command: str, code: int) -> None:
        self.exit_code = code
        super().__init__(f"'pulumi {command}' ended with exit code {code}; what it said stands above")


@dataclass(frozen=True, slots=True)
class Engine:
    """A Pulumi engine in an environment. The output of its commands goes where ours goes, as it comes."""

    environment: Mapping[str, str]
    project: Path
    rehearsal: Rehearsal | None = None

    def run(self, command: str, stack: str, *arguments: str) -> None:
        """Run a command on a stack.

        Raises:
            EngineFailed: it did not end well.
        """
        given = ("--yes", *arguments) if command in _YES else arguments
        answer = subprocess.run(  # noqa: S603 the engine, with arguments of ours
            self.command(command, "--stack", stack, *given), env=self.environment, check=False
        )
        if answer.returncode:
            raise EngineFailed(command, answer.returncode)

    def ready(self, stack: str, say: Progress) -> None:
        """See to it that the stack is there and that no crash has left it half done (offline only).

        Raises:
            EngineFailed: the engine cannot do that.
        """
        if self.rehearsal is None:
            return
        if stack not in self._stacks():
            self._asked("stack", "init", stack)
        if self._unlocked(stack):
            say(f"{stack}: removed the lock of an engine that was killed")
        self._mend(stack, say)

    def _unlocked(self, stack: str) -> bool:
        """Remove the lock that a killed engine left.

        Raises:
            LabError: its holder lives.
        """
        if self.rehearsal is None:
            return False
        locks = list(self.rehearsal.backend.glob(f".pulumi/locks/organization/*/{stack}/*.json"))
        for lock in locks:
            holder = int(json.loads(lock.read_bytes())["pid"])
            if _lives(holder):
                message = f"another engine (process {holder}) is at work on the stack {stack}; wait until it has ended"
                raise LabError(message)
        if locks:
            self._asked("cancel", "--yes", "--stack", stack)
        return bool(locks)

    def _mend(self, stack: str, say: Progress) -> None:
        """Find out what became of the resources that a killed engine was working on.

        Its record says "creating", with the inputs. The offline Google knows whether it came that far: what is there is
        taken into the record under its id, what is not is struck off, and the next `up` makes it. (The engine's own
        `refresh --import-pending-creates` only renames the note: the next `up` makes the resource a second time.)
        """
        record = json.loads(self._asked("stack", "export", "--stack", stack))
        pending = (record.get("deployment") or {}).pop("pending_operations", None)
        if not pending:
            return
        for operation in pending:
            resource = operation["resource"]
            identity = self._made(resource) if operation["type"] == "creating" else ""
            became = "it had been made" if identity else "it is looked at again"
            say(f"{stack}: killed while {operation['type']} {resource['urn'].rpartition('::')[2]}: {became}")
            if identity:
                _take_in(record["deployment"]["resources"], {**resource, "id": identity})
        self._asked("stack", "import", "--stack", stack, given=json.dumps(record))
        self._asked("refresh", "--yes", "--stack", stack)

    def _made(self, resource: Mapping[str, Any]) -> str:
        """The id of what a pending creation made; empty where it made nothing."""
        if self.rehearsal is None or not self.rehearsal.world.exists():
            return ""
        world = World.open(self.rehearsal.world)
        try:
            wanted = _plain(resource.get("inputs", {}))
            found = [entry.id for entry in world.resources(resource["type"]) if _plain(entry.inputs) == wanted]
        finally:
            world.close()
        return found[0] if len(found) == 1 else ""

    def outputs(self, stack: str) -> tuple[int, Mapping[str, Any]]:
        """The number of the stack's last deployment, and its outputs.

        Raises:
            LabError: the engine cannot tell.
        """
        history = json.loads(self._asked("stack", "history", "--stack", stack, "--json"))
        found: Mapping[str, Any] = json.loads(self._asked("stack", "output", "--stack", stack, "--json"))
        # A backend in files numbers nothing (every version is 0): there the count of deployments is the number.
        return max(len(history), *(int(entry["version"]) for entry in history)), found

    def _stacks(self) -> set[str]:
        return {str(entry["name"]).rpartition("/")[2] for entry in json.loads(self._asked("stack", "ls", "--json"))}

    def _asked(self, *arguments: str, given: str | None = None) -> str:
        answer = subprocess.run(  # noqa: S603 see run
            self.command(*arguments), env=self.environment, input=given, capture_output=True, text=True, check=False
        )
        if answer.returncode:
            message = f"'pulumi {' '.join(arguments)}': {(answer.stderr or answer.stdout).strip()}"
            raise LabError(message)
        return answer.stdout

    def command(self, *arguments: str) -> list[str]:
        """The words of a command, without questions asked."""
        return ["pulumi", *arguments, "--cwd", str(self.project), "--non-interactive"]


def engine_for(
    stack: str,
    say: Progress,
    *,
    project: Path = PROJECT,
    rehearsal: Rehearsal | None = None,
    policies: Path | None = None,
) -> Engine:
    """The engine for a stack: with the offline Google for the lab, and for others where TSUNAGU_OFFLINE=1 asks for it.

    `policies` is the folder that the stack's program reads; None leaves that to the stack's configuration.

    Raises:
        LabError: there is no engine, and none can be built.
    """
    chosen = {} if policies is None else {POLICIES: str(policies.resolve())}
    if offline() or stack == LAB:
        place = rehearsal or Rehearsal()
        return Engine({**offline_environment(place, say), **chosen}, project, place)
    return Engine({**with_engine(say, first=[]), **chosen}, project)


def banner(stack: str, *, is_offline: bool) -> str:
    """What must be said before and after a command on this stack; nothing where it means Google."""
    if not is_offline:
        return ""
    if stack == LAB:
        return "OFFLINE: the stack lab lives in the offline Google, on this machine only"
    return f"OFFLINE REHEARSAL of {stack}: nothing is deployed, Google was not asked"


def _plain(values: Mapping[str, Any]) -> Any:  # noqa: ANN401 JSON
    """Inputs without notes on defaults and without what is secret: enough to know a resource again."""
    return {
        key: value
        for key, value in values.items()
        if key != "__defaults" and not isinstance(value, Mapping) and not str(value).startswith("(not shown)")
    }


def _take_in(resources: list[dict[str, Any]], made: dict[str, Any]) -> None:
    """Add a resource to a record, in which the one that it replaces may still stand.

    That one is gone where it had to be deleted first (then it is marked as pending replacement), else it is marked as
    one to delete, and stands after the new one: so the engine does it itself.
    """
    same = [one for one in resources if one["urn"] == made["urn"] and not one.get("delete")]
    at = resources.index(same[0]) if same else len(resources)
    resources.insert(at, made)
    for one in same:
        if one.get("pendingReplacement"):
            resources.remove(one)
        else:
            one["delete"] = True


def _lives(process: int) -> bool:
    """Whether this process runs, and is an engine: the number of one that died may have gone to another program."""
    try:
        return b"pulumi" in Path(f"/proc/{process}/cmdline").read_bytes()
    except FileNotFoundError:
        return False
