"""Policies with stages, made of `policies/`: sockets 11 and 12 go from the old affairs network to the staff."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from controller.compile.network.wanted_device_state import compile_device
from controller.model.city import City
from controller.plan.observe import Observed
from controller.platforms.registry import load_platform_of

POLICIES = Path(__file__).parents[2] / "policies"
OLD_SOCKETS = re.compile(r"- \{first: 11, last: 12, mode: access, segments: \[staff-legacy\]\}.*\n")
SOCKETS = (
    "- {first: 11, last: 12, mode: access, segments: [staff-legacy], stages: [separated]}\n"
    "          - {first: 11, last: 12, mode: access, segments: [staff], stages: [coexist, integrated]}\n"
)
_STAGES = re.compile(r",? ?stages: \[([a-z, ]*)\]")
CBT_OF_STAFF = """
  - id: cbt-of-staff
    effect: permit
    purpose: 併存からは教職員の端末でも CBT を下見
    applications: [cbt]
    schools: {stages: [coexist, integrated]}
    network: {from: [staff]}
"""
OPEN_TO_LEARNING = """
  - id: shortcut
    effect: permit
    purpose: x
    applications: [grading]
    schools: {stages: [coexist]}
    network: {from: [learning-legacy]}
"""
INTEGRATION = """# ours
format: 1
integrations: # one line a ward
WARDS  - {school: as-e04, stage: separated, by: 教育DX推進課, next: {stage: coexist, cutover: 2026-12-26}} # first
"""


def write_plain_policies(place: Path) -> Path:
    """Write the policies as they are in `coexist`, for a city that names no stages, into a folder, and return it."""
    shutil.copytree(POLICIES, place)
    (place / "city/integration.yaml").unlink(missing_ok=True)
    for name in ("city/blueprints.yaml", "city/lab.yaml", "access/segments.yaml", "access/rules.yaml"):
        file = place / name
        file.write_text("".join(_list_plain_lines(file.read_text("utf-8"))), "utf-8")
    return place


def _list_plain_lines(text: str) -> Iterator[str]:
    for line in text.splitlines(keepends=True):
        found = None if line.lstrip().startswith("#") else _STAGES.search(line)
        if found is None:
            yield line
        elif "{" in line and "coexist" in found[1]:
            yield _STAGES.sub("", line)


def write_staged_policies(place: Path, sockets: str = SOCKETS) -> Path:
    """Write the policies with stages into a folder, and return it."""
    write_plain_policies(place)
    blueprints = place / "city/blueprints.yaml"
    text, count = OLD_SOCKETS.subn(sockets, blueprints.read_text("utf-8"))
    assert count == 1
    blueprints.write_text(text, "utf-8")
    rules = place / "access/rules.yaml"
    rules.write_text(rules.read_text("utf-8").rstrip() + CBT_OF_STAFF, "utf-8")
    return place


def write_integration(place: Path, wards: Sequence[str], text: str = INTEGRATION) -> None:
    """Write the file of stages: every ward is separated."""
    listed = "".join(f"  - {{ward: {one}, stage: separated, by: 教育DX推進課}}\n" for one in wards)
    (place / "city/integration.yaml").write_text(text.replace("WARDS", listed), "utf-8")


def observe_as_wanted(city: City, school: str) -> list[Observed]:
    """Return the devices of a school as they are when each holds what the city wants of it."""
    found = []
    for device in city.list_devices(city.school_by_id[school]):
        system = load_platform_of(device)
        seen = system.parse(system.render(compile_device(city, device, system.capabilities).wanted), device.id)
        found.append(Observed(device, device.id, seen, seen.state, knows_saved=True))
    return found


def move_pupil_sockets(one: Observed) -> Observed:
    """Return a device as observed; of the second floor, with the pupils' sockets in a VLAN of nobody."""
    seen = one.observation
    if one.device.id != "as-e04-floor2" or seen is None:
        return one
    ports = tuple(replace(port, vlans=(98,)) if port.vlans == (20,) else port for port in seen.state.ports)
    state = replace(seen.state, ports=ports)
    assert state != seen.state
    return replace(one, observation=replace(seen, state=state), saved=state)


def write_configurations(city: City, school: str, folder: Path) -> Path:
    """Write what the devices of a school hold into a folder, as saved configurations, and return it."""
    folder.mkdir()
    for device in city.list_devices(city.school_by_id[school]):
        system = load_platform_of(device)
        text = system.render(compile_device(city, device, system.capabilities).wanted)
        (folder / f"{device.id}.cfg").write_text(text, "utf-8")
    return folder
