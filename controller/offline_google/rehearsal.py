"""A rehearsal: the Pulumi engine on the offline Google, whose killed engines it repairs after.

`choose_engine` chooses between it and the engine that deploys to Google.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from controller.cloud.environment import build_engine_environment
from controller.cloud.go_build import PROJECT, Progress
from controller.cloud.passphrase import refuse_known_passphrase
from controller.cloud.pulumi_engine import LAB, POLICIES, Engine
from controller.errors import CloudError
from controller.inputs.real_path import find_real_path
from controller.offline_google.environment import PASSPHRASE, RehearsalFolder, build_offline_environment, is_offline
from controller.offline_google.rehearsal_project import find_workspace, prepare_rehearsal_project
from controller.offline_google.world.world import OfflineWorld

CONFIG = Path("stacks/config")
"""Where the stacks' configurations are in the project."""


@dataclass(frozen=True, slots=True)
class RehearsalEngine(Engine):
    """The engine on an offline Google: it makes a stack where there is none, and repairs what a kill left half made."""

    rehearsal: RehearsalFolder

    @property
    def workspace(self) -> Path:
        """Where the engine works: the project with copies of the stacks' configurations."""
        return find_workspace(self.project, self.rehearsal)

    def ready(self, stack: str, say: Progress) -> None:
        """See to it that the stack is there and that no crash has left it half done (offline only).

        Raises:
            EngineFailed: the engine cannot do that.
        """
        if stack not in self._stacks():
            self.ask("stack", "init", stack)
        if self._unlocked(stack):
            say(f"{stack}: removed the lock of an engine that was killed")
        self._repair(stack, say)

    def _unlocked(self, stack: str) -> bool:
        """Remove the lock that a killed engine left.

        Raises:
            CloudError: its holder lives.
        """
        locks = list(self.rehearsal.backend.glob(f".pulumi/locks/organization/*/{stack}/*.json"))
        for lock in locks:
            holder = int(json.loads(lock.read_bytes())["pid"])
            if _lives(holder):
                message = f"another engine (process {holder}) is at work on the stack {stack}; wait until it has ended"
                raise CloudError(message)
        if locks:
            self.ask("cancel", "--yes", "--stack", stack)
        return bool(locks)

    def _repair(self, stack: str, say: Progress) -> None:
        """Find out what became of the resources that a killed engine was working on.

        Its record says "creating", with the inputs. The offline Google knows whether it came that far: what is there is
        taken into the record under its id, what is not is struck off, and the next `up` makes it. (The engine's own
        `refresh --import-pending-creates` only renames the note: the next `up` makes the resource a second time.)
        """
        record = json.loads(self.ask("stack", "export", "--stack", stack))
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
        self.ask("stack", "import", "--stack", stack, given=json.dumps(record))
        # Nothing else is asked for: a region may be lost meanwhile, and no refresh of what stands there succeeds.
        kept = {one["urn"] for one in record["deployment"]["resources"]}
        targets = sorted({one["resource"]["urn"] for one in pending} & kept)
        if targets:
            self.ask("refresh", "--yes", "--stack", stack, *(f"--target={urn}" for urn in targets))

    def _made(self, resource: Mapping[str, Any]) -> str:
        """The id of what a pending creation made; empty where it made nothing."""
        if not self.rehearsal.world.exists():
            return ""
        world = OfflineWorld.open(self.rehearsal.world)
        try:
            wanted = _plain(resource.get("inputs", {}))
            found = [entry.id for entry in world.resources(resource["type"]) if _plain(entry.inputs) == wanted]
        finally:
            world.close()
        return found[0] if len(found) == 1 else ""

    def _stacks(self) -> set[str]:
        return {str(entry["name"]).rpartition("/")[2] for entry in json.loads(self.ask("stack", "ls", "--json"))}


def choose_engine(
    stack: str,
    say: Progress,
    *,
    project: Path = PROJECT,
    rehearsal: RehearsalFolder | None = None,
    policies: Path | None = None,
) -> Engine:
    """The engine for a stack: with the offline Google for the lab, and for others where TSUNAGU_OFFLINE=1 asks for it.

    `policies` is the folder that the stack's program reads; None leaves that to the stack's configuration.

    Raises:
        CloudError: there is no engine, and none can be built; or the secrets of a stack at Google would be protected by
            the rehearsal's passphrase.
    """
    chosen = {} if policies is None else {POLICIES: str(find_real_path(policies))}
    if is_offline() or stack == LAB:
        place = rehearsal or RehearsalFolder()
        environment = {**build_offline_environment(place, say), **chosen}
        prepare_rehearsal_project(project, place)
        return RehearsalEngine(environment, project, place)
    refuse_known_passphrase(os.environ, project / CONFIG / f"Pulumi.{stack}.yaml", (PASSPHRASE,))
    return Engine({**build_engine_environment(say, first=[]), **chosen}, project)


def choose_banner(stack: str, *, is_offline: bool) -> str:
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
