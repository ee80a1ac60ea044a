"""`tsunagu restore` as it is typed: its end, its record, the new device's key, and a signal in its middle."""

from __future__ import annotations

import json
import signal
from contextlib import ExitStack
from dataclasses import dataclass, field
from unittest.mock import patch

import pytest

from controller.cli.recovery import restore as command
from controller.exit_codes import Exit
from controller.lab.virtual_switches.faults import Fault, MatchingFaults
from controller.plan.playbook_tasks.onboarding import PinnedKey
from controller.recovery.device_restore import RestoreSource, restore_device
from controller.storage.audit.audit_trail import AuditKind, AuditTrail
from tests.cli.running import Done, here
from tests.own_signal import send_own_signal
from tests.recovery.restore_scene import NAME, SECRETS, RestoreScene
from tests.security.audit_samples import refuse_entries

pytestmark = pytest.mark.usefixtures("hasty_netmiko")


@dataclass
class Typed:
    """A dead switch with an empty one in its place, and the command that is typed for it."""

    scene: RestoreScene
    unpinned: list[bytes] = field(default_factory=list)

    def restore(self, *more: str) -> Done:
        scene = self.scene
        operations = scene.operations

        def unpin(_: object, key: bytes) -> bool:
            self.unpinned.append(key)
            return True

        places = {
            "SystemClock": lambda: scene.clock,
            "load_estate_operations": lambda _: operations,
            "load_operations_of": lambda *_, **__: operations,
            "SshTransport": lambda _: scene.transport,
            "require_access": lambda *_: None,
            "identify_device": lambda *_: None,
            "pin_expected_key": lambda *_, **__: PinnedKey(b"key", new=True),
            "unpin_host_key": unpin,
            "resolve_secret": scene.resolve,
        }
        with ExitStack() as stack:
            for name, value in places.items():
                stack.enter_context(patch.object(command, name, value))
            policies = str(scene.scene.policies.path)
            words = ("restore", NAME, "--policies", policies, "--lab", "--state", str(scene.folder / "run"))
            return here(*words, "--backup", str(scene.folder / "backup"), *more, cwd=scene.folder)

    def list_ends(self) -> list[str]:
        entries = AuditTrail(self.scene.folder / "run").read_entries()
        return [str(one["end"]) for one in entries if one["kind"] == "restored"]


@pytest.fixture(scope="module")
def typed_scene(tmp_path_factory: pytest.TempPathFactory) -> RestoreScene:
    scene = RestoreScene(tmp_path_factory.mktemp("typed"))
    scene.live()
    return scene


@pytest.fixture
def typed(typed_scene: RestoreScene) -> Typed:
    typed_scene.replace("")
    typed_scene.secrets = dict(SECRETS)
    return Typed(typed_scene)


def test_it_ends_well_and_says_so_as_json_too(typed: Typed) -> None:
    done = typed.restore("--fingerprint", "SHA256:x", "--json")
    assert done.code == Exit.GOOD, done
    document = json.loads(done.said)
    assert (document["device"], document["end"], document["left_out"]) == (NAME, "applied", [])
    assert typed.list_ends()[-2:] == ["begun", "applied"]
    assert typed.unpinned == []


def test_what_is_refused_has_its_end_in_the_record_and_leaves_no_key(typed: Typed) -> None:
    typed.scene.replace("", "another")
    done = typed.restore("--fingerprint", "SHA256:x")
    assert done.code == Exit.FAILED
    assert "give it that name by its console first" in done.errors
    assert typed.list_ends()[-1].startswith("failed: ")
    assert typed.unpinned == [b"key"]


@pytest.mark.parametrize("lost", [(AuditKind.TIMELINE_SEALED,), (AuditKind.TIMELINE_SEALED, AuditKind.RESTORED)])
def test_a_trail_that_cannot_be_written_at_the_end_hides_no_end(
    typed: Typed, monkeypatch: pytest.MonkeyPatch, lost: tuple[AuditKind, ...]
) -> None:
    refuse_entries(monkeypatch, *lost)
    done = typed.restore("--fingerprint", "SHA256:x", "--json")
    assert (done.code, json.loads(done.said)["end"]) == (Exit.FAILED, "applied"), done
    assert "the disk is full" in done.errors
    assert typed.unpinned == [], "the device that is there now has that key"
    assert typed.list_ends()[-1] == ("begun" if AuditKind.RESTORED in lost else "applied")


def test_a_key_that_was_pinned_for_nothing_goes_also_where_nothing_is_recorded(
    typed: Typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_entries(monkeypatch, AuditKind.RESTORED)
    typed.scene.replace("", "another")
    assert typed.restore("--fingerprint", "SHA256:x").code == Exit.FAILED
    assert typed.unpinned == [b"key"]


def test_ctrl_c_before_the_change_ends_it_and_within_it_waits_for_its_end(
    typed: Typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    def press(*_: object) -> None:
        send_own_signal(signal.SIGINT)

    whole = restore_device

    def pressed(source: RestoreSource, *given: object, **named: object) -> object:
        press()
        return whole(source, *given, **named)  # type: ignore[arg-type] # what it was given

    with monkeypatch.context() as changed:
        changed.setattr(command, "restore_device", pressed)
        assert typed.restore("--fingerprint", "SHA256:x").code == Exit.INTERRUPTED
    assert typed.list_ends()[-1] == "failed: KeyboardInterrupt"
    assert typed.unpinned == [b"key"]
    typed.scene.site.faults = MatchingFaults("snmp-server community", Fault(happens=press))
    done = typed.restore("--fingerprint", "SHA256:x")
    assert done.code == Exit.INTERRUPTED
    assert f"SIGINT: the change of {NAME} has begun, and is brought to its end first" in done.errors
    assert typed.list_ends()[-1] == "applied"
    assert typed.scene.switch.show_running() == typed.scene.dump
