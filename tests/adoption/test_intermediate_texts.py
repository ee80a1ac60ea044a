"""Every text on the way is one that the device would show, is parsed by its platform, and is proved.

The commands are entered into the emulators, which were written from the vendors' documents and not from our code.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pytest

from controller.adoption.effective_filters import build_effective_state
from controller.adoption.proposal import DeviceProposal
from controller.adoption.reading import read_existing_network
from controller.compile.network.wanted_device_state import compile_device
from controller.lab.virtual_switches.forwarding import SampledPacket
from controller.model.city import City
from controller.model.network.device_state import DeviceState
from controller.platforms.registry import load_platform
from controller.prove.filters.transition import TransitionFault, TransitionStage, find_transition_faults
from tests.adoption.conftest import CATALYST, X530, propose, read_saved_text
from tests.platforms.catalyst_device import TypedCatalyst
from tests.platforms.x530_device import TypedX530

VLANS = (10, 11, 20, 21, 30, 40, 90, 98)
NAMES = {10: "STAFF", 11: "KOUMU", 20: "SEITO", 21: "PC", 30: "PRINTER", 40: "GUEST", 90: "KANRI", 98: "X"}
TRUNKS = ("port1.0.1", "port1.0.2", "port1.0.3", "port1.0.24")


def texts_of_catalyst(proposal: DeviceProposal) -> list[str]:
    """The running configuration after each hand-over, as the emulator shows it."""
    switch = TypedCatalyst(read_saved_text(CATALYST))
    return [enter(switch, stage.hand_over.commands) for stage in proposal.stages]


def enter(switch: TypedCatalyst | TypedX530, commands: Iterable[str]) -> str:
    switch.enter(["configure terminal", *commands, "end"])
    return switch.text()


def x530_switch() -> TypedX530:
    """A switch with a list of others on its ports to the floors, and a port with a phone."""
    vlans = "".join(f" vlan {number} name {name}\n" for number, name in NAMES.items())
    ports = "".join(
        f"interface {name}\n description old\n switchport mode trunk\n"
        f" switchport trunk allowed vlan add {','.join(map(str, VLANS))}\n switchport trunk native vlan none\n"
        for name in TRUNKS
    )
    return TypedX530(
        "access-list hardware PUPIL-FILTER\n"
        " deny ip 10.154.16.0/20 10.154.0.0/22\n permit udp any any eq 53\n deny ip any any vlan 40\n"
        f"vlan database\n{vlans}{ports}"
        "interface port1.0.4\n description old\n switchport access vlan 10\n"
        "interface port1.0.1-1.0.3\n access-group PUPIL-FILTER\n"
    )


def find_faults(city: City, proposal: DeviceProposal, old: str, texts: Sequence[str]) -> list[TransitionFault]:
    """What the proof of the way says of these texts, read anew."""
    system = load_platform(proposal.device.platform)
    wanted = compile_device(city, proposal.device, system.capabilities).wanted
    ports = [port.name for port in wanted.ports] if system.name == "allied_telesis_awplus" else [""]

    def effective(text: str, port: str) -> DeviceState:
        network = read_existing_network(system.name, text, proposal.device.id, "text")
        return build_effective_state(network, system.parse(text, "text").state, wanted, system.capabilities, port)

    found: list[TransitionFault] = []
    for port in ports:
        stages = [TransitionStage(str(number), effective(text, port)) for number, text in enumerate(texts, 1)]
        found += find_transition_faults(effective(old, port), stages, system.capabilities)
    return found


def test_every_text_of_the_catalyst_is_what_was_proposed_and_proved(city: City, catalyst: DeviceProposal) -> None:
    texts = texts_of_catalyst(catalyst)
    system = load_platform("cisco_ios")
    assert len(texts) == len(catalyst.stages) == 25
    for shown, stage in zip(texts, catalyst.stages, strict=True):
        assert system.parse(shown, "emulator").state == stage.state, stage.hand_over
    assert find_faults(city, catalyst, read_saved_text(CATALYST), texts) == []
    assert (catalyst.faults, catalyst.unjudged) == ((), ())


def test_every_text_of_the_x530_is_what_was_proposed_and_proved(city: City) -> None:
    switch = x530_switch()
    old = switch.text()
    proposal = propose(city, X530, old)
    system = load_platform("allied_telesis_awplus")
    texts = [enter(switch, stage.hand_over.commands) for stage in proposal.stages]
    assert [stage.hand_over.needs for stage in proposal.stages].count("filter") == 4
    for shown, stage in zip(texts, proposal.stages, strict=True):
        assert system.parse(shown, "emulator").state == stage.state, stage.hand_over
    assert find_faults(city, proposal, old, texts) == []
    assert (proposal.faults, proposal.unjudged) == ((), ())


@pytest.mark.parametrize("vlan", [10, 20, 40])
def test_between_the_commands_of_a_port_nothing_passes_that_neither_end_permits(city: City, vlan: int) -> None:
    """The emulator judges frames after each single command, also within the hand-over of one port."""
    switch = x530_switch()
    proposal = propose(city, X530, switch.text())
    frames = [
        SampledPacket(4, protocol, source, destination, 49152, port, vlan=vlan)
        for protocol in (6, 17)
        for source in (0x0A9A000A, 0x0A9A100A, 0x0A9A0C0A)
        for destination in (0x0A9A0014, 0xCB007103, 0x01000001)
        for port in (53, 443)
    ]
    for stage in proposal.stages:
        names = [stage.hand_over.commands[0].removeprefix("interface ")] if stage.hand_over.kind == "port" else []
        before = {(name, frame): switch.permits(name, frame) for name in names for frame in frames}
        between: list[dict[tuple[str, SampledPacket], bool]] = []
        switch.enter(["configure terminal"])
        for command in stage.hand_over.commands:
            switch.enter([command])
            between.append({key: switch.permits(*key) for key in before})
        switch.enter(["end"])
        for states in between:
            for key, passes in states.items():
                assert passes in {before[key], between[-1][key]}, (stage.hand_over, key)


def test_what_is_given_back_is_what_was_there(catalyst: DeviceProposal) -> None:
    switch = TypedCatalyst(read_saved_text(CATALYST))
    for stage in catalyst.stages:
        enter(switch, stage.hand_over.commands)
    for stage in reversed(catalyst.stages):
        enter(switch, stage.hand_over.give_back)
    assert sorted(lines_of(switch.running())) == sorted(lines_of(TypedCatalyst(read_saved_text(CATALYST)).running()))


def test_the_x530_has_what_was_there_once_it_is_given_back(city: City) -> None:
    switch = x530_switch()
    old = switch.text()
    proposal = propose(city, X530, old)
    for stage in proposal.stages:
        enter(switch, stage.hand_over.commands)
    for stage in reversed(proposal.stages):
        enter(switch, stage.hand_over.give_back)
    assert sorted(lines_of(switch.text())) == sorted(lines_of(old))


def lines_of(text: str) -> list[str]:
    """The lines of each block, so that their order does not count."""
    found, header = [], ""
    for line in text.splitlines():
        header = line if not line.startswith(" ") else header
        found.append(f"{header} |{line}")
    return found


def test_a_text_in_which_a_filter_fell_away_is_found(city: City, catalyst: DeviceProposal) -> None:
    texts = texts_of_catalyst(catalyst)
    opened = texts[0].replace(" ip access-group PUPIL-IN in\n", "")
    assert opened != texts[0]
    faults = find_faults(city, catalyst, read_saved_text(CATALYST), [opened, *texts[1:]])
    assert {(fault.step, fault.flow.vlan, fault.passes) for fault in faults} == {(1, 20, True)}
