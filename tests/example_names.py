"""The names that the examples (doctests) of `controller/prove` and `controller/compile` use without saying where from.

`city` is the city of `policies/`, `school` its first school with its core switch `core`, its `router` and an access
point `point`; `can` and `point_can` are what their platforms can do. `later` is the city two years on, `drop_rules`
gives the city without some rules. `intent` is what the policy says of IPv4 packets from the school's staff segment,
`acl` the filter that is compiled of it. `packet` reads a packet as Tsunagu prints it. `measurement(path("kw-s01"),
throughput(400))` is a measurement of a school's primary line, `echo()` another probe's result,
`assess_example` the assessment of a school by such measurements, `Recorder()` a telemetry that keeps what it is given.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from functools import cache
from ipaddress import ip_address
from pathlib import Path

from controller.compile.network.acl import build_acl
from controller.compile.network.intent import compile_filter_intents
from controller.compile.network.route_policies import build_wanted_routing, compile_routing_intent
from controller.compile.network.wireless import build_wireless_network, compile_wireless
from controller.errors import Origin
from controller.measure.assessment.assess import SchoolAssessment, assess_school
from controller.measure.diagnosis.causes import Cause, Finding
from controller.measure.diagnosis.evidence import Answer, PathEvidence, Reading, SchoolEvidence
from controller.measure.measurement import Measurement
from controller.messages import load_catalogue
from controller.model.access.rules import RuleFile
from controller.model.city import City
from controller.model.loading.load_city import load_city
from controller.model.network.device_state import (
    Attachment,
    DeviceState,
    Entry,
    FilterBinding,
    PortMode,
    PortRole,
    PortState,
    build_device_state,
)
from controller.model.network.packets import (
    Direction,
    Effect,
    Family,
    Match,
    Packet,
    Protocol,
    parse_prefix,
    parse_service,
)
from controller.model.policy_files import RULES
from controller.platforms.registry import load_platform
from controller.prove.filters.equivalence import make_packet_space
from controller.telemetry.registry import EventKind, Metric
from tests.measure.findings import echo, measurement, path, throughput
from tests.policies import TODAY

POLICIES = Path(__file__).resolve().parents[1] / "policies"
_PACKET = re.compile(r"(tcp|udp) (\S+) port (\d+) -> (\S+) port (\d+)( established)?")


def assess_example(*found: Measurement) -> SchoolAssessment:
    """Assess the school of the first measurement by all of them."""
    city = load_example_city()
    return assess_school(city.school_by_id[found[0].path.school], found, city.measurement)


class Recorder:
    """A telemetry that keeps what it is given, by the names of metrics and events."""

    def __init__(self) -> None:
        self.kept: list[tuple[str, object]] = []

    def record(self, metric: Metric, value: float, **_: str) -> None:
        """Keep a value."""
        self.kept.append((metric.name, value))

    def event(self, kind: EventKind, text: str, **_: str) -> None:
        """Keep an event."""
        self.kept.append((str(kind), text))


@cache
def load_example_city(on: date = TODAY) -> City:
    """Load the city of `policies/`, as it is on a day; by default one when its exceptions are in force."""
    return load_city(POLICIES, on=on, shown_as="policies")


def drop_rules(*names: str) -> City:
    """Return the example city without these rules."""
    city = load_example_city()
    return city.replace_file(RULES, RuleFile(rules=tuple(one for one in city.rules if one.id not in names)))


def packet(text: str) -> Packet:
    """Read a packet as Tsunagu prints it.

    Raises:
        ValueError: the text is no TCP or UDP packet.
    """
    found = _PACKET.fullmatch(text)
    if found is None:
        message = f"{text!r} is no packet of an example"
        raise ValueError(message)
    protocol, source, source_port, destination, destination_port, established = found.groups()
    return Packet(
        Family(ip_address(source).version),
        Protocol[protocol.upper()],
        int(ip_address(source)),
        int(ip_address(destination)),
        int(source_port),
        int(destination_port),
        bool(established),
    )


def list_example_names() -> dict[str, object]:
    """Return what stands ready in every example, by name."""
    city = load_example_city()
    school = city.schools[0]
    core, router, point = (
        next(one for one in city.list_devices(school) if one.role == role)
        for role in ("core", "router", "access-point")
    )
    intents = compile_filter_intents(city, school, core.id, ["staff"])
    intent = next(one for one in intents if (one.direction, one.family) == (Direction.FROM, Family.V4))
    return {
        "city": city,
        "later": load_example_city(date(2028, 12, 1)),
        "school": school,
        "core": core,
        "router": router,
        "point": point,
        "can": load_platform(core.platform).capabilities,
        "point_can": load_platform(point.platform).capabilities,
        "intent": intent,
        "acl": build_acl(intent),
        "Answer": Answer,
        "Attachment": Attachment,
        "Cause": Cause,
        "DeviceState": DeviceState,
        "Direction": Direction,
        "Effect": Effect,
        "Entry": Entry,
        "Family": Family,
        "FilterBinding": FilterBinding,
        "Finding": Finding,
        "Match": Match,
        "Origin": Origin,
        "PathEvidence": PathEvidence,
        "PortMode": PortMode,
        "PortRole": PortRole,
        "PortState": PortState,
        "Reading": Reading,
        "Recorder": Recorder,
        "SchoolEvidence": SchoolEvidence,
        "TODAY": TODAY,
        "assess_example": assess_example,
        "build_device_state": build_device_state,
        "build_wanted_routing": build_wanted_routing,
        "build_wireless_network": build_wireless_network,
        "compile_filter_intents": compile_filter_intents,
        "compile_routing_intent": compile_routing_intent,
        "compile_wireless": compile_wireless,
        "drop_rules": drop_rules,
        "echo": echo,
        "measurement": measurement,
        "path": path,
        "throughput": throughput,
        "make_packet_space": make_packet_space,
        "packet": packet,
        "parse_prefix": parse_prefix,
        "parse_service": parse_service,
        "texts": load_catalogue("en"),
        "replace": replace,
    }
