"""A city whose schools have stages, made of `policies/`: sockets 11 and 12 go from the old affairs network to the staff."""

from __future__ import annotations

import shutil
from pathlib import Path

from controller.model.city import City
from controller.model.sites.devices import Device
from controller.plan.build import ConsideredDevice, consider_device
from controller.plan.observe import Observed
from controller.compile.network.wanted_device_state import compile_device
from controller.platforms.base import Observation
from controller.platforms.registry import load_platform_of

POLICIES = Path(__file__).parents[2] / "policies"
OLD_SOCKETS = "- {first: 11, last: 12, mode: access, segments: [staff-legacy]} # 校務系\n"
SOCKETS = (
    "- {first: 11, last: 12, mode: access, segments: [staff-legacy], stages: [separated]}\n"
    "          - {first: 11, last: 12, mode: access, segments: [staff], stages: [coexist, integrated]}\n"
)
GRADING = """
  - id: grading-of-staff
    effect: permit
    purpose: 統合後は教職員の端末から成績処理
    applications: [grading]
    schools: {stages: [coexist, integrated]}
    network: {from: [staff]}
"""
INTEGRATION = """# ours
format: 1
integrations: # one line a ward
WARDS  - {school: as-e04, stage: separated, by: 教育DX推進課, next: {stage: coexist, cutover: 2026-12-26}} # first
"""


def write_staged_policies(place: Path, sockets: str = SOCKETS) -> Path:
    """Write the policies with stages into a folder, and return it."""
    shutil.copytree(POLICIES, place)
    blueprints = place / "city/blueprints.yaml"
    text = blueprints.read_text("utf-8")
    assert OLD_SOCKETS in text
    blueprints.write_text(text.replace(OLD_SOCKETS, sockets), "utf-8")
    rules = place / "access/rules.yaml"
    rules.write_text(rules.read_text("utf-8").rstrip() + GRADING, "utf-8")
    return place


def write_integration(place: Path, city: City, text: str = INTEGRATION) -> None:
    """Write the file of stages: every ward is separated."""
    wards = "".join(f"  - {{ward: {one.id}, stage: separated, by: 教育DX推進課}}\n" for one in city.wards)
    (place / "city/integration.yaml").write_text(text.replace("WARDS", wards), "utf-8")


def observe_as_wanted(city: City, device: Device) -> Observed:
    """Return a device that holds what a city wants of it."""
    system = load_platform_of(device)
    wanted = compile_device(city, device, system.capabilities).wanted
    seen = system.parse(system.render(wanted), device.id)
    return Observed(device, device.id, seen, seen.state, knows_saved=True)


def consider_school(before: City, after: City, school: str) -> list[ConsideredDevice]:
    """Return the devices of a school as the city before has them, compared with the city after."""
    found = [observe_as_wanted(before, one) for one in before.list_devices(before.school_by_id[school])]
    later = {one.id: one for one in after.list_devices(after.school_by_id[school])}
    return [
        consider_device(after, Observed(later[one.device.id], one.source, one.observation, one.saved, knows_saved=True))
        for one in found
    ]
