"""The keys that a device of ours holds itself: added, taken away, put back; and what would lock everybody out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.errors import CommandFailed
from controller.platforms.base import Command, Lock, Restore
from tests.platforms.common.test_own_restore import FAULTS, FIRST, FileDevice
from tests.platforms.ovs.virtual_switch import wait_until

KEY = "ssh-ed25519 " + 60 * "A"
NEXT_KEY = "ssh-ed25519 " + 60 * "B"
READ_KEY = "ssh-ed25519 " + 60 * "C"


@pytest.fixture
def device(tmp_path: Path) -> Iterator[FileDevice]:
    made = FileDevice(tmp_path)
    yield made
    made.end()


@pytest.fixture
def keyed(device: FileDevice) -> FileDevice:
    """A device whose keys are rotated from the controller: one changes it, another one reads it."""
    keys = device.disk.parent / "keys"
    device.environment["TSUNAGU_KEYS"] = str(keys)
    lines = (
        f'restrict,command="/agent forced {may}" {key} name\n' for may, key in (("change", KEY), ("read", READ_KEY))
    )
    keys.write_text("".join(lines), encoding="ascii")
    device.lock(device, FIRST)
    return device


def change_key(device: FileDevice, verb: str, key: str, seconds: int = 60) -> Restore:
    """Arm, and push a key, as a controller does."""
    restore = Restore(seconds, FIRST.run)
    device.arm(device, restore)
    device.push(device, restore, Command(f"own-key {verb}", f"{key}\n"))
    return restore


def test_a_key_is_added_and_goes_back_where_nobody_confirms_it(keyed: FileDevice) -> None:
    assert keyed.list_keys(keyed) == {KEY}
    change_key(keyed, "add", NEXT_KEY, 2)
    assert keyed.list_keys(keyed) == {KEY, NEXT_KEY}
    text = Path(keyed.environment["TSUNAGU_KEYS"]).read_text(encoding="ascii")
    assert f'restrict,command="{keyed.program} forced change" {NEXT_KEY}\n' in text
    wait_until(lambda: keyed.list_keys(keyed) == {KEY}, "the old keys")


def test_a_key_that_was_confirmed_stays_and_the_old_one_is_taken_away(keyed: FileDevice) -> None:
    assert keyed.cancel(keyed, change_key(keyed, "add", NEXT_KEY))
    second = Lock("plan1", "run2", 60)
    keyed.lock(keyed, second)
    restore = Restore(60, second.run)
    keyed.arm(keyed, restore)
    keyed.push(keyed, restore, Command("own-key add", f"{NEXT_KEY}\n"))
    keyed.push(keyed, restore, Command("own-key remove", f"{KEY}\n"))
    assert keyed.cancel(keyed, restore)
    assert keyed.list_keys(keyed) == {NEXT_KEY}
    assert READ_KEY in Path(keyed.environment["TSUNAGU_KEYS"]).read_text(encoding="ascii")


@pytest.mark.parametrize(
    ("verb", "pushed", "told"),
    [
        ("remove", KEY, "the only line that may change this device"),
        ("add", READ_KEY, "may read this device, and no more"),
        ("add", f'{NEXT_KEY}\nrestrict,command="sh" {READ_KEY}', "is no line that can be pushed"),
        ("add", f'command="sh" {NEXT_KEY}', "is no line that can be pushed"),
        ("add", f"{NEXT_KEY}\n{KEY}", "a command changes one line"),
    ],
)
def test_what_would_lock_out_or_let_in_otherwise_is_refused(
    keyed: FileDevice, verb: str, pushed: str, told: str
) -> None:
    before = Path(keyed.environment["TSUNAGU_KEYS"]).read_bytes()
    with pytest.raises(CommandFailed, match=told):
        change_key(keyed, verb, pushed)
    assert Path(keyed.environment["TSUNAGU_KEYS"]).read_bytes() == before


def test_keys_that_whoever_installs_it_sets_are_not_changed(device: FileDevice) -> None:
    device.lock(device, FIRST)
    for ask in (lambda: device.list_keys(device), lambda: change_key(device, "add", NEXT_KEY)):
        with pytest.raises(CommandFailed, match="is set here, not from the controller"):
            ask()


@pytest.mark.parametrize("fault", ["full", "read-only", "missing"])
def test_keys_go_back_also_with_a_folder_that_failed(keyed: FileDevice, fault: str) -> None:
    change_key(keyed, "add", NEXT_KEY, 2)
    keyed.sh(FAULTS[fault])
    wait_until(lambda: keyed.list_keys(keyed) == {KEY}, "the old keys")
