"""Logins are rotated on a virtual Catalyst and a virtual x530, whatever goes wrong; both in this process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from controller.errors import CredentialsRejected, DeviceUnreachable, LoginRefused, RotationRefused
from controller.lab.virtual_switches.catalyst import C9300, CatalystSwitch
from controller.lab.virtual_switches.faults import Fault, MatchingFaults
from controller.lab.virtual_switches.terminal import DeviceSite
from controller.lab.virtual_switches.x530.device import X530
from controller.model.city import City
from controller.model.sites.devices import Device
from controller.operations.device_access import CredentialSource, DeviceAccess
from controller.operations.operations import Operations
from controller.platforms.base import Session
from controller.platforms.transport.in_memory_device.clock import ManualClock
from controller.rollout.device_lock import hold_device_lock
from controller.rollout.outcome import End
from controller.rollout.waves import Settings
from controller.rotation.credential_rotation import (
    DueRotation,
    LoginState,
    RotatedDevice,
    Rotation,
    find_due,
    prepare_rotation,
    rotate_login,
)
from controller.telemetry.timeline import Span
from tests.policies import NOON
from tests.rollout.memory_lab import switches
from tests.rollout.virtual_devices import VirtualTransport

pytestmark = pytest.mark.usefixtures("hasty_netmiko")
OLD, NEW = "The-old-one-7", "The-new-one-8"
BOTH = {"net01": LoginState.WORKS, "net02": LoginState.WORKS}
OLD_ONLY = {"net01": LoginState.WORKS, "net02": LoginState.REFUSED}
CATALYST = (
    f"hostname s1\narchive\n path flash:saved\n!\nusername net01 privilege 15 secret 0 {OLD}\n"
    "username boss privilege 15 secret 9 $9$bosshash\nend\n"
)
X530_TEXT = (
    f"hostname s1\nusername net01 privilege 15 password {OLD}\nusername boss privilege 15 password 8 $1$boss\nend\n"
)
PLATFORMS = ("cisco_ios", "allied_telesis_awplus")


@dataclass
class Scene:
    """A switch that knows its users, the operators' file, and all that a listener is told."""

    folder: Path
    device: Device
    clock: ManualClock = field(default_factory=lambda: ManualClock(NOON))
    secrets: dict[str, str] = field(default_factory=lambda: {"OLD": OLD, "NEW": NEW})
    turned: bool = False
    dead: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    unproved: set[str] = field(default_factory=set)
    told: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        def now() -> float:
            return self.clock.now().timestamp()

        catalyst = self.device.platform == "cisco_ios"
        self.switch = CatalystSwitch(C9300, CATALYST, clock=now) if catalyst else X530(X530_TEXT, clock=now)
        self.site = DeviceSite(self.switch)
        self.before = self.users()

    def users(self) -> list[str]:
        return [line for line in self.switch.show_running().split("\n") if line.startswith("username ")]

    def saved_users(self) -> list[str]:
        text = self.switch.show_startup() or ""
        return [line.split()[1] for line in text.split("\n") if line.startswith("username ")]

    def operations(self) -> Operations:
        old, new = ({"user": user, "password": {"env": name}} for user, name in (("net01", "OLD"), ("net02", "NEW")))
        rotation = {**new, "previous": old} if self.turned else {**old, "next": new}
        return Operations.model_validate(
            {"access": {"x": {**rotation, "known-hosts": Path("/none")}}, "state": self.folder}
        )

    def resolve(self, device: str, source: CredentialSource) -> str:
        if source.env not in self.secrets:
            raise LoginRefused(device, f"the environment variable {source.env} is not set")
        return self.secrets[str(source.env)]

    def reach(self, access: DeviceAccess) -> Any:  # noqa: ANN401 a transport
        return UserTransport(self, access)

    def prepare(self, *, accept: bool = True) -> tuple[Rotation, DueRotation]:
        rotation = prepare_rotation(self.device, self.operations(), self.resolve, self.reach, accept_no_restore=accept)
        return rotation, find_due(rotation)

    def rotate(self, *, accept: bool = True) -> RotatedDevice:
        return self.carry_out(*self.prepare(accept=accept))

    def carry_out(self, rotation: Rotation, due: DueRotation) -> RotatedDevice:
        settings = Settings(120, self.folder, self.reach(rotation.access), self.clock)
        return rotate_login(rotation, due, settings, [self])

    def type_lines(self, *lines: str) -> None:
        """Let somebody else configure something."""
        session = self.switch.open_command_line("somebody")
        for line in ("enable", "configure terminal", *lines, "end"):
            session.enter(line)

    def is_done(self) -> bool:
        return self.prepare()[1].is_done

    def started(self, span: Span) -> None:
        self.told.append(repr((span.name, span.attributes)))

    def ended(self, span: Span) -> None:
        self.told.append(repr((span.name, span.attributes, span.outcome, span.error)))


class UserTransport(VirtualTransport):
    """Lets in whom the switch knows by its own configuration."""

    def __init__(self, scene: Scene, access: DeviceAccess) -> None:
        super().__init__({scene.device.id: scene.site}, user=access.user)
        self._scene, self._access = scene, access

    @contextmanager
    def open_session(self, device: Device, device_type: str, *, changing: bool = False) -> Iterator[Session]:
        scene, user = self._scene, self._access.user
        if user in scene.dead:
            raise DeviceUnreachable(device.id, "no answer")
        assert self._access.password is not None
        known = scene.switch.accepts_login(user, scene.resolve(device.id, self._access.password))
        if user in scene.unproved:
            raise LoginRefused(device.id, "privileged mode was not reached")
        if user in scene.refused or not known:
            raise CredentialsRejected(device.id, f"the login as {user!r} was refused")
        with super().open_session(device, device_type, changing=changing) as session:
            yield session


@pytest.fixture(scope="module")
def model(city: City) -> Device:
    """Any device of the city, as the model of one that is drawn."""
    return switches(city, city.virtual_estate.schools[:1])[0]


@pytest.fixture(params=PLATFORMS)
def scene(request: pytest.FixtureRequest, model: Device, tmp_path: Path) -> Iterator[Scene]:
    found = Scene(tmp_path, replace(model, platform=request.param, access="x"))
    yield found
    # Whatever came of it: no secret is told, or kept in what was saved before the change.
    kept = [path.read_text(encoding="utf-8") for path in tmp_path.rglob("*") if path.is_file()]
    assert not [text for text in (*found.told, *kept) if OLD in text or NEW in text or "virtual" in text]


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
            "keys are not rotated",
        ),
    ],
)
def test_what_the_file_may_not_say(rotation: dict[str, Any], why: str) -> None:
    given = {"user": "net01", "password": {"env": "A"}, "known-hosts": Path("/none"), **rotation}
    with pytest.raises(ValidationError, match=why):
        DeviceAccess.model_validate(given)
