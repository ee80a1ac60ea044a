"""LAGs of AlliedWare Plus, with the filters that stand on them.

`channel-group 1 mode active` makes a port a member of `po1`, `static-channel-group 2` one of `sa2`. The members carry
what the aggregator does, and print the same lines. A static aggregator takes access lists itself; one of LACP does not:
they stand on each of its members. A member that carries something else than its aggregator, that is shut down, or that
lacks its lists is idle.

Ports must agree in VLANs and tags before they are put together, and with its last member an aggregator is gone. So a
port is shut down while it changes, unless it is one that carries something, goes into an aggregator of LACP, and so
has its lists all the time.

Sources: Command Reference for IE200 Series 5.4.5 (C613-50066-01, `channel-group`: the same VLANs and tagging, treated
as a device port from then on; its `no` form leads to global configuration); How To Note "Create hardware filters"
for x900, page 7 (where lists stand); running configurations in the tests of alliedtelesis/ansible_awplus (the order of
lines); tests of networktocode/ntc-templates (how many of each kind). Not verified on a device.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from controller.model.network.lags import Lag, LagMode
from controller.platforms.allied_telesis_awplus.ports import JoinedPorts, Port, find_misplaced, join_ports
from controller.platforms.allied_telesis_awplus.text import LAGS
from controller.platforms.base import ConfigLine, name_members_place
from controller.platforms.conflict_choices import ConflictKind, advise
from controller.platforms.dialect.blocks import Reading, join_words
from controller.platforms.dialect.lags import describe_unknown_lag, hold_unjoined

Problem = tuple[ConfigLine, str]


def join_lags(reading: Reading, ports: Iterable[Port], others: Iterable[Port]) -> tuple[JoinedPorts, list[Lag]]:
    """Return what the ports of ours are together, and their LAGs; `others` are the ports of others."""
    ports = tuple(ports)
    for port in others:
        if port.joined is not None:
            reading.conflicting.setdefault(name_members_place(port.joined.lag), port.joined.line)
    channels = {port.name: port for port in ports if LAGS.support.is_lag_name(port.name)}
    groups: dict[str, list[Port]] = {}
    problems: list[Problem] = []
    remarks: list[ConfigLine] = []
    unjoined: list[str] = []
    for port in (port for port in ports if port.is_member):
        if port.joined is None:
            words = f"port {port.name} counts as out of service: it is marked as a member of a LAG, and is in none"
            remarks.append(ConfigLine(port.header.number, words))
            unjoined.append(port.name)
            problems += _find_lists_of_none(port)
        elif port.joined.mode is None:
            expected = " or ".join(LAGS.joins.values()).replace("{n}", "NUMBER")
            problems.append((port.joined.line, f"{join_words(port.joined.line)!r}: expected {expected}"))
        elif port.joined.lag in reading.conflicting:
            problems.append(
                (port.joined.line, describe_unknown_lag(port.name, port.joined.lag, port.header, port.joined.line))
            )
        else:
            groups.setdefault(port.joined.lag, []).append(port)
    agreeing = {name: [one for one in here if _agrees(one, channels.get(name))] for name, here in groups.items()}
    judged = [port for port in ports if not port.is_member and port.name not in channels]
    for name, channel in channels.items():
        members = agreeing.get(name, [])
        problems += _find_wrong_places(channel, groups.get(name, []), members)
        if members and channel.state is not None:
            static = _is_static(name)
            judged += (
                [channel] if static else [replace(one, state=replace(channel.state, name=one.name)) for one in members]
            )
    found = join_ports(judged)
    standing = {port.name: port for port in found.ports}
    lags = [_build_lag(name, here, agreeing[name], standing) for name, here in groups.items()]
    in_service = {lag.name for lag in lags if lag.members}
    kept = [port for name, port in standing.items() if not any(name in lag.held for lag in lags)]
    kept += [
        port.state for name, port in channels.items() if name in in_service and name not in standing and port.state
    ]
    remarks += _remark(channels, groups, lags)
    joined = JoinedPorts(tuple(kept), found.bindings, (*problems, *found.problems), (*found.remarks, *remarks))
    return joined, [*lags, *hold_unjoined(unjoined)]


def _find_lists_of_none(port: Port) -> Iterator[Problem]:
    for one, line in port.lists:
        advice = advise(ConflictKind.MISPLACED_LIST, place=port.name, line=join_words(line))
        yield line, f"{one.filter} stands on {port.name}, which is marked as a member of a LAG and is in none{advice}"


def _is_static(name: str) -> bool:
    return LAGS.support.find_number(name, LagMode.STATIC) is not None


def _agrees(member: Port, channel: Port | None) -> bool:
    """Say if a member carries what its LAG does."""
    mine, other = member.state, channel.state if channel else None
    return (
        not member.is_shut
        and mine is not None
        and other is not None
        and (mine.mode, mine.vlans) == (other.mode, other.vlans)
    )


def _find_wrong_places(channel: Port, here: Sequence[Port], agreeing: Sequence[Port]) -> Iterator[Problem]:
    """Yield the lists that stand on a LAG and judge nothing there, or nobody knows what."""
    static = _is_static(channel.name)
    for one, line in channel.lists if static and not agreeing else ():
        advice = advise(ConflictKind.MISPLACED_LIST, place=channel.name, line=join_words(line))
        yield line, f"{one.filter} stands on {channel.name}, which has no port in service{advice}"
    for one, line in () if static else channel.lists:
        advice = advise(ConflictKind.MISPLACED_LIST, place=channel.name, line=join_words(line))
        yield line, f"{one.filter} stands on {channel.name}, and a LAG of LACP has lists on its members alone{advice}"
    for member in here:
        if member in agreeing and not static and channel.state is not None:
            mine = [(one, line) for one, line in member.lists]
            yield from find_misplaced(member.name, channel.state.role, channel.state.vlans, mine)
            continue
        why = f"a static LAG has lists itself ({channel.name})" if static else f"it is out of service in {channel.name}"
        for one, line in member.lists:
            advice = advise(ConflictKind.MISPLACED_LIST, place=member.name, line=join_words(line))
            yield line, f"{one.filter} stands on {member.name}, and {why}{advice}"


def _build_lag(name: str, here: Iterable[Port], agreeing: Iterable[Port], standing: Mapping[str, object]) -> Lag:
    static = _is_static(name)
    serving = {one.name for one in agreeing if (name if static else one.name) in standing}
    names = sorted(port.name for port in here)
    mode = LagMode.STATIC if static else LagMode.LACP
    return Lag(
        name, mode, tuple(one for one in names if one in serving), tuple(one for one in names if one not in serving)
    )


def _remark(
    channels: Mapping[str, Port], groups: Mapping[str, Sequence[Port]], lags: Iterable[Lag]
) -> Iterator[ConfigLine]:
    """Yield what is said of LAGs and members that are out of service."""
    idle = {name for lag in lags for name in lag.idle}
    for name, here in groups.items():
        for port in here:
            if port.name in idle:
                why = f"it is shut down, or does not carry what {name} does"
                words = f"port {port.name} counts as out of service in {name}: {why}"
                yield ConfigLine(port.header.number, words)
    serving = {lag.name for lag in lags if lag.members}
    for name, channel in channels.items():
        if name not in serving:
            words = f"port {name} counts as out of service: it is a LAG, and no port of ours in service is in it"
            yield ConfigLine(channel.header.number, words)
