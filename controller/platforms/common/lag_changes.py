"""What happens to the ports of LAGs from one device state to another, the same on every system.

A port that carries something joins its LAG last, when other members stand already; one that carries nothing is shut
down until it is a member, so that it is no second way beside the LAG, which would be a loop.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from controller.model.network.device_state import DeviceState, PortState
from controller.model.network.lags import NO_LAG, Lag


@dataclass(frozen=True, slots=True)
class LagChange:
    """What happens to the members of LAGs from one state to another.

    `leaving` are the members that leave their LAG, or only lose the mark of one (`NO_LAG`), `released` those that stay
    in one that leaves our care with them.
    `joining` are the ports that become members, or become members in service; `carrying` of them are ports in service.
    `new` are the LAGs that are made: none of their members was in service in them before.
    """

    leaving: Mapping[str, Lag]
    released: Mapping[str, Lag]
    joining: Mapping[str, Lag]
    carrying: frozenset[str]
    new: frozenset[str]


def compare_lags(now: DeviceState, wanted: DeviceState) -> LagChange:
    """Return what happens to the members of LAGs from one state to another.

    >>> from controller.model.network.device_state import PortMode, PortState
    >>> from controller.model.network.lags import LagMode
    >>> port = PortState("po1", PortMode.TRUNK, (10,))
    >>> state = DeviceState(ports=(port,), lags=(Lag("po1", LagMode.LACP, ("port1.0.1",)),))
    >>> change = compare_lags(DeviceState(), state)
    >>> list(change.joining), sorted(change.new)
    (['port1.0.1'], ['po1'])
    """
    before = {name: lag for lag in now.lags for name in lag.held}
    after = {name: lag for lag in wanted.lags for name in lag.members}
    left_idle = {(name, lag.name) for lag in wanted.lags for name in lag.idle}
    groups = {lag.name: lag for lag in wanted.lags}
    plain = {port.name for port in wanted.ports}
    leaving: dict[str, Lag] = {}
    released: dict[str, Lag] = {}
    joining: dict[str, Lag] = {}
    for name, lag in before.items():
        there = after.get(name)
        if (there is not None and (there.name, there.mode) == (lag.name, lag.mode)) or (name, lag.name) in left_idle:
            continue
        parted = lag.name == NO_LAG or lag.name in groups or any(one in plain or one in after for one in lag.held)
        (leaving if parted else released)[name] = lag
    # What nobody wants any more leaves first: the last one to leave is one that goes on.
    leaving = dict(sorted(leaving.items(), key=lambda item: item[0] in plain or item[0] in after))
    staying = set()
    for name, lag in after.items():
        old = before.get(name)
        if old is not None and (old.name, old.mode) == (lag.name, lag.mode) and name not in old.idle:
            staying.add(lag.name)
        else:
            joining[name] = lag
    carrying = frozenset(joining) & {port.name for port in now.ports}
    made = frozenset(name for name, lag in groups.items() if lag.members) - staying
    return LagChange(leaving, released, joining, carrying, made)


def hold_back_carrying(now: DeviceState, wanted: DeviceState) -> DeviceState:
    """Return the wanted state with the ports that still carry something by themselves, where their LAG has others.

    The LAG stands before a port that carried until then becomes a member, so something carries all the time. What the
    LAG does not carry, such a port does not either; one of another mode or role is not held back.
    """
    change = compare_lags(now, wanted)
    after = {port.name: port for port in wanted.ports}
    waiting: dict[str, PortState] = {}
    for port in now.ports if change.carrying else ():
        lag = change.joining.get(port.name)
        if lag is not None and set(lag.members) - change.carrying:
            new = after[lag.name]
            stay = tuple(vlan for vlan in port.vlans if vlan in new.vlans)
            if stay and (port.mode, port.role) == (new.mode, new.role):
                waiting[port.name] = replace(port, vlans=stay)
    lags = [replace(lag, members=tuple(one for one in lag.members if one not in waiting)) for lag in wanted.lags]
    return replace(wanted, ports=tuple(sorted([*wanted.ports, *waiting.values()])), lags=tuple(lags))
