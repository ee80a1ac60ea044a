"""The device step where no device puts its old state back: every end, as the switch's own dump says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from controller.errors import ConfigRefused
from controller.lab.virtual_switches.faults import Fault, MatchingFaults, NumberedFaults
from controller.lab.virtual_switches.x530.device import X530
from controller.model.sites.devices import Device
from controller.platforms.registry import load_platform
from controller.rollout.outcome import End
from tests.platforms.x530_device import BARE
from tests.rollout.campaign import Killed, MortalTransport
from tests.rollout.cli_scene import CliScene
from tests.rollout.unrestored_scenes import (
    FAMILIES,
    build_unrestored,
    configure_as_another,
    fill_flash,
    halve,
    write_unrelated,
)

pytestmark = pytest.mark.usefixtures("hasty_netmiko")

MakeScene = Callable[..., CliScene]
REFUSED = {
    "allied_telesis_awplus": ("        ^", "% Invalid input detected at '^' marker."),
    "alaxala": ("something that nobody listed",),
}
SAVING = {"allied_telesis_awplus": "copy running-config", "alaxala": "write"}
for_each_family = pytest.mark.parametrize("family", FAMILIES)


@pytest.fixture
def make_scene(model: Device, tmp_path: Path) -> MakeScene:
    """Return what makes a switch of a family in the old state, and the plan for it."""
    made = 0

    def make(family: str, **named: object) -> CliScene:
        nonlocal made
        made += 1
        folder = tmp_path / str(made)
        folder.mkdir()
        scene = build_unrestored(family, model, folder, **named)  # type: ignore[arg-type] # as its own signature
        scene.transport.patience = replace(scene.transport.patience, line=0.2, show=0.2)
        return scene

    return make


def count_lines(make_scene: MakeScene, family: str) -> int:
    """Return how many lines a whole change takes."""
    faults = NumberedFaults({})
    assert make_scene(family).apply(faults).end is End.APPLIED
    return len(faults.lines)


@for_each_family
def test_it_is_applied_read_back_and_saved(make_scene: MakeScene, family: str) -> None:
    scene = make_scene(family)
    outcome = scene.apply()
    assert (outcome.end, outcome.reason) == (End.APPLIED, "")
    assert scene.running() == scene.saved() == scene.wanted
    assert not list(scene.folder.glob("armed/*"))
    assert scene.apply().end is End.UNCHANGED


@for_each_family
def test_what_runs_and_is_not_saved_is_only_saved(make_scene: MakeScene, family: str) -> None:
    scene = make_scene(family)
    scene.apply(MatchingFaults(SAVING[family], Fault(dropped="before")))
    assert scene.running() == scene.wanted
    faults = NumberedFaults({})
    assert scene.apply(faults).end is End.APPLIED
    assert scene.saved() == scene.wanted
    assert not any(line.startswith("vlan") for line in faults.lines)


@for_each_family
def test_a_rejected_first_line_leaves_everything_and_a_later_one_is_told(make_scene: MakeScene, family: str) -> None:
    scene = make_scene(family)
    outcome = scene.apply(MatchingFaults("vlan", Fault(refused=REFUSED[family])))
    assert outcome.end is End.REVERTED
    assert "nothing of the change is in force" in outcome.reason
    assert "command: vlan" in outcome.reason
    assert scene.running() == scene.old
    outcome = scene.apply(MatchingFaults("switchport mode trunk", Fault(refused=REFUSED[family])))
    assert outcome.end is End.UNKNOWN
    assert "command: switchport mode trunk" in outcome.reason
    assert scene.saved() == scene.old


@for_each_family
@pytest.mark.parametrize("dropped", ["before", "after"])
def test_a_session_that_breaks_anywhere_is_read_and_a_new_plan_goes_on(
    make_scene: MakeScene, family: str, dropped: str
) -> None:
    lines = count_lines(make_scene, family)
    ends = set()
    for number in range(4, lines, 9):
        scene = make_scene(family)
        fault = Fault(dropped="before" if dropped == "before" else "after")
        outcome = scene.apply(NumberedFaults({number: fault}))
        ends.add(outcome.end)
        judge_end(scene, outcome.end)
        go_on(scene)
    assert End.UNKNOWN in ends
    assert len(ends) > 1


def judge_end(scene: CliScene, end: End) -> None:
    """See that a told end is what the switch shows."""
    running = read_running(scene)
    match end:
        case End.APPLIED | End.UNCHANGED:
            assert running == scene.saved() == scene.wanted
        case End.REVERTED:
            assert running == scene.old
        case End.FAILED:
            assert running in (scene.old, scene.wanted)
        case End.UNKNOWN:
            assert scene.saved() in (scene.old, scene.wanted)


def read_running(scene: CliScene) -> object:
    """Return what of ours it runs; None where the text is refused."""
    try:
        return scene.running()
    except ConfigRefused:
        return None


def go_on(scene: CliScene) -> None:
    """Carry out a new plan from what the switch runs now, or from what it boots with where no plan can go on."""
    if read_running(scene) is None:
        scene.switch.reboot()
    scene.old = scene.running()
    outcome = scene.apply(plan="another")
    assert outcome.end.good, outcome.reason
    assert scene.running() == scene.saved() == scene.wanted


@for_each_family
def test_a_controller_that_is_killed_says_so_in_its_next_run(make_scene: MakeScene, family: str) -> None:
    said = 0
    for commands in range(4, 40, 9):
        scene = make_scene(family)
        with pytest.raises(Killed):
            scene.apply(wrap=partial(MortalTransport, commands=commands, after=True))
        if read_running(scene) in scene.known:
            assert scene.apply().end.good
            continue
        outcome = scene.apply()
        assert outcome.end is End.FAILED
        assert "an earlier run of this plan was broken off within a step" in outcome.reason
        readable = read_running(scene) is not None
        assert ("Make a new plan" if readable else "or restart it") in outcome.reason
        said += 1
        go_on(scene)
    assert said


@for_each_family
def test_what_another_user_changes_before_the_first_line_stops_it(make_scene: MakeScene, family: str) -> None:
    scene = make_scene(family)
    typing = configure_as_another(scene, *write_unrelated(scene))
    outcome = scene.apply(MatchingFaults("show running-config", Fault(happens=typing), nth=1))
    assert outcome.end is End.REVERTED
    assert "somebody else changed its configuration" in outcome.reason
    assert scene.running() == scene.old


def test_a_hostname_that_another_user_changes_stops_it(make_scene: MakeScene) -> None:
    scene = make_scene("allied_telesis_awplus")
    outcome = scene.apply(MatchingFaults("vlan database", Fault(happens=configure_as_another(scene, "hostname x"))))
    assert not outcome.end.good
    assert "somebody else configures it" in outcome.reason


@for_each_family
def test_a_full_flash_at_saving_is_told(make_scene: MakeScene, family: str) -> None:
    scene = make_scene(family)
    outcome = scene.apply(MatchingFaults(SAVING[family], Fault(happens=fill_flash(scene))))
    assert outcome.end is End.FAILED
    assert "was not saved" in outcome.reason
    assert "space" in outcome.reason
    assert scene.running() == scene.wanted
    assert scene.saved() == scene.old
    fill_flash(scene, full=False)()
    assert scene.apply().end is End.APPLIED
    assert scene.saved() == scene.wanted


@for_each_family
def test_a_reboot_leads_to_what_was_saved(make_scene: MakeScene, family: str) -> None:
    scene = make_scene(family)
    outcome = scene.apply(MatchingFaults("interface", Fault(happens=scene.switch.reboot)))
    assert outcome.end is End.REVERTED
    assert scene.running() == scene.saved() == scene.old


@for_each_family
def test_a_silent_switch_is_not_believed_and_noise_changes_nothing(make_scene: MakeScene, family: str) -> None:
    scene = make_scene(family)
    outcome = scene.apply(MatchingFaults("interface", Fault(silent=True)))
    assert outcome.end is End.UNKNOWN
    assert "no prompt came in time" in outcome.reason
    noise = {
        "alaxala": "01/21 01:32:35 E3 VLAN 20110002 0700:000000000000 STP (vlan 20) : Topology change detected.",
        "allied_telesis_awplus": "01:02:03 core1 user.notice Interface port1.0.2: UP",
    }[family]
    for line in ("interface", "show running-config", "configure terminal", "end"):
        scene = make_scene(family)
        outcome = scene.apply(MatchingFaults(line, Fault(noise=(noise,), piece=300)))
        assert (outcome.end, outcome.reason) == (End.APPLIED, "")


@for_each_family
def test_the_secret_of_privileged_mode_is_used_and_missed(make_scene: MakeScene, family: str) -> None:
    scene = make_scene(family, secret="mori-7")  # noqa: S106 of a stand-in
    assert scene.apply().end is End.APPLIED
    scene = make_scene(family, secret="mori-7")  # noqa: S106
    scene.transport = type(scene.transport)({"d1": scene.site}, None)
    outcome = scene.apply()
    assert outcome.end is End.FAILED
    assert "access.ID.enable" in outcome.reason


@for_each_family
@pytest.mark.parametrize("hostname", ["a", "core-switch-of-the-first-floor-of-the-east-wing", "KW-S01", "x" * 63])
def test_any_hostname_is_a_prompt(make_scene: MakeScene, family: str, hostname: str) -> None:
    assert make_scene(family, hostname=hostname).apply().end is End.APPLIED


@for_each_family
def test_half_of_it_is_led_on_and_taken_away(make_scene: MakeScene, family: str) -> None:
    wanted = make_scene(family).wanted
    for old, new in ((halve(wanted), wanted), (wanted, halve(wanted))):
        scene = make_scene(family, old=old, wanted=new)
        assert scene.running() == old
        assert scene.apply().end is End.APPLIED
        assert scene.running() == scene.saved() == new


@for_each_family
def test_nothing_restores_it_and_nothing_says_so(family: str) -> None:
    assert not load_platform(family).capabilities.restores_itself


@pytest.mark.parametrize("seconds", [-7200, 7200])
def test_a_clock_that_jumps_is_nobodys_matter(make_scene: MakeScene, seconds: int) -> None:
    scene = make_scene("allied_telesis_awplus")
    switch = scene.switch
    assert isinstance(switch, X530)
    jump = Fault(happens=lambda: switch.shift_clock(seconds))
    assert scene.apply(MatchingFaults("vlan", jump)).end is End.APPLIED
    assert BARE.splitlines()[1].strip() in switch.show_running()


def test_a_refusal_that_nobody_listed_is_one_where_lines_are_taken_without_a_word(make_scene: MakeScene) -> None:
    scene = make_scene("alaxala")
    fault = Fault(refused=("the table has no room.",))
    outcome = scene.apply(MatchingFaults("ip access-list", fault))
    assert not outcome.end.good
    assert "it answered a line that is taken without a word: the table has no" in outcome.reason
