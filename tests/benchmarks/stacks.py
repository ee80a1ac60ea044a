"""How long the real engine takes with our stacks and the offline Google, and how that grows.

tests/benchmarks/stacks.py [RESOURCES ...]   (default 300 600 1500)

First `production`: preview of everything new. Then `lab`: up, with checkpoints. Then previews and ups of a synthetic
program of so many secrets, without checkpoints (PULUMI_SKIP_CHECKPOINTS, right for the lab only).
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from controller.cloud.pulumi_engine import Engine
from controller.offline_google.environment import RehearsalFolder
from controller.offline_google.rehearsal import choose_engine

PROGRAM = """
import os
import pulumi
import pulumi_gcp as gcp

on = gcp.projects.Service("secretmanager", service="secretmanager.googleapis.com")
after = pulumi.ResourceOptions(depends_on=[on])
for place in range(int(os.environ["SECRETS"])):
    gcp.secretmanager.Secret(f"s-{place}", secret_id=f"s-{place}", replication={"auto": {}}, opts=after)
"""
NO_CHECKPOINTS = {"PULUMI_EXPERIMENTAL": "true", "PULUMI_SKIP_CHECKPOINTS": "true"}


def main(sizes: list[int]) -> None:
    """Print the figures."""
    os.environ["TSUNAGU_OFFLINE"] = "1"
    with tempfile.TemporaryDirectory() as folder:
        production = choose_engine("production", _say, rehearsal=RehearsalFolder(Path(folder) / "production"))
        _measure(production, "production", "preview")
        lab = choose_engine("lab", _say, rehearsal=RehearsalFolder(Path(folder) / "lab"))
        _measure(lab, "lab", "up", "--yes", "--skip-preview")
        for size in sizes:
            synthetic = _synthetic(Path(folder) / str(size))
            extra = {"SECRETS": str(size), **NO_CHECKPOINTS}
            _measure(synthetic, "lab", "preview", **extra)
            _measure(synthetic, "lab", "up", "--yes", "--skip-preview", **extra)


def _synthetic(folder: Path) -> Engine:
    project = folder / "project"
    project.mkdir(parents=True)
    (project / "Pulumi.yaml").write_text("name: synthetic\nruntime: python\n", encoding="utf-8")
    (project / "Pulumi.lab.yaml").write_text("config:\n  gcp:project: school-lab\n", encoding="utf-8")
    (project / "__main__.py").write_text(PROGRAM, encoding="utf-8")
    return choose_engine("lab", _say, project=project, rehearsal=RehearsalFolder(folder / "offline"))


def _measure(engine: Engine, stack: str, command: str, *arguments: str, **extra: str) -> None:
    engine.ready(stack, _say)
    words = engine.command(command, "--stack", stack, *arguments)
    began, before = time.monotonic(), os.times()
    done = subprocess.run(words, env={**engine.environment, **extra}, capture_output=True, text=True, check=False)
    after = os.times()
    if done.returncode:
        sys.exit(f"{command} {stack}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    counted = re.search(r"\+ (\d+) (?:to create|created)", done.stdout)
    resources = int(counted[1]) if counted else 0
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    seconds = time.monotonic() - began
    sys.stdout.write(
        f"{stack:<10} {command:<8} {resources:>5} resources {seconds:6.1f} s, {spent:6.1f} s of processor\n"
    )


def _say(message: str) -> None:
    sys.stderr.write(message + "\n")


if __name__ == "__main__":
    main([int(word) for word in sys.argv[1:]] or [300, 600, 1500])
