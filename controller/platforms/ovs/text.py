"""The running text of an Open vSwitch: three sections, one line for each bridge, port and flow.

    # bridge
    br0,secure
    # ports
    h1,10,access,
    up1,,trunk,10 20
    # flows
     cookie=0x5453000000000000, priority=1 actions=drop

A second line of `# bridge` names what else the bridge has that decides beside our flows, or copies what passes: none is
expected. A line of `# ports` is name, tag, vlan_mode, trunks, as `ovs-vsctl --format=csv --data=bare` prints them.

A port is in service, and therefore in the state, when flows of ours classify it *and* its record agrees with them. If
the record carries less, the port carries what both say. If the two contradict each other (somebody moved the tag), the
port is left out of the state with a remark, so that a plan sees it as missing and puts it right.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from controller.errors import Origin
from controller.model.network.device_state import (
    DeviceState,
    Filter,
    FilterBinding,
    PortMode,
    PortState,
    build_device_state,
)
from controller.model.network.unmanaged_paths import PathKind, UnmanagedPath
from controller.platforms.base import ConfigLine, Observation
from controller.platforms.common.managed import find_port_misfits
from controller.platforms.conflict_choices import ConflictKind, advise
from controller.platforms.dialect.blocks import Reading
from controller.platforms.ovs.filters import read_filter, write_filter_flows
from controller.platforms.ovs.flows import (
    BASE,
    FILTERS,
    LOWEST,
    PORTS,
    TABLES,
    Flow,
    FlowKind,
    parse_cookie,
    parse_flow,
    read_classified_port,
    write_port_flows,
)

BRIDGE = "br0"
_PORT_NAME = re.compile(r"[A-Za-z0-9_.-]{1,15}")
_RESERVED = {"IN_PORT", "TABLE", "NORMAL", "FLOOD", "ALL", "CONTROLLER", "LOCAL", "NONE", "ANY", "MAX", "UNSET"}
_FIELDS = 4
_COLUMN = re.compile(r"[a-z_]{1,20}")
_BESIDE = {
    "controller": "changes flows at any time",
    "mirrors": "sends copies of packets elsewhere",
    "netflow": "tells another host who talks to whom",
    "sflow": "sends parts of packets elsewhere",
    "ipfix": "tells another host who talks to whom",
    "flow_tables": "limits how many flows there are, and can drop ours",
    "flood_vlans": "sends every packet of its VLANs to all ports",
}
"""Columns of a bridge that hold something, and what that does. Source: ovs-vswitchd.conf.db(5), table Bridge."""


def render(state: DeviceState) -> str:
    """The text of a switch that holds this state and nothing else.

    Raises:
        ValueError: an Open vSwitch cannot hold the state.
    """
    records = [f"{port.name},{tag},{port.mode},{trunks}" for port in state.ports for tag, trunks in [_carried(port)]]
    flows = [str(flow) for flow in write_state_flows(state)]
    return "\n".join(("# bridge", f"{BRIDGE},secure", "# ports", *records, "# flows", *flows, ""))


def write_state_flows(state: DeviceState) -> tuple[Flow, ...]:
    """Every flow that a state is made of.

    Raises:
        ValueError: an Open vSwitch cannot hold the state.
    """
    for misfit in _find_misfits(state):
        raise ValueError(misfit)
    ports = (flow for port in state.ports for flow in write_port_flows(port))
    return (*ports, *(flow for one in state.filters for flow in write_filter_flows(one)), *BASE)


def _carried(port: PortState) -> tuple[str, str]:
    numbers = " ".join(map(str, port.vlans))
    return (numbers, "") if port.mode is PortMode.ACCESS else ("", numbers)


def _find_misfits(state: DeviceState) -> Iterator[str]:
    """Yield why an Open vSwitch cannot hold the state; each reason may rest on the absence of those before it."""
    for port in state.ports:
        if not _PORT_NAME.fullmatch(port.name) or port.name.upper() in _RESERVED:
            yield f"{port.name!r} is no name of a port: 1 to 15 of letters, digits, '.', '_', '-'; no word of OpenFlow"
        yield from find_port_misfits(port)
    if len({port.name for port in state.ports}) != len(state.ports):
        yield "a port stands twice"
    if len({one.key for one in state.filters}) != len(state.filters):
        yield "two filters for one VLAN, direction and family"
    if state.bindings != build_device_state(bindings=map(_binding, state.filters)).bindings:
        yield "every filter must be bound to its own VLAN, direction and family: a flow cannot wait unbound"


def _binding(one: Filter) -> FilterBinding:
    return FilterBinding(*one.key, one.name)


def parse(text: str, source: str) -> Observation:
    """Understand a running text; see the module for what counts as a port of ours.

    Raises:
        ConfigRefused: a flow of ours is not as we write it, a flow of others stands above ours, a section is missing,
            or the bridge is not secure (a restart would open it).
    """
    return _OvsReading(text, source).finish()


class _OvsReading(Reading):
    """One pass over a running text."""

    def __init__(self, text: str, source: str) -> None:
        super().__init__(source)
        self.lines: list[ConfigLine] = []
        self.records: dict[str, tuple[ConfigLine, PortState | None]] = {}
        self.carried: dict[str, frozenset[int] | None] = {}
        self.flows: list[tuple[Flow, ConfigLine]] = []
        self.bridge = False
        self._sort(text)

    def _sort(self, text: str) -> None:
        section = ""
        for number, written in enumerate(text.split("\n"), start=1):
            line = ConfigLine(number, written)
            if not written.strip():
                continue
            if written.startswith("#"):
                section = written.removeprefix("#").strip()
                continue
            self.lines.append(line)
            match section:
                case "bridge":
                    self._bridge(line)
                case "ports":
                    self._record(line)
                case "flows":
                    self._flow(line)
                case _:
                    self.refuse(line, "stands in no section; expected # bridge, # ports or # flows before it")

    def finish(self) -> Observation:
        if not self.bridge:
            self.refuse(ConfigLine(1, ""), "the section '# bridge' with the bridge and its fail_mode is missing")
        ours = [(flow, line) for flow, line in self.flows if flow.ours]
        self._find_conflicts()
        filters = self._filters(ours)
        ports = self._ports(ours)
        if ours and not {flow for flow, _ in ours} >= set(BASE):
            # Without them a port that nobody knows may be open, so nothing here counts as in force; a plan mends it.
            missing = "; ".join(str(flow).strip() for flow in BASE if flow not in {one for one, _ in ours})
            self.remarks.append(
                ConfigLine(ours[0][1].number, f"no port counts as in service: a base flow is gone: {missing}")
            )
            ports = []
        state = build_device_state(ports=ports, filters=filters, bindings=map(_binding, filters))
        return self.observe(self.lines, state, paths=self._find_ports_of_others(ours))

    def _find_ports_of_others(self, ours: Iterable[tuple[Flow, ConfigLine]]) -> Iterator[UnmanagedPath]:
        """Yield the ports that no flow of ours knows: what they send is dropped, what is flooded reaches them."""
        known = {"".join(flow.match[:1]).partition("=")[2] for flow, _ in ours if flow.table == PORTS}
        for name, (line, _) in self.records.items():
            vlans = self.carried[name]
            if name not in known and vlans != frozenset():
                # Whatever else stands there is no name that may be shown.
                shown = name if _PORT_NAME.fullmatch(name) else "a port"
                kind = PathKind.ACCESS_PORT if vlans is not None and len(vlans) == 1 else PathKind.TRUNK
                yield UnmanagedPath(kind, line.number, line.text, shown, vlans)

    def _bridge(self, line: ConfigLine) -> None:
        name, comma, mode = line.text.partition(",")
        self.manage(line)
        if not comma and _COLUMN.fullmatch(name):
            why = _BESIDE.get(name, "decides beside our flows")
            self.refuse(line, f"{name}: {why}; take it away: ovs-vsctl clear Bridge {BRIDGE} {name}")
            return
        self.expect_once("bridge", line, managed=True)
        self.bridge = True
        if name != BRIDGE:
            self.refuse(line, f"this is another bridge, expected {BRIDGE}: that is the one whose flows are ours")
        if mode != "secure":
            advice = f"a restart would open the switch; set it: ovs-vsctl set Bridge {name} fail_mode=secure"
            self.refuse(line, f"bridge {name} has fail_mode {mode!r}, expected 'secure': {advice}", "fail_mode")

    def _record(self, line: ConfigLine) -> None:
        fields = line.text.split(",")
        if len(fields) != _FIELDS:
            self.refuse(line, "expected NAME,TAG,VLAN_MODE,TRUNKS")
            return
        if fields[0] in self.records:
            self.refuse(line, f"port {fields[0]} stands twice")
            return
        self.records[fields[0]] = (line, _record(*fields))
        self.carried[fields[0]] = _list_carried(*fields[1:])
        if _PORT_NAME.fullmatch(fields[0]):
            self.understood.add(line.number)

    def _flow(self, line: ConfigLine) -> None:
        try:
            flow = parse_flow(line.text)
        except ValueError as error:
            self.refuse(line, str(error))
            return
        self.flows.append((flow, line))
        self.understood.add(line.number)
        self.expect_once((flow.table, flow.priority, flow.match), line, managed=flow.ours)
        if flow.ours:
            self.manage(line)

    def _find_conflicts(self) -> None:
        ours = {table: [line for flow, line in self.flows if flow.ours and flow.table == table] for table in TABLES}
        for flow, line in self.flows:
            if flow.ours or flow.table not in TABLES or flow.priority < LOWEST:
                continue
            stands = ours[flow.table]
            beside = f"line {stands[-1].number} ({stands[-1].text.strip()})" if stands else "ours once they are there"
            self.refuse(
                line,
                f"a flow that is not ours ({line.text.strip()}) conflicts with {beside}: in table {flow.table} "
                f"priorities from {LOWEST} on are ours{advise(ConflictKind.FLOW)}",
            )

    def _filters(self, ours: Iterable[tuple[Flow, ConfigLine]]) -> list[Filter]:
        by_cookie: dict[int, list[tuple[Flow, str]]] = {}
        numbers: dict[str, ConfigLine] = {}
        for flow, line in ours:
            place = str(Origin(self.source, line.number))
            numbers[place] = line
            if self._fits(flow, line) is FlowKind.FILTER:
                by_cookie.setdefault(flow.cookie, []).append((flow, place))
        filters = []
        for flows in by_cookie.values():
            try:
                filters.append(read_filter(flows))
            except ValueError as error:
                place, reason = error.args
                self.refuse(numbers[place], reason)
        return filters

    def _fits(self, flow: Flow, line: ConfigLine) -> FlowKind | None:
        """The kind of a flow of ours, if it stands where flows of its kind stand."""
        try:
            kind = parse_cookie(flow.cookie).kind
        except ValueError as error:
            self.refuse(line, str(error))
            return None
        if flow.extra or (kind is FlowKind.BASE and flow not in BASE):
            self.refuse(line, f"not one of our flows as we write them: {line.text.strip()}")
            return None
        if flow.table != {FlowKind.PORT: PORTS, FlowKind.FILTER: FILTERS}.get(kind, flow.table):
            self.refuse(line, f"a flow of ours in table {flow.table}, where none of its kind belongs")
            return None
        return kind

    def _ports(self, ours: Iterable[tuple[Flow, ConfigLine]]) -> list[PortState]:
        by_port: dict[str, list[tuple[Flow, ConfigLine]]] = {}
        for flow, line in ours:
            if flow.cookie >> 32 & 0xFFFF == FlowKind.PORT:
                by_port.setdefault("".join(flow.match[:1]), []).append((flow, line))
        ports: list[PortState] = []
        for flows in by_port.values():
            try:
                classified = read_classified_port(flow for flow, _ in flows)
            except ValueError as error:
                self.refuse(flows[0][1], str(error))
                continue
            ports.extend(self._in_service(classified, flows[0][1]))
        in_service = {port.partition("=")[2] for port in by_port}
        for name, (line, _) in self.records.items():
            if name in in_service:
                self.manage(line)
        return ports

    def _in_service(self, classified: PortState, flow: ConfigLine) -> Iterator[PortState]:
        line, record = self.records.get(classified.name, (flow, None))
        carried = set(record.vlans) & set(classified.vlans) if record and record.mode is classified.mode else set()
        if record and carried == set(record.vlans):
            yield replace(classified, vlans=record.vlans)
            return
        is_set = f"is set to {line.text}" if line is not flow else "is not on the bridge"
        wanted = f"{classified.mode} {','.join(map(str, classified.vlans))}"
        self.remarks.append(
            ConfigLine(
                line.number, f"port {classified.name} counts as out of service: it {is_set}, its flows say {wanted}"
            )
        )


def _list_carried(tag: str, mode: str, trunks: str) -> frozenset[int] | None:
    """Return the VLANs that a port carries by its record; None: every one.

    Source: ovs-vswitchd.conf.db(5), table Port, `vlan_mode`: a port without a tag is a trunk, one without trunks
    carries all VLANs; `native-tagged` and `native-untagged` carry the tag's VLAN, too; `dot1q-tunnel` the tag's alone.

    >>> _list_carried("", "trunk", ""), sorted(_list_carried("20", "native-tagged", "30"))
    (None, [20, 30])
    """
    if mode in {"access", "dot1q-tunnel"} or (tag and not mode):
        return frozenset({int(tag)}) if re.fullmatch("[0-9]{1,4}", tag) else None
    numbers = trunks.split()
    if not numbers or not all(re.fullmatch("[0-9]{1,4}", one) for one in (*numbers, tag or "0")):
        return None
    return frozenset(map(int, (*numbers, tag) if tag else numbers))


def _record(name: str, tag: str, mode: str, trunks: str) -> PortState | None:
    """What a port's record says, or None when it is not one that we would write."""
    if not re.fullmatch("[0-9]{0,10}", tag) or not all(re.fullmatch("[0-9]{1,10}", one) for one in trunks.split()):
        return None
    if tag and not trunks and mode in ("access", ""):
        return PortState(name, PortMode.ACCESS, (int(tag),))
    if trunks and not tag and mode in ("trunk", ""):
        return PortState(name, PortMode.TRUNK, tuple(sorted(map(int, trunks.split()))))
    return None
