"""A drill of a lost state: the engine's record of the stack `lab` is cut off and deleted, and put back from copies.

It goes as `docs/state.md` does, on an offline Google of its own in a folder that goes with the drill.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from controller.cloud.go_build import Progress
from controller.cloud.pulumi_engine import LAB, Engine
from controller.cloud.state_record import choose_newest_record
from controller.drills.conduct import DrillResult
from controller.drills.drill_record import MeasuredRecovery
from controller.errors import CloudError, DrillRefused
from controller.lab.trials.region.rehearsed_stack import find_engine_errors
from controller.offline_google.environment import RehearsalFolder
from controller.offline_google.rehearsal import choose_engine

SUBJECT = f"the engine's record of the stack {LAB}"
NOT_TRIED = "copies were files: the versions of a real bucket were not tried"


class StateLoss(StrEnum):
    """How the state is lost."""

    CUT_OFF = "cut off"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class StateScene:
    """An engine with a deployed stack, and the folder that holds its backend."""

    engine: Engine
    rehearsal: RehearsalFolder

    def find_state(self) -> Path:
        """Return the file of the stack's state.

        Raises:
            DrillRefused: there is not exactly one.
        """
        found = [*self.rehearsal.backend.rglob(f"stacks/**/{LAB}.json")]
        if len(found) != 1:
            message = f"{self.rehearsal.backend}: {len(found)} files hold a state of the stack {LAB}, expected 1"
            raise DrillRefused(message)
        return found[0]

    def ask(self, command: str, *words: str, given: str | None = None) -> str:
        """Run a command of the engine on the stack.

        Raises:
            CloudError: it failed; with the engine's reason.
        """
        names = ("stack", command) if command in {"import", "export"} else (command,)
        try:
            return self.engine.ask(*names, "--stack", LAB, *words, given=given)
        except CloudError as error:
            message = f"pulumi {' '.join(names)}: {find_engine_errors(str(error))}"
            raise CloudError(message) from None


@dataclass(slots=True)
class _Kept:
    """What a drill has measured so far."""

    rto_seconds: float = 0.0
    rpo_seconds: float = 0.0
    findings: list[str] = field(default_factory=list)


def drill_lost_state(policies: Path, say: Progress) -> DrillResult:
    """Deploy the stack `lab` to an offline Google of the drill's own, lose its state in each way, and put it back.

    Nothing that lives is touched.

    Raises:
        TsunaguError: there is no engine, or something could not be brought back; says why.
    """
    with tempfile.TemporaryDirectory(prefix="tsunagu-drill-state-") as folder:
        rehearsal = RehearsalFolder(Path(folder) / "offline")
        engine = choose_engine(LAB, say, rehearsal=rehearsal, policies=policies)
        engine.ready(LAB, say)
        scene = StateScene(engine, rehearsal)
        say(f"{LAB}: deployed to an offline Google of the drill's own")
        scene.ask("up", "--yes", "--skip-preview")
        return lose_each_way(scene, Path(folder) / "copies", say)


def lose_each_way(
    scene: StateScene, copies: Path, say: Progress, seconds: Callable[[], float] = time.monotonic
) -> DrillResult:
    """Lose a deployed stack's state in each way and put it back from copies in a folder, as a bucket keeps versions.

    The RTO is that of the slowest: from the loss until a preview is empty again. The RPO is how much older what was
    put back is than what was lost.

    Raises:
        CloudError: it was not noticed, or not brought back; says why.
    """
    copies.mkdir(parents=True)
    kept = _Kept()
    for loss in StateLoss:
        say(f"the state is {loss}")
        _keep_versions(scene, copies / loss.name.lower())
        _lose_once(scene, copies / loss.name.lower(), loss, kept, seconds)
    measured = MeasuredRecovery(rto_seconds=kept.rto_seconds, rpo_seconds=kept.rpo_seconds)
    return DrillResult(measured, (*kept.findings, NOT_TRIED))


def _keep_versions(scene: StateScene, folder: Path) -> None:
    """Keep what a bucket with versions would hold: the last one, and one that its writer was killed at."""
    state = scene.find_state()
    folder.mkdir()
    shutil.copyfile(state, folder / "whole.json")
    whole = state.read_bytes()
    (folder / "newest.json").write_bytes(whole[: len(whole) // 2])


def _lose_once(scene: StateScene, copies: Path, loss: StateLoss, kept: _Kept, seconds: Callable[[], float]) -> None:
    state = scene.find_state()
    lost = choose_newest_record(LAB, [state])
    began = seconds()
    _lose(state, loss)
    _expect_noticed(scene, loss)
    found = choose_newest_record(LAB, [copies])
    # The engine reads what it replaces: what is cut off it can neither read nor replace.
    _lose(state, StateLoss.DELETED)
    scene.engine.ask("stack", "init", LAB)
    scene.ask("import", given=found.format_import())
    scene.ask("refresh", "--yes", "--skip-preview", "--expect-no-changes")
    scene.ask("preview", "--expect-no-changes")
    took = seconds() - began
    kept.rto_seconds = max(kept.rto_seconds, took)
    kept.rpo_seconds = max(kept.rpo_seconds, (lost.taken - found.taken).total_seconds())
    kept.findings.append(
        f"{loss}: noticed, {found.resources} resources put back from {found.path.name}, "
        f"refresh and preview empty after {took:.1f} s"
    )


def _lose(state: Path, loss: StateLoss) -> None:
    if loss is StateLoss.CUT_OFF:
        whole = state.read_bytes()
        state.write_bytes(whole[: len(whole) // 2])
        return
    for one in state.parent.glob(f"{state.name}*"):
        one.unlink()


def _expect_noticed(scene: StateScene, loss: StateLoss) -> None:
    """See that the engine refuses to work without its record.

    Raises:
        CloudError: it does not.
    """
    try:
        scene.ask("preview")
    except CloudError:
        return
    message = f"the state was {loss}, and the engine previewed as if nothing were lost"
    raise CloudError(message)
