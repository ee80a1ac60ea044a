"""Playbooks by the command and by plain Ansible, on a virtual Catalyst: how they end, and the ways that they fail."""

from __future__ import annotations

import base64
import hashlib
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import paramiko
import pytest

from controller.errors import DeviceUnreachable, HostKeyRefused
from controller.model.loading.load_city import load_city
from controller.model.sites.devices import Device
from controller.operations.device_access import DeviceAccess, require_access
from controller.operations.operators_file import load_operations
from controller.plan.playbook_tasks.onboarding import pin_expected_key
from controller.plan.select import find_device
from controller.platforms.transport.host_keys import format_fingerprint
from tests.playbooks.minato_switch import ADDRESS, DEVICE, WORD, Scene, stand_switch


@pytest.fixture(scope="module")
def switch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """A switch for all tests of this module; none of them changes it."""
    with stand_switch(tmp_path_factory.mktemp("switch")) as found:
        yield found


@pytest.fixture
def scene(switch: Scene) -> Scene:
    """The switch, with a host key that is not pinned yet."""
    switch.reset()
    return switch


def read_report(folder: Path) -> dict[str, Any]:
    (file,) = folder.glob("*/drift.json")
    document: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return document


def find_switch(scene: Scene) -> tuple[Device, DeviceAccess]:
    """The switch as the controller knows it, and how it is reached."""
    operations = load_operations(scene.folder / "operators/operations.yaml")
    device = find_device(load_city(scene.folder / "policies", bounds=operations.get_bounds()), DEVICE)
    return device, require_access(operations.access, device)


def write_fingerprints(scene: Scene, fingerprint: str | None = None) -> str:
    """The file that an operator writes at the console; the switch's own fingerprint if no other is named."""
    shown = format_fingerprint(base64.b64decode(scene.key.split()[1]))
    file = scene.folder / "work/fingerprints.txt"
    file.write_text(f"# read on the console\n{DEVICE} {fingerprint or shown}\n", encoding="ascii")
    return f"fingerprints={file.name}"


def test_a_difference_is_reported_and_its_exit_code_is_that_of_drift(scene: Scene) -> None:
    scene.pin()
    looked = scene.run("drift", "-o", "reports", "--check")
    assert looked.code == 2, looked.said
    assert not (scene.folder / "work/reports").exists()
    done = scene.run("drift", "-o", "reports")
    assert done.code == 2, done.said
    assert f"differs     {DEVICE}: 14 differences" in done.said
    assert "playbook drift: 1 differs" in done.said
    report = read_report(scene.folder / "work/reports")
    assert report["missing"] == {}
    (found,) = report["devices"]
    assert found["device"] == DEVICE
    assert found["differs"]
    assert any("filter from office" in change for change in found["changes"])
    for name, words in (("ja", "差分あり"), ("en", "1 devices differ")):
        (text,) = (scene.folder / "work/reports").glob(f"*/drift.{name}.md")
        assert words in text.read_text(encoding="utf-8")
        assert "    + filter from office IPv4" in text.read_text(encoding="utf-8")


def test_plain_ansible_fails_where_the_device_differs(scene: Scene) -> None:
    scene.pin()
    done = scene.run_ansible("drift", "-e", f"drift_root={scene.folder / 'plain'}")
    assert done.code == 2, done.said
    assert "14 differences" in done.said
    assert read_report(scene.folder / "plain")["devices"][0]["differs"]


def test_a_switch_that_is_dead_or_lets_nobody_in_is_never_well(scene: Scene) -> None:
    scene.pin()
    scene.change_word("another")
    refused = scene.run("drift")
    assert refused.code == 1, refused.said
    assert f"failed      {DEVICE}: " in refused.said
    assert "playbook drift: 1 failed" in refused.said
    assert not (scene.folder / "work/reports").exists()
    scene.stop()
    dead = scene.run("drift")
    assert dead.code == 1, dead.said
    assert f"unreachable {DEVICE}: " in dead.said
    assert "playbook drift: 1 unreachable" in dead.said


def test_a_new_switch_is_pinned_saved_and_its_conflicts_are_listed(scene: Scene) -> None:
    setting = write_fingerprints(scene)
    looked = scene.run("onboard_switch", "--set", setting, "--check")
    assert looked.code == 0, looked.said
    assert not scene.pins.exists()
    assert not (scene.work / "backups").exists()
    scene.change_word("another")
    refused = scene.run("onboard_switch", "--set", setting)
    assert refused.code == 1, refused.said
    assert "(the host key was taken out again)" in refused.said
    assert scene.key.split()[1] not in scene.pins.read_text(encoding="ascii")
    scene.change_word(WORD)
    done = scene.run("onboard_switch", "--set", setting)
    assert done.code == 2, done.said
    assert f"differs     {DEVICE}: conflicts: " in done.said
    assert "interface vlan110" in done.said
    assert scene.key.split()[1] in scene.pins.read_text(encoding="ascii")
    (saved,) = (scene.work / "backups").glob(f"*/{DEVICE}.cfg")
    assert "hostname namiyoke1-sw1" in saved.read_text(encoding="utf-8")


def test_a_new_switch_that_dies_meanwhile_is_unreachable_and_not_pinned(scene: Scene) -> None:
    setting = write_fingerprints(scene)
    scene.stop(after=1)
    done = scene.run("onboard_switch", "--set", setting)
    assert done.code == 1, done.said
    assert f"unreachable {DEVICE}: " in done.said
    assert scene.key.split()[1] not in scene.pins.read_text(encoding="ascii")


def test_only_the_key_of_the_console_is_pinned_and_only_for_a_new_switch(scene: Scene) -> None:
    device, access = find_switch(scene)
    shown = format_fingerprint(base64.b64decode(scene.key.split()[1]))
    with pytest.raises(HostKeyRefused, match="was read on its console; nothing was pinned"):
        pin_expected_key(device, access, f"SHA256:{'A' * 43}")
    assert not scene.pins.exists()
    other = paramiko.ECDSAKey.generate()
    scene.pins.touch(mode=0o600)
    scene.pins.write_text(f"{ADDRESS} {other.get_name()} {other.get_base64()}\n", encoding="ascii")
    with pytest.raises(HostKeyRefused, match="it was managed before"):
        pin_expected_key(device, access, shown)
    assert other.get_base64() in scene.pins.read_text(encoding="ascii")
    # Of a device that was replaced the new key takes the place of the old one, if the console shows it.
    with pytest.raises(HostKeyRefused, match="nothing was pinned"):
        pin_expected_key(device, access, f"SHA256:{'A' * 43}", replaces=True)
    assert other.get_base64() in scene.pins.read_text(encoding="ascii")
    assert pin_expected_key(device, access, shown, replaces=True).new
    assert not pin_expected_key(device, access, shown, replaces=True).new
    pinned = scene.pins.read_text(encoding="ascii")
    assert scene.key.split()[1] in pinned
    assert other.get_base64() not in pinned
    scene.stop()
    with pytest.raises(DeviceUnreachable):
        pin_expected_key(device, access, shown)


def test_the_evidence_of_an_incident_is_one_archive_also_where_a_switch_is_dead(scene: Scene) -> None:
    scene.pin()
    done = scene.run("evidence")
    assert (done.code, f"done        {DEVICE}" in done.said) == (0, True), done.said
    (archive,) = scene.work.glob("evidence/*/evidence.tar.gz")
    with tarfile.open(archive) as found:
        names = {name.removeprefix("evidence/") for name in found.getnames()}
        sums = found.extractfile("evidence/SHA256SUMS")
        assert sums is not None
        listed = {line.partition("  ")[2] for line in sums.read().decode().splitlines()}
    assert names == listed | {"SHA256SUMS"}
    assert {f"configurations/{DEVICE}.cfg", "drift/drift.ja.md", "audit/VERIFICATION.txt", "MISSING.json"} <= names
    digest = archive.with_name("evidence.tar.gz.sha256").read_text(encoding="ascii").split()[0]
    assert digest == hashlib.sha256(archive.read_bytes()).hexdigest()
    scene.reset()
    scene.pin()
    scene.stop()
    dead = scene.run("evidence")
    assert (dead.code, f"unreachable {DEVICE}: " in dead.said) == (1, True), dead.said
    (archive,) = scene.work.glob("evidence/*/evidence.tar.gz")
    with tarfile.open(archive) as found:
        missing = found.extractfile("evidence/MISSING.json")
        assert missing is not None
        assert json.load(missing).keys() == {DEVICE}


def test_a_school_is_taken_into_management_like_its_switches(scene: Scene) -> None:
    done = scene.run("onboard_school", "--set", write_fingerprints(scene))
    assert done.code == 2, done.said
    assert len(list((scene.work / "backups").iterdir())) == 1
    assert f"differs     {DEVICE}: conflicts: " in done.said
    assert scene.key.split()[1] in scene.pins.read_text(encoding="ascii")
