"""The unit of a school's probe: systemd takes it and calls it closed, and it starts what the package installs."""

from __future__ import annotations

import io
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from tools.make_probe import NAME, UNIT, build_package

EXPOSURE = 20
"""Tenths: systemd calls a service below 2.0 "OK"; open here are the network and raw sockets for echoes."""


def read_settings(name: str) -> list[str]:
    return [line.partition("=")[2] for line in UNIT.read_text("utf-8").splitlines() if line.startswith(f"{name}=")]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed here")
@pytest.mark.parametrize(
    "words",
    [("verify",), ("security", "--offline=true", "--no-pager", f"--threshold={EXPOSURE}")],
    ids=lambda one: one[0],
)
def test_systemd_takes_it(tmp_path: Path, words: tuple[str, ...]) -> None:
    copy = tmp_path / UNIT.name
    copy.write_text(UNIT.read_text("utf-8").replace("/usr/bin/python3", "/bin/true"), encoding="utf-8")
    done = subprocess.run(["systemd-analyze", *words, str(copy)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-500:] + done.stderr
    assert "Unknown" not in done.stderr


@pytest.mark.skipif(shutil.which("systemd-sysusers") is None, reason="systemd is not installed here")
def test_its_user_is_one_whom_ssh_keygen_finds_and_nobody_logs_in_as(tmp_path: Path) -> None:
    """A signature is verified for a user in the list of users alone: one that is made up while it runs is in none."""
    [user] = read_settings("User")
    assert read_settings("DynamicUser") == []
    with tarfile.open(fileobj=io.BytesIO(read_data(build_package(b"")))) as files:
        files.extractall(tmp_path, filter="data")
    (tmp_path / "etc").mkdir()
    words = ["systemd-sysusers", f"--root={tmp_path}", f"{user}.conf"]
    subprocess.run(words, check=True, capture_output=True, timeout=30)
    [line] = (tmp_path / "etc/passwd").read_text("utf-8").splitlines()
    assert line.startswith(f"{user}:")
    assert line.endswith("/nologin")


def read_data(package: bytes) -> bytes:
    """The files of a Debian package."""
    done = subprocess.run(["dpkg-deb", "--fsys-tarfile", "/dev/stdin"], input=package, capture_output=True, check=True)
    return done.stdout


def test_it_runs_with_raw_sockets_alone_and_starts_what_is_installed() -> None:
    assert read_settings("AmbientCapabilities") == read_settings("CapabilityBoundingSet") == ["CAP_NET_RAW"]
    [start] = read_settings("ExecStart")
    [folder] = read_settings("StateDirectory")
    [credential] = read_settings("LoadCredential")
    words = start.split()
    assert f"/usr/lib/tsunagu-probe/{NAME}" in words
    assert words[words.index("--state") + 1] == f"/var/lib/{folder}"
    assert words[words.index("--config") + 1] == f"%d/{credential.partition(':')[0]}"
