"""The proof of many devices at once: what is wanted of each, rendered, parsed back, and equal to the policy."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from multiprocessing import get_context
from pathlib import Path

from controller.compile.campus import CampusIntent, campus_intent
from controller.errors import ProofFailed, TsunaguError
from controller.model.city import City, Device
from controller.model.load import load_city
from controller.plan.city_checks import Held, path_checks
from controller.plan.proof import prove
from controller.plan.proof_cache import CityKeys, Counted, ProofCache, intent_key
from controller.plan.select import Selection, selected_devices
from controller.platforms.registry import platform

WORTH_A_PROCESS = 60
"""Devices for which another process pays: it has to start, and to load the city."""


@dataclass
class CityProof:
    """What came of it. `done` and `from_cache` count devices; `failures` holds a message for each that failed."""

    done: int = 0
    from_cache: int = 0
    filters: int = 0
    policies: int = 0
    paths: int = 0
    networks: int = 0
    failures: list[str] = field(default_factory=list)

    def count(self, counted: Counted) -> None:
        """Add what a proof covered."""
        self.filters += counted.filters
        self.policies += counted.policies
        self.paths += counted.paths
        self.networks += counted.networks


@dataclass(frozen=True, slots=True)
class _Judged:
    """A device's proof, from a process that did it: what it covered, or why it failed."""

    keys: tuple[str, ...]
    counted: Counted | None
    from_cache: bool
    failure: str = ""


def prove_devices(city: City, devices: Sequence[Device], cache: ProofCache, *, lab: bool) -> CityProof:
    """Prove every device, those that were not proved before in as many processes as pay."""
    result = CityProof()
    todo: list[Device] = []
    keys = CityKeys(city)
    for device in devices:
        counted = cache.find(keys.of(device))
        if counted is None:
            todo.append(device)
        else:
            result.count(counted)
            result.from_cache += 1
    for judged in _judged(city, todo, cache, lab=lab):
        if judged.counted is None:
            result.failures.append(judged.failure)
            continue
        result.count(judged.counted)
        result.from_cache += judged.from_cache
        result.done += not judged.from_cache
        cache.add(judged.keys, judged.counted)
    cache.save()
    return result


def _judged(city: City, todo: Sequence[Device], cache: ProofCache, *, lab: bool) -> Iterator[_Judged]:
    processes = min(len(os.sched_getaffinity(0)), len(todo) // WORTH_A_PROCESS)
    if processes < 2:  # noqa: PLR2004 one process is this one
        keys = CityKeys(city)
        yield from (_judge(city, device, keys, cache) for device in todo)
        return
    shares = [[device.id for device in todo[at::processes]] for at in range(processes)]
    here = (Path(city.directory), city.on, city.digest, lab, cache)
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn"), initializer=_begin, initargs=here) as pool:
        for share in pool.map(_share, shares):
            yield from share


def _judge(city: City, device: Device, city_keys: CityKeys, cache: ProofCache) -> _Judged:
    system = platform(device.platform)
    try:
        intent = campus_intent(city, device, system.capabilities)
        keys = city_keys.of(device), intent_key(city, intent)
        counted = cache.find(keys[1])
        if counted is not None:
            return _Judged(keys, counted, from_cache=True)
        proved, policies = prove(city, intent, system), len(intent.wanted.routing.bindings)
        counted = Counted(proved, policies, _paths(city, intent), len(intent.networks))
    except TsunaguError as error:
        return _Judged((), None, from_cache=False, failure=str(error))
    return _Judged(keys, counted, from_cache=False)


def _paths(city: City, intent: CampusIntent) -> int:
    """Prove who reaches whom through a device that filters; how many ways were examined.

    Raises:
        ProofFailed: with a packet for each way that differs.
    """
    checks = path_checks(city, [Held(intent.device, intent.wanted, intent.moved)])
    if differences := [found for check in checks for found in check.differences]:
        raise ProofFailed("\n  ".join(differences))
    return sum(check.examined for check in checks)


_SHARED: list[tuple[City | None, bool, ProofCache]] = []


def _begin(policies: Path, on: date, digest: str, lab: bool, cache: ProofCache) -> None:  # noqa: FBT001 a process's start
    # A process that fails here breaks the whole pool without a word; what is wrong is said with the first share.
    try:
        city = load_city(policies, on=on)
    except TsunaguError:
        _SHARED.append((None, lab, cache))
    else:
        _SHARED.append((city if city.digest == digest else None, lab, cache))


def _share(names: Sequence[str]) -> list[_Judged]:
    """The part of another process.

    Raises:
        TsunaguError: the policy is not any more what this program began with.
    """
    city, lab, cache = _SHARED[0]
    if city is None:
        message = "the policy changed while it was being proved; prove it again"
        raise TsunaguError(message)
    wanted = set(names)
    devices = [device for device in selected_devices(city, Selection(lab=lab)) if device.id in wanted]
    keys = CityKeys(city)
    return [_judge(city, device, keys, cache) for device in devices]
