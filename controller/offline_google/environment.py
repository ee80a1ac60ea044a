"""Where the offline Google lives, and what a Pulumi engine must be told so that it meets it and nothing else."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from controller.cloud.environment import build_engine_environment
from controller.cloud.go_build import PROJECT, Progress
from controller.cloud.installation import ENGINE_SOURCE
from controller.inputs.real_path import find_real_path

OFFLINE = "TSUNAGU_OFFLINE"
"""Set to 1: the offline Google answers, and nothing is deployed anywhere."""
STATE = "TSUNAGU_OFFLINE_STATE"
"""The file that holds the offline Google's world."""
FAULTS = "TSUNAGU_OFFLINE_FAULTS"
"""The file that says which of its calls fail."""

FOLDER = "TSUNAGU_REHEARSAL"
"""Names another folder for the rehearsal than the project's own."""

PASSPHRASE = "offline rehearsal: this protects nothing\n"  # noqa: S105 it says so itself
"""The rehearsal's; `controller.cloud.passphrase` refuses it wherever Google is meant."""
_WHOLE_FILES = "metadata=skip"
"""The engine replaces its files whole, but writes a note beside each (`.attrs`) in place: killed then, it would read an
empty one, say "EOF" and do nothing any more. Nobody needs the notes."""


@dataclass(frozen=True, slots=True)
class RehearsalFolder:
    """The folder of an offline Google: its world, and the engine's own files. A folder of its own, never a real one."""

    folder: Path = field(default_factory=lambda: Path(os.environ.get(FOLDER, PROJECT / ".tsunagu" / "cloud")))

    @property
    def world(self) -> Path:
        """The offline Google's state."""
        return self.folder / "world.sqlite"

    @property
    def backend(self) -> Path:
        """Where the engine keeps its stacks."""
        return self.folder / "backend"

    @property
    def passphrase(self) -> Path:
        """The file with the passphrase of the stacks here."""
        return self.folder / "passphrase"

    def prepare(self) -> None:
        """Make the folders and the passphrase."""
        for folder in (self.folder, self.backend, self.folder / "home"):
            folder.mkdir(parents=True, exist_ok=True)
        self.passphrase.write_text(PASSPHRASE, encoding="utf-8")


def is_offline(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether the offline Google answers here."""
    return environment.get(OFFLINE) == "1"


def build_offline_environment(
    rehearsal: RehearsalFolder, progress: Progress, base: Mapping[str, str] = os.environ
) -> dict[str, str]:
    """The environment in which `pulumi` meets the offline Google.

    Raises:
        CloudError: there is no engine, and none can be built.
    """
    rehearsal.prepare()
    return {
        **build_engine_environment(progress, base, first=[str(ENGINE_SOURCE / "offline")]),
        OFFLINE: "1",
        # Every plugin that is needed is on PATH: a rehearsal asks nobody.
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "1",
        STATE: str(rehearsal.world),
        "PULUMI_BACKEND_URL": f"{find_real_path(rehearsal.backend).as_uri()}?{_WHOLE_FILES}",
        "PULUMI_CONFIG_PASSPHRASE_FILE": str(find_real_path(rehearsal.passphrase)),
        "PULUMI_HOME": str(find_real_path(rehearsal.folder / "home")),
    }
