"""The proof of a city: its devices in as many processes as pay, the proxy's conditions beside them, and the rest."""

from __future__ import annotations

import gc
import os
import signal
import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from itertools import chain
from multiprocessing import active_children, get_context
from pathlib import Path

from controller.compile.identity.iap_bindings import compile_cloud_intent
from controller.compile.network.wanted_device_state import FILTERING_ROLE
from controller.errors import TsunaguError
from controller.model.city import City
from controller.model.loading.load_city import load_city
from controller.model.policy_bounds import PolicyBounds
from controller.model.sites.devices import Device
from controller.plan.proof.city_checks import check_city
from controller.plan.proof.device_proof import DeviceProof, prove_device
from controller.plan.proof.proof_cache import CityKeys, ProofCache, ProofCoverage, build_conditions_key
from controller.plan.select import Selection, select_devices
from controller.prove.check import Check, join_checks
from controller.prove.identity.iap_bindings import CHECK_NAME as CONDITIONS
from controller.prove.identity.iap_bindings import prove_iap_bindings
from controller.prove.identity.iap_sessions import prove_iap_sessions
from controller.prove.identity.synthetic_principals import FACTS
from controller.telemetry.traces.phases import trace_phase

_SHARES = 4
"""Parts that each process takes one after the other: some devices take longer than others."""


@dataclass(frozen=True, slots=True)
class ProofProcesses:
    """The sharing out of a proof. `copied`: a new process is a copy of this one; else it starts and loads the city."""

    cores: int
    copied: bool
    worth_a_copy: int = 8
    """Devices with filters for which a copy pays."""
    worth_a_start: int = 60
    """The same for a process that has to load the city first."""

    def count(self, filtering: int, *, more: bool) -> int:
        """Return how many processes pay for so many devices with filters; `more`: there is long work beside them.

        >>> ProofProcesses(cores=4, copied=True).count(17, more=False)
        2
        >>> ProofProcesses(cores=4, copied=False).count(17, more=False)
        0
        """
        worth = self.worth_a_copy if self.copied else self.worth_a_start
        return min(self.cores, filtering // worth + 2 * more)


def find_processes() -> ProofProcesses:
    """Return how this machine and this process can share out a proof.

    A process with more than one thread is not copied: the copy may wait for ever for what another thread holds.
    """
    return ProofProcesses(len(os.sched_getaffinity(0)), copied=threading.active_count() == 1)


@dataclass
class CityProof:
    """The result for a city. `done` and `from_cache` count devices; `failures` has a message for each that failed.

    `filters_now` are those of `filters` that were proved now, `checks_known` the checks known from an earlier proof.
    """

    done: int = 0
    from_cache: int = 0
    filters: int = 0
    policies: int = 0
    paths: int = 0
    networks: int = 0
    filters_now: int = 0
    checks_known: int = 0
    failures: list[str] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)

    def count(self, counted: ProofCoverage) -> None:
        """Add what a proof covered."""
        self.filters += counted.filters
        self.policies += counted.policies
        self.paths += counted.paths
        self.networks += counted.networks


def prove_city(
    city: City, devices: Sequence[Device], cache: ProofCache, processes: ProofProcesses | None = None
) -> CityProof:
    """Prove devices, and all that is about no device: conditions, 802.1X, the cloud's firewall, the guideline.

    Raises:
        CelRefused: a compiled condition is none that Google's proxy would take.
    """
    processes = processes or find_processes()
    result, todo = _find_known(city, devices, cache)
    intent = compile_cloud_intent(city, FACTS)
    key = build_conditions_key(city, intent)
    known = cache.find(key)
    with _open_workers(city, todo, cache, processes, more=known is None) as workers:
        parts = processes.cores if workers and known is None else 0
        asked = [workers.submit(_prove_conditions, part, parts) for part in range(parts)] if workers else []
        found = _prove_each(city, todo, cache, processes, workers)
        # Meanwhile others work.
        with trace_phase("prove sign-in sessions"):
            sessions = prove_iap_sessions(city, intent)
        others = [sessions, *check_city(city)]
        with trace_phase("prove devices", devices=len(todo), known=result.from_cache):
            _collect(result, found, cache)
        if known is not None:
            check = Check(CONDITIONS, known.filters, evidence=("known from an earlier proof of the same content",))
        else:
            with trace_phase("prove proxy conditions"):
                parted = [part.result() for part in asked]
                check = join_checks(parted)[0] if parted else prove_iap_bindings(city, intent)
    if known is None and check.holds:
        cache.add({key: ProofCoverage(check.examined, 0)})
    cache.save()
    result.checks, result.checks_known = [check, *others], int(known is not None)
    return result


def prove_devices(
    city: City, devices: Sequence[Device], cache: ProofCache, processes: ProofProcesses | None = None
) -> CityProof:
    """Prove every device, those that were not proved before in as many processes as pay."""
    processes = processes or find_processes()
    result, todo = _find_known(city, devices, cache)
    with _open_workers(city, todo, cache, processes) as workers:
        _collect(result, _prove_each(city, todo, cache, processes, workers), cache)
    cache.save()
    return result


def _find_known(city: City, devices: Iterable[Device], cache: ProofCache) -> tuple[CityProof, list[Device]]:
    """Return what was proved of these devices before, and those that were not."""
    result, todo = CityProof(), []
    keys = CityKeys(city)
    for device in devices:
        counted = cache.find(keys.device_key(device))
        if counted is None:
            todo.append(device)
        else:
            result.count(counted)
            result.from_cache += 1
    return result, todo


def _collect(result: CityProof, found: Iterable[DeviceProof], cache: ProofCache) -> None:
    for proof in found:
        if proof.counted is None:
            result.failures.append(proof.failure)
            continue
        result.count(proof.counted)
        result.from_cache += proof.from_cache
        result.done += not proof.from_cache
        result.filters_now += proof.filters_now
        cache.add(proof.proofs)


def _prove_each(
    city: City,
    todo: Sequence[Device],
    cache: ProofCache,
    processes: ProofProcesses,
    workers: ProcessPoolExecutor | None,
) -> Iterator[DeviceProof]:
    """Yield the proof of each device; other processes begin at once, this one when it is asked."""
    if workers is None:
        keys = CityKeys(city)
        return (_prove_traced(city, device, keys, cache) for device in todo)
    # Devices of one platform together: what they have in common is then thought about in fewer processes.
    ordered = [device.id for device in sorted(todo, key=lambda one: (one.role != FILTERING_ROLE, one.platform))]
    size = max(1, -(-len(ordered) // (_SHARES * processes.cores)))
    shares = [ordered[at : at + size] for at in range(0, len(ordered), size)]
    return chain.from_iterable(workers.map(_prove_share, shares))


def _prove_traced(city: City, device: Device, keys: CityKeys, cache: ProofCache) -> DeviceProof:
    with trace_phase("prove device", detail=True, device=device.id, school=device.school.id):
        return prove_device(city, device, keys, cache)


@contextmanager
def _open_workers(
    city: City, todo: Sequence[Device], cache: ProofCache, processes: ProofProcesses, *, more: bool = False
) -> Iterator[ProcessPoolExecutor | None]:
    """Other processes, if they pay (`more` says that there is long work beside the devices); else None."""
    count = processes.count(sum(device.role == FILTERING_ROLE for device in todo), more=more)
    # The city stays: collections of garbage need not look through it again and again, nor copy its pages in a copy.
    gc.freeze()
    try:
        if count < 2:  # noqa: PLR2004 one process is this one
            yield None
            return
        with _make_pool(city, todo, cache, count, copied=processes.copied) as pool:
            try:
                _start_processes(pool, count)
                yield pool
            except KeyboardInterrupt:
                _end_pool(pool)
                raise
    except BrokenProcessPool:
        message = "a process that proved a part was ended from outside (memory?); nothing was decided: prove it again"
        raise TsunaguError(message) from None
    finally:
        gc.unfreeze()


def _make_pool(
    city: City, todo: Sequence[Device], cache: ProofCache, count: int, *, copied: bool
) -> ProcessPoolExecutor:
    """A pool whose processes know the city: a copy is given this process's own objects, one that starts loads it."""
    if copied:
        known = _Known(city, {device.id: device for device in todo}, cache)
        return ProcessPoolExecutor(count, get_context("fork"), initializer=_WORKER.append, initargs=(known,))
    here = (Path(city.directory), city.policy_date, city.digest, type(city), city.bounds, cache)
    return ProcessPoolExecutor(count, get_context("spawn"), initializer=_load_known, initargs=here)


def _start_processes(pool: ProcessPoolExecutor, count: int) -> None:
    """Start the processes of a pool so that Ctrl-C, which reaches the whole group, is answered by the first alone."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        for _ in range(count):
            pool.submit(os.getpid)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end_pool(pool: ProcessPoolExecutor) -> None:
    """End the processes of a pool at once: they only compute, and nobody waits for it any more."""
    pool.shutdown(wait=False, cancel_futures=True)
    for process in active_children():
        process.kill()


@dataclass(frozen=True, slots=True)
class _Known:
    """The knowledge of a process of the pool. Without a city, it could not be read as the first process had read it."""

    city: City | None
    devices: dict[str, Device]
    cache: ProofCache


_WORKER: list[_Known] = []
"""Filled in the processes of a pool only, as each begins; a pool has no other way to give a process what it keeps."""


def _load_known(  # noqa: PLR0913, PLR0917 what the first process knows
    policies: Path, on: date, digest: str, estate: type[City], bounds: PolicyBounds, cache: ProofCache
) -> None:
    # A process that fails here breaks the whole pool without a word; what is wrong is said with the first share.
    try:
        city: City | None = load_city(policies, on=on, estate=estate, bounds=bounds)
    except TsunaguError:
        city = None
    if city is None or city.digest != digest:
        _WORKER.append(_Known(None, {}, cache))
    else:
        _WORKER.append(_Known(city, {device.id: device for device in select_devices(city, Selection())}, cache))


def _known_city() -> City:
    city = _WORKER[0].city
    if city is None:
        message = "the policy changed while it was being proved; prove it again"
        raise TsunaguError(message)
    return city


def _prove_share(names: Sequence[str]) -> list[DeviceProof]:
    """The part of another process.

    Raises:
        TsunaguError: the policy is not any more what this program began with.
    """
    city, here = _known_city(), _WORKER[0]
    keys = CityKeys(city)
    return [prove_device(city, here.devices[name], keys, here.cache) for name in names]


def _prove_conditions(part: int, parts: int) -> Check:
    """A part of the proof of the proxy's conditions, in another process.

    Raises:
        TsunaguError: the policy is not any more what this program began with.
        CelRefused: a compiled condition is none that Google's proxy would take.
    """
    city = _known_city()
    return prove_iap_bindings(city, compile_cloud_intent(city, FACTS), part, parts)
