"""The proof's place in the flow: what a platform renders wrongly is caught with a packet, a rule and a line."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from ipaddress import ip_network

import pytest

from controller.compile.network.wanted_device_state import DeviceIntent, compile_device
from controller.errors import ProofFailed, TsunaguError
from controller.model.access.rules import RuleFile
from controller.model.city import City
from controller.model.network.device_state import Capabilities, DeviceState, build_device_state
from controller.model.network.packets import Direction, Family
from controller.model.policy_files import CITY, RULES
from controller.model.sites.devices import Device
from controller.plan.proof.rendered_device import (
    find_filter_differences,
    find_interface_differences,
    prove_rendered_device,
)
from controller.platforms.base import Observation, Step
from controller.platforms.cisco_ios.driver import CiscoIos


@dataclass(frozen=True)
class Slipping:
    """Cisco IOS, but what it renders has slipped: a text is replaced, or rendering fails."""

    old: str = ""
    new: str = ""
    refuses: str = ""
    name: str = "cisco_ios"
    capabilities: Capabilities = CiscoIos.capabilities

    def render(self, state: DeviceState) -> str:
        if self.refuses:
            raise ValueError(self.refuses)
        text = CiscoIos().render(state)
        assert self.old in text
        return text.replace(self.old, self.new, 1)

    def parse(self, text: str, source: str) -> Observation:
        return CiscoIos().parse(text, source)

    def plan_steps(self, now: DeviceState, wanted: DeviceState) -> tuple[Step, ...]:
        return CiscoIos().plan_steps(now, wanted)


@dataclass(frozen=True)
class Overlooking(Slipping):
    """Cisco IOS, but a word of what is read back is passed over, as by a parser that takes it for noise."""

    word: str = ""

    def parse(self, text: str, source: str) -> Observation:
        assert self.word in text
        return CiscoIos().parse(text.replace(self.word, ""), source)


@pytest.fixture(scope="module")
def intent(city: City, device: Device) -> DeviceIntent:
    return compile_device(city, device, CiscoIos.capabilities)


def line_of(intent: DeviceIntent, part: str) -> str:
    """The first rendered line with this text."""
    text = CiscoIos().render(intent.wanted)
    return next(f"{line}\n" for line in text.splitlines() if part in line)


def test_what_is_rendered_well_is_proved(city: City, intent: DeviceIntent) -> None:
    assert prove_rendered_device(city, intent, CiscoIos()) == len(intent.intents) == 32


@pytest.mark.parametrize(
    ("part", "new", "expected"),
    [
        # A permit to the cloud falls out.
        (
            "host 203.0.113.11 eq 443",
            "",
            r"denies tcp 10\.\S+ port 49152 -> 203.0.113.11 port 443, but rule staff-ai \(",
        ),
        # A port slips by one.
        (
            "host 203.0.113.11 eq 443",
            "eq 444",
            r" \(rendered\):\d+: permits tcp 10\.\S+ .* -> 203.0.113.11 port 444, but no rule p",
        ),
        # A forbid of pupils turns into a permit.
        (
            "any eq www",
            "permit",
            r"permits tcp 10\.\S+ port \d+ -> \S+ port 80, but rule pupils-no-plain-web \(.*\) forbids",
        ),
    ],
)
def test_a_planted_wrong_line_is_caught_with_a_packet(
    city: City, intent: DeviceIntent, part: str, new: str, expected: str
) -> None:
    line = next(
        f"{shown}\n"
        for shown in CiscoIos().render(intent.wanted).splitlines()
        if part in shown and (new != "permit" or " deny " in f" {shown} ")
    )
    changed = {"": "", "eq 444": line.replace("eq 443", "eq 444"), "permit": line.replace("deny", "permit")}[new]
    with pytest.raises(ProofFailed, match=expected) as failed:
        prove_rendered_device(city, intent, Slipping(line, changed))
    message = str(failed.value)
    assert message.startswith("The proof failed; nothing was saved or applied:\n  kw-s01-core1 TSN-")
    assert re.search(r"access/rules\.yaml:\d+|default deny", message)


def test_a_parser_that_passes_over_a_word_is_caught_with_a_packet(city: City, intent: DeviceIntent) -> None:
    with pytest.raises(ProofFailed) as failed:
        prove_rendered_device(city, intent, Overlooking(word=" established"))
    said = str(failed.value)
    assert "kw-s01-core1 TSN-10-to-4-" in said
    assert re.search(r"\(rendered\):\d+: permits tcp \S+ port \d+ -> 10\.\S+ port \d+, but no rule permits it", said)


def test_a_filter_that_is_not_put_in_force(city: City, intent: DeviceIntent) -> None:
    line = line_of(intent, "ip access-group TSN-20-from-4")
    with pytest.raises(ProofFailed, match=r"VLAN 20 \(pupil\) from IPv4: no filter is in force; everything passes"):
        prove_rendered_device(city, intent, Slipping(line, ""))


def test_a_last_line_that_is_missing_is_not_left_to_the_vendor(intent: DeviceIntent) -> None:
    filters = [replace(one, entries=one.entries[:-1]) for one in intent.wanted.filters]
    found = list(find_filter_differences(intent, build_device_state(filters=filters, bindings=intent.wanted.bindings)))
    assert len(found) == 32
    assert all("does not end in an entry for everything; vendors' defaults differ" in one for one in found)


def test_what_no_filter_shows_must_survive_rendering_too(city: City, intent: DeviceIntent) -> None:
    line = line_of(intent, "switchport trunk allowed vlan")
    with pytest.raises(ProofFailed, match="what cisco_ios renders does not parse back to the same state"):
        prove_rendered_device(city, intent, Slipping(line, line.replace("vlan 10,", "vlan ")))


def test_a_state_that_the_platform_cannot_express_is_a_clear_refusal(city: City, intent: DeviceIntent) -> None:
    with pytest.raises(TsunaguError, match=r"^kw-s01-core1: cisco_ios cannot express what is wanted: too many words"):
        prove_rendered_device(city, intent, Slipping(refuses="too many words"))


def test_a_binding_to_nothing_is_named(intent: DeviceIntent) -> None:
    gone = next(one for one in intent.wanted.filters if one.key == (20, Direction.FROM, Family.V4))
    held = [one for one in intent.wanted.filters if one is not gone]
    state = build_device_state(filters=held, bindings=intent.wanted.bindings)
    assert list(find_filter_differences(intent, state)) == [
        f"kw-s01-core1 VLAN 20 (pupil) from IPv4: filter {gone.name} is bound, but does not exist"
    ]


def test_a_filter_where_the_policy_has_none_is_named(intent: DeviceIntent) -> None:
    fewer = replace(intent, intents=intent.intents[1:])
    first = intent.intents[0]
    found = list(find_filter_differences(fewer, intent.wanted))
    assert len(found) == 1
    assert f"is in force for VLAN {first.vlan}, which the policy does not filter" in found[0]


def test_a_plan_that_would_lock_the_controller_out_is_refused(city: City, device: Device) -> None:
    """The policy may say so by mistake; then the next change could never be made."""
    mute = city.replace_file(RULES, RuleFile(rules=tuple(rule for rule in city.rules if rule.id != "controller-ssh")))
    with pytest.raises(
        ProofFailed, match=r"would cut the controller's own SSH session: tcp 10.255.0.10 port 49152 -> 10\."
    ):
        prove_rendered_device(mute, compile_device(mute, device, CiscoIos.capabilities), CiscoIos())
    moved = city.settings.model_copy(update={"controllers": (*city.controllers, ip_network("10.255.0.11/32"))})
    wider = city.replace_file(CITY, moved)
    assert prove_rendered_device(wider, compile_device(wider, device, CiscoIos.capabilities), CiscoIos()) == 32


def test_another_address_of_the_gateway_is_named(city: City) -> None:
    """No filter and no port is another, but the segment's hosts find nobody at the address of their gateway."""
    core = next(one for one in city.list_devices(city.school_by_id["kw-e01"]) if one.role == "core")
    wanted = compile_device(city, core, CiscoIos.capabilities)
    text = CiscoIos().render(wanted.wanted).replace("ip address 10.1.16.1 ", "ip address 10.1.16.2 ")
    (said,) = find_interface_differences(wanted, CiscoIos().parse(text, "x").state)
    assert said.startswith("kw-e01-core1: interface in VLAN 20 with 10.1.16.1/20 2001:")
    assert "is wanted; it is in VLAN 20 with 10.1.16.2/20 2001:" in said
