"""What a platform is. Text in and out for every one; operation over SSH for those that have `Operable` too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from controller.errors import ConfigRefused, Origin, Problem
from controller.model.network.device_state import Capabilities, DeviceState
from controller.model.network.packets import Direction, Family
from controller.model.network.route_policies import RouteDirection, Routing
from controller.model.network.unmanaged_paths import UnmanagedPath
from controller.platforms.conflict_choices import ConflictKind, advise
from controller.platforms.device_text.device_text import DeviceText
from controller.platforms.device_text.redaction import hide_words


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to a question of a command line; `question` is a pattern that the end of what it says matches."""

    question: str
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True, repr=False)
class Command:
    """One command for a device; `stdin` goes in whole, where the platform's shell takes it.

    `replies` are the answers to the questions that a command line may ask then; any other question is refused.
    `accepts` are the beginnings of lines that look like a refusal and are none. `shown` stands for a line that holds a
    secret, in every message and record: whoever makes a command of another one keeps it (`dataclasses.replace`).

    >>> command = Command("username net01 secret hunter2", shown="username net01 secret <redacted>")
    >>> command, command.hide_secrets("% Weak password: 'hunter2'")
    (Command('username net01 secret <redacted>'), '% Weak password: <redacted>')
    """

    line: str
    stdin: str | None = None
    replies: tuple[Reply, ...] = ()
    accepts: tuple[str, ...] = ()
    shown: str = ""

    @property
    def shown_line(self) -> str:
        """Return the line as it may be shown."""
        return self.shown or self.line

    def hide_secrets(self, said: str) -> str:
        """Return what a device said to the line, without the words that may quote what is not shown of it."""
        if not self.shown:
            return said
        known = set(self.shown.split())
        return hide_words(said, [word for word in self.line.split() if word not in known])

    def __repr__(self) -> str:
        return f"Command({self.shown_line!r}" + (f", stdin of {len(self.stdin)} characters)" if self.stdin else ")")


@dataclass(frozen=True, slots=True)
class Step:
    """An indivisible group of commands, and the state the device is in once they have all run."""

    title: str
    commands: tuple[Command, ...]
    result: DeviceState


@dataclass(frozen=True, slots=True)
class ConfigLine:
    """A line of a configuration, counted from 1."""

    number: int
    text: str


Place = int | str | tuple[int, Direction, Family]
"""A VLAN by its number, a port by its name, or where a filter is bound."""


def name_interface_place(vlan: int) -> Place:
    """Where the switch's own interface in a VLAN stands."""
    return f"interface Vlan{vlan}"


def name_network_place(ssid: str) -> Place:
    """Where a wireless network stands: two of one name on an access point cannot be told apart."""
    return f"network {ssid}"


def name_route_place(family: Family) -> str:
    """Where the default route of a family stands."""
    return f"default route IPv{int(family)}"


@dataclass(frozen=True, slots=True)
class Peer:
    """A neighbour that routes of a family are exchanged with, and the line that says so.

    `policies` are the lines by which others decide on its routes where a policy of ours could; `default` is the line
    that gives it a default route past every policy, `group` the one that makes it a member of a group, which then
    decides for it, `shut` the one by which its session is down.
    """

    system: int
    neighbour: str
    family: Family
    line: ConfigLine
    policies: Mapping[RouteDirection, ConfigLine] = field(default_factory=dict)
    default: ConfigLine | None = None
    group: ConfigLine | None = None
    shut: ConfigLine | None = None


@dataclass(frozen=True, slots=True)
class Observation:
    """A running configuration, understood.

    `unmanaged` are the lines that are not ours and were left alone; `managed` counts the lines that are ours.
    Together they are all `lines` that are not blank or comments: nothing is dropped in silence.
    `remarks` say, each with the line it is about, what is ours but not as it should be, so that the state does not
    count it as in force (a plan then mends it).
    `conflicting` are the places where an object of ours could stand and one of others does, each with its line,
    `peers` the neighbours of a router; see `refuse_conflicts`. `understood` are the numbers of the lines whose every
    word the platform knows, so that none can hold a secret; None: all that are not unmanaged.
    `paths` are the ways of others that packets can take here; `routes`: the device routes between its interfaces, as
    far as the text tells. `unfiltered` are the directions and families that a filter would judge nothing of here, each
    with what is the reason, in words that hold none of the device's text but known ones. `has_vlans`: the text says its
    VLANs; `vlan_client` is the line by which it takes them from another device, and refuses ours.
    """

    state: DeviceState
    unmanaged: tuple[ConfigLine, ...]
    managed: int
    lines: int
    remarks: tuple[ConfigLine, ...] = ()
    conflicting: Mapping[Place, ConfigLine] = field(default_factory=dict)
    peers: tuple[Peer, ...] = ()
    understood: frozenset[int] | None = None
    paths: tuple[UnmanagedPath, ...] = ()
    routes: bool = False
    has_vlans: bool = True
    vlan_client: ConfigLine | None = None
    unfiltered: Mapping[tuple[Direction, Family], ConfigLine] = field(default_factory=dict)


def name_members_place(lag: str) -> Place:
    """Where the members of a LAG stand: one of others beside ours would carry what ours do."""
    return f"members of {lag}"


def refuse_conflicts(seen: Observation, wanted: DeviceState, source: str) -> None:
    """Refuse a wanted state that needs a place where an object of others stands.

    Raises:
        ConfigRefused: names, for every such place, the line of the one and the name of the other.
    """
    needed: list[tuple[Place, str]] = [(vlan.number, f"VLAN {vlan.number} {vlan.name}") for vlan in wanted.vlans]
    needed += [(port.name, f"port {port.name}") for port in wanted.ports]
    needed += [(name, f"port {name} of LAG {lag.name}") for lag in wanted.lags for name in lag.members]
    needed += [(name_members_place(lag.name), f"LAG {lag.name}, of our ports alone,") for lag in wanted.lags]
    needed += [(name_interface_place(one.vlan), f"interface in VLAN {one.vlan}") for one in wanted.interfaces]
    needed += [(name_network_place(one.ssid), f"network {one.ssid!r}") for one in wanted.networks]
    needed += [(one.vlan, f"network {one.ssid!r} in VLAN {one.vlan}") for one in wanted.networks]
    needed += [((one.vlan, one.direction, one.family), f"filter {one.filter}") for one in wanted.bindings]
    needed += [(name_route_place(one.family), str(one)) for one in wanted.default_routes]
    problems = [
        Problem(
            Origin(source, seen.conflicting[place].number),
            "",
            f"conflict: {name} must stand where {seen.conflicting[place].text.strip()!r} is, which is not ours"
            f"{_advise_place(place)}",
        )
        for place, name in needed
        if place in seen.conflicting
    ]
    problems += [Problem(Origin(source, line), "", text) for line, text in _find_unfiltered(seen, wanted)]
    if seen.vlan_client is not None and seen.has_vlans and set(seen.state.vlans) != set(wanted.vlans):
        words = (
            f"conflict: {seen.vlan_client.text.strip()!r}: the switch takes its VLANs from a VTP server, and refuses "
        )
        advice = advise(ConflictKind.VLAN_CLIENT)
        problems.append(Problem(Origin(source, seen.vlan_client.number), "", f"{words}those that a plan makes{advice}"))
    problems += [Problem(Origin(source, line), "", text) for line, text in _peer_conflicts(seen, wanted.routing)]
    if problems:
        message = f"{source}: objects of others stand where ours must:"
        raise ConfigRefused(message, problems)


def _find_unfiltered(seen: Observation, wanted: DeviceState) -> Iterator[tuple[int, str]]:
    """Yield the bindings that would judge no packet, because the device is not set up for such filters."""
    for one in wanted.bindings:
        reason = seen.unfiltered.get((one.direction, one.family))
        if reason is not None:
            place = f"IPv{int(one.family)} {'from' if one.direction is Direction.FROM else 'to'} hosts"
            words = f"filter {one.filter} would judge nothing: {reason.text}, by which no list filters {place}"
            yield reason.number, words + advise(ConflictKind.UNFILTERED, line=reason.text)


def _advise_place(place: Place) -> str:
    """Return what can be done where an object of others has a place."""
    match place:
        case int():
            return advise(ConflictKind.VLAN, place=f"VLAN {place}")
        case str() if place.startswith("interface Vlan"):
            return advise(ConflictKind.INTERFACE)
        case str() if place.startswith("default route "):
            return advise(ConflictKind.DEFAULT_ROUTE, place=place)
        case str() if place.startswith("network "):
            return advise(ConflictKind.NETWORK)
        case str():
            return advise(ConflictKind.PORT, place=place)
        case vlan, _, _:
            return advise(ConflictKind.BINDING, vlan=vlan)


def _peer_conflicts(seen: Observation, wanted: Routing) -> Iterator[tuple[int, str]]:
    """Neighbours that are missing, that nobody planned, or that somebody else decides about."""
    peers = {(one.system, one.neighbour, one.family): one for one in seen.peers}
    known = set()
    for binding in wanted.bindings:
        key = binding.system, str(binding.neighbour), binding.family
        known.add(key)
        place = f"neighbour {binding.neighbour} IPv{int(binding.family)} in AS {binding.system}"
        peer = peers.get(key)
        if peer is None:
            words = f"{binding.policy} must stand at {place}, which the router does not have"
            yield 1, words + advise(ConflictKind.PEER_MISSING, place=place, address=binding.neighbour)
        elif peer.group is not None:
            words = f"{peer.group.text.strip()!r}: a group decides for {place}, where {binding.policy} must"
            advice = advise(ConflictKind.PEER_GROUP, place=place, line=peer.group.text.strip())
            yield peer.group.number, f"conflict: {words}{advice}"
        elif (line := peer.policies.get(binding.direction)) is not None:
            words = f"{binding.policy} must stand where {line.text.strip()!r} is, which is not ours"
            advice = advise(ConflictKind.PEER_POLICY, place=place, line=line.text.strip())
            yield line.number, f"conflict: {words}{advice}"
        elif binding.direction is RouteDirection.OUT and peer.default is not None:
            words = f"{peer.default.text.strip()!r} gives {place} a default route past {binding.policy}"
            advice = advise(ConflictKind.PEER_DEFAULT, line=peer.default.text.strip())
            yield peer.default.number, f"conflict: {words}{advice}"
    for key, peer in peers.items():
        if wanted and key not in known and peer.shut is None:
            words = f"{peer.line.text.strip()!r}: the lines know no such neighbour for IPv{int(peer.family)}"
            advice = advise(ConflictKind.PEER_UNKNOWN, address=peer.neighbour)
            yield peer.line.number, f"conflict: {words}, so anything could leave there{advice}"


class Platform(Protocol):
    """A network operating system, as text."""

    @property
    def name(self) -> str:
        """The name that policies use."""

    @property
    def capabilities(self) -> Capabilities:
        """What the compiler may ask of it."""

    def render(self, state: DeviceState) -> str:
        """The part of a running configuration that is ours, as the device itself would show it.

        Raises:
            ValueError: the platform cannot express the state (never silently weaker).
        """

    def parse(self, text: str, source: str) -> Observation:
        """Understand a running configuration; `source` names it in errors.

        Text of a device comes in by `common.understanding.understand`, which keeps what is shown of it free of secrets.

        Raises:
            ConfigRefused: an unknown word inside what we own, or an object of others where ours must stand.
        """

    def plan_steps(self, now: DeviceState, wanted: DeviceState) -> tuple[Step, ...]:
        """The ordered steps from one state to another; make before break. Empty when the states are equal."""


class Session(Protocol):
    """An open, authenticated session with one device."""

    @property
    def device(self) -> str:
        """The device's id, for messages."""

    def run(self, command: Command) -> DeviceText:
        """Run a command and give its output.

        Raises:
            CommandFailed: the device reported an error.
            DeviceTextRefused: its answer is larger than any configuration.
            DeviceUnreachable: the session broke.
        """


@dataclass(frozen=True, slots=True)
class Lock:
    """A hold on a device, kept on the device itself, so that two controllers exclude one another.

    `owner` is the plan's digest: a later run of the same plan may take over what a killed run left. From then on the
    run that lost the lock can neither push nor cancel nor save, should it still live.
    `seconds` is how long the hold is valid if nobody gives it back.
    """

    owner: str
    run: str
    seconds: int


@dataclass(frozen=True, slots=True)
class Restore:
    """The device's own way back, armed before the first change: it fires by itself unless it is cancelled."""

    seconds: int
    run: str


EXEC = "linux"
"""The device type of a system that needs no command line: each command has a channel of its own."""


@runtime_checkable
class Readable(Platform, Protocol):
    """A platform that can be read over SSH."""

    @property
    def device_type(self) -> str:
        """The name that netmiko has for the system, or `EXEC`."""

    def read(self, session: Session) -> DeviceText:
        """The running configuration, in the form that `parse` takes."""

    def read_saved(self, session: Session) -> DeviceText:
        """What the device would boot with, in the same form; empty when there is none, or none whole."""


@runtime_checkable
class Operable(Readable, Protocol):
    """A platform that can be read and changed over SSH."""

    def lock(self, session: Session, lock: Lock) -> None:
        """Take the device's lock; a hold of the same owner is taken over.

        What that owner's earlier run has armed stays armed (at least for as long as this hold) until `arm` replaces it
        or `cancel` withdraws it. When it fires, this hold is lost too: what was read since is not so any more.

        Raises:
            DeviceBusy: another owner's hold is still valid.
        """

    def unlock(self, session: Session, lock: Lock) -> None:
        """Give the lock back; no error if it is gone."""

    def arm(self, session: Session, restore: Restore) -> None:
        """Make the device put its old state back after `restore.seconds`, by itself, unless cancelled.

        The old state is the present one, or what an earlier run of the same owner has still armed: that one is replaced
        by this one with no moment in between. The restore also frees the lock when it fires.
        """

    def push(self, session: Session, restore: Restore, command: Command) -> None:
        """Run a command that changes the device, only while this run holds the lock and its restore is still armed.

        It is checked on the device, and nothing fires between the check and the command's end.

        Raises:
            CommandFailed: the command failed, or it was too late; then nothing was changed.
        """

    def cancel(self, session: Session, restore: Restore) -> bool:
        """Cancel this run's armed restore, and those of earlier runs of the same owner.

        False: it was too late. It has fired or is firing, or another run has taken the lock.
        """

    def is_restore_armed(self, session: Session) -> bool:
        """Say if any run's restore is armed, or firing now. It is read from the device, never remembered."""

    def has_restored(self, session: Session, restore: Restore) -> bool:
        """Whether the armed restore has fired and ended well.

        Raises:
            CommandFailed: a later run of the same owner has replaced it; how that ends is not this run's to tell.
        """

    def save(self, session: Session, lock: Lock) -> None:
        """Make the running configuration the one that the device boots with.

        Raises:
            CommandFailed: another run has taken the lock; nothing was saved.
        """
