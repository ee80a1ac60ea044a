"""The virtual x530's files, booting, and triggers that run by the clock."""

from __future__ import annotations

import pytest

from controller.lab.virtual_switches.x530.device import Model
from tests.lab.virtual_switches.x530.users import User

SCRIPT = "enable\nconfigure terminal\nhostname restored\nend\n"


def test_what_is_not_saved_is_gone_after_a_reboot() -> None:
    user = User()
    user.configure("hostname core1", "end")
    assert user.type("write") == ["Building configuration...", "[OK]"]
    user.configure("hostname other", "end")
    assert user.type("reboot") == ["? reboot system? (y/n): "]
    assert user.type("n") == []
    assert user.switch.hostname == "other"
    user.type("reboot", "y")
    assert user.switch.hostname == "core1"
    assert user.line.enter("show boot").closed, "the session ended with the reboot"


def test_what_it_boots_with_is_chosen_among_files() -> None:
    user = User()
    user.configure("hostname old", "end")
    user.type("copy running-config flash:/old.cfg")
    user.configure("hostname new", "boot config-file flash:/old.cfg", "end")
    assert "Current boot config: flash:/old.cfg (file exists)" in user.type("show boot")
    user.switch.reboot()
    assert user.switch.hostname == "old"


def test_a_file_is_merged_into_the_running_configuration_and_removes_nothing() -> None:
    user = User()
    user.configure("vlan database", "vlan 10 name A", "end")
    user.switch.store_file("more.cfg", "vlan database\n vlan 20 name B\nfrobnicate\n")
    (said,) = user.type("copy more.cfg running-config")
    assert said.startswith("frobnicate: % Invalid input")
    assert set(user.switch.running.vlans) == {1, 10, 20}


def test_files_are_overwritten_and_deleted_only_after_a_yes() -> None:
    user = User()
    user.type("copy running-config a.cfg")
    user.configure("hostname x", "end")
    assert user.type("copy running-config a.cfg") == ["? Overwrite flash:/a.cfg? (y/n)[n]:"]
    user.type("n")
    assert "hostname" not in user.switch.files["a.cfg"]
    user.type("copy running-config a.cfg", "y")
    assert "hostname x" in user.switch.files["a.cfg"]
    assert user.type("delete a.cfg") == ["? Delete flash:/a.cfg? (y/n)[n]:"]
    user.type("")
    assert "a.cfg" in user.switch.files
    user.type("delete a.cfg", "y")
    assert user.type("delete a.cfg")[0].startswith("%")
    silent = User(model=Model(asks_to_overwrite=False))
    silent.type("copy running-config a.cfg")
    assert silent.type("copy running-config a.cfg")[-1] == "[OK]"


def test_a_full_flash_saves_nothing_and_says_so() -> None:
    user = User(startup="hostname core1\n", model=Model(flash_bytes=100))
    user.configure("vlan database", "vlan 10 name A", "end")
    assert user.type("write")[0].startswith("%")
    assert user.switch.show_startup() == "hostname core1\n"


def test_the_running_configuration_boots_to_itself() -> None:
    user = User()
    user.switch.store_file("a.scp", SCRIPT)
    user.configure(
        "hostname core1", "vlan database", 'vlan 10 name "staff room"', "vlan 20,30", "vlan 30 state disable",
        "access-list hardware A", "deny tcp 10.1.0.0 0.0.255.255 range 5 9 host 10.0.0.1 ne 80 vlan 10",
        "ipv6 access-list B", "deny ipv6 2001:db8::/32 any", "access-list 3000 permit ip any any",
        "interface port1.0.1-1.0.2", "description up there", "switchport mode trunk",
        "switchport trunk allowed vlan add 10,20", "switchport trunk native vlan none", "access-group A",
        "ipv6 traffic-filter B", "access-group 3000", "interface port1.0.9-1.0.10", "static-channel-group 2",
        "interface port1.0.11", "channel-group 1 mode active", "shutdown", "interface sa2", "switchport access vlan 20",
        "interface vlan10", "ip address 10.0.0.1/24", "ip address 10.0.1.1/24 secondary", "ipv6 address 2001:db8::1/64",
        "ip dhcp-relay server-address 10.9.9.9", "ipv6 forwarding", "ip route 0.0.0.0/0 10.0.0.254",
        "ipv6 route ::/0 2001:db8::2", "trigger 5", "type periodic 7", "script 1 a.scp", "repeat 1", "no active",
        "line vty 0 4", "exec-timeout 5 0", "ntp server 10.0.0.9", "username staff privilege 15 password 8 $1$x", "end",
        "write",
    )  # fmt: skip
    shown = user.switch.show_running()
    user.switch.reboot()
    assert user.switch.rejected == ()
    assert user.switch.show_running() == shown
    for block in (
        'vlan database\n vlan 10 name "staff room"\n vlan 30 state disable\n vlan 10,20 state enable\n',
        (
            "interface port1.0.1-1.0.2\n description up there\n switchport\n switchport mode trunk\n"
            " switchport trunk allowed vlan add 10,20\n switchport trunk native vlan none\n access-group A\n"
            " ipv6 traffic-filter B\n access-group 3000\n"
        ),
        (
            "interface port1.0.9-1.0.10\n switchport\n switchport mode access\n switchport access vlan 20\n"
            " static-channel-group 2\n"
        ),
        "interface port1.0.3-1.0.8\n switchport\n switchport mode access\n",
        "access-list hardware A\n deny tcp 10.1.0.0/16 range 5 9 10.0.0.1/32 ne 80 vlan 10\n",
    ):
        assert block in shown


def armed(kind: str, model: Model | None = None) -> User:
    user = User(model=model or Model())
    user.switch.store_file("a.scp", SCRIPT)
    user.configure("trigger 9", f"type {kind}", "script 1 flash:/a.scp", "repeat 1", "end")
    return user


def test_a_periodic_trigger_runs_its_script_after_its_minutes_as_often_as_it_may() -> None:
    user = armed("periodic 5")
    assert user.switch.next_timer() == user.clock.now + 300
    user.wait(299)
    assert user.switch.hostname == "awplus"
    user.wait(1)
    assert user.switch.hostname == "restored"
    user.configure("hostname again", "end")
    user.wait(3000)
    assert user.switch.hostname == "again", "repeat 1"
    assert user.switch.next_timer() is None


def test_a_time_trigger_runs_at_its_time_of_day_and_follows_the_clock() -> None:
    user = armed("time 00:10")
    user.switch.shift_clock(-300)
    user.wait(600)
    assert user.switch.hostname == "awplus", "the clock was set back by five minutes"
    user.wait(300)
    assert user.switch.hostname == "restored"


@pytest.mark.parametrize("keeps", [False, True])
def test_a_time_that_the_clock_leaps_over_waits_for_the_next_day_unless_the_model_keeps_it(*, keeps: bool) -> None:
    user = armed("time 00:10", Model(keeps_missed_times=keeps))
    user.switch.shift_clock(3600)
    user.wait(1)
    assert (user.switch.hostname == "restored") is keeps
    user.wait(86_400)
    assert user.switch.hostname == "restored"


def test_a_trigger_that_is_removed_inactive_or_in_test_changes_nothing() -> None:
    for lines in (["no trigger 9"], ["trigger 9", "no active"], ["trigger 9", "test"]):
        user = armed("periodic 5")
        user.configure(*lines, "end")
        user.wait(3000)
        assert user.switch.hostname == "awplus", lines


def test_a_script_needs_its_own_enable_unless_the_model_runs_it_privileged() -> None:
    for privileged in (False, True):
        user = armed("periodic 5", Model(trigger_privileged=privileged))
        user.switch.files["a.scp"] = SCRIPT.removeprefix("enable\n")
        user.wait(300)
        assert (user.switch.hostname == "restored") is privileged


@pytest.mark.parametrize("confirms", [False, True])
def test_a_question_within_a_script_is_declined_unless_the_model_confirms_it(*, confirms: bool) -> None:
    user = armed("periodic 5", Model(script_confirms=confirms))
    user.configure("hostname core1", "end")
    user.switch.files["a.scp"] = "enable\nreboot\n"
    user.wait(300)
    assert (user.switch.hostname == "awplus") is confirms


def test_a_trigger_that_was_saved_runs_after_a_reboot_too() -> None:
    user = armed("periodic 5")
    user.type("write")
    user.switch.reboot()
    user.wait(301)
    assert user.switch.hostname == "restored"


def test_triggers_are_shown() -> None:
    user = armed("periodic 5")
    assert user.type("show trigger")[2].split()[:4] == ["009", "Periodic", "(5", "min)"]
    shown = user.type("show trigger 9")
    assert "Active ...................... Yes" in shown
    assert "  1. a.scp" in shown
    assert user.type("show trigger 8")[0].startswith("%")
    assert user.type("show file a.scp") == SCRIPT.splitlines()
    assert any("a.scp" in line for line in user.type("dir"))
    assert user.type("activate a.scp") == []
    assert user.switch.hostname == "restored"
