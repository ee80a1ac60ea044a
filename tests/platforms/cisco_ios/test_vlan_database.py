"""The VLANs of a Catalyst: in its running configuration, beside it, or not told at all."""

from __future__ import annotations

import pytest

from controller.errors import ConfigRefused, DeviceTextRefused
from controller.model.network.device_state import Vlan, build_device_state
from controller.model.network.unmanaged_paths import PathKind
from controller.platforms.base import Command, Observation, refuse_conflicts
from controller.platforms.cisco_ios.vlan_database import join_vlan_database
from controller.platforms.common.whole_text import understand_whole
from controller.platforms.device_text.device_text import DeviceText
from tests.platforms.cisco_ios.texts import IOS, refusal

RUNNING = "version 15.2\nhostname core1\n!\nvtp domain SCHOOL\n!\ninterface Vlan20\n no ip address\n!\nend\n"
BRIEF = """
VLAN Name                             Status    Ports
---- -------------------------------- --------- -------------------------------
1    default                          active    Gi1/0/1, Gi1/0/2, Gi1/0/3,
                                                Gi1/0/4
20   TSN-staff                        active    Gi1/0/9
30   PRINTERS AND SCANNERS            active
1002 fddi-default                     act/unsup
1005 trnet-default                    act/unsup
"""
STATUS = """VTP Version capable             : 1 to 3
VTP version running             : 1
VTP Domain Name                 : SCHOOL
VTP Pruning Mode                : Disabled
Device ID                       : 0c75.bd01.5f80
Configuration last modified by 10.0.0.1 at 3-1-93 00:00:00
Local updater ID is 10.0.0.1 on interface Vl1 (lowest numbered VLAN interface found)

Feature VLAN:
--------------
VTP Operating Mode                : {mode}
Maximum VLANs supported locally   : 1005
Number of existing VLANs          : 7
Configuration Revision            : 4
MD5 digest                        : 0x57 0xCD 0x40 0x65 0x63 0x59 0x47 0xBD
                                    0x56 0x9D 0x4A 0x3E 0xA5 0x69 0x35 0xBC
"""
WANTED = build_device_state([Vlan(20, "TSN-staff")])


def read(running: str, brief: str = BRIEF, mode: str = "Server") -> Observation:
    texts = DeviceText(running), DeviceText(brief), DeviceText(STATUS.format(mode=mode))
    return understand_whole(IOS, join_vlan_database(*texts, "core1"), "core1")


@pytest.mark.parametrize("text", [RUNNING, RUNNING.replace("vtp domain SCHOOL", "vtp mode server")])
def test_a_text_alone_does_not_tell_the_vlans_of_a_server(text: str) -> None:
    seen = IOS.parse(text, "x")
    assert not seen.has_vlans
    (untold,) = (one for one in seen.paths if one.kind is not PathKind.ROUTING_UNTOLD)
    assert untold.kind is PathKind.VLAN_DATABASE
    assert untold.line in {1, 4}


@pytest.mark.parametrize("line", ["vtp mode transparent", "vtp mode off", "vlan 20\n name TSN-staff"])
def test_a_text_that_tells_its_vlans_needs_no_more(line: str) -> None:
    seen = IOS.parse(RUNNING.replace("vtp domain SCHOOL", line), "x")
    assert seen.has_vlans
    assert {one.kind for one in seen.paths} == {PathKind.ROUTING_UNTOLD}


def test_the_three_answers_of_a_device_are_read_together() -> None:
    seen = read(RUNNING)
    assert (seen.state, seen.has_vlans, seen.vlan_client) == (WANTED, True, None)
    assert seen.lines == seen.managed + len(seen.unmanaged)
    with pytest.raises(ConfigRefused, match="conflict: VLAN 30 TSN-print must stand where"):
        refuse_conflicts(seen, build_device_state([Vlan(30, "TSN-print")]), "core1")
    kept = str(join_vlan_database(DeviceText(RUNNING), DeviceText(BRIEF), DeviceText(STATUS.format(mode="Off")), "x"))
    assert understand_whole(IOS, DeviceText(kept), "core1").state == WANTED


def test_a_file_may_hold_the_answers_as_they_were_shown() -> None:
    text = f"core1#show running-config\n{RUNNING}core1#show vlan brief\n{BRIEF}core1#show vtp status\n"
    seen = understand_whole(IOS, DeviceText(text + STATUS.format(mode="Server")), "core1")
    assert (seen.state, seen.has_vlans) == (WANTED, True)


def test_a_client_refuses_a_plan_that_changes_vlans() -> None:
    seen = read(RUNNING, mode="Client")
    assert seen.vlan_client is not None
    refuse_conflicts(seen, WANTED, "core1")
    with pytest.raises(ConfigRefused, match="takes its VLANs from a VTP server, and refuses those that a plan makes"):
        refuse_conflicts(seen, build_device_state([Vlan(20, "TSN-staff"), Vlan(40, "TSN-guest")]), "core1")
    alone = IOS.parse(RUNNING.replace("vtp domain SCHOOL", "vtp mode client"), "x")
    assert not alone.has_vlans


@pytest.mark.parametrize("state", ["suspended", "act/lshut", "sus/lshut"])
def test_a_vlan_of_ours_that_is_out_of_use_is_a_conflict(state: str) -> None:
    with pytest.raises(ConfigRefused, match=f"conflict: VLAN 20 is ours and is {state}"):
        read(RUNNING, BRIEF.replace("TSN-staff                        active", f"TSN-staff   {state}"))


def test_answers_that_disagree_are_refused() -> None:
    both = RUNNING.replace("!\ninterface", "vlan 20\n name TSN-other\n!\ninterface")
    with pytest.raises(ConfigRefused, match="VLAN 20 has another name in the running configuration"):
        read(both)


@pytest.mark.parametrize(
    ("brief", "status", "said"),
    [("% Invalid input", STATUS, "shows no VLAN"), (BRIEF, "% Invalid input", "shows no operating mode")],
)
def test_an_answer_that_says_nothing_is_refused(brief: str, status: str, said: str) -> None:
    with pytest.raises(DeviceTextRefused, match=said):
        join_vlan_database(DeviceText(RUNNING), DeviceText(brief), DeviceText(status), "core1")


def test_one_port_has_one_name_however_it_is_written() -> None:
    text = "interface {}\n description TSN-port\n switchport mode access\n"
    for short in ("Gi1/0/1", "gig 1/0/1", "GIGABITETHERNET1/0/1", "gi1/0/1"):
        assert "stands twice" in refusal(text.format("GigabitEthernet1/0/1") + f"interface {short}\n no shutdown\n")
        assert IOS.parse(text.format(short), "x").state.ports[0].name == "GigabitEthernet1/0/1"
    assert "can be several interfaces" in refusal(text.format("T1/0/1"))


class Asked:
    """A session with a switch that answers what it is asked."""

    device = "core1"

    def __init__(self, running: str) -> None:
        self.answers = {"show running-config": running, "show startup-config": running}
        self.answers |= {"show vlan brief": BRIEF, "show vtp status": STATUS.format(mode="Server")}
        self.asked: list[str] = []

    def run(self, command: Command) -> DeviceText:
        self.asked.append(command.line)
        return DeviceText(self.answers[command.line])


def test_over_ssh_the_vlans_of_a_server_are_asked_and_those_in_the_text_are_not() -> None:
    session = Asked(RUNNING)
    assert understand_whole(IOS, IOS.read(session), "core1").state == WANTED
    assert understand_whole(IOS, IOS.read_saved(session), "core1").state == WANTED
    assert session.asked[:3] == ["show running-config", "show vlan brief", "show vtp status"]
    told = Asked(RUNNING.replace("vtp domain SCHOOL", "vtp mode transparent"))
    assert not understand_whole(IOS, IOS.read(told), "core1").state.vlans
    assert told.asked == ["show running-config"]
