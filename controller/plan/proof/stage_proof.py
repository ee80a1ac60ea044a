"""Devices in the stages of integration next to today's: what a school would have there is proved before it goes there.

Of schools that are alike but for their numbers one is proved for all (`choose_example_schools`). The change of a real
school is proved once more, device by device, when it is planned, with every state on the way.
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
from controller.prove.stage_variants import choose_example_schools, list_stage_variants

NAME = "devices in the stages that schools may come to, one for each blueprint and lot"


def prove_next_stages(city: City, schools: Iterable[School], cache: ProofCache) -> Check | None:
    """Prove devices of one of each kind of these schools one stage on and one back.

    None where the city names no stages, and of a virtual city, whose hosts are those of today.
    """
    if not city.integrations.named or city.estate != "real":
        return None
    variants, chosen = list_stage_variants(city), tuple(schools)
    counted, differences, evidence = 0, list[str](), list[str]()
    for stage in Stage:
        there = variants[stage]
        near = [one for one in chosen if _is_next_to(city, one, stage)]
        examples = choose_example_schools((there,), near)
        devices = [device for school in examples for device in _list_distinct(there.list_devices(school))]
        # Other processes may have to load the city, and would find it in the stages of today.
        found = prove_devices(there, devices, cache, ProofProcesses(cores=1, copied=True))
        counted += found.filters + found.policies + found.networks
        differences += [f"{stage}: {failure}" for failure in found.failures]
        if examples:
            evidence.append(f"{stage}: {len(devices)} devices of {', '.join(one.id for one in examples)}")
    return Check(NAME, counted, tuple(differences), tuple(evidence))


def _is_next_to(city: City, school: School, stage: Stage) -> bool:
    now = city.find_stage(school)
    return now is not None and are_adjacent(now, stage)


def _list_distinct(devices: Iterable[Device]) -> list[Device]:
    """The devices of a school that differ in more than their name and address."""
    known = {(one.role, one.platform, one.ports, one.networks): one for one in devices if is_supported(one.platform)}
    return list(known.values())
