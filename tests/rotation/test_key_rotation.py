"""The key of a Linux device is rotated in two steps; whatever goes wrong, one key works, and which one is said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from controller.errors import DeviceError, RotationRefused
from controller.model.sites.devices import Device
from controller.operations.device_access import DeviceAccess
from controller.platforms.transport.in_memory_device.faults import FaultScript, kinds_at, make_fault
from controller.rollout.outcome import End
from controller.rotation.credential_rotation import LoginState
from controller.rotation.key_rotation import find_due_key
from tests.rotation.key_scene import KEYS, KeyScene, write_line

OLD, NEW = {"OLD"}, {"NEW"}


@pytest.fixture
def scene(model: Device, tmp_path: Path) -> KeyScene:
    return KeyScene(tmp_path, replace(model, platform="ovs"))


def test_a_device_lets_a_new_key_in_and_then_no_old_one(scene: KeyScene) -> None:
    done = scene.rotate()
    assert (done.outcome.end, done.outcome.reason) == (End.APPLIED, "")
    assert set(done.logins.values()) == {LoginState.WORKS}
    assert scene.list_keys() == OLD | NEW
    assert scene.prepare()[1].is_done
    scene.turned = True
    done = scene.rotate()
    assert done.outcome.end is End.APPLIED, done.outcome
    assert [*done.logins.values()] == [LoginState.WORKS, LoginState.REFUSED]
    assert all(name.startswith("key SHA256:") for name in done.logins)
    assert scene.list_keys() == NEW
    assert scene.prepare()[1].is_done
    assert not scene.memory.restore_armed


def test_what_was_proved_is_not_asked_for_once_more(scene: KeyScene) -> None:
    assert scene.rotate().outcome.end is End.APPLIED
    assert scene.logins.count("NEW") == 2, "before it is confirmed, and once it has ended"
    scene.turned = True
    scene.logins.clear()
    assert scene.rotate().outcome.end is End.APPLIED
    assert scene.logins.count("OLD") == 2


def test_a_key_that_does_not_get_in_is_put_back_by_the_device(scene: KeyScene) -> None:
    scene.shut_out = NEW
    done = scene.rotate()
    assert done.outcome.end is End.REVERTED, done.outcome
    assert [*done.logins.values()] == [LoginState.WORKS, LoginState.REFUSED]
    assert scene.list_keys() == OLD


def test_an_old_key_that_another_file_lets_in_is_put_back_and_told(scene: KeyScene) -> None:
    scene.rotate()
    scene.turned, scene.let_in = True, OLD
    done = scene.rotate()
    assert done.outcome.end is End.REVERTED, done.outcome
    assert "another file of keys holds it" in done.outcome.reason
    assert scene.list_keys() == OLD | NEW


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("verb", ["lock", "read", "arm", "push", "cancel", "save", "open"])
def test_whatever_goes_wrong_one_key_works_and_the_end_is_true(scene: KeyScene, verb: str, *, turned: bool) -> None:
    """Each kind of fault at each of the first commands of a verb."""
    if turned:
        scene.rotate()
        scene.turned = True
    before, wanted = scene.list_keys(), NEW if turned else OLD | NEW
    for kind in kinds_at(verb):
        for number in range(3):
            scene.memory.draw_fault = FaultScript({(verb, number): make_fault(kind, verb, 20.0)})
            try:
                done = scene.rotate()
            except DeviceError:
                done = None
            scene.memory.draw_fault = FaultScript({})
            found = scene.list_keys()
            told = f"{kind} at {verb} {number}: {done and done.outcome}, {found}"
            assert found in (before, wanted), told
            assert ("NEW" if turned else "OLD") in found, told
            if done is not None and done.outcome.end.good:
                assert found == wanted, told
            elif done is not None and done.outcome.end is not End.UNKNOWN and "not saved" not in done.outcome.reason:
                scene.clock.sleep(200)
                assert scene.list_keys() == before, told
            scene.clock.sleep(4_000)
            scene.memory.repair_all()
            scene.memory.switch.keys = {write_line(name) for name in before}


def test_what_cannot_be_rotated_is_refused_by_name(scene: KeyScene, monkeypatch: pytest.MonkeyPatch) -> None:
    rotation, _ = scene.prepare()
    scene.memory.switch.keys = {write_line("NEW")}
    scene.let_in = OLD
    with pytest.raises(RotationRefused, match=r"key SHA256:\S+, which it lets in now, is not in the file"):
        find_due_key(rotation)
    monkeypatch.setitem(KEYS, "NEW", KEYS["OLD"])
    with pytest.raises(RotationRefused, match="of the access itself; make another one"):
        scene.prepare()
    scene.device = replace(scene.device, platform="cisco_ios")
    with pytest.raises(RotationRefused, match="keys of the platform 'cisco_ios' are not rotated from here"):
        scene.prepare()


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"next-key": {"env": "B"}, "previous-key": {"env": "C"}}, "two steps of a rotation"),
        ({"next-key": {"env": "A"}}, "need another source"),
        ({"read-key": {"env": "R"}, "previous-key": {"env": "R"}}, "need another source"),
        ({"key": None, "password": {"env": "A"}, "next-key": {"env": "B"}}, "for an access with a key"),
    ],
)
def test_the_operators_file_says_one_step_and_another_key(values: dict[str, Any], why: str) -> None:
    access = {"user": "net", "key": {"env": "A"}, "known-hosts": "/none", **values}
    with pytest.raises(ValidationError, match=why):
        DeviceAccess.model_validate(access)
