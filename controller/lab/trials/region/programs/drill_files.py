"""What the drill keeps in its folder for the programs that it starts: the plan, and the password of the service."""

from __future__ import annotations

from pathlib import Path

from controller.lab.state.layout import Frozen, GuardedApplication, Perimeter

STATE = Path("/run/tsunagu-drill")
"""The drill's folder. One drill a machine."""
_PLAN = "drill.json"


class RegionServer(Frozen):
    """A region's service: where it listens, and Google's word for its region."""

    location: str
    address: str


class DrillPlan(Frozen):
    """What the programs know: the proxy's surroundings, the application, its service in each region."""

    around: Perimeter
    countries: tuple[tuple[str, str], ...]
    application: GuardedApplication
    servers: tuple[RegionServer, ...]
    database_password: str


def write_plan(plan: DrillPlan, state: Path) -> None:
    """Keep the plan, for root alone: a password is in it."""
    path = state / _PLAN
    path.touch(mode=0o600, exist_ok=False)
    path.write_text(plan.model_dump_json(), encoding="utf-8")


def get_plan(state: Path) -> DrillPlan:
    """Return the plan that this drill wrote."""
    return DrillPlan.model_validate_json((state / _PLAN).read_bytes())
