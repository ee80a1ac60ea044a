"""The proof of one device: whole, or only of those of its filters that were not proved before.

A device is first proved whole: its text is rendered, parsed back, and every filter and every path is what the policy
says. What is then remembered are the device and each of its filters. When a rule changes, most filters of a school are
what they were; then the others are rendered and parsed back alone, and the paths are put together from the intents of
all. What this takes for granted is that the text of a filter means the same beside others: a plan proves
the whole text of every device that it changes, always.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from controller.compile.network.acl import compile_acls
from controller.compile.network.intent import FilterIntent
from controller.compile.network.upstream import DelegatedFilter
from controller.compile.network.wanted_device_state import (
    FILTERING_ROLE,
    DeviceIntent,
    build_acl_intent,
    build_device_intent,
    compile_device,
    compile_device_filters,
)
from controller.errors import ProofFailed, TsunaguError
from controller.model.city import City
from controller.model.network.device_state import Attachment
from controller.model.sites.devices import Device
from controller.plan.proof.city_checks import ParsedDevice, check_paths, count_intent_paths
from controller.plan.proof.proof_cache import CityKeys, ProofCache, ProofCoverage, build_filter_key
from controller.plan.proof.rendered_device import prove_rendered_device
from controller.platforms.base import Platform
from controller.platforms.registry import load_platform_of
from controller.prove.filters.equivalence import ReplayError

Intents = tuple[tuple[FilterIntent, ...], tuple[DelegatedFilter, ...]]


@dataclass(frozen=True, slots=True)
class DeviceProof:
    """A device's proof: what it covered and what is worth remembering of it, or why it failed."""

    counted: ProofCoverage | None
    proofs: Mapping[str, ProofCoverage]
    from_cache: bool = False
    failure: str = ""
    filters_now: int = 0
    """Filters that were rendered, parsed back and compared now, and not known from earlier proofs."""


def prove_device(city: City, device: Device, city_keys: CityKeys, cache: ProofCache) -> DeviceProof:
    """Prove a device that is not known as a whole."""
    system = load_platform_of(device)
    try:
        if device.role != FILTERING_ROLE:
            intent = compile_device(city, device, system.capabilities)
            proved = prove_rendered_device(city, intent, system)
            counted = ProofCoverage(proved, len(intent.wanted.routing.bindings), networks=len(intent.networks))
            return DeviceProof(counted, {city_keys.device_key(device): counted}, filters_now=proved)
        return _prove_filters(city, device, system, city_keys, cache)
    except TsunaguError as error:
        return DeviceProof(None, {}, failure=str(error))


def _prove_filters(city: City, device: Device, system: Platform, keys: CityKeys, cache: ProofCache) -> DeviceProof:
    can = system.capabilities
    intents, delegated = compile_device_filters(city, device, can)
    left = {one.intent.key: one for one in delegated}
    names = [build_filter_key(city, device, one, left.get(one.key)) for one in intents]
    known = [cache.find(name) for name in names]
    bare = keys.bare_device_key(device)
    # What is cut off is judged on the whole device, however much of it is known.
    partly = cache.find(bare) is not None and not city.cut_offs.touches(device)
    part = _part(city, device, system, (intents, delegated), known) if partly else None
    if part is None:
        part = build_device_intent(city, device, can, compile_acls(device, can, intents, delegated))
        known = [None] * len(intents)
    if part.intents or not any(known):
        prove_rendered_device(city, part, system)
    counted = ProofCoverage(len(intents), 0, _prove_paths(city, device, system, (intents, delegated)))
    proofs = {keys.device_key(device): counted, bare: ProofCoverage(0, 0)}
    if not part.aggregated:
        sizes = {one.key: len(one.entries) for one in part.wanted.filters}
        fresh = [name for name, found in zip(names, known, strict=True) if found is None]
        for name, one in zip(fresh, part.intents, strict=True):
            proofs[name] = ProofCoverage(1, 0, entries=sizes[one.key])
    return DeviceProof(counted, proofs, from_cache=not part.intents and any(known), filters_now=len(part.intents))


def _part(
    city: City, device: Device, system: Platform, whole: Intents, known: Sequence[ProofCoverage | None]
) -> DeviceIntent | None:
    """The device with nothing but the filters that are not known; None where it must be proved whole.

    That is where no filter is known, and where all together are larger than the device takes: then none is written as
    it was proved.
    """
    can = system.capabilities
    if not any(known):
        return None
    fresh = tuple(one for one, found in zip(whole[0], known, strict=True) if found is None)
    places = {one.key for one in fresh}
    left = tuple(one for one in whole[1] if one.intent.key in places)
    # A filter at ports stands nowhere without them.
    alone = can.attachment is Attachment.VLAN_INTERFACE
    acls = compile_acls(device, can, fresh, left)
    part = build_acl_intent(device, acls) if alone else build_device_intent(city, device, can, acls)
    entries = sum(len(one.entries) for one in part.wanted.filters) + sum(found.entries for found in known if found)
    crowded = can.maximum_device_entries is not None and entries > can.maximum_device_entries
    return None if part.aggregated or crowded else part


def _prove_paths(city: City, device: Device, system: Platform, whole: Intents) -> int:
    """Prove who reaches whom through a device that filters; how many ways were examined.

    Raises:
        ProofFailed: with a packet for each way that differs.
        ReplayError: the filters compose to what is wanted and their intents do not; a bug in Tsunagu.
    """
    ways = count_intent_paths(city, device, *whole)
    if ways is not None:
        return ways
    can = system.capabilities
    intent = build_device_intent(city, device, can, compile_acls(device, can, *whole))
    checks = check_paths(city, [ParsedDevice(device, intent.wanted, intent.delegated)])
    differences = [found for check in checks for found in check.differences]
    if not differences:
        message = f"{device.id}: its filters compose to what the policy says, and their intents do not"
        raise ReplayError(message)
    raise ProofFailed("\n  ".join(differences))
