"""The virtual Catalyst's words, prompts, modes and refusals, against the vendor's documents."""

from __future__ import annotations

import pytest

from controller.lab.virtual_switches.catalyst import C3560, Login
from controller.lab.virtual_switches.command_line import CONTROL_C, CONTROL_Z
from tests.lab.virtual_switches.catalyst.scene import Scene

INVALID = "% Invalid input detected at '^' marker."
UNMODELLED = "% Not modelled by the virtual switch: "


def test_prompts_follow_the_modes_and_configuration_cuts_the_hostname() -> None:
    scene = Scene("hostname a-very-long-hostname-of-a-switch\n")
    seen = []
    lines = ["configure terminal", "interface gi1/0/1", "interface range gi1/0/1 - 2", "vlan 20", "line vty 0 4"]
    lines += ["ip access-list extended X", "ip access-list standard Y", "ipv6 access-list Z", "archive", "exit", "exit"]
    for line in lines:
        scene.enter(line)
        seen.append(scene.session.prompt)
    cut = "a-very-long-hostname"
    assert seen == [
        *(f"{cut}(config)#", f"{cut}(config-if)#", f"{cut}(config-if-range)#", f"{cut}(config-vlan)#"),
        *(f"{cut}(config-line)#", f"{cut}(config-ext-nacl)#", f"{cut}(config-std-nacl)#", f"{cut}(config-ipv6-acl)#"),
        *(f"{cut}(config-archive)#", f"{cut}(config)#", "a-very-long-hostname-of-a-switch#"),
    ]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("switchport axess vlan 20", f"{' ' * (18 + 11)}^\n{INVALID}\n"),
        ("switchport access vlan 4095", f"{' ' * (18 + 23)}^\n{INVALID}\n"),
        ("frobnicate", f"{' ' * 18}^\n{INVALID}\n"),
        ("switchport access vlan", "% Incomplete command.\n"),
        ("s", '% Ambiguous command:  "s"'),
        ("ip address 10.0.0.1 255.255.255.0", f"{' ' * (18 + 3)}^\n{INVALID}\n"),
        ("service-policy input X", f"{UNMODELLED}service-policy input X"),
        ("switchport port-security", f"{UNMODELLED}switchport port-security"),
        ("authentication port-control auto", f"{UNMODELLED}authentication port-control auto"),
        ("router bgp 65000", f"{UNMODELLED}router bgp 65000"),
        ("vlan filter M vlan-list 20", f"{UNMODELLED}vlan filter M vlan-list 20"),
        ("channel-group 1 mode active", f"{UNMODELLED}channel-group 1 mode active: it needs a partner on the wire"),
        ("ip access-group X out", f"{UNMODELLED}ip access-group X out on GigabitEthernet1/0/1"),
        ("switchport nonegotiate", "Command rejected: Conflict between 'nonegotiate' and 'dynamic' status."),
    ],
)
def test_a_line_that_the_switch_does_not_take_changes_nothing(line: str, said: str) -> None:
    scene = Scene()
    scene.enter("configure terminal", "interface gi1/0/1")
    before = scene.running
    assert scene.enter(line) == said
    assert scene.running == before


def test_words_are_taken_by_their_unique_prefix_in_any_case() -> None:
    scene = Scene()
    assert scene.configure("vl 20", "NA staff", "int Gi 1/0/3", "SW mo acc", "sw acc vl 20", "desc PC  room") == ""
    assert scene.block("interface GigabitEthernet1/0/3") == [
        *("description PC  room", "switchport access vlan 20", "switchport mode access"),
    ]
    assert "staff" in scene.enter("sh vl br")
    assert scene.enter("sh running-config all").startswith(UNMODELLED)
    assert scene.enter("show running-config | include vlan").startswith(UNMODELLED)


def test_do_end_and_control_keys() -> None:
    scene = Scene()
    scene.enter("configure terminal", "interface gi1/0/1")
    assert "Version 17.9" in scene.enter("do show version")
    assert scene.enter("do shw version") == f"{' ' * (18 + 3)}^\n{INVALID}\n"
    for key in (CONTROL_Z, CONTROL_C, "end"):
        scene.enter(key)
        assert scene.session.prompt == "Switch#"
        scene.enter("configure terminal", "vlan 30")
    scene.enter("exit", "exit")
    assert scene.session.prompt == "Switch#"


def test_without_privileges_little_is_allowed_and_enable_asks_three_times() -> None:
    scene = Scene(login=Login(1, "s3cret"))
    assert scene.session.prompt == "Switch>"
    assert INVALID in scene.enter("configure terminal")
    assert INVALID in scene.enter("show running-config")
    assert scene.enter("enable", "wrong", "wrong", "wrong") == "Password: \nPassword: \nPassword: \n% Bad secrets\n"
    assert scene.enter("enable", "wrong", "s3cret") == "Password: \nPassword: "
    assert scene.session.prompt == "Switch#"
    assert Scene(login=Login(1)).enter("enable") == "% No password set"
    own = Scene("enable secret other\nusername admin privilege 15 secret 9 x\nusername guest privilege 1\n")
    assert own.session.privileged
    guest = own.device.open_command_line("guest")
    assert guest.enter("enable").question is not None
    guest.enter("other")
    assert guest.privileged
    assert "other" not in own.device.show_running().replace("virtual", "")


def test_questions_take_a_line_or_a_key() -> None:
    scene = Scene("username a secret 9 x\n")
    scene.enter("configure terminal")
    assert scene.enter("no username a").endswith("Do you want to continue? [confirm]")
    scene.enter("n")
    assert "username a secret 9 x" in scene.running
    scene.enter("no username a", "")
    assert "username a secret 9 x" not in scene.running
    scene.enter("end")
    asked = scene.enter("copy running-config startup-config")
    assert asked == "Destination filename [startup-config]? "
    assert scene.enter("") == "Building configuration...\n[OK]"
    assert scene.enter("configure").startswith("Configuring from terminal")


def test_banners_are_taken_line_by_line_and_shown_at_login() -> None:
    scene = Scene()
    scene.enter("configure terminal")
    assert scene.enter("banner motd #first").startswith("Enter TEXT message.  End with the character '#'.")
    scene.enter("vlan 20", "last#")
    scene.enter("end")
    assert scene.running[-6:-1] == ["banner motd ^Cfirst", "vlan 20", "last^C", "!", "!"]
    assert 20 not in scene.device.database.vlans
    again = Scene(scene.device.show_running())
    assert again.running == scene.running


def test_sessions_lock_configuration_where_it_is_exclusive() -> None:
    scene = Scene("configuration mode exclusive manual\n")
    other = scene.device.open_command_line("nakamura")
    assert scene.enter("configure terminal lock").startswith("Enter configuration commands")
    said = other.enter("configure terminal").lines[0]
    assert said.startswith("Configuration mode locked exclusively by user 'admin' process '")
    assert said.endswith("Please try later.")
    scene.session.hang_up()
    assert other.enter("configure terminal").lines[0].startswith("Enter")
    assert Scene().enter("configure terminal lock").startswith(UNMODELLED)


def test_log_lines_come_to_those_that_ask_for_them() -> None:
    scene = Scene()
    heard: list[str] = []

    class Events:
        def show_line(self, line: str) -> None:
            heard.append(line)

        def close(self) -> None:
            heard.append("closed")

    other = scene.device.open_command_line("nakamura")
    other.attach(Events())
    scene.configure("vlan 20")
    assert not heard
    other.enter("terminal monitor")
    scene.configure("vlan 30")
    assert heard[0].endswith("%SYS-5-CONFIG_I: Configured from console by admin on vty0")
    scene.device.reboot()
    assert heard[-1] == "closed"
    assert scene.session.enter("show clock").closed


def test_a_model_with_isl_needs_its_encapsulation_first() -> None:
    scene = Scene(model=C3560)
    port = "interface GigabitEthernet0/1"
    assert "trunk encapsulation is" in scene.configure(port, "switchport mode trunk")
    assert scene.configure(port, "switchport trunk encapsulation dot1q", "switchport mode trunk") == ""
    assert scene.block(port) == ["switchport trunk encapsulation dot1q", "switchport mode trunk"]
    assert scene.configure(port, "no switchport trunk encapsulation").startswith(UNMODELLED)
    assert INVALID in Scene().configure("interface gi1/0/1", "switchport trunk encapsulation dot1q")
