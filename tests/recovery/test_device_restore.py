"""A dead Catalyst is back from its last state: ours, what others had, and the secrets that the backup took out."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import pytest

from controller.errors import PlanNotApproved, RestoreRefused
from controller.lab.virtual_switches.faults import Fault, MatchingFaults
from controller.model.network.device_state import DeviceState, build_device_state
from controller.plan import backup
from controller.plan.provenance.approved_devices import record_approved
from controller.platforms.device_text.device_text import DeviceText
from controller.platforms.registry import load_platform
from controller.recovery.device_backup import find_device_backup
from controller.rollout.change_backups import KEPT, keep_before_change, list_kept_backups
from controller.rollout.outcome import End
from controller.storage.whole_file import write_whole
from controller.telemetry.timeline import Span
from tests.policies import NOON
from tests.recovery.restore_scene import NAME, OTHERS, SECRETS, WHERE, RestoreScene
from tests.security.plan_scene import make_operations, read_public

pytestmark = pytest.mark.usefixtures("hasty_netmiko")
SECRET_WORDS = ("S3cretRO", "$9$abcdefgh")


@pytest.fixture(scope="module")
def last_state(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The backup of a switch that has died since, and what it ran."""
    scene = RestoreScene(tmp_path_factory.mktemp("living"))
    scene.live()
    return scene.folder / "backup", scene.dump


@pytest.fixture
def make_scene(tmp_path: Path, last_state: tuple[Path, str]) -> Callable[..., RestoreScene]:
    """Return what makes the scene of a dead switch, with an empty one in its place."""

    def make(edit: Callable[[str], str] = lambda text: text, **values: object) -> RestoreScene:
        scene = RestoreScene(tmp_path, **values)  # type: ignore[arg-type] # fields of the scene
        shutil.copytree(last_state[0], tmp_path / "backup")
        path = tmp_path / "backup" / f"{NAME}.cfg"
        path.write_text(edit(path.read_text(encoding="utf-8")), encoding="utf-8")
        scene.reseal()
        scene.dump = last_state[1]
        scene.replace("")
        return scene

    return make


@dataclass
class Recorder:
    """Keeps whatever a listener is told."""

    told: list[str] = field(default_factory=list)

    def started(self, span: Span) -> None:
        self.told.append(repr((span.name, span.attributes)))

    def ended(self, span: Span) -> None:
        self.told.append(repr((span.name, span.attributes, span.outcome, span.error)))


def test_a_dead_switch_is_back_by_one_command(make_scene: Callable[..., RestoreScene]) -> None:
    scene, recorder = make_scene(), Recorder()
    empty = scene.switch.show_running()
    done = scene.restore(scene.prepare(), recorder)
    assert (done.outcome.end, done.outcome.reason) == (End.APPLIED, "")
    assert scene.switch.show_running() == scene.dump != empty
    assert "snmp-server community S3cretRO RO" in (scene.switch.show_startup() or "")
    assert any("put back what others had" in one for one in recorder.told)
    assert any("snmp-server community <redacted>" in one for one in recorder.told)
    assert not [one for one in recorder.told for secret in SECRET_WORDS if secret in one]
    again = scene.restore(scene.prepare())
    assert again.outcome.end is End.UNCHANGED


def test_a_secret_that_is_not_found_stops_before_the_first_command(make_scene: Callable[..., RestoreScene]) -> None:
    scene = make_scene()
    sessions = len(scene.switch.sessions)
    for gone in SECRETS:
        scene.secrets = {name: value for name, value in SECRETS.items() if name != gone}
        with pytest.raises(RestoreRefused, match=rf"{NAME}\.cfg:\d+: .*{gone}, which holds its credential, is not set"):
            scene.prepare()
    assert len(scene.switch.sessions) == sessions


def test_every_missing_reference_is_named_at_once_and_no_secret_is(make_scene: Callable[..., RestoreScene]) -> None:
    with pytest.raises(RestoreRefused) as refused:
        make_scene(where=()).prepare()
    said = str(refused.value)
    assert all(str(one["line"]) in said for one in WHERE)
    assert not [secret for secret in SECRET_WORDS if secret in said]


def test_what_does_not_fit_where_a_secret_was_is_refused(make_scene: Callable[..., RestoreScene]) -> None:
    scene = make_scene()
    for value in ("", " ", "a\nb", "S3cret\x1b[2J", "S3cret\r", "x" * 500, "S3cret RO\nreload"):
        scene.secrets = {**SECRETS, "COMMUNITY": value}
        with pytest.raises(RestoreRefused) as refused:
            scene.prepare()
        assert "snmp-server community <redacted>" in str(refused.value)
        assert "S3cret" not in str(refused.value)


def test_another_name_or_a_switch_that_is_not_new_is_refused(make_scene: Callable[..., RestoreScene]) -> None:
    scene = make_scene()
    source = scene.prepare()
    scene.replace("", "Switch")
    with pytest.raises(RestoreRefused, match="give it that name by its console first"):
        scene.restore(source)
    wanted = load_platform("cisco_ios").parse(scene.dump, NAME).state
    scene.replace(load_platform("cisco_ios").render(build_device_state(wanted.vlans[:1])).replace("end\n", ""))
    before = scene.switch.show_running()
    with pytest.raises(RestoreRefused, match="it is no new device"):
        scene.restore(source)
    assert scene.switch.show_running() == before


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("snmp-server community", Fault(refused=("        ^", "% Invalid input detected at '^' marker.", ""))),
        ("ip access-group", Fault(dropped="after")),
    ],
)
def test_a_rejected_line_and_a_broken_session_leave_the_new_switch_as_it_was(
    make_scene: Callable[..., RestoreScene], line: str, fault: Fault
) -> None:
    scene, recorder = make_scene(), Recorder()
    source = scene.prepare()
    scene.site.faults = MatchingFaults(line, fault)
    done = scene.restore(source, recorder)
    assert done.outcome.end is End.REVERTED, done.outcome
    assert scene.running() == DeviceState()
    # What a replacement takes back is the device's own: the virtual Catalyst keeps a user.
    assert not [line for line in OTHERS if line.startswith(("snmp", "ntp")) and line in scene.switch.show_running()]
    assert not [one for one in (*recorder.told, done.outcome.reason) for word in SECRET_WORDS if word in one]


def test_a_line_that_the_device_swallowed_is_found_when_it_is_read_back(
    make_scene: Callable[..., RestoreScene],
) -> None:
    scene = make_scene()
    source = scene.prepare()

    def forget() -> None:
        session = scene.switch.open_command_line("somebody")
        for typed in ("configure terminal", "no ntp server 10.0.0.9", "end"):
            session.enter(typed)

    scene.site.faults = MatchingFaults("show running-config", Fault(happens=forget), nth=4)
    done = scene.restore(source)
    assert done.outcome.end in (End.REVERTED, End.UNKNOWN)
    assert "ntp server" in done.outcome.reason


def test_a_banner_is_refused_by_name_unless_the_operators_leave_it_out(
    make_scene: Callable[..., RestoreScene],
) -> None:
    def with_banner(text: str) -> str:
        return text.replace("ntp server", "banner motd ^C<redacted>^C\nntp server")

    with pytest.raises(RestoreRefused, match=r"banner motd .*<redacted>"):
        make_scene(with_banner).prepare()


def test_what_the_operators_leave_out_is_told_and_the_rest_comes_back(make_scene: Callable[..., RestoreScene]) -> None:
    left = ("snmp-server community <redacted>", "interface GigabitEthernet1/0/20")
    scene = make_scene(leave_out=left)
    done = scene.restore(scene.prepare())
    assert done.outcome.end is End.APPLIED
    under = (" switchport mode access", " shutdown")
    assert sorted(one.line.text for one in done.source.left_out) == sorted((*left, *under))
    now = scene.switch.show_running()
    assert "snmp-server" not in now
    assert "ntp server 10.0.0.9" in now


def test_a_backup_that_was_changed_or_is_of_another_device_is_refused(make_scene: Callable[..., RestoreScene]) -> None:
    scene = make_scene()
    path, note = (scene.folder / "backup" / f"{NAME}.{ending}" for ending in ("cfg", "json"))
    whole, about = path.read_text(encoding="utf-8"), json.loads(note.read_text(encoding="utf-8"))
    path.write_text(whole.replace("10.0.0.9", "10.0.0.8"), encoding="utf-8")
    with pytest.raises(RestoreRefused, match="was changed since it was saved"):
        scene.read_backup()
    path.write_text(whole, encoding="utf-8")
    no_day = ("read_at", "2026-02-30T10:00:00+00:00")
    for key, value in (
        *(("device", "nh-j05-rt1"), ("platform", "frr"), ("sha256", "0"), ("more", 1), ("lines", -1), no_day),
    ):
        note.write_text(json.dumps({**about, key: value}), encoding="utf-8")
        with pytest.raises(RestoreRefused, match=rf"{NAME}\.(json|cfg):1: "):
            scene.read_backup()
    note.unlink()
    with pytest.raises(RestoreRefused, match=r"\.json:1: is missing"):
        scene.read_backup()
    note.symlink_to("/etc/passwd")
    with pytest.raises(RestoreRefused, match="symbolic link"):
        scene.read_backup()


def test_where_approvals_are_asked_for_only_what_was_approved_before_comes_back(
    make_scene: Callable[..., RestoreScene], tmp_path: Path
) -> None:
    allowed, key = tmp_path / "allowed_signers", tmp_path / "hanako"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True, capture_output=True)
    allowed.write_text(f"hanako {read_public(key)}\n", encoding="ascii")
    scene = make_scene()
    values = scene.operations.model_dump(include={"restore"}, by_alias=True)
    approvals = {"allowed-signers": allowed, "require": [{"approvals": 1}]}
    scene.operations = make_operations(tmp_path, approvals=approvals, **values)
    with pytest.raises(PlanNotApproved, match="has not signed it"):
        scene.restore(scene.prepare())
    with pytest.raises(PlanNotApproved, match="approved by: nobody"):
        scene.restore(scene.prepare(), sign_with=key)
    assert scene.running() == DeviceState()
    # What others approved of the dead one is known by the device's state.
    free = scene.operations
    scene.operations = make_operations(tmp_path, **values)
    done = scene.restore(scene.prepare())
    record_approved(done.started.city, done.started.plan, done.started.verified, free.state)
    scene.operations = free
    scene.replace("")
    again = scene.restore(scene.prepare(), sign_with=key)
    assert again.outcome.end is End.APPLIED
    assert (again.started.answers.planner, again.started.answers.approvers) == ("hanako", ())


def test_what_cannot_be_restored_is_refused_by_name(make_scene: Callable[..., RestoreScene]) -> None:
    scene = make_scene()
    backup, device = scene.read_backup(), scene.device
    for platform in ("allied_telesis_awplus", "alaxala", "hostapd", "yamaha_rtx", "unheard-of"):
        scene.device = replace(device, platform=platform)
        with pytest.raises(RestoreRefused, match=platform):
            scene.prepare(backup)


def test_before_each_change_the_old_text_is_kept_and_the_last_one_is_restored_from(
    make_scene: Callable[..., RestoreScene],
) -> None:
    scene = make_scene()
    with pytest.raises(RestoreRefused, match="no backup of it was kept"):
        find_device_backup(scene.device, scene.folder / "run")
    text = DeviceText(scene.dump, NAME)
    keep_before_change(scene.device, load_platform("cisco_ios"), scene.folder / "run", scene.clock, text)
    (kept,) = list_kept_backups(scene.folder / "run", NAME)
    assert find_device_backup(scene.device, scene.folder / "run").path.parent == kept
    source = scene.prepare()
    scene.site.faults = MatchingFaults("ip access-group", Fault(dropped="after"))
    assert scene.restore(source).outcome.end is End.REVERTED
    # The empty device is no state to come back to: the next restore begins from the dead one's again.
    found = find_device_backup(scene.device, scene.folder / "run")
    assert found.path.parent == kept
    assert OTHERS[2] in str(found.text)
    for number in range(KEPT + 3):
        (kept.parent / f"20200101T00000{number:06}Z").mkdir()
    scene.clock.sleep(1)
    text = DeviceText(scene.dump.replace(LAST, ADDED + LAST), NAME)
    keep_before_change(scene.device, load_platform("cisco_ios"), scene.folder / "run", scene.clock, text)
    assert len(list_kept_backups(scene.folder / "run", NAME)) == KEPT
    newest = find_device_backup(scene.device, scene.folder / "run")
    assert newest.read_at > NOON
    assert "S3cretRO" not in newest.path.read_text(encoding="utf-8")
    assert OTHERS[2] in str(newest.text)


LAST = "ntp server 10.0.0.9\n"
ADDED = "logging host 192.0.2.9\n"
"""A line that is not ours: with it the text is another one."""


def test_a_backup_is_whole_or_none_and_no_clock_and_no_number_of_tries_takes_an_older_state_away(
    make_scene: Callable[..., RestoreScene], monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = make_scene()
    state = scene.folder / "run"

    def keep(text: str) -> None:
        keep_before_change(scene.device, load_platform("cisco_ios"), state, scene.clock, DeviceText(text, NAME))

    keep(scene.dump)
    (first,) = list_kept_backups(state, NAME)
    for number in range(KEPT + 5):
        scene.clock.sleep(60)
        keep(f"! Last configuration change at 12:{number}:00 JST\n{scene.dump}")
    assert list_kept_backups(state, NAME) == [first], "the same state, however often its device is tried"
    # The clock is put back: what is kept from then on is the newest all the same.
    monkeypatch.setattr(scene.clock, "now", lambda: NOON - timedelta(days=400))
    for number in range(KEPT + 2):
        text = scene.dump.replace(LAST, ADDED.replace("2.9", f"2.{number + 10}") + LAST)
        keep(text)
        newest = find_device_backup(scene.device, state)
        assert f"192.0.2.{number + 10}" in str(newest.text)
    assert len(list_kept_backups(state, NAME)) == KEPT
    # Killed while it writes: what is left is no backup, and the next change takes it away.
    kept = list_kept_backups(state, NAME)
    with monkeypatch.context() as killed:
        killed.setattr(backup, "write_whole", break_second_time())
        with pytest.raises(KeyboardInterrupt):
            keep(scene.dump)
    assert list_kept_backups(state, NAME) == kept
    assert list(first.parent.glob(".*/*.cfg"))
    keep(scene.dump)
    assert find_device_backup(scene.device, state).path.parent == list_kept_backups(state, NAME)[-1]
    assert not list(first.parent.glob(".*"))


def break_second_time() -> Callable[[bytes, Path], None]:
    """Return what writes a first file, and is killed at the second."""
    written: list[Path] = []

    def write(content: bytes, path: Path) -> None:
        if written:
            raise KeyboardInterrupt
        written.append(path)
        write_whole(content, path)

    return write
