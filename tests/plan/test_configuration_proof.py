"""The proof of a saved configuration: what is right needs no step, what is wrong is named, what fails is a refusal."""

from __future__ import annotations

import pytest

from controller.compile.network.wanted_device_state import compile_device
from controller.errors import TsunaguError
from controller.model.city import City
from controller.model.sites.devices import Device
from controller.plan.observe import NotSupported, Observed
from controller.plan.proof.configuration_proof import prove_configuration
from controller.platforms.registry import load_platform

SYSTEM = load_platform("cisco_ios")


def wanted(city: City, device: Device) -> str:
    return SYSTEM.render(compile_device(city, device, SYSTEM.capabilities).wanted)


def seen(device: Device, text: str) -> Observed:
    return Observed(device, "core1.cfg", SYSTEM.parse(text, "core1.cfg"))


def test_what_is_as_the_policy_wants_it_has_no_state_on_the_way(city: City, device: Device) -> None:
    proof = prove_configuration(city, seen(device, wanted(city, device)))
    assert (proof.refusal, proof.differences, proof.step_differences) == (None, (), ())
    assert (proof.filters, proof.states) == (32, 0)
    assert proof.parsed is not None
    assert proof.parsed.device is device


def test_the_states_between_are_one_fewer_than_the_steps_of_the_plan(city: City, device: Device) -> None:
    one = seen(device, "hostname new\n")
    assert one.observation is not None
    steps = SYSTEM.plan_steps(one.observation.state, compile_device(city, device, SYSTEM.capabilities).wanted)
    proof = prove_configuration(city, one)
    assert proof.states == len(steps) - 1 > 1
    assert len(proof.differences) > 32
    assert proof.step_differences == ()


def test_what_could_not_be_read_or_compiled_is_a_refusal(
    city: City, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    unread = Observed(device, refusal=NotSupported(device, "is not built yet"))
    assert prove_configuration(city, unread).refusal is unread.refusal

    def too_large(*_: object) -> None:
        message = f"{device.id}: filter TSN needs 2000 entries"
        raise TsunaguError(message)

    monkeypatch.setattr("controller.plan.proof.configuration_proof.compile_device", too_large)
    proof = prove_configuration(city, seen(device, "hostname new\n"))
    assert (proof.device, str(proof.refusal)) == (device, f"{device.id}: filter TSN needs 2000 entries")
    assert proof.parsed is None
