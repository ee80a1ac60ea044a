"""What makes a change safe on the virtual Catalyst: archive, revert timer, replacement, scheduled reload, saving."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controller.lab.virtual_switches.catalyst import C9300
from tests.lab.virtual_switches.catalyst.scene import NOON, Scene

OLD = "hostname core1\nvtp mode transparent\narchive\n path flash:tsunagu\nvlan 10\n name staff\n"
NOT_PENDING = "%No Rollback Confirmed Change pending"


def test_a_change_that_nobody_confirms_is_reverted_when_its_minutes_are_over() -> None:
    scene = Scene(OLD)
    before = scene.running
    said = scene.enter("configure terminal revert timer 5", "vlan 20", "hostname core2", "interface Vlan20", "end")
    assert said.startswith(
        "Rollback Confirmed Change: Backing up current running config to flash:tsunagu-Nov-29-12-00-00-0"
    )
    assert scene.device.next_timer() == NOON + 300
    shown = scene.enter("show archive config rollback timer")
    assert "Timer value: 5 min" in shown
    assert "User: admin" in shown
    scene.session.hang_up()
    scene.pass_minutes(4.9)
    assert "hostname core2" in scene.running
    scene.device.wall_offset = 86400
    scene.pass_minutes(0.1)
    assert scene.running == before
    assert scene.device.next_timer() is None


def test_a_confirmed_change_stays() -> None:
    scene = Scene(OLD)
    assert scene.enter("configure confirm") == NOT_PENDING
    scene.enter("configure terminal revert timer 1", "vlan 20", "end", "configure confirm")
    assert scene.enter("show archive config rollback timer") == NOT_PENDING
    scene.pass_minutes(200)
    assert "vlan 20 " in scene.running


def test_a_change_is_reverted_at_once_or_later() -> None:
    scene = Scene(OLD)
    assert scene.enter("configure revert now") == NOT_PENDING
    before = scene.running
    scene.enter("configure terminal revert timer 1", "vlan 20", "end", "configure revert timer 10")
    scene.pass_minutes(5)
    assert "vlan 20 " in scene.running
    assert "already pending" in scene.enter("configure terminal revert timer 1")
    assert "Rollback Done" in scene.enter("configure revert now")
    assert scene.running == before


def test_what_the_timer_needs() -> None:
    off = Scene()
    needed = "%Turn config archive on before using Rollback Confirmed Change"
    assert off.enter("configure terminal revert timer 5") == needed
    assert off.enter("show archive config rollback timer") == needed
    assert off.enter("show archive") == "Archive feature not enabled"
    assert off.session.prompt == "Switch#"
    scene = Scene(OLD)
    assert "Invalid input" in scene.enter("configure terminal revert timer 121")
    scene.device.storage.full = True
    assert "No space left" in scene.enter("configure terminal revert timer 5")
    assert scene.session.prompt == "core1#"
    old = Scene(OLD, replace(C9300, has_revert=False))
    assert "Not modelled" in old.enter("configure terminal revert timer 5")


def test_a_reload_loses_the_timer_and_what_was_not_saved() -> None:
    scene = Scene(OLD)
    scene.enter("configure terminal revert timer 5", "vlan 20", "interface Vlan20", "end")
    scene.device.reboot()
    assert scene.device.next_timer() is None
    assert "interface Vlan20" not in scene.running


def test_a_replacement_is_no_atomic_change_and_can_stop_half_way() -> None:
    lists = "ip access-list extended X\n permit tcp any any eq 22\n deny ip any any\n"
    scene = Scene(OLD + lists + "interface Vlan10\n ip address 10.1.0.1 255.255.255.0\n ip access-group X in\n")
    before = scene.running
    scene.enter("archive config")
    name = scene.device.list_archive()[0]
    scene.configure("no ip access-list extended X", "ip access-list extended X", "permit ip any any", "no vlan 10")
    texts: list[str] = []
    scene.device.on_change = lambda: texts.append("\n".join(scene.running))
    assert "Rollback Done" in scene.enter(f"configure replace {name} force")
    assert scene.running == before
    assert any("ip access-list" not in text for text in texts)
    scene.configure("hostname other", "ip access-list extended X", "15 permit ip any any")
    scene.device.rejected_in_replace = "hostname"
    said = scene.enter(f"configure replace {name} force")
    assert "Rollback aborted after 5 passes" in said
    assert "hostname core1" in said
    assert scene.block("ip access-list extended X") == ["10 permit tcp any any eq 22", "20 deny ip any any"]


def test_a_replacement_asks_and_wants_a_whole_file() -> None:
    scene = Scene(OLD)
    scene.device.storage.files["flash:part"] = "hostname x\n"
    asked = scene.enter("configure replace flash:part")
    assert asked.splitlines()[-1] == "configuration. Enter Y if you are sure you want to proceed. ? [no]: "
    assert len(asked.splitlines()) == 5
    assert scene.enter("") == ""
    assert scene.enter("configure replace flash:part", "y").endswith("%The input file is not a valid config file.")
    assert "No such file" in scene.enter("configure replace flash:none")


def test_a_reload_in_minutes_is_to_what_is_saved() -> None:
    scene = Scene(OLD)
    assert scene.enter("reload in 10").endswith("Proceed with reload? [confirm]")
    scene.enter("n")
    assert scene.device.next_timer() is None
    scene.configure("hostname core2")
    assert scene.enter("reload in 10 for a change") == "System configuration has been modified. Save? [yes/no]: "
    assert "Reload scheduled for 12:10:00 UTC Sun Nov 29 2026 (in 10 minutes) by admin on vty0" in scene.enter("no")
    scene.enter("")
    assert "(in 10 minutes)" in scene.enter("show reload")
    scene.pass_minutes(10)
    assert scene.device.boots == 2
    assert scene.device.hostname == "core1"
    assert scene.session.enter("show clock").closed


def test_a_reload_is_cancelled() -> None:
    scene = Scene(OLD)
    scene.enter("reload in 10", "")
    assert "*** --- SHUTDOWN ABORTED ---" in scene.enter("reload cancel")
    assert scene.enter("reload cancel") == "%No reload is scheduled."
    assert scene.enter("show reload") == "No reload is scheduled."
    scene.pass_minutes(60)
    assert scene.device.boots == 1


@pytest.mark.parametrize(
    "lines", [("write memory",), ("write",), ("copy running-config startup-config", ""), ("wr me",)]
)
def test_what_is_saved_is_booted_with(lines: tuple[str, ...]) -> None:
    scene = Scene(OLD)
    scene.configure("hostname core2")
    assert not scene.device.is_saved()
    assert scene.enter(*lines).endswith("[OK]")
    assert scene.device.is_saved()
    assert "hostname core2" in scene.enter("show startup-config")
    scene.device.reboot()
    assert scene.device.hostname == "core2"
    assert not scene.device.refused_at_boot


def test_a_full_flash_saves_nothing_and_says_so() -> None:
    scene = Scene(OLD)
    scene.configure("hostname core2")
    scene.device.storage.full = True
    for lines in (("write memory",), ("copy running-config startup-config", "")):
        said = scene.enter(*lines)
        assert "No space left on device" in said
        assert "[OK]" not in said
    scene.device.reboot()
    assert scene.device.hostname == "core1"


def test_files_are_copied_merged_and_deleted() -> None:
    scene = Scene(OLD)
    assert scene.enter("copy running-config flash:kept") == "Destination filename [kept]? "
    assert scene.enter("").endswith("bytes/sec)")
    scene.configure("vlan 20")
    assert scene.enter("copy flash:kept running-config", "").count("bytes copied") == 1
    assert "vlan 20 " in scene.running
    assert "over write? [confirm]" in scene.enter("copy running-config flash:kept", "")
    scene.enter("n")
    assert "hostname core1" in scene.enter("more flash:kept")
    assert scene.enter("delete flash:kept", "") == "Delete filename [kept]? \nDelete flash:/kept? [confirm]"
    scene.enter("")
    assert "No such file" in scene.enter("more flash:kept")
    scene.configure("file prompt quiet")
    assert "bytes copied" in scene.enter("copy running-config flash:kept")
    scene.device.storage.files["flash:bad"] = "hostname core9\nfrobnicate\nvlan 30\nend\n"
    said = scene.enter("copy flash:bad running-config")
    assert "frobnicate" in said
    assert scene.device.hostname == "core9"
    assert 30 in scene.device.database.vlans


def test_the_archive_keeps_so_many() -> None:
    scene = Scene(OLD)
    scene.configure("archive", "maximum 2", "write-memory")
    for _ in range(4):
        scene.pass_minutes(1)
        scene.enter("write memory")
    assert len(scene.device.list_archive()) == 2
    assert "Most Recent" in scene.enter("show archive")
