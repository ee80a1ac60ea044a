"""LAGs of an IOS-like switch, read from their members.

A member of ours has the description `TSN-member`, and the same `switchport` lines as the port that the LAG is: that
port decides what it carries, and a switch takes a member that differs out of service. So such a member, or one that is
shut down, is idle. A LAG without a member in service is out of service itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from controller.model.network.device_state import PREFIX, PortState
from controller.model.network.lags import NO_LAG, Lag, LagMode, LagSupport
from controller.platforms.base import ConfigLine, name_members_place
from controller.platforms.conflict_choices import ConflictKind, advise
from controller.platforms.dialect.blocks import Reading, join_words

MEMBER_MARK = f"{PREFIX}-member"


@dataclass(frozen=True)
class LagGrammar:
    """How a system writes LAGs.

    `support` names the ports that they are. `joins` are the lines that put a port into one, with `{n}` for the number,
    `leaves` those that take it out. `pattern` matches every line that puts a port into one, whatever its mode, with
    `number` in it. `modes` are those of `joins` by the words that stand behind the number.
    """

    support: LagSupport
    joins: Mapping[LagMode, str]
    leaves: Mapping[LagMode, str]
    pattern: re.Pattern[str]

    def list_leaves(self, lag: Lag) -> list[str]:
        """Return the line that takes a port out of a LAG; none where it is in none."""
        return [] if lag.name == NO_LAG else [self.leaves[lag.mode]]

    def write_join(self, lag: Lag) -> str:
        """Return the line that puts a port into a LAG."""
        return self.joins[lag.mode].format(n=self.support.find_number(lag.name, lag.mode))

    def read_join(self, words: str) -> tuple[str, LagMode | None] | None:
        """Return the name of the LAG that a line is about, and its mode if we know it; None: the line joins nothing."""
        found = self.pattern.fullmatch(words)
        if found is None:
            return None
        for mode, line in self.joins.items():
            if words == line.format(n=found["number"]):
                return self.support.name(mode, int(found["number"])), mode
        static = words.startswith("static-")
        return self.support.name(LagMode.STATIC if static else LagMode.LACP, int(found["number"])), None


@dataclass(frozen=True, slots=True)
class ReadMember:
    """A member of ours as read: its mark, the line that joins it, and what it carries (None: nothing of ours)."""

    name: str
    mark: ConfigLine
    join: ConfigLine
    lag: str
    mode: LagMode
    carries: PortState | None
    shut: bool = False


class LagReading:
    """Collects the members of LAGs while a configuration is read, and tells what they make together.

    `headers` are those of the ports of ours, `others` the lines by which ports of others are in a LAG, `unjoined` the
    ports that bear the mark of a member and are in none.
    """

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self.members: list[ReadMember] = []
        self.unjoined: list[str] = []
        self.headers: dict[str, ConfigLine] = {}
        self.others: dict[str, list[ConfigLine]] = {}
        self._switched: dict[str, frozenset[str]] = {}

    def note_lines(self, port: str, lines: Iterable[ConfigLine]) -> None:
        """Note how a port of ours is switched, also in the mode that it is not in."""
        self._switched[port] = frozenset(words for words in map(join_words, lines) if words.startswith("switchport "))

    def note_other(self, lag: str, line: ConfigLine) -> None:
        """Note that a port of others is in a LAG."""
        self.others.setdefault(lag, []).append(line)

    def read_ports(self, ports: Iterable[PortState], support: LagSupport) -> tuple[list[PortState], list[Lag]]:
        """Return the ports in service and the LAGs; what is not in service is remarked on."""
        kept = {port.name: port for port in ports}
        lags: list[Lag] = []
        for name in dict.fromkeys(member.lag for member in self.members):
            here = [member for member in self.members if member.lag == name]
            lags += self._read_lag(name, here, kept)
        lags += hold_unjoined(self.unjoined)
        for name in [name for name in kept if support.is_lag_name(name)]:
            if not any(lag.name == name and lag.members for lag in lags):
                words = f"port {name} counts as out of service: it is a LAG, and no port of ours in service is in it"
                self.reading.remarks.append(ConfigLine(self.headers[name].number, words))
                del kept[name]
        for name, lines in self.others.items():
            self.reading.conflicting[name_members_place(name)] = lines[0]
        return [*kept.values()], lags

    def _read_lag(self, name: str, here: Sequence[ReadMember], ports: Mapping[str, PortState]) -> Iterator[Lag]:
        if name in self.reading.conflicting:
            for member in here:
                self.reading.refuse(member.join, describe_unknown_lag(member.name, name, member.mark, member.join))
            return
        for member in here:
            if member.mode is not here[0].mode:
                words = f"{join_words(member.join)!r}: {name} is {here[0].mode} by line {here[0].join.number}"
                self.reading.refuse(member.join, f"{words}; the members of a LAG have one mode")
        port = ports.get(name)
        active: list[str] = []
        idle: list[str] = []
        for member in here:
            agrees = port is not None and not member.shut and member.carries == replace(port, name=member.name)
            (active if agrees else idle).append(member.name)
            if not agrees:
                why = "it is shut down" if member.shut else f"what it carries is not what {name} does"
                words = f"port {member.name} counts as out of service in {name}: {why}"
                self.reading.remarks.append(ConfigLine(member.join.number, words))
            elif differing := self._switched[member.name] ^ self._switched[name]:
                words = f"{min(differing)!r} stands at one of {name} and its member {member.name} alone"
                said = f"{words}; a switch may take the member out of service"
                self.reading.remarks.append(ConfigLine(member.join.number, said))
        yield Lag(name, here[0].mode, tuple(sorted(active)), tuple(sorted(idle)))


def hold_unjoined(names: Sequence[str]) -> list[Lag]:
    """Return what holds the ports that are marked as members and are in no LAG.

    >>> hold_unjoined(["port1.0.2"])
    [Lag(name='', mode=<LagMode.LACP: 'lacp'>, members=(), idle=('port1.0.2',))]
    """
    return [Lag(NO_LAG, LagMode.LACP, (), tuple(sorted(names)))] if names else []


def describe_unknown_lag(port: str, lag: str, mark: ConfigLine, join: ConfigLine) -> str:
    """Return why a port of ours cannot be in a LAG that is not."""
    ours = f"{port} is ours ({join_words(mark)!r}, line {mark.number})"
    words = join_words(join)
    advice = advise(ConflictKind.PORT_LINE, place=port, line=words.partition(" ")[0])
    return f"conflict: {ours} and a member of {lag}, which the policy does not know: {words!r}{advice}"
