"""A tiny stack of the tests' own on the real engine and the offline Google."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from controller.cloud.pulumi_engine import Engine
from controller.offline_google.environment import RehearsalFolder
from controller.offline_google.rehearsal import choose_engine
from controller.offline_google.world.world import OfflineWorld

PROGRAM = """
import json
import os
import pulumi
import pulumi_gcp as gcp

wanted = json.loads(os.environ["TINY"])
on = [gcp.projects.Service(name, service=f"{name}.googleapis.com") for name in ("iam", "secretmanager")]
after = pulumi.ResourceOptions(depends_on=on)
account = gcp.serviceaccount.Account("watcher", account_id=wanted["account"], display_name=wanted["title"], opts=after)
secret = gcp.secretmanager.Secret(
    "word",
    secret_id=wanted["word"],
    replication={"auto": {}},
    deletion_protection=wanted["protected"],
    opts=after,
)
gcp.secretmanager.SecretIamMember(
    "reader", secret_id=secret.id, role="roles/secretmanager.secretAccessor", member=account.member
)
last = secret
for place in range(wanted["more"]):
    name = f"more-{place}"
    after = pulumi.ResourceOptions(depends_on=[last])
    last = gcp.secretmanager.Secret(name, secret_id=name, replication={"auto": {}}, opts=after)
pulumi.export("email", account.email)
pulumi.export("word", secret.name)
"""
WANTED = {"account": "watcher", "title": "first", "word": "word", "protected": False, "more": 0}


@dataclass
class Tiny:
    """The program, its engine and its world."""

    engine: Engine
    rehearsal: RehearsalFolder

    def pulumi(self, command: str, *arguments: str, **wanted: Any) -> subprocess.CompletedProcess[str]:  # noqa: ANN401
        """Run the engine; its two streams as one text in `stdout`."""
        words = self.engine.command(command, "--stack", "lab", *arguments)
        environment = self.environment(**wanted)
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        return subprocess.run(words, env=environment, text=True, check=False, timeout=300, **streams)  # type: ignore[call-overload, no-any-return]

    def environment(self, **wanted: Any) -> dict[str, str]:  # noqa: ANN401
        return {**self.engine.environment, "TINY": json.dumps(WANTED | wanted)}

    def world(self) -> OfflineWorld:
        return OfflineWorld.open(self.rehearsal.world)

    def names(self) -> list[str]:
        world = self.world()
        try:
            return [found.id.rpartition("/")[2] for found in world.resources()]
        finally:
            world.close()


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tiny:
    project = tmp_path / "project"
    project.mkdir()
    (project / "Pulumi.yaml").write_text("name: tiny\nruntime: python\n", encoding="utf-8")
    (project / "Pulumi.lab.yaml").write_text("config:\n  gcp:project: school-lab\n", encoding="utf-8")
    (project / "__main__.py").write_text(PROGRAM, encoding="utf-8")
    monkeypatch.setenv("TINY", json.dumps(WANTED))
    rehearsal = RehearsalFolder(tmp_path / "offline")
    engine = choose_engine("lab", lambda _: None, project=project, rehearsal=rehearsal)
    engine.ready("lab", lambda _: None)
    return Tiny(engine, rehearsal)


@pytest.fixture
def ours() -> Callable[[Path], list[str]]:
    """The processes that an engine in this folder has started and that still run."""

    def alive(folder: Path) -> list[str]:
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                environment = (entry / "environ").read_bytes()
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
            if str(folder).encode() in environment and command and int(entry.name) != os.getpid():
                found.append(command)
        return found

    return alive
