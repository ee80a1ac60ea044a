"""A copy of the project for the engine, in which configurations may be written: a `stack init` writes into them."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from controller.offline_google.environment import RehearsalFolder, build_offline_environment
from tests.cli.running import ROOT
from tests.cloud.counting_provider import ASKED


class ProjectCopy:
    """The project at `folder`, an offline Google that counts what it is asked, and the environment of both."""

    def __init__(self, place: Path) -> None:
        self.folder = place / "project"
        (self.folder / "stacks").mkdir(parents=True)
        for name in ("Pulumi.yaml", "requirements.lock"):
            shutil.copy(ROOT / name, self.folder)
        for entry in (ROOT / "stacks").iterdir():
            if entry.name != "config":
                (self.folder / "stacks" / entry.name).symlink_to(entry)
        shutil.copytree(ROOT / "stacks/config", self.folder / "stacks/config")
        self.asked = place / "asked.txt"
        self.asked.touch()
        shim = place / "bin" / "pulumi-resource-gcp"
        shim.parent.mkdir()
        shim.write_text(
            f"#!/bin/sh\ncd '{ROOT}'\nexec '{sys.executable}' -m tests.cloud.counting_provider \"$@\"\n", "utf-8"
        )
        shim.chmod(0o755)
        environment = build_offline_environment(RehearsalFolder(place / "offline"), lambda _: None)
        del environment["PULUMI_BACKEND_URL"], environment["PULUMI_CONFIG_PASSPHRASE_FILE"]
        self.environment = {
            **environment,
            "PATH": os.pathsep.join([str(shim.parent), environment["PATH"]]),
            ASKED: str(self.asked),
        }

    def list_asked(self) -> list[str]:
        """The functions that Google was asked."""
        return self.asked.read_text(encoding="utf-8").split()
