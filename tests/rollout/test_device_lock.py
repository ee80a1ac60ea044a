"""The lock of a device on this machine: one holder, named by its process, gone with it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from controller.errors import DeviceBusy
from controller.rollout.device_lock import hold_device_lock


def test_it_excludes_another_holder_of_the_same_device_only(tmp_path: Path) -> None:
    folder = tmp_path / "not" / "there"
    with hold_device_lock(folder, "d1"):
        assert (folder / "d1.lock").read_text(encoding="ascii").strip() == str(os.getpid())
        with pytest.raises(DeviceBusy, match=f"process {os.getpid()}"), hold_device_lock(folder, "d1"):
            pass
        with hold_device_lock(folder, "d2"):
            pass
    with hold_device_lock(folder, "d1"):
        assert (folder / "d1.lock").read_text(encoding="ascii").strip() == str(os.getpid())


def test_a_holder_that_left_no_name_is_unknown(tmp_path: Path) -> None:
    with hold_device_lock(tmp_path, "d1"):
        (tmp_path / "d1.lock").write_text("", encoding="ascii")
        with pytest.raises(DeviceBusy, match="process unknown"), hold_device_lock(tmp_path, "d1"):
            pass
