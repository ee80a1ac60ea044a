"""The verdict of a filter, and of the policy, on one packet: read off entries and clauses, with no engine of sets.

The counterexamples of `equivalence` are replayed here before anyone is told of them.
"""

from __future__ import annotations

from controller.compile.network.intent import FilterClause, FilterIntent
from controller.model.network.device_state import Entry, Filter
from controller.model.network.packets import (
    Effect,
    Match,
    Packet,
    is_in_interval,
)


def ends_explicitly(rendered: Filter) -> bool:
    """Tell whether the filter's last entry covers every packet of its family, so that no vendor's default ever decides.

    >>> ends_explicitly(acl), ends_explicitly(replace(acl, entries=acl.entries[:-1]))
    (True, False)
    """
    if not rendered.entries:
        return False
    match = rendered.entries[-1].match
    return match == Match(rendered.family, None, rendered.family.everything, rendered.family.everything)


def evaluate_filter(rendered: Filter, packet: Packet) -> bool:
    """Tell whether a filter permits a packet: the first entry that covers it decides, and without one it is denied.

    >>> evaluate_filter(acl, packet("tcp 10.154.0.10 port 49152 -> 203.0.113.10 port 443"))
    True
    >>> evaluate_filter(acl, packet("tcp 10.154.0.10 port 49152 -> 203.0.113.10 port 22"))
    False
    """
    entry = find_first_entry(rendered, packet)
    return entry is not None and entry.effect is Effect.PERMIT


def find_first_entry(rendered: Filter, packet: Packet) -> Entry | None:
    """The entry that decides about a packet.

    >>> find_first_entry(acl, packet("tcp 10.154.0.10 port 49152 -> 203.0.113.10 port 443")).origin
    'staff-cloud'
    """
    return next((entry for entry in rendered.entries if entry.match.covers(packet)), None)


def evaluate_intent(intent: FilterIntent, packet: Packet) -> bool:
    """Tell whether the policy permits a packet: some permit covers it and no forbid does.

    >>> evaluate_intent(intent, packet("tcp 10.154.0.10 port 49152 -> 203.0.113.10 port 443"))
    True
    >>> evaluate_intent(intent, packet("tcp 10.154.0.10 port 49152 -> 203.0.113.10 port 22"))
    False
    """
    return any(clause.effect is Effect.PERMIT for clause in find_deciding_clauses(intent, packet))


def find_deciding_clauses(intent: FilterIntent, packet: Packet) -> tuple[FilterClause, ...]:
    """The clauses that decide about a packet: the forbids that cover it, else the permits, else none.

    >>> asked = packet("tcp 10.154.0.10 port 49152 -> 203.0.113.10 port 443")
    >>> [one.rule for one in find_deciding_clauses(intent, asked)]
    ['staff-cloud', 'staff-cloud']
    """
    covering = [clause for clause in intent.clauses if _clause_covers(clause, packet)]
    return tuple([clause for clause in covering if clause.effect is Effect.FORBID] or covering)


def _clause_covers(clause: FilterClause, packet: Packet) -> bool:
    return (
        packet.family == clause.family
        and packet.protocol == clause.protocol
        and clause.sources.contains(packet.source)
        and clause.destinations.contains(packet.destination)
        and is_in_interval(packet.source_port, clause.source_ports)
        and is_in_interval(packet.destination_port, clause.destination_ports)
        and (packet.established or not clause.established)
    )
