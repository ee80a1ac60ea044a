"""The proof of a city: its devices in as many processes as pay, the proxy's conditions beside them, and the rest."""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from itertools import chain
from multiprocessing import get_context
from pathlib import Path

from controller.compile.identity.iap_bindings import compile_cloud_intent
from controller.compile.network.device_state import FILTERING_ROLE
from controller.errors import TsunaguError
from controller.model.city import City
from controller.model.loading.load import load_city
from controller.model.sites.devices import Device
from controller.plan.proof.city_checks import city_checks
from controller.plan.proof.device_proof import Judged, judge_device
from controller.plan.proof.proof_cache import CityKeys, Counted, ProofCache, conditions_key
from controller.plan.select import Selection, selected_devices
from controller.prove.check import Check, join_checks
from controller.prove.identity.iap_bindings import CHECK_NAME as CONDITIONS
from controller.prove.identity.iap_bindings import prove_iap_bindings
from controller.prove.identity.synthetic_principals import FACTS

WORTH_A_PROCESS = 8
"""Devices with filters for which a copy of this process pays."""
WORTH_A_START = 60
"""The same where it cannot be copied: a new one has to start, and to load the city."""
_SHARES = 4
"""Parts that each process takes one after the other: some devices take longer than others."""


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
    checks: list[Check] = field(default_factory=list)

    def count(self, counted: Counted) -> None:
        """Add what a proof covered."""
        self.filters += counted.filters
        self.policies += counted.policies
        self.paths += counted.paths
        self.networks += counted.networks


def prove_city(city: City, devices: Sequence[Device], cache: ProofCache) -> CityProof:
    """Prove devices, and all that is about no device: conditions, 802.1X, the cloud's firewall, the guideline.

    Raises:
        CelRefused: a compiled condition is none that Google's proxy would take.
    """
    result, todo = _known(city, devices, cache)
    intent = compile_cloud_intent(city, FACTS)
    key = conditions_key(city, intent)
    believed = cache.find(key)
    with _workers(city, todo, cache, more=believed is None) as workers:
        parts = _cores() if workers and believed is None else 0
        asked = [workers.submit(_conditions, part, parts) for part in range(parts)] if workers else []
        found = _judged(city, todo, cache, workers)
        # Meanwhile others work.
        others = city_checks(city)
        _collect(result, found, cache)
        if believed is not None:
            check = Check(CONDITIONS, believed.filters, evidence=("known from an earlier proof of the same content",))
        elif asked:
            (check,) = join_checks([part.result() for part in asked])
        else:
            check = prove_iap_bindings(city, intent)
    if believed is None and check.holds:
        cache.add({key: Counted(check.examined, 0)})
    cache.save()
    result.checks = [check, *others]
    return result


def prove_devices(city: City, devices: Sequence[Device], cache: ProofCache) -> CityProof:
    """Prove every device, those that were not proved before in as many processes as pay."""
    result, todo = _known(city, devices, cache)
    with _workers(city, todo, cache) as workers:
        _collect(result, _judged(city, todo, cache, workers), cache)
    cache.save()
    return result


def _known(city: City, devices: Iterable[Device], cache: ProofCache) -> tuple[CityProof, list[Device]]:
    """What was proved of these devices before, and those that were not."""
    result, todo = CityProof(), []
    keys = CityKeys(city)
    for device in devices:
        counted = cache.find(keys.of(device))
        if counted is None:
            todo.append(device)
        else:
            result.count(counted)
            result.from_cache += 1
    return result, todo


def _collect(result: CityProof, found: Iterable[Judged], cache: ProofCache) -> None:
    for judged in found:
        if judged.counted is None:
            result.failures.append(judged.failure)
            continue
        result.count(judged.counted)
        result.from_cache += judged.from_cache
        result.done += not judged.from_cache
        cache.add(judged.proofs)


def _judged(
    city: City, todo: Sequence[Device], cache: ProofCache, workers: ProcessPoolExecutor | None
) -> Iterator[Judged]:
    """What comes of each device; other processes begin at once, this one when it is asked."""
    if workers is None:
        keys = CityKeys(city)
        return (judge_device(city, device, keys, cache) for device in todo)
    # Devices of one platform together: what they have in common is then thought about in fewer processes.
    ordered = [device.id for device in sorted(todo, key=lambda one: (one.role != FILTERING_ROLE, one.platform))]
    size = max(1, -(-len(ordered) // (_SHARES * _cores())))
    shares = [ordered[at : at + size] for at in range(0, len(ordered), size)]
    return chain.from_iterable(workers.map(_share, shares))


def _can_be_copied() -> bool:
    """Whether this process has one thread: a copy of one with more may wait for ever for what another holds."""
    return threading.active_count() == 1


def _cores() -> int:
    return len(os.sched_getaffinity(0))


@contextmanager
def _workers(
    city: City, todo: Sequence[Device], cache: ProofCache, *, more: bool = False
) -> Iterator[ProcessPoolExecutor | None]:
    """Other processes, if they pay (`more` says that there is long work beside the devices); else None."""
    # The city stays: collections of garbage need not look through it again and again, nor copy its pages in a copy.
    gc.freeze()
    try:
        with _pool(city, todo, cache, more=more) as pool:
            yield pool
    finally:
        gc.unfreeze()


@contextmanager
def _pool(city: City, todo: Sequence[Device], cache: ProofCache, *, more: bool) -> Iterator[ProcessPoolExecutor | None]:
    filtering = sum(device.role == FILTERING_ROLE for device in todo)
    copied = _can_be_copied()
    worth = WORTH_A_PROCESS if copied else WORTH_A_START
    processes = min(_cores(), filtering // worth + 2 * more)
    if processes < 2:  # noqa: PLR2004 one process is this one
        yield None
        return
    _SHARED[:] = [_Shared(city, {device.id: device for device in todo}, cache)]
    if copied:
        pool = ProcessPoolExecutor(processes, mp_context=get_context("fork"))
    else:
        here = (Path(city.directory), city.policy_date, city.digest, type(city), cache)
        pool = ProcessPoolExecutor(processes, mp_context=get_context("spawn"), initializer=_begin, initargs=here)
    try:
        with pool:
            yield pool
    except BrokenProcessPool:
        message = "a process that proved a part was ended from outside (memory?); nothing was decided: prove it again"
        raise TsunaguError(message) from None
    finally:
        _SHARED.clear()


@dataclass(frozen=True, slots=True)
class _Shared:
    """What every process knows. Without a city, it could not be read as this program had read it."""

    city: City | None
    devices: dict[str, Device]
    cache: ProofCache


_SHARED: list[_Shared] = []


def _begin(policies: Path, on: date, digest: str, estate: type[City], cache: ProofCache) -> None:
    # A process that fails here breaks the whole pool without a word; what is wrong is said with the first share.
    try:
        city: City | None = load_city(policies, on=on, estate=estate)
    except TsunaguError:
        city = None
    if city is None or city.digest != digest:
        _SHARED.append(_Shared(None, {}, cache))
    else:
        devices = {device.id: device for device in selected_devices(city, Selection())}
        _SHARED.append(_Shared(city, devices, cache))


def _shared_city() -> City:
    city = _SHARED[0].city
    if city is None:
        message = "the policy changed while it was being proved; prove it again"
        raise TsunaguError(message)
    return city


def _share(names: Sequence[str]) -> list[Judged]:
    """The part of another process.

    Raises:
        TsunaguError: the policy is not any more what this program began with.
    """
    city, here = _shared_city(), _SHARED[0]
    keys = CityKeys(city)
    return [judge_device(city, here.devices[name], keys, here.cache) for name in names]


def _conditions(part: int, parts: int) -> Check:
    """A part of the proof of the proxy's conditions, in another process.

    Raises:
        TsunaguError: the policy is not any more what this program began with.
        CelRefused: a compiled condition is none that Google's proxy would take.
    """
    city = _shared_city()
    return prove_iap_bindings(city, compile_cloud_intent(city, FACTS), part, parts)
