"""The lab stack on the real engine, for a drill: its own world and file, an operation and a deployment at a time."""

from __future__ import annotations

import copy
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from controller.cloud.go_build import PROJECT, Progress
from controller.cloud.pulumi_engine import LAB
from controller.errors import CloudError, DrillRefused
from controller.offline_google.environment import FAULTS, RehearsalFolder
from controller.offline_google.rehearsal import CONFIG, choose_engine
from controller.offline_google.world.injected_faults import FaultRule, format_rules
from controller.offline_google.world.world import OfflineWorld
from stacks.settings.database_pair import OperationKind, begin_pair, find_operation_problem
from stacks.settings.read_configuration import find_stack_configuration
from stacks.settings.regions import Region, choose_standby

GUARDRAILS = PROJECT / "stacks" / "guardrails"
_LOST = "lost region"
_PLUS = {"edition": "ENTERPRISE_PLUS", "tier": "db-perf-optimized-N-2"}
"""What Google needs for a switchover; the lab's file has the smaller edition."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """A deployment that succeeded: when it began and ended (`time.monotonic`), and what the engine says it changed."""

    began: float
    ended: float
    said: str

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.ended - self.began

    @property
    def changes(self) -> str:
        """What was changed, as the engine counts it: "~ 6 updated, 230 unchanged"."""
        lines = self.said.partition("Resources:")[2].partition("\n\n")[0].splitlines()
        return ", ".join(" ".join(line.rpartition(". ")[2].split()) for line in lines if line.strip())


@dataclass(slots=True)
class DrilledStack:
    """The stack's file as it would be with what a drill needs, and the regions of its database."""

    document: dict[str, Any]
    application: str
    primary: Region
    standby: Region
    operations: list[dict[OperationKind, str]] = field(default_factory=list)

    def find_problem(self, steps: list[tuple[OperationKind, str]]) -> str:
        """Return why operations are not in order; "" where they are."""
        pair = begin_pair(self.primary.id, self.standby.id, 1)
        problem = find_operation_problem(pair, [{kind: region} for kind, region in steps])
        return "" if problem is None else problem[1]

    def format_file(self) -> str:
        """Return the text of the stack's file with the operations so far."""
        document = copy.deepcopy(self.document)
        document["config"]["tsunagu:applications"][self.application]["database"]["operations"] = self.operations
        return yaml.safe_dump(document, sort_keys=False, allow_unicode=True)


def choose_drilled_stack(file: Path) -> DrilledStack:
    """Return the lab stack as a drill deploys it: protected, and with an edition that can be switched over.

    Raises:
        DrillRefused: it has no database with a replica in another region.
        TsunaguError: the file is refused.
    """
    regions = find_stack_configuration(LAB, file).places.regions
    document = yaml.safe_load(file.read_text(encoding="utf-8"))
    settings = document["config"]
    for name, application in settings["tsunagu:applications"].items():
        database = application.get("database")
        if database is None:
            continue
        standby = choose_standby(regions, database["primary"], database.get("standby"))
        by_id = {one.id: one for one in regions}
        if standby is None or database.get("operations"):
            continue
        database.update({**_PLUS, "generation": database.get("generation", 1)})
        settings["tsunagu:protected"] = "true"
        return DrilledStack(document, name, by_id[database["primary"]], by_id[standby])
    message = f"{file}: no application of this stack has a database with a replica in another region, and no operations"
    raise DrillRefused(message)


class RehearsedStack:
    """Deploys a `DrilledStack` to an offline Google in a folder."""

    def __init__(self, stack: DrilledStack, folder: Path, policies: Path, say: Progress) -> None:
        self.stack, self._folder, self._say = stack, folder, say
        self._faults, self._file = folder / "faults.json", folder / "Pulumi.lab.yaml"
        self.rehearsal = RehearsalFolder(folder)
        engine = choose_engine(LAB, say, rehearsal=self.rehearsal, policies=policies)
        # The state is written once, at the end: what is drilled is no killed engine.
        fast = {"PULUMI_EXPERIMENTAL": "true", "PULUMI_SKIP_CHECKPOINTS": "true"}
        self._engine = replace(engine, environment={**engine.environment, **fast, FAULTS: str(self._faults)})

    @property
    def world(self) -> Path:
        """The offline Google's file."""
        return self.rehearsal.world

    def deploy(self, kind: OperationKind | None = None, region: str = "") -> Deployment:
        """Deploy, with one more operation in the file where one is named.

        Raises:
            CloudError: the engine refused; with its words.
        """
        if kind is not None:
            self.stack.operations.append({kind: region})
        else:
            self._engine.ready(LAB, self._say)
        return self._ask("up", "--yes", "--skip-preview", "--policy-pack", str(GUARDRAILS))

    def refresh(self) -> Deployment:
        """Let the engine learn what Google did by itself.

        Raises:
            CloudError: the engine refused; with its words.
        """
        return self._ask("refresh", "--yes", "--skip-preview")

    def expect_no_changes(self) -> None:
        """See that the next preview is empty.

        Raises:
            CloudError: it is not; with what it shows.
        """
        self._ask("preview", "--expect-no-changes")

    def get_outputs(self) -> tuple[int, Mapping[str, Any]]:
        """Return the number of the last deployment, and the stack's outputs.

        Raises:
            CloudError: the engine cannot tell.
        """
        return self._engine.outputs(LAB)

    def lose(self, location: str) -> None:
        """Let Google answer every call about a location with 503."""
        rule = FaultRule(_LOST, "unavailable", region=location)
        self._faults.write_text(format_rules([rule]), encoding="utf-8")

    def give_back(self) -> None:
        """Let Google answer as before."""
        self._faults.unlink(missing_ok=True)

    def count_calls_to_the_lost(self) -> int:
        """Return how many calls about the lost location were answered with 503."""
        world = OfflineWorld.open(self.world)
        try:
            return world.faults().get(_LOST, 0)
        finally:
            world.close()

    def _ask(self, command: str, *words: str) -> Deployment:
        self._file.write_text(self.stack.format_file(), encoding="utf-8")
        began = time.monotonic()
        try:
            said = self._engine.ask(command, "--stack", LAB, *words, "--config-file", str(self._file))
        except CloudError as error:
            message = f"pulumi {command}: {find_engine_errors(str(error))}"
            raise CloudError(message) from None
        return Deployment(began, time.monotonic(), said)


def find_engine_errors(said: str) -> str:
    r"""Return what of an engine's words says why it failed; all of them where nothing does.

    >>> find_engine_errors("Updating (lab):\n  a Service  updated\n  error: Quota exceeded\nDuration: 9s")
    'Quota exceeded'
    """
    found = dict.fromkeys(line.partition("error: ")[2].strip() for line in said.splitlines() if "error: " in line)
    return "; ".join(found) or said


def find_stack_file(stack: str, project: Path = PROJECT) -> Path:
    """Return the file of a stack."""
    return project / CONFIG / f"Pulumi.{stack}.yaml"
