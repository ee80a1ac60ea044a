"""Attacks with one key for everything: what reads a device must not be able to change it."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from controller.operations.device_access import DeviceAccess


def test_the_key_that_reads_is_never_the_key_that_changes(tmp_path: Path) -> None:
    """By the same words, the same file under another name, through a link or as another name of its content."""
    key = tmp_path / "key"
    key.write_text("secret", encoding="ascii")
    (tmp_path / "link").symlink_to(key)
    (tmp_path / "hard").hardlink_to(key)
    same = [
        ({"env": "K"}, {"env": "K"}),
        ({"command": ["/bin/x", "y"]}, {"command": ["/bin/x", "y"]}),
        ({"file": key}, {"file": key}),
        ({"file": key}, {"file": tmp_path / "link"}),
        ({"file": tmp_path / "hard"}, {"file": key}),
        ({"file": tmp_path / "missing"}, {"file": tmp_path / "a/../missing"}),
    ]
    for one, other in same:
        with pytest.raises(ValidationError, match="read-key is the key that changes devices"):
            DeviceAccess.model_validate({"user": "u", "known-hosts": "/k", "key": one, "read-key": other})
    for other in ({"env": "R"}, {"file": tmp_path / "another"}):
        DeviceAccess.model_validate({"user": "u", "known-hosts": "/k", "key": {"file": key}, "read-key": other})
