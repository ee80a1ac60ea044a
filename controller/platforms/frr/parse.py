"""Reading a running configuration of FRR 8.4; what is ours in it is told in `controller.platforms.frr.text`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import ip_address

from controller.inputs.shown_text import shorten_value
from controller.model.network.device_state import DeviceState
from controller.model.network.packets import Family, parse_prefix
from controller.model.network.route_policies import (
    PrefixList,
    PrefixRange,
    RouteClause,
    RouteDirection,
    RoutePolicy,
    RoutePolicyBinding,
    build_routing,
)
from controller.platforms.base import ConfigLine, Observation, Peer
from controller.platforms.conflict_choices import ConflictKind, advise
from controller.platforms.dialect.blocks import Layout, Reading, join_words, read_blocks
from controller.platforms.frr.router_paths import read_router_paths
from controller.platforms.frr.text import EFFECTS, FAMILIES, LISTS, MATCHES, OURS, write_binding

_LAYOUT = Layout(
    ignored=re.compile(r"(?:Building configuration\.\.\.|Current configuration:|end)\s*$"), block_end="exit"
)
_LIST = re.compile(
    r"(?P<kind>ip|ipv6) prefix-list (?P<name>\S+) seq (?P<number>[0-9]{1,10}) (?P<effect>permit|deny) (?P<range>.+)"
)
_RANGE = re.compile(r"(?P<prefix>any|\S+/[0-9]{1,3})(?: ge (?P<ge>[0-9]{1,3}))?(?: le (?P<le>[0-9]{1,3}))?")
_NUMBER = "[0-9]{1,10}"
"""Bounded: Python reads no number of more than 4,300 digits."""
_CLAUSE = re.compile(r"route-map (?P<name>\S+) (?P<effect>permit|deny) (?P<number>[0-9]{1,10})")
_NAMED = re.compile(rf"(?<!\S){re.escape(OURS)}\S*")
_FREE_TEXT = re.compile(r"hostname |neighbor \S+ description |description |! |banner |log ")
_EFFECTS = {word: effect for effect, word in EFFECTS.items()}
_FAMILIES = {words.removesuffix(" unicast"): family for family, words in FAMILIES.items()}
"""By the words behind `address-family`; `unicast` may be left out."""
_KINDS = {words.split()[0]: family for family, words in LISTS.items()}


def parse(text: str, source: str) -> Observation:
    """Understand a running configuration.

    Raises:
        ConfigRefused: something inside what is ours is not understood, or something of others refers to it.
    """
    lines, blocks = read_blocks(text, _LAYOUT)
    reading = _FrrReading(source)
    for block in blocks:
        reading.read_block(block.header, block.children)
    for line in lines:
        if line.number not in reading.managed:
            reading.refuse_reference(line)
    return reading.observe(lines, reading.build_state(), reading.peers.values(), read_router_paths(blocks))


@dataclass
class _Policy:
    """A route map as it is read, clause by clause; the first match tells its family."""

    family: Family | None = None
    clauses: dict[int, RouteClause] = field(default_factory=dict)


@dataclass
class _Groups:
    """Peer groups of a router, their members with the line that says so, and neighbours that are shut down."""

    names: set[str] = field(default_factory=set)
    members: dict[str, tuple[str, ConfigLine]] = field(default_factory=dict)
    shut: dict[str, ConfigLine] = field(default_factory=dict)

    def note_line(self, line: ConfigLine, family: Family | None) -> None:
        match line.text.split():
            case ["neighbor", name, "peer-group"]:
                self.names.add(name)
            case ["neighbor", name, "peer-group", group] | ["neighbor", name, "interface", "peer-group", group]:
                self.members[name] = group, line
            case ["neighbor", name, "shutdown", *_] if family is None:
                self.shut[name] = line


class _FrrReading(Reading):
    """One pass over the configuration of a router."""

    def __init__(self, source: str) -> None:
        super().__init__(source)
        self.lists: dict[tuple[Family, str], dict[int, PrefixRange]] = {}
        self.policies: dict[str, _Policy] = {}
        self.bindings: list[RoutePolicyBinding] = []
        self.peers: dict[tuple[int, str, Family], Peer] = {}

    def build_state(self) -> DeviceState:
        lists = [
            PrefixList(name, family, tuple(entry for _, entry in sorted(entries.items())))
            for (family, name), entries in self.lists.items()
        ]
        families = {one.policy: one.family for one in self.bindings}
        policies = [
            RoutePolicy(
                name,
                one.family or families.get(name) or _guess_family(name),
                tuple(clause for _, clause in sorted(one.clauses.items())),
            )
            for name, one in self.policies.items()
        ]
        return DeviceState(routing=build_routing(lists, policies, self.bindings))

    def read_block(self, header: ConfigLine, children: Sequence[ConfigLine]) -> None:
        words = header.text.split()
        match words:
            case ["ip" | "ipv6", "prefix-list", name, *_] if name.startswith(OURS):
                self._read_entry(header)
            case ["route-map", name, *_] if name.startswith(OURS):
                self._read_clause(header, children)
            case ["router", "bgp", number] if re.fullmatch(_NUMBER, number):
                self._read_bgp(int(number), children)
            case ["router", "bgp", number]:
                self.refuse(header, f"{shorten_value(number)} is no number of an AS")

    def refuse_reference(self, line: ConfigLine) -> None:
        """Refuse a line of others that names what is ours: the next plan would break it, or change its meaning."""
        found = None if _FREE_TEXT.match(join_words(line)) else _NAMED.search(line.text)
        if found:
            self.refuse(
                line,
                f"{line.text.strip()!r} refers to {found[0]}, which is ours, where none of ours belongs"
                f"{advise(ConflictKind.ROUTE_REFERENCE, line=line.text.strip())}",
            )

    def _read_entry(self, line: ConfigLine) -> None:
        found = _LIST.fullmatch(join_words(line))
        family = _KINDS[line.text.split()[0]]
        entry = _parse_entry(found["effect"], found["range"], family, str(line.number)) if found else None
        if found is None or entry is None:
            expected = f"{LISTS[family]} NAME seq N permit|deny PREFIX [ge N] [le N]"
            self.refuse(line, f"{line.text!r} is not understood; expected {expected}")
            return
        entries = self.lists.setdefault((family, found["name"]), {})
        if int(found["number"]) in entries:
            self.refuse(line, f"{found['name']} has the entry {found['number']} twice")
        entries[int(found["number"])] = entry
        self.manage(line)

    def _read_clause(self, header: ConfigLine, children: Sequence[ConfigLine]) -> None:
        found = _CLAUSE.fullmatch(join_words(header))
        if not found:
            self.refuse(header, f"{header.text!r} is not understood; expected route-map NAME permit|deny N")
            return
        policy = self.policies.setdefault(found["name"], _Policy())
        if int(found["number"]) in policy.clauses:
            self.refuse(header, f"{found['name']} has the clause {found['number']} twice")
        values: dict[str, str] = {}
        for line in children:
            name, value = self._read_inside(policy, line)
            if name in values:
                self.refuse(line, f"{line.text.strip()!r} stands beside another {name!r}")
            values[name] = value
        self.manage(header, *children)
        preference = values.get("set local-preference")
        policy.clauses[int(found["number"])] = RouteClause(
            _EFFECTS[found["effect"]],
            values.get("match", ""),
            None if preference is None else int(preference),
            tuple(map(int, values.get("set as-path prepend", "").split())),
            str(header.number),
        )

    def _read_inside(self, policy: _Policy, line: ConfigLine) -> tuple[str, str]:
        plain = join_words(line)
        for family, words in MATCHES.items():
            name = plain.removeprefix(f"{words} ")
            if name != plain and " " not in name:
                if policy.family not in (None, family):
                    self.refuse(line, "a route map of ours matches routes of one family only")
                policy.family = family
                return "match", name
        for words, form in (("set local-preference", _NUMBER), ("set as-path prepend", rf"{_NUMBER}( {_NUMBER})*")):
            value = plain.removeprefix(f"{words} ")
            if value != plain and re.fullmatch(form, value):
                return words, value
        if plain != "exit":
            self.refuse(line, f"{plain!r} is not understood inside a route map of ours")
        # A name that nothing has which was understood: "set local-preference" without a value is none.
        return f"? {plain}", ""

    def _read_bgp(self, system: int, children: Sequence[ConfigLine]) -> None:
        usual = not any(join_words(line) == "no bgp default ipv4-unicast" for line in children)
        # Our part alone, as `render` writes it, tells of no neighbour but where something of ours is attached.
        ours_alone = not any(" remote-as " in words or " peer-group" in words for words in map(join_words, children))
        groups = _Groups()
        family: Family | None = None
        others = False
        for line in children:
            plain = join_words(line)
            if plain.startswith("address-family "):
                family = _FAMILIES.get(plain.removeprefix("address-family ").removesuffix(" unicast"))
                others = family is None
            elif plain == "exit-address-family":
                family, others = None, False
            elif plain.startswith(("neighbor ", "no neighbor ")) and not others:
                groups.note_line(line, family)
                self._read_neighbour(system, family, line, usual=usual)
        self._apply_groups(system, groups, usual=usual)
        if ours_alone:
            for one in self.bindings:
                if one.system == system:
                    line = ConfigLine(int(one.origin), write_binding(one))
                    key = system, str(one.neighbour), one.family
                    self.peers.setdefault(key, Peer(*key, line))

    def _read_neighbour(self, system: int, family: Family | None, line: ConfigLine, *, usual: bool) -> None:
        """Read a line about a neighbour. What stands outside of every address family is about IPv4 unicast."""
        here = family or Family.V4
        match line.text.split():
            case ["neighbor", name, "remote-as" | "interface", *_] if family is None and usual:
                self.peers.setdefault((system, name, Family.V4), Peer(system, name, Family.V4, line))
            case ["neighbor", name, "activate"]:
                self.peers.setdefault((system, name, here), Peer(system, name, here, line))
            case ["no", "neighbor", name, "activate"]:
                self.peers.pop((system, name, here), None)
            case ["neighbor", name, "route-map", policy, "in" | "out" as direction]:
                if policy.startswith(OURS):
                    self._bind(system, here, name, line)
                else:
                    self._mark(Peer(system, name, here, line), {RouteDirection(direction): line}, None)
            case ["neighbor", name, "default-originate", *_]:
                self._mark(Peer(system, name, here, line), {}, line)

    def _mark(self, peer: Peer, policies: Mapping[RouteDirection, ConfigLine], default: ConfigLine | None) -> None:
        """Note what of others decides routes at a neighbour, whether it is in force there already or not."""
        key = peer.system, peer.neighbour, peer.family
        known = self.peers.get(key, peer)
        self.peers[key] = replace(known, policies={**known.policies, **policies}, default=default or known.default)

    def _apply_groups(self, system: int, groups: _Groups, *, usual: bool) -> None:
        """A group is no neighbour; its members are, wherever it or they take part, and it decides for them."""
        for name, (group, line) in groups.members.items():
            for family in Family:
                active = {
                    (system, group, family) in self.peers,
                    (system, name, family) in self.peers,
                    usual and family is Family.V4,
                }
                if any(active):
                    peer = self.peers.get((system, name, family), Peer(system, name, family, line))
                    self.peers[system, name, family] = replace(peer, group=line)
        for key in [key for key in self.peers if key[0] == system and key[1] in groups.names]:
            del self.peers[key]
        for name, line in groups.shut.items():
            for family in Family:
                known = self.peers.get((system, name, family))
                if known is not None:
                    self.peers[system, name, family] = replace(known, shut=line)

    def _bind(self, system: int, family: Family, name: str, line: ConfigLine) -> None:
        *_, policy, direction = line.text.split()
        try:
            neighbour = ip_address(name)
        except ValueError:
            self.refuse(line, f"{name!r} is no address; a route map of ours is attached to neighbours by address")
            return
        self.bindings.append(
            RoutePolicyBinding(system, neighbour, family, RouteDirection(direction), policy, str(line.number))
        )
        self.manage(line)


def _parse_entry(effect: str, text: str, family: Family, origin: str) -> PrefixRange | None:
    found = _RANGE.fullmatch(text)
    if not found:
        return None
    try:
        network = family.everything if found["prefix"] == "any" else parse_prefix(found["prefix"])
    except ValueError:
        return None
    if network.version != family:
        return None
    longest = family.bits if found["prefix"] == "any" else network.prefixlen
    if found["ge"] and not found["le"]:
        longest = family.bits
    shortest = int(found["ge"] or network.prefixlen)
    longest = int(found["le"] or longest)
    if not network.prefixlen <= shortest <= longest <= family.bits:
        return None
    return PrefixRange(_EFFECTS[effect], network, shortest, longest, origin)


def _guess_family(name: str) -> Family:
    """Return the family of a map that matches nothing and is attached nowhere, by its name; else it does not matter."""
    return Family.V6 if "-6-" in name else Family.V4
