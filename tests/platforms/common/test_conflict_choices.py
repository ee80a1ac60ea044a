"""Every refusal of what stands in the way says which traffic depends on it, and offers choices with commands."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from pathlib import Path
from string import Formatter

import pytest

from controller.errors import ConfigRefused
from controller.model.network.device_state import (
    DeviceState,
    FilterBinding,
    PortMode,
    PortState,
    Vlan,
    build_device_state,
    build_vlan_interface,
)
from controller.model.network.packets import Direction, Family
from controller.platforms.base import refuse_conflicts
from controller.platforms.conflict_choices import ADVICE, DEPENDS, ConflictKind, advise, strip_advice
from controller.platforms.registry import load_platform

CONTROLLER = Path(__file__).parents[3] / "controller"
SIGNS = ("conflict: ", "which is not ours", "not ours (", "of ours belongs")
ALONE = re.compile(r"(?i)\b(remove|delete) (it|this|that|them)\b")
LIST = "TSN-20-from-4-01234567"


def list_marks(kind: ConflictKind) -> dict[str, str]:
    texts = [ADVICE[kind].traffic, *(text for one in ADVICE[kind].choices for text in (str(one),))]
    return {name: name.upper() for text in texts for _, name, _, _ in Formatter().parse(text) if name}


@pytest.mark.parametrize("kind", ConflictKind)
def test_an_advice_has_traffic_and_two_or_three_choices_with_commands(kind: ConflictKind) -> None:
    advice = ADVICE[kind]
    assert advice.traffic
    assert 2 <= len(advice.choices) <= 3
    for one in advice.choices:
        assert one.what
        assert one.command
        assert one.closes
        assert one.opens
    said = advise(kind, **list_marks(kind))
    assert not ALONE.search(said)
    assert "{" not in said
    assert strip_advice(f"conflict: x{said}") == "conflict: x"


def test_every_kind_is_said_somewhere() -> None:
    code = "\n".join(path.read_text(encoding="utf-8") for path in CONTROLLER.rglob("*.py"))
    assert [kind for kind in ConflictKind if f"advise(ConflictKind.{kind.name}" not in code] == []


def test_no_text_about_what_is_not_ours_is_without_advice() -> None:
    """A function that says so to people calls `advise`."""
    told, lacking = 0, []
    for path in (CONTROLLER / "platforms").rglob("*.py"):
        for one in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(one, ast.FunctionDef) or path.name == "conflict_choices.py":
                continue
            body = [part for line in one.body[bool(ast.get_docstring(one)) :] for part in ast.walk(line)]
            words = [part.value for part in body if isinstance(part, ast.Constant) and isinstance(part.value, str)]
            if any(sign in word for word in words for sign in SIGNS):
                told += 1
                if "advise" not in {part.id for part in body if isinstance(part, ast.Name)}:
                    lacking.append(f"{path.name}: {one.name}")
    assert lacking == []
    assert told > 8


CISCO = load_platform("cisco_ios")
AWPLUS = load_platform("allied_telesis_awplus")
TRUNK = PortState("GigabitEthernet1/0/1", PortMode.TRUNK, (20,))
CONFLICTS: list[tuple[str, DeviceState]] = [
    ("vlan 20\n name SEITO\n", build_device_state([Vlan(20, "TSN-pupil")])),
    ("interface GigabitEthernet1/0/1\n description 2F\n", build_device_state(ports=[TRUNK])),
    (
        "interface Vlan20\n description gateway\n",
        build_device_state(interfaces=[build_vlan_interface(20, ("10.0.0.1/24",))]),
    ),
    (
        "interface Vlan20\n ip access-group OLD in\n",
        build_device_state(bindings=[FilterBinding(20, Direction.FROM, Family.V4, LIST)]),
    ),
]


@pytest.mark.parametrize(("text", "wanted"), CONFLICTS)
def test_a_conflict_of_a_plan_ends_in_its_advice(text: str, wanted: DeviceState) -> None:
    with pytest.raises(ConfigRefused) as caught:
        refuse_conflicts(CISCO.parse(text, "x"), wanted, "x")
    for problem in caught.value.problems:
        expect_advice(problem.message)


def expect_advice(message: str) -> None:
    reason, _, advice = message.partition(DEPENDS)
    assert reason
    assert re.match(r"\S.*; choices: 1\. .+ \(closes .+; opens .+\); 2\. .+ \(closes .+; opens .+\)", advice), message
    assert not ALONE.search(message)


PORT = "interface port1.0.1\n description TSN-hosts\n switchport mode access\n switchport access vlan 20\n"
OURS_CISCO = "interface GigabitEthernet1/0/1\n description TSN-port\n"
LINES: list[tuple[Callable[[str, str], object], str]] = [
    (CISCO.parse, f"{OURS_CISCO} switchport voice vlan 9\n"),
    (CISCO.parse, f"{OURS_CISCO} switchport mode trunk\n channel-group 3 mode active\n"),
    (AWPLUS.parse, f"{PORT} static-channel-group 3\n"),
    (
        CISCO.parse,
        f"{OURS_CISCO} switchport trunk allowed vlan 20\n switchport mode trunk\n switchport trunk native vlan 20\n",
    ),
    (CISCO.parse, f"interface GigabitEthernet1/0/2\n ip access-group {LIST} in\n"),
    (CISCO.parse, "interface Vlan20\n description TSN-interface\n ip policy route-map X\n"),
    (AWPLUS.parse, f"{PORT} access-group OLD\n"),
    (AWPLUS.parse, f"interface port1.0.2\n access-group {LIST}\n"),
    (AWPLUS.parse, f"{PORT} access-group TSN-21-from-4-01234567\n"),
    (AWPLUS.parse, f"{PORT} access-group TSN-20-to-4-01234567\n"),
    (AWPLUS.parse, f"{PORT} access-group {LIST}\n access-group TSN-20-from-4-89abcdef\n"),
]


@pytest.mark.parametrize(("parse", "text"), LINES)
def test_a_line_that_ours_cannot_have_ends_in_its_advice(parse: Callable[[str, str], object], text: str) -> None:
    with pytest.raises(ConfigRefused) as caught:
        parse(text, "x")
    told = [one.message for one in caught.value.problems if DEPENDS in one.message]
    assert told, caught.value
    for message in told:
        expect_advice(message)
