"""System-to-system flows -> what their places must enforce, in no vendor's words.

- A **channel** (Pub/Sub, BigQuery) holds data of one class from one sender, and grants its receivers to read it: IAM
  enforces it, there is no way between the two systems.
- A **connection** (https, sftp, plain) is opened by the caller to the called system's services. A firewall enforces who
  may open it; it is compiled where both ends have addresses. What comes in at an address says nothing of where an
  application in the cloud, or a SaaS, calls from: such a caller has no addresses until a stack's outputs give them, and
  its connections are named as `unplaced`, never opened to everybody.

A school's networks have no part in it: no segment sends or receives.
"""

from __future__ import annotations

from dataclasses import dataclass

from controller.errors import Origin
from controller.model.access.data_flows import CLASS_CARRIERS, Carrier, SystemFlow
from controller.model.access.second_factors import Importance
from controller.model.city import City
from controller.model.network.packets import AddressSet, Effect, Family, Service


@dataclass(frozen=True, slots=True)
class DataChannel:
    """Data of one class that a sender puts there and the receivers read; `flows` made it."""

    carrier: Carrier
    sender: str
    data: Importance
    receivers: tuple[str, ...]
    flows: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SystemConnection:
    """A connection that a firewall permits, of one family and service. Everything else between systems is denied."""

    caller: str
    called: str
    family: Family
    service: Service
    sources: AddressSet
    destinations: AddressSet
    flows: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class UnplacedConnection:
    """A permitted connection that cannot be compiled yet, because an end has no addresses."""

    caller: str
    called: str
    service: Service
    lacking: tuple[str, ...]
    origin: Origin


@dataclass(frozen=True, slots=True)
class DataFlowIntent:
    """All of it, in the order of the flows."""

    channels: tuple[DataChannel, ...]
    connections: tuple[SystemConnection, ...]
    unplaced: tuple[UnplacedConnection, ...]


def compile_data_flows(city: City) -> DataFlowIntent:
    """Compile the flows that are in force.

    >>> intent = compile_data_flows(city)
    >>> [(one.sender, one.data, one.receivers) for one in intent.channels][:1]
    [('affairs', 'III', ('learning-analytics',))]
    >>> [(one.caller, one.called, str(one.service)) for one in intent.connections][:1]
    [('attendance-gateway', 'resident-register', 'tcp/443')]
    """
    channels: dict[tuple[Carrier, str, Importance], list[SystemFlow]] = {}
    opened: dict[tuple[str, str, Service], list[SystemFlow]] = {}
    for flow in city.flows:
        kept = find_permitted_data(city, flow)
        for data in kept:
            if flow.carrier in CLASS_CARRIERS and flow.carrier is not None:
                channels.setdefault((flow.carrier, flow.from_, data), []).append(flow)
        for service in flow.opens if kept else ():
            opened.setdefault((flow.caller, flow.called, service), []).append(flow)
    connections, unplaced = _placed(city, opened)
    return DataFlowIntent(
        channels=tuple(
            DataChannel(carrier, sender, data, tuple(dict.fromkeys(f.to for f in flows)), tuple(f.id for f in flows))
            for (carrier, sender, data), flows in channels.items()
        ),
        connections=tuple(connections),
        unplaced=tuple(unplaced),
    )


def find_permitted_data(city: City, flow: SystemFlow) -> tuple[Importance, ...]:
    """The classes of a permit that no forbid takes back.

    >>> [(flow.id, find_permitted_data(city, flow)) for flow in city.flows[-2:]]
    [('grading-to-gateway', ('II',)), ('no-affairs-to-learning', ())]
    """
    if flow.effect is Effect.FORBID:
        return ()
    forbids = [other for other in city.flows if other.effect is Effect.FORBID]
    taken = {data for other in forbids if (other.from_, other.to) == (flow.from_, flow.to) for data in other.data}
    return tuple(data for data in flow.data if data not in taken)


def _placed(
    city: City, opened: dict[tuple[str, str, Service], list[SystemFlow]]
) -> tuple[list[SystemConnection], list[UnplacedConnection]]:
    connections: list[SystemConnection] = []
    unplaced: list[UnplacedConnection] = []
    for (caller, called, service), flows in opened.items():
        sources, destinations = find_calling_addresses(city, caller), find_answering_addresses(city, called)
        names = tuple(flow.id for flow in flows)
        families = [f for f in Family if sources.in_family(f).included and destinations.in_family(f).included]
        connections += [
            SystemConnection(caller, called, f, service, sources.in_family(f), destinations.in_family(f), names)
            for f in families
        ]
        if not families:
            lacking = [end for end, where in ((caller, sources), (called, destinations)) if not where.included]
            unplaced.append(
                UnplacedConnection(caller, called, service, tuple(lacking or (caller, called)), flows[0].origin)
            )
    return connections, unplaced


def find_calling_addresses(city: City, end: str) -> AddressSet:
    """The addresses that a system opens connections from; none where nobody has said.

    >>> find_calling_addresses(city, "affairs").included
    ()
    """
    if end in city.systems:
        return AddressSet(city.systems[end].addresses)
    application = city.applications[end]
    return AddressSet(application.addresses if application.hosting == "on-premises" else ())


def find_answering_addresses(city: City, end: str) -> AddressSet:
    """The addresses that a system answers at.

    >>> [str(one) for one in find_answering_addresses(city, "affairs").included]
    ['203.0.113.10/32', '2001:db8:c000::10/128']
    """
    if end in city.systems:
        return AddressSet(city.systems[end].addresses)
    application = city.applications[end]
    # In a school's segment there is no one place, and the internet is everywhere.
    somewhere = not application.segment and not application.belongs_to
    return city.addresses.destination_addresses(end, city.schools[0]) if somewhere else AddressSet(())
