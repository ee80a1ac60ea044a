"""The demo's chapters about the cloud: deployed by the real engine, tried by people's HTTPS, one condition added."""

from __future__ import annotations

import json
from pathlib import Path

from tools.demo.stage import ROOT, Demo, console, run_or_stop


def deploy_cloud(demo: Demo) -> None:
    """Deploy the cloud with the real Pulumi engine, to an offline Google; the city is built anew with its proxy."""
    with demo.timed("cloud up, stack lab"):
        demo.run("cloud", "up", "--stack", "lab", "--policies", demo.policies, show=14)
    demo.build_city()
    demo.plan("cloud-plan.json", show=4)
    demo.apply("cloud-plan.json", show=4)


def show_people(demo: Demo) -> None:
    """People at applications by real HTTPS: who is let in, and which part refuses (network or identity)."""
    with demo.timed("people, with attacks"):
        demo.run("lab", "people", "--policies", demo.policies, "-o", demo.path("people.json"), show=60)


def change_a_condition(demo: Demo) -> None:
    """One condition is added in the policy: preview shows it, up deploys it, the proxy refuses who lacks it."""
    before = staff_ai(demo, "people.json")
    run_or_stop(
        "on the first day a teacher without MFA is let in to staff-ai", hold=before["teacher, no MFA"] == "let in"
    )
    rules = Path(demo.policies) / "access" / "rules.yaml"
    rules.write_text((ROOT / "policies" / "access" / "rules.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    console.print("  the rule 'staff-ai' now asks for MFA (access/rules.yaml)")
    demo.run("cloud", "preview", "--stack", "lab", "--policies", demo.policies, show=24)
    demo.run("cloud", "up", "--stack", "lab", "--policies", demo.policies, show=6)
    words = ("--school", demo.canary, "-o", demo.path("after.json"))
    demo.run("lab", "people", "--policies", demo.policies, *words, show=4)
    after = staff_ai(demo, "after.json")
    run_or_stop(
        f"a teacher without MFA: {after['teacher, no MFA']}", hold=after["teacher, no MFA"] == "refused: condition"
    )
    run_or_stop(f"a teacher with MFA: {after['teacher']}", hold=after["teacher"] == "let in")
    run_or_stop(f"a pupil: {after['pupil']} (already at the switch)", hold=after["pupil"] == "refused: network")


def staff_ai(demo: Demo, name: str) -> dict[str, str]:
    """What became of the people who ask for staff-ai at the canary school, by who they are."""
    found = json.loads(Path(demo.path(name)).read_text(encoding="utf-8"))
    run_or_stop(
        "people are let in and refused exactly as the policy says, and no attack came through", hold=found["agrees"]
    )
    visits = (
        one
        for one in found["results"]
        if one["visit"]["application"] == "staff-ai"
        and one["visit"]["person"]["school"] == demo.canary
        and not one["visit"]["person"]["sits"].startswith("@")
    )
    return {
        one["visit"]["person"]["label"]: f"refused: {one['refused_by']}" if one["refused_by"] else "let in"
        for one in visits
        if (one["visit"]["person"]["label"], one["visit"]["person"]["sits"]) != ("teacher", "pupil")
    }
