"""Filters of which a part is delegated to a router upstream, because the device's platform cannot match TCP flags.

A filter without TCP flags (`Capabilities.established`) cannot tell the answers of a conversation from a new one that
comes from the same port. The device then lets both pass, so it denies nothing that the policy permits, and the school's
router, which every packet to or from a segment passes, must be one that keeps the state of TCP. Whether it does is said
in the blueprints by somebody who answers for it, of a provider's router, too. Where nobody does, the device is refused:
nothing is silently weaker.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from controller.compile.network.intent import FilterIntent
from controller.errors import BeyondCapability, Problem
from controller.model.city import City
from controller.model.network.device_state import Capabilities
from controller.model.network.router_link import KeepsState
from controller.model.sites.devices import Device


@dataclass(frozen=True, slots=True)
class DelegatedFilter:
    """A filter of which a part is left to a device further up.

    `intent` is what the policy says; what the device itself must be is this without the flags of TCP.
    """

    intent: FilterIntent
    upstream: str
    kept: KeepsState

    @property
    def answers(self) -> int:
        """The number of clauses that the device cannot tell from new conversations."""
        return sum(clause.established for clause in self.intent.clauses)


def delegate_upstream(
    city: City, device: Device, intents: Iterable[FilterIntent], can: Capabilities
) -> tuple[tuple[FilterIntent, ...], tuple[DelegatedFilter, ...]]:
    """Return the filters that the device itself must have, and those of which a part is left to the router.

    >>> intents = compile_filter_intents(city, school, core.id, ["staff"])
    >>> wanted, delegated = delegate_upstream(city, core, intents, can)
    >>> len(wanted), [(one.upstream, one.answers) for one in delegated]
    (4, [('as-e01-rt1', 12), ('as-e01-rt1', 12)])

    Raises:
        BeyondCapability: a part has to be left, and nobody answers for the school's router.
    """
    wanted = tuple(intents)
    unseen = next((one for one in wanted if one.direction not in can.directions), None)
    if unseen is not None:
        message = (
            f"{device.id}: {device.platform} cannot judge packets {unseen.direction} hosts (capability 'directions'), "
            f"and segment {unseen.segment} needs it; no other device of the school is known to do it"
        )
        raise BeyondCapability(message)
    beyond = [one for one in wanted if any(clause.established for clause in one.clauses)]
    if can.established or not beyond:
        return wanted, ()
    router = next((one for one in city.list_devices(device.school) if one.role == "router"), None)
    provider = city.equipment.find_provider_router(device.school)
    kept = router.keeps_state if router else provider
    if kept is None:
        name = "a router" if router is None else f"{router.id} ({router.platform})"
        message = (
            f"{device.id}: {device.platform} lacks the capability 'established': its filters match no TCP flags, and "
            f"{len(beyond)} of {len(wanted)} filters need them, first {beyond[0].direction} {beyond[0].segment} "
            f"IPv{int(beyond[0].family)}. They can be left to {name} if somebody answers for it that it keeps the "
            "state of TCP: 'keeps-state' of the router in city/blueprints.yaml, or 'provider-router' of the blueprint "
            "where the router is not yours"
        )
        raise BeyondCapability(message)
    upstream = router.id if router else f"the router of {device.school.id} (not ours)"
    relaxed = (
        replace(one, clauses=tuple(clause._replace(established=False) for clause in one.clauses)) for one in wanted
    )
    return tuple(relaxed), tuple(DelegatedFilter(one, upstream, kept) for one in beyond)


def describe_delegated(delegated: Iterable[DelegatedFilter]) -> list[str]:
    """Describe what is left to which router, one line a router.

    >>> intents = compile_filter_intents(city, school, core.id, ["staff"])
    >>> (line,) = describe_delegated(delegate_upstream(city, core, intents, can)[1])
    >>> line[:63]
    '24 answers of TCP in 2 filters are told from new conversations '
    """
    lines: dict[str, list[DelegatedFilter]] = {}
    for one in delegated:
        lines.setdefault(one.upstream, []).append(one)
    return [
        f"{sum(one.answers for one in here)} answers of TCP in {len(here)} filters are told from new conversations by "
        f"{upstream} alone, and Tsunagu does not prove it: {here[0].kept.owner} answers for it ({here[0].kept.reason})"
        for upstream, here in lines.items()
    ]


def list_assumed_routers(city: City) -> list[Problem]:
    """The routers that are assumed to do what Tsunagu does not see: once for each lot and who answers for it.

    >>> [one.message[:60] for one in list_assumed_routers(city)][:1]
    ['not proved: the routers of lot-2 (frr) are assumed to keep t']
    """
    said: dict[tuple[str, str, str], Problem] = {}
    for blueprint in city.blueprints.blueprints:
        for lot, kept in blueprint.provider_router.items():
            message = (
                f"not proved: the routers of {lot} (not ours) are assumed to keep the state of TCP; "
                f"{kept.owner} answers for it"
            )
            said.setdefault((lot, kept.owner, kept.reason), Problem(blueprint.origin, "provider-router", message))
        for group in blueprint.devices:
            for lot, kept in group.keeps_state.items():
                message = (
                    f"not proved: the routers of {lot} ({group.platform.get(lot, 'no platform')}) are assumed to keep "
                    f"the state of TCP; {kept.owner} answers for it"
                )
                said.setdefault((lot, kept.owner, kept.reason), Problem(group.origin, "keeps-state", message))
    return list(said.values())
