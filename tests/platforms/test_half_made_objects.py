"""Where commands broke off in the middle of an object, a few commands lead to a text that a plan goes on from.

docs/platforms.md names them: a list without its end is taken away, a port with half of its lines is finished.
"""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from controller.errors import ConfigRefused
from controller.lab.virtual_switches.x530.device import X530
from controller.model.network.device_state import DeviceState, build_device_state
from controller.platforms.registry import load_platform
from tests.emulators.alaxala import AlaxalaSwitch
from tests.platforms.alaxala.alaxala_states import ALAXALA_PORTS
from tests.rollout.unrestored_scenes import AWPLUS_HEAD, WANTED, take_away

HEADERS = ("access-list hardware ", "ip access-list extended ", "ipv6 access-list ")
REFUSED = {"allied_telesis_awplus": 30, "alaxala": 15}
"""Of 51 and 53 places, as docs/platforms.md says."""


def enter(switch: X530 | AlaxalaSwitch, lines: Iterable[str]) -> None:
    """Type lines in a session of their own; a question is answered by yes."""
    line = switch.open_command_line("net01")
    line.enter("enable")
    for typed in lines:
        said = line.enter(typed)
        while said.question is not None:
            said = line.enter("y")
    line.hang_up()


def build(family: str, old: DeviceState) -> X530 | AlaxalaSwitch:
    if family == "allied_telesis_awplus":
        return X530(AWPLUS_HEAD + load_platform(family).render(old))
    switch = AlaxalaSwitch(ALAXALA_PORTS)
    steps = load_platform(family).plan_steps(build_device_state(), old)
    enter(switch, [command.line for step in steps for command in step.commands])
    return switch


def read(family: str, switch: X530 | AlaxalaSwitch) -> DeviceState | None:
    """Return what the switch runs; None where its text is refused."""
    try:
        return load_platform(family).parse(switch.show_running(), "running").state
    except ConfigRefused:
        return None


def find_way_back(typed: list[str], left: list[str]) -> list[str]:
    """Return the commands that the page names, for a change that broke off behind `typed` with `left` to come."""
    begin = next(line for line in reversed(typed) if line.startswith((*HEADERS, "interface ")))
    if begin.startswith(HEADERS):
        return [f"no {begin}"]
    rest = next(place for place, line in enumerate(left) if line.startswith("interface ") or line == "end")
    return [begin, *left[:rest]]


@pytest.mark.parametrize("family", REFUSED)
def test_half_of_an_object_is_taken_away_or_finished_and_a_plan_goes_on(family: str) -> None:
    system, wanted = load_platform(family), WANTED[family]
    old = take_away(wanted)
    lines = [command.line for step in system.plan_steps(old, wanted) for command in step.commands]
    refused = 0
    for place in range(1, len(lines) + 1):
        switch = build(family, old)
        enter(switch, lines[:place])
        if read(family, switch) is not None:
            continue
        refused += 1
        enter(switch, ["configure terminal", *find_way_back(lines[:place], lines[place:]), "end"])
        now = read(family, switch)
        assert now is not None, (place, lines[place - 1])
        if refused % 4 == 1:  # of one kind are many
            steps = system.plan_steps(now, wanted)
            enter(switch, [command.line for step in steps for command in step.commands])
            assert read(family, switch) == wanted
    assert refused == REFUSED[family]
