"""Random edits of rendered configurations: each that changes what passes is caught, none that does not is blamed.

What an edit means is judged by the second engine (other people's decision diagrams), never by ours.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from random import Random

import pytest

from controller.compile.network.wanted_device_state import DeviceIntent, compile_device
from controller.errors import ConfigRefused
from controller.model.city import City
from controller.model.network.device_state import DeviceState, Filter
from controller.model.network.packets import Family, Match
from controller.model.sites.devices import Device
from controller.model.virtual_city import choose_virtual_city
from controller.plan.proof.rendered_device import (
    find_filter_differences,
    find_interface_differences,
    find_port_differences,
)
from controller.plan.select import Selection, select_devices
from controller.platforms.base import Observation, Platform
from controller.platforms.registry import load_platform
from tests.prove.second_engine import SecondEngine
from tests.soak import FACTOR

EDITS = {"cisco_ios": 500, "allied_telesis_awplus": 400, "ovs": 120}
SEGMENTS = 2
SWAPPED = {"permit": "deny", "deny": "permit", "actions=drop": "actions=NORMAL", "actions=NORMAL": "actions=drop"}


def a_device(city: City, name: str) -> tuple[Device, DeviceIntent]:
    """A device of the platform that has filters and fits it."""
    for device in select_devices(choose_virtual_city(city) if name == "ovs" else city, Selection()):
        if device.platform == name and device.role == "core":
            return device, compile_device(city, device, load_platform(name).capabilities)
    pytest.fail(f"the city has no core switch of {name}")


def of_few_segments(intent: DeviceIntent) -> DeviceIntent:
    """The same for the first segments only, so that a thousand texts are read in a moment."""
    kept = list(dict.fromkeys(one.vlan for one in intent.intents))[:SEGMENTS]
    ports = (replace(port, vlans=tuple(vlan for vlan in port.vlans if vlan in kept)) for port in intent.wanted.ports)
    wanted = replace(
        intent.wanted,
        vlans=tuple(one for one in intent.wanted.vlans if one.number in kept),
        ports=tuple(port for port in ports if port.vlans),
        filters=tuple(one for one in intent.wanted.filters if one.vlan in kept),
        bindings=tuple(one for one in intent.wanted.bindings if one.vlan in kept),
        interfaces=tuple(one for one in intent.wanted.interfaces if one.vlan in kept),
    )
    return replace(
        intent, wanted=wanted, intents=tuple(one for one in intent.intents if one.vlan in kept), delegated=()
    )


def edited(text: str, random: Random) -> tuple[str, str]:
    """A kind of edit, and the text with one such edit at a random line."""
    lines = text.splitlines()
    at = random.randrange(len(lines))
    kind = random.choice(("delete", "repeat", "swap", "turn", "number", "number", "word", "word"))
    words = lines[at].split(" ")
    match kind:
        case "delete":
            lines[at : at + 1] = []
        case "repeat":
            lines.insert(random.randrange(len(lines)), lines[at])
        case "swap":
            lines[at : at + 2] = reversed(lines[at : at + 2])
        case "turn":
            turned = [n for n, line in enumerate(lines) if any(word in line for word in SWAPPED)]
            at = random.choice(turned)
            lines[at] = re.sub("|".join(map(re.escape, SWAPPED)), lambda found: SWAPPED[found[0]], lines[at], count=1)
        case "number":
            numbers = list(re.finditer(r"\d+", lines[at]))
            if numbers:
                found = random.choice(numbers)
                other = str(max(0, int(found[0]) + random.choice((-1, 1, 7, 100))))
                lines[at] = lines[at][: found.start()] + other + lines[at][found.end() :]
        case _:
            words[random.randrange(len(words))] = random.choice(random.choice(lines).split(" "))
            lines[at] = " ".join(words)
    return kind, "\n".join(lines) + "\n"


@cache
def engine(family: Family) -> SecondEngine:
    return SecondEngine(family)


def ends_for_all(one: Filter) -> bool:
    everything = Match(one.family, None, one.family.everything, one.family.everything)
    return bool(one.entries) and one.entries[-1].match == everything


def same_by_the_second_engine(intent: DeviceIntent, state: DeviceState) -> bool:
    """Whether every filter in force permits what its intent says, and decides all by itself."""
    there = {one.name: one for one in state.filters}
    bound = {(one.vlan, one.direction, one.family): there.get(one.filter) for one in state.bindings}
    if bound.keys() != {(one.vlan, one.direction, one.family) for one in intent.intents}:
        return False
    as_wanted = {one.key: one.entries for one in intent.wanted.filters}
    for one in intent.intents:
        held = bound[one.vlan, one.direction, one.family]
        if held is None or held.key != (one.vlan, one.direction, one.family) or not ends_for_all(held):
            return False
        # The wanted filter itself was judged once, by the first assertion of the test.
        second = engine(one.family)
        if held.entries != as_wanted[held.key] and second.filter(held) != second.intent(one):
            return False
    return True


def blamed(intent: DeviceIntent, seen: Observation) -> Iterator[str]:
    """What the product says of a configuration that it could read."""
    yield from (remark.text for remark in seen.remarks)
    yield from find_port_differences(intent, seen.state)
    yield from find_interface_differences(intent, seen.state)
    yield from find_filter_differences(intent, seen.state)


@pytest.mark.parametrize("name", EDITS)
def test_every_edit_that_changes_the_meaning_is_caught_and_no_other_is_blamed(city: City, name: str) -> None:
    system: Platform = load_platform(name)
    intent = of_few_segments(a_device(city, name)[1])
    text = system.render(intent.wanted)
    for one in intent.intents:
        (held,) = (other for other in intent.wanted.filters if other.key == (one.vlan, one.direction, one.family))
        assert engine(one.family).filter(held) == engine(one.family).intent(one)
    outcomes: Counter[str] = Counter()
    for seed in range(EDITS[name] * FACTOR):
        kind, other = edited(text, Random(f"{name}-{seed}-{FACTOR}"))  # noqa: S311 cases must repeat
        try:
            seen = system.parse(other, "edited")
        except ConfigRefused:
            outcomes["refused"] += 1
            continue
        said = list(blamed(intent, seen))
        same = same_by_the_second_engine(intent, seen.state) and (seen.state.ports, seen.state.interfaces) == (
            intent.wanted.ports,
            intent.wanted.interfaces,
        )
        assert bool(said) != same or seen.remarks, f"seed {seed} ({kind}): same {same}, said {said}"
        assert said or same, f"seed {seed} ({kind}): the meaning changed, and nobody said so"
        outcomes["caught" if said else "same"] += 1
    # An edit may be refused, caught, or harmless; if one of them never came, the test would show little.
    assert min(outcomes["refused"], outcomes["caught"], outcomes["same"]) > 0, outcomes
