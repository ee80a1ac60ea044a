"""The demo's main story up to the packets: check, a virtual city, plan and proof, apply, who reaches what."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from controller.offline_google.environment import FOLDER
from tools.demo.lines import find_switch_of_each_platform, list_devices
from tools.demo.stage import ROOT, Demo, run_or_stop

CONDITION = "      mfa: true\n"


def begin_first_day(demo: Demo) -> None:
    """Copy the policies, with one condition that was not asked for on the first day."""
    shutil.copytree(ROOT / "policies", demo.policies, ignore=shutil.ignore_patterns("__pycache__"))
    path = Path(demo.policies) / "access" / "rules.yaml"
    head, rule = path.read_text(encoding="utf-8").split("  - id: staff-ai\n", 1)
    path.write_text(f"{head}  - id: staff-ai\n{rule.replace(CONDITION, '', 1)}", encoding="utf-8")
    os.environ[FOLDER] = demo.path("cloud")


def check_policy(demo: Demo) -> None:
    """Check the city and its access policy."""
    with demo.timed("check the whole city"):
        demo.run("check", "--policies", demo.policies)


def build_city(demo: Demo) -> None:
    """Build the virtual city: Open vSwitch, virtual Catalysts and x530s, routers and hosts in network namespaces."""
    with demo.timed(f"lab up, {demo.schools} schools"):
        demo.build_city()


def plan_change(demo: Demo) -> None:
    """Plan: read the switches and routers over SSH, compile the policy, prove every filter, show the difference."""
    with demo.timed(f"plan with proof, {list_devices()}"):
        demo.plan("plan.json", show=26)


def apply_change(demo: Demo) -> None:
    """Apply in waves: the canary school first, then the rest; switches without a restore of their own go last."""
    with demo.timed(f"apply, {list_devices()}"):
        said = demo.apply("plan.json", show=20)
    for platform, switch in find_switch_of_each_platform().items():
        applied = any(line.split("]", 1)[-1].startswith(f" {switch} applied") for line in said.splitlines())
        run_or_stop(f"{switch} ({platform}) was applied", hold=applied)


def show_matrix(demo: Demo) -> None:
    """Packets: every host tries every application over IPv4 and IPv6; denied pairs again with the filters off."""
    with demo.timed("matrix with positive control"):
        demo.run("lab", "matrix", "--policies", demo.policies, "-o", demo.path("matrix.json"), show=60)
