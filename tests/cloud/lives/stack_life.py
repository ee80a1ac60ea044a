"""A stack on the real engine that goes from state to state, and what Google does to it meanwhile.

A life can be copied at any point, with its world and the engine's record: each failure is tried from the same state.
"""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from controller.cloud.pulumi_engine import POLICIES
from controller.lab.state.processes import wait_until
from controller.offline_google.environment import FAULTS
from controller.offline_google.schema.instance_roles import INSTANCE
from controller.offline_google.world.injected_faults import FaultRule, format_rules
from controller.offline_google.world.world import OfflineWorld
from tests.stacks.declared import file
from tests.stacks.test_on_the_engine import Rehearsed

KEPT = frozenset(
    {
        INSTANCE,
        "gcp:kms/cryptoKey:CryptoKey",
        "gcp:kms/keyRing:KeyRing",
        "gcp:logging/projectBucketConfig:ProjectBucketConfig",
        "gcp:sql/database:Database",
        "gcp:sql/user:User",
        "gcp:storage/bucket:Bucket",
    }
)
"""What holds data, or what data cannot be read without: no change of a configuration replaces or deletes it."""
DO = ("--yes", "--skip-preview")
_ERROR = re.compile(r'"message": "(error: [^"]*)')
LONGEST = 120.0
"""Seconds in which an engine reaches a call."""


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """What a preview says will be done to one resource."""

    call: str
    type: str
    name: str

    @property
    def takes_away(self) -> bool:
        """Whether the resource that is there now goes, for good or for another one."""
        return self.call in {"delete", "replace"}


def read_steps(said: str) -> list[PlannedStep]:
    """Return what a preview in JSON would do to Google's resources: create, update, delete or replace."""
    steps = json.JSONDecoder().raw_decode(said[said.index("{") :])[0]["steps"]
    found = []
    for step in steps:
        call = {"create-replacement": "replace", "delete-replaced": "replace"}.get(step["op"], step["op"])
        types, _, name = step["urn"].rpartition("::")
        token = types.rpartition("::")[2].rpartition("$")[2]
        if call in {"create", "update", "delete", "replace"} and token.startswith("gcp:"):
            found.append(PlannedStep(call, token, name))
    return list(dict.fromkeys(found))


@dataclass
class StackLife:
    """One stack. `document` is its file, `policies` the folder that it reads, `lost` the region that answers nobody."""

    name: str
    folder: Path
    document: dict[str, Any] = field(default_factory=dict)
    policies: str = ""
    lost: str = ""
    stack: Rehearsed = field(init=False)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.document = self.document or yaml.safe_load(file(self.name).read_text(encoding="utf-8"))
        self.stack = Rehearsed(self.name, self.folder / "rehearsal")
        # What repairs a killed engine's record calls Google, too, and a region that is lost answers it no more.
        known = {**self.stack.engine.environment, FAULTS: str(self.folder / "faults.json")}
        self.stack.engine = replace(self.stack.engine, environment=known)

    @property
    def settings(self) -> dict[str, Any]:
        """The values of the stack's file, by key."""
        values: dict[str, Any] = self.document["config"]
        return values

    def copy(self, folder: Path) -> StackLife:
        """Return the same life at the same point, in a folder of its own."""
        shutil.copytree(self.folder, folder)
        document = json.loads(json.dumps(self.document))
        return StackLife(self.name, folder, document, self.policies, self.lost)

    def run(self, command: str, *arguments: str, fault: FaultRule | None = None) -> subprocess.CompletedProcess[str]:
        """Run the engine in the present state; `fault` meets one of its calls."""
        return self.stack.pulumi(command, *self._write(fault), *arguments, **self._environment)

    def preview(self) -> list[PlannedStep]:
        """Return what the next deployment would do.

        Raises:
            AssertionError: it would be refused; with the engine's words.
        """
        answer = self.run("preview", "--json")
        assert answer.returncode == 0, "\n".join(_ERROR.findall(answer.stdout)) or answer.stdout[-3000:]
        return read_steps(answer.stdout)

    def unprotect(self, urn: str) -> None:
        """Take the engine's protection off one resource, as a person does who means it."""
        self.stack.engine.ask("state", "unprotect", urn, "--yes", "--stack", self.name)

    def kill(self, command: str, fault: FaultRule) -> bool:
        """Run the engine until the fault has met a call, and kill it there; say whether it came so far."""
        before = self.count_faults().get(fault.name, 0)
        words = self.stack.engine.command(command, "--stack", self.name, *self._write(fault), *DO)
        environment = {**self.stack.engine.environment, **self._environment}
        process = subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

        def is_over() -> bool:
            return self.count_faults().get(fault.name, 0) > before or process.poll() is not None

        wait_until(is_over, LONGEST)
        met = self.count_faults().get(fault.name, 0) > before
        process.send_signal(signal.SIGKILL)
        process.wait()
        return met

    def repair(self) -> None:
        """Do what a killed engine's next start does in a rehearsal."""
        self._write(None)
        self.stack.engine.ready(self.name, lambda _: None)

    def list_kept(self) -> set[tuple[str, str]]:
        """Return type and id of everything in the world that holds data."""
        return {(token, identity) for token, identity, _ in self.list_resources() if token in KEPT}

    def list_resources(self) -> list[tuple[str, str, Mapping[str, Any]]]:
        """Return type, id and outputs of everything in the world."""
        if not self.stack.rehearsal.world.exists():
            return []
        world = OfflineWorld.open(self.stack.rehearsal.world)
        try:
            return [(one.token, one.id, one.outputs) for one in world.resources()]
        finally:
            world.close()

    def change_world(self, token: str, identity: str, **values: Any) -> None:  # noqa: ANN401 any JSON
        """Have Google change a resource by itself."""
        world = OfflineWorld.open(self.stack.rehearsal.world)
        try:
            world.change(world.find(identity, token), values)
        finally:
            world.close()

    @property
    def _environment(self) -> dict[str, str]:
        return {POLICIES: self.policies} if self.policies else {}

    def _write(self, fault: FaultRule | None) -> tuple[str, str]:
        """Write the stack's file and the faults; return the engine's option for the first."""
        config = self.folder / f"Pulumi.{self.name}.yaml"
        config.write_text(yaml.safe_dump(self.document, sort_keys=False, allow_unicode=True), encoding="utf-8")
        (self.folder / "faults.json").write_text(format_rules(list(self._list_faults(fault))), encoding="utf-8")
        return "--config-file", str(config)

    def _list_faults(self, fault: FaultRule | None) -> Iterator[FaultRule]:
        if self.lost:
            yield FaultRule("lost", "unavailable", region=self.lost)
        if fault is not None:
            yield fault

    def count_faults(self) -> dict[str, int]:
        """Return how often each fault has met a call in this world."""
        if not self.stack.rehearsal.world.exists():
            return {}
        world = OfflineWorld.open(self.stack.rehearsal.world)
        try:
            return world.faults()
        finally:
            world.close()
