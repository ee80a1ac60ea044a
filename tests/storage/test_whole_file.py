"""A file is written whole, and takes the place of nothing but a file."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from controller.cli.output import write_output
from controller.storage.whole_file import write_whole


@pytest.mark.parametrize("name", ["pipe", "link"])
def test_a_pipe_or_a_device_is_not_replaced_by_a_file(tmp_path: Path, name: str) -> None:
    """As root, a plan that is saved to /dev/null would be there for every program of the computer."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    with pytest.raises(OSError, match="stands there and is no regular file"):
        write_whole(b"new", tmp_path / name)
    assert stat.S_ISFIFO((tmp_path / name).stat().st_mode)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["link", "pipe"]


def test_what_can_be_written_into_a_device_is(tmp_path: Path) -> None:
    write_output("text", Path("/dev/null"))
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)
    write_whole(b"old", tmp_path / "file")
    write_whole(b"new", tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == b"new"
