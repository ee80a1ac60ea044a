"""Access points reach the admission servers, and nobody else does: as compiled, as composed, as replayed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from controller.compile.network.wanted_device_state import DeviceIntent, compile_device
from controller.model.access.infrastructure_protocols import InfrastructureProtocolFile
from controller.model.city import City
from controller.model.network.packets import Direction, Family, Packet, Protocol
from controller.model.policy_files import INFRASTRUCTURE_PROTOCOLS
from controller.plan.proof.city_checks import ParsedDevice, check_paths
from controller.plan.proof.rendered_device import prove_rendered_device
from controller.plan.select import find_device
from controller.platforms.cisco_ios.driver import CiscoIos
from controller.prove.compliance.external_connections import find_undeclared_connections
from controller.prove.filters.evaluation import evaluate_filter
from controller.prove.reachability.replay import evaluate_packet
from tests.policies import PolicyFolder

IOS = CiscoIos()
RADIUS = 1812


def compiled(city: City) -> DeviceIntent:
    return compile_device(city, find_device(city, "kw-s01-core1"), IOS.capabilities)


def question(city: City, intent: DeviceIntent, segment: str) -> Packet:
    """What a host of a segment asks of the first server."""
    subnet = city.addresses.segment_prefix(intent.device.school, city.segments[segment], Family.V4)
    server = int(city.admission_servers[0])
    return Packet(Family.V4, Protocol.UDP, int(subnet[20]), server, 49152, RADIUS, established=False)


def answer(packet: Packet) -> Packet:
    return replace(
        packet,
        source=packet.destination,
        destination=packet.source,
        source_port=packet.destination_port,
        destination_port=packet.source_port,
    )


def passes(city: City, intent: DeviceIntent, segment: str, direction: Direction, packet: Packet) -> bool:
    key = city.segments[segment].vlan, direction, Family.V4
    return evaluate_filter(next(one for one in intent.wanted.filters if one.key == key), packet)


def test_the_managements_segment_asks_and_is_answered(city: City) -> None:
    intent = compiled(city)
    asked = question(city, intent, "management")
    assert passes(city, intent, "management", Direction.FROM, asked)
    assert passes(city, intent, "management", Direction.TO, answer(asked))
    assert evaluate_packet(city, intent.device.school, asked)
    other = replace(asked, destination_port=RADIUS + 1)
    assert not passes(city, intent, "management", Direction.FROM, other)
    assert not passes(city, intent, "management", Direction.TO, answer(other))
    assert not evaluate_packet(city, intent.device.school, other)
    stranger = replace(asked, destination=int(city.admission_servers[-1]) + 1)
    assert not passes(city, intent, "management", Direction.FROM, stranger)
    assert not evaluate_packet(city, intent.device.school, stranger)


@pytest.mark.parametrize("segment", ["staff", "pupil", "guest", "quarantine"])
def test_no_other_segment_asks(city: City, segment: str) -> None:
    intent = compiled(city)
    asked = question(city, intent, segment)
    assert not passes(city, intent, segment, Direction.FROM, asked)
    assert not passes(city, intent, segment, Direction.TO, answer(asked))
    assert not evaluate_packet(city, intent.device.school, asked)


def test_what_is_asked_there_is_declared_and_composed(city: City) -> None:
    intent = compiled(city)
    assert prove_rendered_device(city, intent, IOS) == len(intent.intents)
    checks = check_paths(city, [ParsedDevice(intent.device, intent.wanted, intent.delegated)])
    assert [found for check in checks for found in check.differences] == []
    assert not [said for said in find_undeclared_connections(city) if "admission" in said]


def test_without_servers_of_a_family_nothing_is_asked_there(tmp_path: Path) -> None:
    """It never becomes "anything at port 1812"."""
    policies = PolicyFolder(tmp_path)
    policies.edit("access/admission.yaml", "[10.254.3.10, 10.254.3.11]", '["2001:db8:80fe:3::10"]')
    elsewhere = policies.load()
    assert not [
        one for one in compiled(elsewhere).intents for clause in one.clauses if clause.rule == "admission-query"
    ]
    assert prove_rendered_device(elsewhere, compiled(elsewhere), IOS) == 32


def test_a_core_that_cuts_the_servers_off_is_found(city: City) -> None:
    """A "correct" filter that lets nobody be admitted is not correct."""
    intent = compiled(city)
    without = city.replace_file(
        INFRASTRUCTURE_PROTOCOLS,
        InfrastructureProtocolFile(
            necessities=tuple(one for one in city.infrastructure_protocols if not one.id.startswith("admission-"))
        ),
    )
    held = ParsedDevice(intent.device, compiled(without).wanted)
    said = [found for check in check_paths(city, [held]) for found in check.differences]
    assert any(
        "from management at kw-s01" in one and "does not pass: udp" in one and "port 1812" in one for one in said
    )


def test_a_segment_that_is_not_there(tmp_path: Path) -> None:
    policies = PolicyFolder(tmp_path)
    edit = policies.edit("access/necessities.yaml", "segments: [management]", "segments: [managment]")
    (problem,) = policies.problems()
    assert problem.startswith(f"access/necessities.yaml:{edit.line}: segments: unknown segment 'managment'; allowed: ")
