"""The commands by which ports, LAGs and the filters on them become as wanted; see `driver` for the order of changes."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from enum import Enum, auto

from controller.model.network.device_state import DeviceState, FilterBinding, PortMode, PortRole, PortState
from controller.model.network.lags import Lag, LagMode
from controller.platforms.allied_telesis_awplus.text import LAGS, MARKS, find_misfits, list_standing
from controller.platforms.common.lag_changes import LagChange, compare_lags
from controller.platforms.common.managed import write_vlan_list
from controller.platforms.dialect.lags import MEMBER_MARK

_NO_VLANS = ("switchport mode trunk", "switchport trunk native vlan none", "switchport trunk allowed vlan none")


def keep_in_force(state: DeviceState, bindings: Iterable[FilterBinding]) -> tuple[FilterBinding, ...]:
    """Return the bindings that the ports and LAGs of a state can hold: a filter stands on a port, or nowhere."""
    return tuple(sorted(one for one in bindings if not any(find_misfits(replace(state, bindings=(one,))))))


def change_ports(now: DeviceState, wanted: DeviceState) -> list[str]:
    """Return the commands that give ports and LAGs their VLANs and lists."""
    change = compare_lags(now, wanted)
    # A LAG that leaves our care would be without VLANs, as any port: it is parted, and its members are ports again.
    change = replace(change, leaving={**change.released, **change.leaving}, released={})
    return [
        line for name, here in _PortChange(now, wanted, change).list_blocks() for line in (f"interface {name}", *here)
    ]


class _Turn(Enum):
    """When a port has its turn: make before break, and hosts before the gateway."""

    LEAVING_HOSTS = auto()
    STAYING = auto()
    ENTERING = auto()
    LEAVING_UPLINK = auto()


class _PortChange:
    """The way of the ports from one state to another, which differ in nothing else but where filters stand."""

    def __init__(self, now: DeviceState, wanted: DeviceState, change: LagChange) -> None:
        self.now, self.wanted, self.change = now, wanted, change
        self.before = {port.name: port for port in now.ports}
        self.after = {port.name: port for port in wanted.ports}

    def list_blocks(self) -> list[tuple[str, list[str]]]:
        """Return the interfaces in the order in which they are entered, with the lines in each."""
        return [(name, lines) for name, lines in self._blocks() if lines]

    def _blocks(self) -> Iterator[tuple[str, list[str]]]:
        change = self.change
        away = {lag.name for lag in self.now.lags} - self.after.keys()
        special = {*change.leaving, *change.joining, *change.new, *away}
        late = self._find_late()
        yield from self._narrow_ports(special)
        staying = [name for lag in self.wanted.lags for name in lag.members if name not in change.joining]
        yield from ((name, self._added(name)) for name in staying)
        yield from self._part({name: lag for name, lag in change.leaving.items() if lag.name not in late})
        ranked = {name: self._rank(name) for name in sorted((self.before.keys() | self.after.keys()) - special)}
        last = {name for name, turn in ranked.items() if turn is _Turn.LEAVING_UPLINK}
        for turn in _Turn:
            if turn is _Turn.LEAVING_UPLINK:
                # A LAG that has yet to leave VLANs takes its new members when it has left them: members are alike.
                yield from self._put_together(lambda lag: lag.name not in last)
            for name in (name for name, its in ranked.items() if its is turn):
                yield name, list(self._change_port(name, self.before.get(name), self.after.get(name)))
        yield from self._put_together(lambda lag: lag.name in last)
        yield from self._part({name: lag for name, lag in change.leaving.items() if lag.name in late})
        yield from ((name, self._removed(name)) for name in staying)

    def _narrow_ports(self, special: Container[str]) -> Iterator[tuple[str, list[str]]]:
        """Yield what takes trunks that face hosts out of VLANs that they leave while they enter others."""
        for name, old in sorted(self.before.items()):
            stay = _find_staying_vlans(old, self.after.get(name))
            if name in special or old.role is PortRole.UPLINK or stay == old.vlans:
                continue
            left = self.now
            narrowed = replace(old, vlans=stay)
            self.before[name] = narrowed
            self.now = replace(left, ports=tuple(sorted(self.before.values())))
            lists = {
                one: [f"no {line}" for line in list_standing(left, one) if line not in list_standing(self.now, one)]
                for one in (name, *(member for lag in left.lags if lag.name == name for member in lag.members))
            }
            yield name, [*_change_vlans(old, narrowed), *lists.pop(name)]
            yield from lists.items()

    def _rank(self, name: str) -> _Turn:
        old, new = self.before.get(name), self.after.get(name)
        had, has = set(old.vlans if old else ()), set(new.vlans if new else ())
        if old is not None and had - has and old.role is PortRole.UPLINK:
            return _Turn.LEAVING_UPLINK
        if has - had:
            return _Turn.ENTERING
        return _Turn.LEAVING_HOSTS if had - has else _Turn.STAYING

    def _find_late(self) -> set[str]:
        """Return the LAGs that lead to the gateway and lose members that nobody wants: they wait for the new way."""
        leaving = self.change.leaving
        wanted = {lag.name for name, lag in leaving.items() if name in self.after or name in self.change.joining}
        uplinks = {name for name, port in self.before.items() if port.role is PortRole.UPLINK}
        return ({lag.name for lag in leaving.values()} & uplinks) - wanted - self.change.new

    def _part(self, leaving: Mapping[str, Lag]) -> Iterator[tuple[str, list[str]]]:
        """Yield what takes ports out of their LAGs."""
        change = self.change
        parted = {name: lag for name, lag in leaving.items() if lag.mode is LagMode.STATIC}
        yield from ((name, ["shutdown"]) for name in parted)
        for name in sorted({lag.name for lag in parted.values()} & self.before.keys()):
            if name in change.new or name not in self.after:
                # It ends with its last member; its lists go before, when nothing passes any more.
                yield name, [f"no {line}" for line in list_standing(self.now, name)]
        for name, lag in leaving.items():
            yield from self._leave(name, lag)

    def _put_together(self, chosen: Callable[[Lag], bool]) -> Iterator[tuple[str, list[str]]]:
        """Yield what makes ports members, then what their new LAGs are, and at last what lets the members pass."""
        joining = {name: lag for name, lag in self.change.joining.items() if chosen(lag)}
        for name, lag in joining.items():
            if any(name in old.idle and old.name == lag.name for old in self.now.lags):
                # The VLANs of a member are not set one by one.
                yield name, ["shutdown", LAGS.leaves[lag.mode]]
        for name, lag in joining.items():
            yield name, list(self._join(name, lag))
        for name in sorted(self.change.new & {lag.name for lag in joining.values()}):
            port = self.after[name]
            yield name, [f"description {MARKS[port.role]}", *list_standing(self.wanted, name), *_write_vlans(port)]
        for name in joining:
            if not self._joins_carrying(name):
                yield name, [*self._added(name), "no shutdown"]

    def _added(self, name: str) -> list[str]:
        stand = list_standing(self.now, name)
        return [line for line in list_standing(self.wanted, name) if line not in stand]

    def _removed(self, name: str) -> list[str]:
        needed = list_standing(self.wanted, name)
        return [f"no {line}" for line in list_standing(self.now, name) if line not in needed]

    def _joins_carrying(self, name: str) -> bool:
        """Say if a port carries on while it becomes a member: its lists then stand on it before and after."""
        return name in self.change.carrying and self.change.joining[name].mode is LagMode.LACP

    def _change_port(self, name: str, old: PortState | None, new: PortState | None) -> Iterator[str]:
        """Yield the lines of a port: new lists before the VLANs, old lists after them."""
        if new is not None and (old is None or old.role is not new.role):
            yield f"description {MARKS[new.role]}"
        yield from self._added(name)
        if new is None:
            yield from _NO_VLANS
        elif old is None or (old.mode, old.vlans) != (new.mode, new.vlans):
            yield from _change_vlans(old, new)
        yield from self._removed(name)
        if new is None:
            yield "no description"

    def _leave(self, name: str, lag: Lag) -> Iterator[tuple[str, list[str]]]:
        """Yield what takes a port out of a LAG; one that nobody wants is left without VLANs, or it would be a loop."""
        new, old = self.after.get(name), self.before.get(lag.name)
        leave = LAGS.list_leaves(lag)
        if name in self.change.joining:
            yield name, ["shutdown", *leave]
            yield name, self._removed(name)
        elif new is not None and old is not None and name in lag.members and lag.mode is LagMode.LACP:
            yield name, leave
            lines = self._change_port(name, replace(old, name=name), new)
            marked = [line for line in lines if not line.startswith("description ")]
            yield name, [*marked, f"description {MARKS[new.role]}", "no shutdown"]
        elif new is not None:
            yield name, ["shutdown", *leave]
            yield name, [*self._removed(name), *self._change_port(name, None, new), "no shutdown"]
        else:
            yield name, ["shutdown", *leave]
            yield name, [*_NO_VLANS, *self._removed(name), "no description", "no shutdown"]

    def _join(self, name: str, lag: Lag) -> Iterator[str]:
        """Yield what makes a port a member: it carries what the LAG does before it joins."""
        port, old = self.after[lag.name], self.before.get(name)
        carrying = self._joins_carrying(name)
        yield from self._added(name) if carrying else ["shutdown"]
        yield f"description {MEMBER_MARK}"
        if old is None or (old.mode, old.vlans) != (port.mode, port.vlans):
            yield from _change_vlans(old, port)
        yield from self._removed(name) if name in self.before else []
        yield LAGS.write_join(lag)


def _find_staying_vlans(old: PortState, new: PortState | None) -> tuple[int, ...]:
    """Return the VLANs of a trunk that stay where some are lost and others come; else all that it has."""
    if new is None or {old.mode, new.mode} != {PortMode.TRUNK}:
        return old.vlans
    stay = tuple(vlan for vlan in old.vlans if vlan in new.vlans)
    return stay if stay and set(new.vlans) - set(stay) else old.vlans


def _write_vlans(port: PortState) -> Sequence[str]:
    """Return the lines of a port whose VLANs are these already, or none."""
    if port.mode is PortMode.ACCESS:
        return "switchport mode access", f"switchport access vlan {port.vlans[0]}"
    return *_NO_VLANS[:2], f"switchport trunk allowed vlan add {write_vlan_list(port.vlans)}"


def _change_vlans(old: PortState | None, new: PortState) -> Iterator[str]:
    if new.mode is PortMode.ACCESS:
        if old is None or old.mode is not new.mode:
            yield "switchport mode access"
        yield f"switchport access vlan {new.vlans[0]}"
        return
    if old is None or old.mode is not new.mode:
        yield from _NO_VLANS
        yield f"switchport trunk allowed vlan add {write_vlan_list(new.vlans)}"
        return
    lost, gained = set(old.vlans) - set(new.vlans), set(new.vlans) - set(old.vlans)
    if lost:
        yield f"switchport trunk allowed vlan remove {write_vlan_list(lost)}"
    if gained:
        yield f"switchport trunk allowed vlan add {write_vlan_list(gained)}"
