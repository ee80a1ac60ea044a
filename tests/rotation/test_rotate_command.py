"""`tsunagu rotate` as it is typed: how it ends is recorded and said, whatever goes wrong behind that."""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from unittest.mock import patch

import pytest

from controller.cli.rotation import rotate as command
from controller.exit_codes import Exit
from controller.model.city import City
from controller.model.sites.devices import Device
from controller.model.virtual_city import choose_virtual_city
from controller.rotation.key_rotation import prepare_key_rotation
from controller.storage.audit.audit_trail import AuditKind, AuditTrail
from tests.cli.running import Done, here
from tests.rotation.key_scene import KeyScene
from tests.rotation.rotation_scene import Scene
from tests.security.audit_samples import refuse_entries

pytestmark = pytest.mark.usefixtures("hasty_netmiko")


def rotate(scene: Scene | KeyScene, city: City, *more: str) -> Done:
    places = {
        "SystemClock": lambda: scene.clock,
        "load_estate_city": lambda *_, **__: choose_virtual_city(city),
        "load_estate_operations": lambda _: scene.operations(),
        "find_device": lambda *_: scene.device,
        "SshTransport": lambda accesses: scene.reach(accesses[scene.device.access]),
        **(
            {"resolve_secret": scene.resolve}
            if isinstance(scene, Scene)
            else {"prepare_key_rotation": partial(prepare_key_rotation, load_key=scene.load_key)}
        ),
    }
    with ExitStack() as stack:
        for name, value in places.items():
            stack.enter_context(patch.object(command, name, value))
        words = ("rotate", scene.device.id, "--lab", "--state", str(scene.folder / "run"), "--accept-no-restore")
        return here(*words, *more, cwd=scene.folder)


def list_ends(scene: Scene) -> list[str]:
    entries = AuditTrail(scene.folder / "run").read_entries()
    return [str(one["end"]) for one in entries if one["kind"] == "rotated"]


def test_its_end_is_recorded_and_said(scene: Scene, city: City) -> None:
    done = rotate(scene, city, "--json")
    assert (done.code, json.loads(done.said)["end"]) == (Exit.GOOD, "applied"), done
    assert list_ends(scene) == ["begun", "applied"]


@pytest.mark.parametrize("lost", [(AuditKind.TIMELINE_SEALED,), (AuditKind.TIMELINE_SEALED, AuditKind.ROTATED)])
def test_a_trail_that_cannot_be_written_at_the_end_hides_no_end(
    scene: Scene, city: City, monkeypatch: pytest.MonkeyPatch, lost: tuple[AuditKind, ...]
) -> None:
    refuse_entries(monkeypatch, *lost)
    done = rotate(scene, city, "--json")
    said = json.loads(done.said)
    assert (done.code, said["end"], said["logins"]["net02"]) == (Exit.FAILED, "applied", "works"), done
    assert "the disk is full" in done.errors
    assert list_ends(scene)[-1] == ("begun" if AuditKind.ROTATED in lost else "applied")


def test_a_key_is_called_a_key_and_no_login(model: Device, city: City, tmp_path: Path) -> None:
    scene = KeyScene(tmp_path, replace(model, platform="ovs"))
    due = rotate(scene, city, "--check")
    assert (due.code, "add the key SHA256:" in due.said) == (Exit.DIFFERS, True), due
    done = rotate(scene, city)
    assert done.code == Exit.GOOD, done
    said = [line.split() for line in done.said.splitlines()]
    assert [words[2] for words in said if words[0] == "key"] == ["works", "works"], done.said
    assert "login" not in due.said + done.said
