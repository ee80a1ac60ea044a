"""The device step on a virtual Catalyst: its revert timer or a reload, and every end, as the switch's own dump says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from controller.errors import ConfigRefused
from controller.lab.virtual_switches.catalyst.device import CatalystSwitch, Login
from controller.lab.virtual_switches.faults import Fault, MatchingFaults
from controller.model.network.device_state import DeviceState, build_device_state
from controller.model.sites.devices import Device
from controller.platforms.cisco_ios.operation import find_archive_path, find_local_system
from controller.platforms.registry import load_platform
from controller.platforms.transport.in_memory_device.clock import ManualClock
from controller.rollout.outcome import End
from tests.platforms.states import example
from tests.rollout.campaign import Killed, MortalTransport
from tests.rollout.cli_scene import CliScene

pytestmark = pytest.mark.usefixtures("hasty_netmiko")

ARCHIVE = "archive\n path flash:saved\n maximum 5\n!\n"
MakeScene = Callable[..., CliScene]
WANTED = example(*(f"GigabitEthernet1/0/{n}" for n in (1, 2, 3)), port_roles=False, vlan_database=True)
OLD = replace(WANTED, vlans=WANTED.vlans[:1], ports=(), bindings=(), filters=(), interfaces=())


@pytest.fixture
def make_scene(model: Device, tmp_path: Path) -> MakeScene:
    """Return what makes a Catalyst in the old state, and the plan for it."""

    def make(
        head: str = "hostname core1\n" + ARCHIVE,
        old: DeviceState = OLD,
        wanted: DeviceState = WANTED,
        login: Login | None = None,
        secret: str | None = None,
    ) -> CliScene:
        clock = ManualClock()
        text = f"{head}vtp mode transparent\n{load_platform('cisco_ios').render(old)}end\n"
        switch = CatalystSwitch(startup=text, clock=lambda: clock.now().timestamp(), login=login)
        assert switch.refused_at_boot == []
        switch.save("test")
        return CliScene("cisco_ios", switch, clock, old, wanted, model, tmp_path, secret=secret)

    return make


def revert_pending(scene: CliScene) -> bool:
    assert isinstance(scene.switch, CatalystSwitch)
    return scene.switch.pending_revert is not None or scene.switch.reload is not None


def test_it_is_applied_confirmed_and_saved(make_scene: MakeScene) -> None:
    scene = make_scene()
    outcome = scene.apply()
    assert (outcome.end, outcome.reason) == (End.APPLIED, "")
    assert scene.running() == scene.saved() == WANTED
    assert not revert_pending(scene)
    assert not list(scene.folder.glob("armed/*"))
    assert scene.apply().end is End.UNCHANGED


def test_a_rejected_line_stops_the_push_names_itself_and_the_switch_goes_back(make_scene: MakeScene) -> None:
    scene = make_scene()
    refused = Fault(refused=("        ^", "% Invalid input detected at '^' marker.", ""))
    outcome = scene.apply(MatchingFaults("switchport mode trunk", refused))
    assert outcome.end is End.REVERTED
    assert "command: switchport mode trunk" in outcome.reason
    assert scene.running() == OLD
    assert not revert_pending(scene)
    assert outcome.seconds <= 300 + 60 + 15


@pytest.mark.parametrize("dropped", ["before", "after"])
@pytest.mark.parametrize("line", ["vlan 20", "ip access-group", "interface GigabitEthernet1/0/2", "end"])
def test_a_session_that_breaks_in_the_push_leads_back(make_scene: MakeScene, line: str, dropped: str) -> None:
    scene = make_scene()
    fault = Fault(dropped="before" if dropped == "before" else "after")
    outcome = scene.apply(MatchingFaults(line, fault, nth=1 if line == "end" else 0))
    assert outcome.end is End.REVERTED
    assert scene.running() == OLD


def test_a_switch_that_says_nothing_is_not_believed(make_scene: MakeScene) -> None:
    scene = make_scene()
    scene.transport.patience = replace(scene.transport.patience, line=0.2, show=0.2)
    outcome = scene.apply(MatchingFaults("vlan 20", Fault(silent=True)))
    assert outcome.end is End.REVERTED
    assert "no prompt came in time" in outcome.reason
    assert scene.running() == OLD


def test_noise_of_the_switch_changes_nothing(make_scene: MakeScene) -> None:
    noise = ("*Apr  1 00:00:01.000: %LINEPROTO-5-UPDOWN: Line protocol on Interface Vlan20, changed state to up",)
    scene = make_scene()
    for line in ("vlan 20", "show running-config", "configure terminal", "end"):
        scene = make_scene()
        outcome = scene.apply(MatchingFaults(line, Fault(noise=noise)))
        assert (outcome.end, outcome.reason) == (End.APPLIED, "")


def test_a_line_that_comes_in_pieces_is_read_whole(make_scene: MakeScene) -> None:
    scene = make_scene()
    assert scene.apply(MatchingFaults("show running-config", Fault(piece=700))).end is End.APPLIED


def test_a_full_flash_at_saving_is_told(make_scene: MakeScene) -> None:
    scene = make_scene()
    assert isinstance(scene.switch, CatalystSwitch)
    storage = scene.switch.storage
    outcome = scene.apply(MatchingFaults("write memory", Fault(happens=lambda: setattr(storage, "full", True))))
    assert outcome.end is End.FAILED
    assert "No space left" in outcome.reason
    assert "was not saved" in outcome.reason
    assert scene.running() == WANTED
    assert scene.saved() == OLD
    storage.full = False
    assert scene.apply().end is End.APPLIED
    assert scene.saved() == WANTED


def test_a_flash_without_room_for_the_restore_is_refused_before_anything_is_changed(make_scene: MakeScene) -> None:
    scene = make_scene()
    assert isinstance(scene.switch, CatalystSwitch)
    scene.switch.storage.full = True
    outcome = scene.apply()
    assert outcome.end is End.FAILED
    assert "bytes free, and its restore needs" in outcome.reason
    assert scene.running() == OLD
    assert not revert_pending(scene)


@pytest.mark.parametrize("path", ["tftp://10.0.0.5/saved", "ftp://u:p@10.0.0.5/x", "scp:saved", "http://10.0.0.5/x"])
def test_an_archive_on_another_machine_is_no_restore(path: str) -> None:
    found = find_archive_path(f"hostname a\narchive\n path {path}\n maximum 3\nend\n")
    assert found == path
    assert find_local_system(found) is None


def configure_as_another(scene: CliScene, *lines: str) -> Callable[[], None]:
    """Return what lets another user type lines."""

    def typing() -> None:
        other = scene.switch.open_command_line("somebody")
        for line in ("configure terminal", *lines, "end"):
            other.enter(line)

    return typing


def test_what_another_user_changes_between_reading_and_arming_stops_the_push(make_scene: MakeScene) -> None:
    scene = make_scene()
    typing = configure_as_another(scene, "interface GigabitEthernet1/0/9", "description printer")
    outcome = scene.apply(MatchingFaults("configure terminal revert", Fault(happens=typing)))
    assert outcome.end is End.FAILED
    assert "somebody else changed its configuration" in outcome.reason
    assert scene.running() == OLD
    assert not revert_pending(scene)
    assert "description printer" in scene.switch.show_running()


def test_a_hostname_that_another_user_changes_stops_the_push(make_scene: MakeScene) -> None:
    scene = make_scene()
    scene.transport.patience = replace(scene.transport.patience, line=0.2, show=0.2)
    outcome = scene.apply(MatchingFaults("name TSN-staff", Fault(happens=configure_as_another(scene, "hostname x"))))
    assert outcome.end is End.REVERTED
    assert "somebody else configures it" in outcome.reason
    assert scene.running() == OLD


@pytest.mark.parametrize(
    "hostname", ["a", "core-switch-of-the-first-floor-of-the-east-wing", "sw.1_x", "KW-S01(2)", "x" * 63]
)
def test_any_hostname_is_a_prompt(make_scene: MakeScene, hostname: str) -> None:
    scene = make_scene(head=f"hostname {hostname}\n{ARCHIVE}")
    outcome = scene.apply()
    assert (outcome.end, outcome.reason) == (End.APPLIED, "")


def test_privileged_mode_is_reached_by_its_secret_and_refused_without(make_scene: MakeScene) -> None:
    scene = make_scene(login=Login(privilege=1, enable_secret="right"), secret="right")  # noqa: S106 of a stand-in
    assert scene.apply().end is End.APPLIED
    for given, said in ((None, "is needed"), ("wrong", "was refused")):
        scene = make_scene(login=Login(privilege=1, enable_secret="right"), secret=given)  # noqa: S106
        outcome = scene.apply()
        assert outcome.end is End.FAILED
        assert said in outcome.reason
        assert "access.ID.enable" in outcome.reason
        assert "right" not in outcome.reason.replace("copyright", "")


def test_a_reboot_in_the_push_leads_to_what_was_saved(make_scene: MakeScene) -> None:
    scene = make_scene()
    outcome = scene.apply(MatchingFaults("interface GigabitEthernet1/0/2", Fault(happens=scene.switch.reboot)))
    assert outcome.end is End.REVERTED
    assert scene.running() == scene.saved() == OLD


@pytest.mark.parametrize("seconds", [-7200, 7200])
def test_a_clock_that_jumps_leaves_a_whole_state_and_a_true_end(make_scene: MakeScene, seconds: int) -> None:
    scene = make_scene()
    assert isinstance(scene.switch, CatalystSwitch)
    clock, shift = scene.switch.clock, [0]
    scene.switch.clock = lambda: clock() + shift[0]
    outcome = scene.apply(MatchingFaults("vlan 20", Fault(happens=lambda: shift.__setitem__(0, seconds))))
    assert outcome.end in {End.APPLIED, End.REVERTED, End.UNKNOWN}
    expected = {End.APPLIED: [WANTED], End.REVERTED: [OLD], End.UNKNOWN: scene.known}[outcome.end]
    assert scene.running() in expected


def test_an_archive_that_is_off_leads_to_a_reload_and_back(make_scene: MakeScene) -> None:
    scene = make_scene(head="hostname core1\n")
    refused = Fault(refused=("% Invalid input detected at '^' marker.",))
    outcome = scene.apply(MatchingFaults("switchport mode trunk", refused))
    assert outcome.end is End.REVERTED
    assert isinstance(scene.switch, CatalystSwitch)
    assert scene.switch.boots == 2
    assert scene.running() == scene.saved() == OLD


def test_without_an_archive_a_good_change_reboots_nothing(make_scene: MakeScene) -> None:
    scene = make_scene(head="hostname core1\n")
    outcome = scene.apply()
    assert (outcome.end, outcome.reason) == (End.APPLIED, "")
    assert isinstance(scene.switch, CatalystSwitch)
    assert scene.switch.boots == 1
    assert scene.switch.reload is None
    assert scene.running() == scene.saved() == WANTED


def test_without_an_archive_what_is_not_saved_is_refused(make_scene: MakeScene) -> None:
    scene = make_scene(head="hostname core1\n")
    configure_as_another(scene, "interface GigabitEthernet1/0/9", "description printer")()
    outcome = scene.apply()
    assert outcome.end is End.FAILED
    assert "Save it first (write memory)" in outcome.reason
    assert not revert_pending(scene)


def test_a_restore_that_nobody_of_us_armed_keeps_us_away(make_scene: MakeScene) -> None:
    scene = make_scene()
    other = scene.switch.open_command_line("somebody")
    other.enter("configure terminal revert timer 30")
    other.enter("end")
    outcome = scene.apply()
    assert outcome.end is End.FAILED
    assert "nobody from here" in outcome.reason
    assert revert_pending(scene)


def test_another_plan_of_ours_keeps_away_from_an_armed_one(make_scene: MakeScene) -> None:
    scene = make_scene()
    with pytest.raises(Killed):
        scene.apply(wrap=lambda inner: MortalTransport(inner, 20, after=True))
    assert revert_pending(scene)
    outcome = scene.apply(plan="another")
    assert outcome.end is End.FAILED
    assert "another plan" in outcome.reason


@pytest.mark.parametrize("head", ["hostname core1\n" + ARCHIVE, "hostname core1\n"], ids=["revert", "reload"])
@pytest.mark.parametrize("after", [False, True])
def test_killed_anywhere_it_is_whole_and_the_same_plan_goes_on(
    make_scene: MakeScene, head: str, *, after: bool
) -> None:
    for commands in (8, 19, 37, 64):
        scene = make_scene(head=head)
        try:
            scene.apply(wrap=partial(MortalTransport, commands=commands, after=after))
        except Killed:
            if is_half_made(scene):
                assert revert_pending(scene)
        outcome = scene.apply()
        if not outcome.end.good:
            assert "an earlier run of this plan was broken off within a step" in outcome.reason
            assert revert_pending(scene)
            scene.clock.sleep(420)
            assert scene.running() == OLD
            outcome = scene.apply()
        assert outcome.end.good, (commands, outcome.reason)
        assert scene.running() == scene.saved() == WANTED
        assert not revert_pending(scene)
        scene.clock.sleep(3 * 3600)
        assert scene.running() == WANTED


def is_half_made(scene: CliScene) -> bool:
    """Whether the switch is in none of the states that the plan begins and ends with."""
    try:
        return scene.running() not in (OLD, WANTED)
    except ConfigRefused:
        return True


def test_killed_and_left_alone_it_goes_back_by_itself(make_scene: MakeScene) -> None:
    scene = make_scene()
    with pytest.raises(Killed):
        scene.apply(wrap=lambda inner: MortalTransport(inner, 25, after=True))
    scene.clock.sleep(301)
    assert scene.running() == OLD
    outcome = scene.apply()
    assert outcome.end is End.APPLIED


def test_a_time_too_short_for_the_lines_stops_before_it_is_over(make_scene: MakeScene) -> None:
    scene = make_scene()

    class Slow:
        def find_fault(self, line: str) -> Fault | None:
            slow = line.startswith(("vlan", "name", "ip ", "interface", "permit", "deny"))
            return Fault(happens=lambda: scene.clock.sleep(8)) if slow else None

    outcome = scene.apply(Slow(), restore_after=60)
    assert outcome.end is End.REVERTED
    assert "choose a longer --restore-after" in outcome.reason
    assert scene.running() == OLD


def test_a_locked_configuration_mode_is_used_where_the_operators_have_it(make_scene: MakeScene) -> None:
    scene = make_scene(head="hostname core1\nconfiguration mode exclusive manual\n" + ARCHIVE)
    outcome = scene.apply()
    assert (outcome.end, outcome.reason) == (End.APPLIED, "")
    other = scene.switch.open_command_line("somebody")
    other.enter("configure terminal lock")
    outcome = replace_wanted(scene, OLD).apply()
    assert outcome.end is End.FAILED
    assert "locked" in outcome.reason


def replace_wanted(scene: CliScene, wanted: DeviceState) -> CliScene:
    """Return the scene with a plan from what it runs now to another state."""
    scene.old, scene.wanted = scene.running(), wanted
    return scene


def test_an_unexpected_question_ends_the_session_unanswered(make_scene: MakeScene) -> None:
    scene = make_scene()
    asked = Fault(refused=("Overwrite the previous NVRAM configuration?[confirm]",))
    scene.transport.patience = replace(scene.transport.patience, line=0.2)
    outcome = scene.apply(MatchingFaults("write memory", asked))
    assert outcome.end is End.FAILED
    assert "was not saved" in outcome.reason
    assert scene.saved() == OLD
    assert build_device_state() != scene.running()
