"""Logins are rotated on a virtual Catalyst and a virtual x530, whatever goes wrong; both in this process."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from controller.errors import LoginRefused, RotationRefused
from controller.lab.virtual_switches.faults import Fault, MatchingFaults
from controller.lab.virtual_switches.x530.device import X530
from controller.model.sites.devices import Device
from controller.operations.device_access import DeviceAccess
from controller.rollout.device_lock import hold_device_lock
from controller.rollout.outcome import End
from controller.rotation.credential_rotation import LoginState
from tests.rotation.rotation_scene import NEW, OLD, Scene

pytestmark = pytest.mark.usefixtures("hasty_netmiko")
BOTH = {"net01": LoginState.WORKS, "net02": LoginState.WORKS}
OLD_ONLY = {"net01": LoginState.WORKS, "net02": LoginState.REFUSED}


def test_the_new_login_is_set_and_proved_and_then_the_old_one_goes(scene: Scene) -> None:
    done = scene.rotate()
    assert (done.outcome.end, done.outcome.reason, done.logins) == (End.APPLIED, "", BOTH)
    assert scene.users()[:2] == scene.before
    assert scene.saved_users() == ["net01", "boss", "net02"]
    assert "privilege 15" in scene.users()[2]
    assert any("username net02 privilege 15" in one for one in scene.told)
    assert scene.is_done()
    scene.turned = True
    done = scene.rotate()
    assert (done.outcome.end, done.outcome.reason) == (End.APPLIED, "")
    assert done.logins == {"net01": LoginState.REFUSED, "net02": LoginState.WORKS}
    assert scene.saved_users() == ["boss", "net02"]
    assert scene.is_done()


def test_a_new_login_that_is_not_let_in_is_taken_back(scene: Scene) -> None:
    scene.refused = {"net02"}
    done = scene.rotate()
    assert done.outcome.end is End.REVERTED
    assert "the login as 'net02' was refused" in done.outcome.reason
    assert (scene.users(), scene.saved_users()) == (scene.before, ["net01", "boss"])
    assert done.logins == OLD_ONLY


def test_an_old_login_that_somebody_else_lets_in_is_put_back(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.rotate()
    scene.turned, before = True, scene.users()
    monkeypatch.setattr(type(scene.switch), "accepts_login", lambda *_: True)
    done = scene.rotate()
    assert done.outcome.end is End.REVERTED
    assert "the login net01 still works" in done.outcome.reason
    assert sorted(scene.users()) == sorted(before)
    assert sorted(scene.saved_users()) == ["boss", "net01", "net02"]
    assert done.logins == BOTH


def test_a_refused_line_leaves_all_as_it_was(scene: Scene) -> None:
    scene.site.faults = MatchingFaults("username net02", Fault(refused=("% Invalid input detected",)))
    done = scene.rotate()
    assert done.outcome.end is End.REVERTED
    assert scene.users() == scene.before
    assert done.logins == OLD_ONLY


def test_what_somebody_else_does_to_users_meanwhile_stops_the_rotation(scene: Scene) -> None:
    def meddle() -> None:
        scene.type_lines("username intruder privilege 15 password Wh0-is-that")

    prepared = scene.prepare()
    meddle()
    done = scene.carry_out(*prepared)
    assert (done.outcome.end, "stale: its users were changed" in done.outcome.reason) == (End.FAILED, True)
    scene.type_lines("username intruder privilege 1 password Wh0-is-that")
    scene.site.faults = MatchingFaults("username net02", Fault(happens=meddle))
    done = scene.rotate()
    assert done.outcome.end is End.REVERTED
    assert "other users than net02 are not as they were" in done.outcome.reason
    assert not [line for line in scene.users() if "net02" in line]
    assert done.logins == OLD_ONLY


@pytest.mark.parametrize("removes", [False, True])
@pytest.mark.parametrize("why", ["stale: its users were changed", "another change runs on this machine"])
def test_a_run_that_does_not_begin_leaves_what_another_one_did(scene: Scene, why: str, *, removes: bool) -> None:
    if removes:
        scene.rotate()
        scene.turned = True
    late = scene.prepare()
    assert scene.rotate().outcome.end is End.APPLIED
    users, saved = scene.users(), scene.saved_users()
    busy = nullcontext() if "stale" in why else hold_device_lock(scene.folder / "locks", scene.device.id)
    with busy:
        done = scene.carry_out(*late)
    assert (done.outcome.end, why in done.outcome.reason) == (End.FAILED, True), done.outcome
    assert (scene.users(), scene.saved_users()) == (users, saved)
    assert done.logins == {"net01": LoginState.REFUSED if removes else LoginState.WORKS, "net02": LoginState.WORKS}


def test_only_the_answer_of_the_device_proves_that_the_old_login_is_gone(scene: Scene) -> None:
    scene.rotate()
    scene.turned, before = True, scene.users()
    scene.unproved = {"net01"}
    done = scene.rotate()
    assert done.outcome.end is End.REVERTED
    assert "privileged mode was not reached" in done.outcome.reason
    assert sorted(scene.users()) == sorted(before)
    assert done.logins == {"net01": LoginState.NOT_KNOWN, "net02": LoginState.WORKS}
    scene.type_lines("no username net01", "")
    assert not scene.is_done()


@pytest.mark.parametrize("weak", ["cisco", "what-is-longer-than-any-that-is-typed-from-here"])
def test_a_password_that_nobody_would_set_is_taken_away(scene: Scene, weak: str) -> None:
    scene.rotate()
    word = "secret" if scene.device.platform == "cisco_ios" else "password"
    scene.type_lines(f"username net01 privilege 15 {word} {weak}")
    scene.turned, scene.secrets["OLD"] = True, weak
    done = scene.rotate()
    assert (done.outcome.end, done.outcome.reason) == (End.APPLIED, "")
    assert done.logins["net01"] is LoginState.REFUSED
    assert scene.saved_users() == ["boss", "net02"]


def test_a_line_that_is_cut_behind_the_new_user_never_loses_the_old_one(scene: Scene) -> None:
    def cut() -> None:
        scene.dead = {"net01", "net02"}

    scene.site.faults = MatchingFaults("username net02", Fault(dropped="after", happens=cut))
    done = scene.rotate()
    assert done.outcome.end is End.UNKNOWN
    assert done.logins == dict.fromkeys(BOTH, LoginState.NOT_KNOWN)
    assert scene.users()[:2] == scene.before
    assert scene.saved_users() == ["net01", "boss"]
    scene.dead = set()
    scene.switch.run_timers()
    # The same command goes on, from whatever the cut has left.
    again = scene.rotate()
    assert (again.outcome.end, again.logins) == (End.APPLIED, BOTH)
    assert scene.is_done()


def test_a_full_flash_is_no_success(scene: Scene) -> None:
    if isinstance(scene.switch, X530):
        scene.site.faults = MatchingFaults("copy running-config", Fault(refused=("% Failed to write the file",)))
    else:
        scene.site.faults = MatchingFaults("write memory", Fault(refused=("%Error writing nvram",)))
    done = scene.rotate()
    assert not done.outcome.end.good
    assert done.logins["net01"] is LoginState.WORKS
    assert scene.saved_users() == ["net01", "boss"]


def test_what_cannot_be_rotated_is_refused_by_name(scene: Scene) -> None:
    scene.secrets["NEW"] = "short"
    with pytest.raises(RotationRefused, match="the password of net02 is not typed: it needs 8 to 2"):
        scene.rotate()
    scene.secrets["NEW"] = OLD
    with pytest.raises(RotationRefused, match="the same as that of net01"):
        scene.rotate()
    del scene.secrets["NEW"]
    with pytest.raises(LoginRefused, match="NEW is not set"):
        scene.rotate()
    scene.secrets["NEW"] = NEW
    scene.type_lines("username net02 privilege 1 password Another-one-9")
    with pytest.raises(RotationRefused, match="a user net02 is there already, and its password is another one"):
        scene.rotate()
    scene.device = replace(scene.device, platform="ovs")
    with pytest.raises(RotationRefused, match="logins of the platform 'ovs' are not rotated from here"):
        scene.rotate()


def test_where_nothing_restores_a_device_somebody_accepts_that(model: Device, tmp_path: Path) -> None:
    scene = Scene(tmp_path, replace(model, platform="allied_telesis_awplus", access="x"))
    with pytest.raises(RotationRefused, match="--accept-no-restore"):
        scene.rotate(accept=False)
    assert scene.users() == scene.before


@pytest.mark.parametrize(
    ("rotation", "why"),
    [
        ({"next": {"user": "net01", "password": {"env": "B"}}}, "need another user than net01"),
        ({"next": {"user": "net02", "password": {"env": "A"}}}, "need another source"),
        (
            {
                "next": {"user": "net02", "password": {"env": "B"}},
                "previous": {"user": "net00", "password": {"env": "C"}},
            },
            "two steps of a rotation",
        ),
        (
            {"password": None, "key": {"env": "K"}, "next": {"user": "n", "password": {"env": "B"}}},
            "keys are rotated by next-key and previous-key",
        ),
    ],
)
def test_what_the_file_may_not_say(rotation: dict[str, Any], why: str) -> None:
    given = {"user": "net01", "password": {"env": "A"}, "known-hosts": Path("/none"), **rotation}
    with pytest.raises(ValidationError, match=why):
        DeviceAccess.model_validate(given)
