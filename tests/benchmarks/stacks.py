"""How long the real engine takes with our stacks and the offline Google, and how that grows.

tests/benchmarks/stacks.py [RESOURCES ...]   (default 300 600 1500)

First `production`: everything under Pulumi's mocks in a process of its own, then a preview of everything new with the
policy pack and one without. Then `lab`: up, with checkpoints. Then previews and ups of a synthetic program of so many
secrets, without checkpoints (PULUMI_SKIP_CHECKPOINTS, right for the lab only), and the slope, log over log, between the
fewest and the most of them.
"""

from __future__ import annotations

import math
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from controller.cloud.go_build import PROJECT
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
MOCKS = """
from controller.model.loading.load_city import load_city
from tests.stacks.declared import ROOT, configured, declare

recorder, _ = declare(load_city(ROOT / "policies"), configured("production"))
print("+", sum(one.type.startswith("gcp:") for one in recorder.declared), "created")
"""
TIMES = 3
PACK = ("--policy-pack", str(PROJECT / "stacks/guardrails"))
NO_CHECKPOINTS = {"PULUMI_EXPERIMENTAL": "true", "PULUMI_SKIP_CHECKPOINTS": "true"}


@dataclass(frozen=True)
class Measured:
    """What a run took, and how many resources it made."""

    resources: int
    seconds: float
    processor: float


def main(sizes: list[int]) -> None:
    """Print the figures."""
    os.environ["TSUNAGU_OFFLINE"] = "1"
    with tempfile.TemporaryDirectory() as folder:
        _measure_production(Path(folder) / "production")
        lab = choose_engine("lab", _say, rehearsal=RehearsalFolder(Path(folder) / "lab"))
        _measure(lab, "lab", "up", "--yes", "--skip-preview")
        measured: dict[str, list[Measured]] = {"preview": [], "up": []}
        for size in sizes:
            synthetic = _synthetic(Path(folder) / str(size))
            extra = {"SECRETS": str(size), **NO_CHECKPOINTS}
            measured["preview"].append(_measure(synthetic, "lab", "preview", **extra))
            measured["up"].append(_measure(synthetic, "lab", "up", "--yes", "--skip-preview", **extra))
        for command, runs in measured.items():
            wall, processor = (_find_slope(runs, what) for what in ("seconds", "processor"))
            sys.stdout.write(f"slope of {command}: {wall:.2f} of the time, {processor:.2f} of the processor's time\n")


def _measure_production(folder: Path) -> None:
    """The mocks three times, and a preview beside each: what else runs on the machine slows both."""
    production = choose_engine("production", _say, rehearsal=RehearsalFolder(folder))
    ratios = []
    for _ in range(TIMES):
        mocks = _run("mocks", "", [sys.executable, "-W", "ignore", "-c", MOCKS], os.environ)
        _measure(production, "production", "preview")
        checked = _measure(production, "production", "preview", *PACK)
        ratios.append(checked.seconds / mocks.seconds)
    shown = ", ".join(f"{one:.2f}" for one in sorted(ratios))
    sys.stdout.write(f"preview with the policy pack, times the mocks beside it: {shown}\n")


def _find_slope(runs: list[Measured], what: str) -> float:
    """How a figure grows with the resources: 1 is in proportion."""
    first, last = runs[0], runs[-1]
    if first.resources == last.resources:
        return math.nan
    grown: float = math.log(getattr(last, what) / getattr(first, what))
    return grown / math.log(last.resources / first.resources)


def _synthetic(folder: Path) -> Engine:
    project = folder / "project"
    project.mkdir(parents=True)
    (project / "Pulumi.yaml").write_text("name: synthetic\nruntime: python\n", encoding="utf-8")
    (project / "Pulumi.lab.yaml").write_text("config:\n  gcp:project: school-lab\n", encoding="utf-8")
    (project / "__main__.py").write_text(PROGRAM, encoding="utf-8")
    return choose_engine("lab", _say, project=project, rehearsal=RehearsalFolder(folder / "offline"))


def _measure(engine: Engine, stack: str, command: str, *arguments: str, **extra: str) -> Measured:
    engine.ready(stack, _say)
    words = engine.command(command, "--stack", stack, *arguments)
    shown = f"{command} with the pack" if arguments == PACK else command
    return _run(stack, shown, words, {**engine.environment, **extra})


def _run(stack: str, shown: str, words: list[str], environment: Mapping[str, str]) -> Measured:
    began, before = time.monotonic(), os.times()
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False, cwd=PROJECT)
    after = os.times()
    if done.returncode:
        sys.exit(f"{shown} {stack}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    counted = re.search(r"\+ (\d+) (?:to create|created)", done.stdout)
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    measured = Measured(int(counted[1]) if counted else 0, time.monotonic() - began, spent)
    sys.stdout.write(
        f"{stack:<10} {shown:<21} {measured.resources:>5} resources {measured.seconds:6.1f} s, "
        f"{measured.processor:6.1f} s of processor\n"
    )
    return measured


def _say(message: str) -> None:
    sys.stderr.write(message + "\n")


if __name__ == "__main__":
    main([int(word) for word in sys.argv[1:]] or [300, 600, 1500])
