"""`replace_switch` on a virtual Catalyst: judged, restored, read back; and the ways that it fails."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import paramiko
import pytest

from controller.errors import HostKeyRefused, RestoreRefused
from controller.lab.virtual_switches.catalyst import C9300, CatalystSwitch
from controller.lab.virtual_switches.faults import Fault, MatchingFaults
from controller.lab.virtual_switches.terminal import DeviceSite
from controller.model.city import City
from controller.model.loading.load_city import load_city
from controller.model.sites.devices import Device
from controller.operations.operations import Operations
from controller.operations.operators_file import load_operations
from controller.plan.backup import back_up_device
from controller.plan.select import find_device
from controller.platforms.transport.base import SystemClock
from controller.platforms.transport.credentials import resolve_secret
from controller.platforms.transport.host_keys import format_fingerprint
from controller.recovery.device_replacement import find_replacement
from tests.playbooks.minato_switch import ADDRESS, APPROVED, DEVICE, Scene, stand_switch
from tests.playbooks.test_apply_policy import NEW, list_running
from tests.rollout.virtual_devices import VirtualTransport

COMMUNITY = "C0mmunity-of-net01"
OTHERS = f"snmp-server community {COMMUNITY} RO\nntp server 10.0.0.9\n"


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """A new switch in the place of a dead one, whose backup and pinned key are there."""
    folder = tmp_path_factory.mktemp("replaced")
    secrets = folder / "operators"
    restore = "anchors: not-kept\nrestore:\n  secrets:\n"
    for line, name in (("snmp-server community <redacted>", "community"), ("path <redacted>", "archive")):
        restore += f'    - {{line: "{line}", secret: {{file: {secrets}/{name}}}}}\n'
    with stand_switch(folder, NEW, adoption="all", operators=restore + APPROVED) as scene:
        for name, text in (("community", f"{COMMUNITY} RO"), ("archive", "flash:saved")):
            (secrets / name).touch(mode=0o600)
            (secrets / name).write_text(text, encoding="ascii")
        _back_up_the_dead(scene)
        yield scene


def _back_up_the_dead(scene: Scene) -> None:
    _, _, device = load_scene(scene)
    dead = CatalystSwitch(C9300, NEW + OTHERS)
    assert dead.refused_at_boot == []
    back_up_device(device, scene.folder / "kept", VirtualTransport({DEVICE: DeviceSite(dead)}), SystemClock())


@pytest.fixture
def scene(standing: Scene) -> Scene:
    """The scene with an empty switch, and the dead one's key pinned."""
    standing.reset()
    standing.site.device = CatalystSwitch(C9300, NEW, clock=standing.clock)
    old = paramiko.ECDSAKey.generate()
    standing.pins.touch(mode=0o600)
    standing.pins.write_text(f"{ADDRESS} {old.get_name()} {old.get_base64()}\n", encoding="ascii")
    shown = format_fingerprint(base64.b64decode(standing.key.split()[1]))
    (standing.work / "consoles.txt").write_text(f"{DEVICE} {shown}\n", encoding="ascii")
    return standing


def judge(scene: Scene, fingerprint: str) -> None:
    """Judge the replacement as the playbook's first task does."""
    operations, city, device = load_scene(scene)
    state, kept = scene.folder / "state", scene.folder / "kept"
    find_replacement(city, device, operations, resolve_secret, state, kept, fingerprint)


def load_scene(scene: Scene) -> tuple[Operations, City, Device]:
    operations = load_operations(scene.folder / "operators/operations.yaml")
    city = load_city(scene.folder / "policies", bounds=operations.get_bounds())
    return operations, city, find_device(city, DEVICE)


def settings(scene: Scene) -> tuple[str, ...]:
    return ("--set", "fingerprints=consoles.txt", "--set", f"backup={scene.folder / 'kept'}")


def test_a_broken_switch_is_back_from_its_last_state(scene: Scene) -> None:
    empty, pins = list_running(scene), scene.pins.read_text(encoding="ascii")
    looked = scene.run("replace_switch", *settings(scene), "--check")
    assert looked.code == 2, looked.said
    assert f"differs     {DEVICE}: it can be restored from {scene.folder / 'kept' / DEVICE}.cfg" in looked.said
    assert (list_running(scene), scene.pins.read_text(encoding="ascii")) == (empty, pins)
    assert [one.name for one in scene.work.iterdir()] == ["consoles.txt"]
    done = scene.run("replace_switch", *settings(scene))
    assert done.code == 0, done.said
    assert COMMUNITY not in done.said
    assert f"snmp-server community {COMMUNITY} RO" in list_running(scene)
    assert any("access-list" in line for line in list_running(scene))
    assert scene.key.split()[1] in scene.pins.read_text(encoding="ascii")
    (saved,) = scene.work.glob(f"backups/*/{DEVICE}.cfg")
    assert COMMUNITY not in saved.read_text(encoding="utf-8")
    assert scene.site.device.show_startup() is not None
    assert COMMUNITY in str(scene.site.device.show_startup())


def test_the_old_switch_a_wrong_key_and_wrong_credentials_change_nothing(scene: Scene) -> None:
    empty, pins = list_running(scene), scene.pins.read_text(encoding="ascii")
    scene.change_word("another")
    refused = scene.run("replace_switch", *settings(scene))
    assert (refused.code, "the login as 'net01' was refused" in refused.said) == (1, True), refused.said
    assert scene.key.split()[1] not in scene.pins.read_text(encoding="ascii")
    scene.pin()
    with pytest.raises(RestoreRefused, match="still answers at its address: it is not replaced"):
        judge(scene, f"SHA256:{'A' * 43}")
    scene.pins.write_text(pins, encoding="ascii")
    with pytest.raises(HostKeyRefused, match="nothing was pinned"):
        judge(scene, f"SHA256:{'A' * 43}")
    scene.stop()
    dead = scene.run_ansible(
        "replace_switch", "-e", f"replace_switch_fingerprints={scene.work / 'consoles.txt'}",
        "-e", f"replace_switch_backup={scene.folder / 'kept'}",
    )  # fmt: skip
    assert (dead.code, f"[{DEVICE}]: UNREACHABLE!" in dead.said) == (4, True), dead.said
    assert (list_running(scene), scene.pins.read_text(encoding="ascii")) == (empty, pins)


def test_what_is_not_back_when_it_is_read_leads_back_to_the_empty_switch(scene: Scene) -> None:
    empty = list_running(scene)
    scene.site.faults = MatchingFaults("ntp server", Fault(refused=("% Invalid input",), happens=scene.pass_an_hour))
    done = scene.run("replace_switch", *settings(scene))
    assert done.code == 1, done.said
    assert f"failed      {DEVICE}: reverted: " in done.said
    assert list_running(scene) == empty
    assert scene.site.device.show_startup() == CatalystSwitch(C9300, NEW).show_startup()
