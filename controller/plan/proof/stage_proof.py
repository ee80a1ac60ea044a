"""Devices in the stages of integration next to today's: what a school would have there is proved before it goes there.

Schools of one blueprint, lot and stage have the same devices but for their numbers, so one of them stands for all. The
change of a real school is proved once more, device by device, when it is planned, with every state on the way.
"""

from __future__ import annotations

from collections.abc import Iterable

from controller.model.city import City
from controller.model.sites.devices import Device
from controller.model.sites.schools import School
from controller.model.sites.stages import Stage, are_adjacent
from controller.plan.proof.city_proof import ProofProcesses, prove_devices
from controller.plan.proof.proof_cache import ProofCache
from controller.platforms.registry import is_supported
from controller.prove.check import Check
from controller.prove.stage_variants import list_stage_variants

NAME = "devices in the stages that schools may come to, one for each blueprint and lot"


def prove_next_stages(city: City, schools: Iterable[School], cache: ProofCache) -> Check | None:
    """Prove devices of each blueprint and lot of these schools one stage on and one back.

    None where the city names no stages, and of a virtual city, whose hosts are those of today.
    """
    if not city.integrations.named or city.estate != "real":
        return None
    variants, chosen = list_stage_variants(city), tuple(schools)
    counted, differences, evidence = 0, list[str](), list[str]()
    for stage in Stage:
        there = variants[stage]
        standing = _list_standing(city, there, stage, chosen)
        devices = [device for school in standing for device in _list_distinct(there.list_devices(school))]
        # Other processes may have to load the city, and would find it in the stages of today.
        found = prove_devices(there, devices, cache, ProofProcesses(cores=1, copied=True))
        counted += found.filters + found.policies + found.networks
        differences += [f"{stage}: {failure}" for failure in found.failures]
        if standing:
            evidence.append(f"{stage}: {len(devices)} devices of {', '.join(one.id for one in standing)}")
    return Check(NAME, counted, tuple(differences), tuple(evidence))


def _list_standing(city: City, there: City, stage: Stage, schools: Iterable[School]) -> list[School]:
    """One school of each blueprint and lot that is one step from a stage."""
    found: dict[tuple[str, str], School] = {}
    for school in schools:
        now = city.find_stage(school)
        if now is not None and are_adjacent(now, stage):
            key = there.equipment.find_blueprint(school).id, there.equipment.find_lot(school)
            found.setdefault(key, school)
    return list(found.values())


def _list_distinct(devices: Iterable[Device]) -> list[Device]:
    """The devices of a school that differ in more than their name and address."""
    known = {(one.role, one.platform, one.ports, one.networks): one for one in devices if is_supported(one.platform)}
    return list(known.values())
