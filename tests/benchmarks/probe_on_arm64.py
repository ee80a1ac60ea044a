"""The probe's one file under an arm64 Debian's Python, in an emulator: its version, and a round that a monitor takes.

    python -m tests.benchmarks.probe_on_arm64 [--folder FOLDER]

Debian's arm64 packages and qemu-user-static are unpacked into the folder and installed nowhere: apt works with lists
and a record of its own there, and the machine's own architectures stay as they are. Without apt, or where the packages
cannot be had, it says so and exits 77, as a test that was skipped.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from controller.probe_agent.version import VERSION
from tests.monitoring.running import monitor, read_store
from tests.probe_agent.scene import PATHS, Installed, configure, enrol, row

_SKIPPED = 77
_PACKAGES = ("python3.11-minimal", "libpython3.11-stdlib")
_FEW = (
    "libpython",
    "python3",
    "libc6",
    "libssl3",
    "libsqlite3",
    "zlib1g",
    "libexpat1",
    "libffi8",
    "libbz2",
    "liblzma5",
)
"""What the probe needs of what apt finds: the rest is for an installation that works."""
_EMULATOR = "qemu-user-static"


class Unavailable(Exception):
    """The emulator or the packages cannot be had here."""


def run(*words: str | Path, cwd: Path | None = None) -> str:
    """What a program printed.

    Raises:
        Unavailable: it is missing, or failed.
    """
    try:
        done = subprocess.run([str(one) for one in words], capture_output=True, text=True, check=True, cwd=cwd)
    except FileNotFoundError:
        message = f"{words[0]} is missing"
        raise Unavailable(message) from None
    except subprocess.CalledProcessError as error:
        message = f"{' '.join(str(one) for one in words[:2])} failed: {error.stderr.strip()[-300:]}"
        raise Unavailable(message) from None
    return done.stdout


def fetch_packages(folder: Path, packages: tuple[str, ...], architecture: str) -> list[Path]:
    """Packages of an architecture with what they need, as files in the folder.

    Raises:
        Unavailable: they cannot be had.
    """
    own = folder / f"apt-{architecture}"
    archives = own / "cache" / "archives"
    for one in (own / "lists" / "partial", archives / "partial"):
        one.mkdir(parents=True, exist_ok=True)
    (own / "status").touch()
    settings = {
        "APT::Architecture": architecture,
        "APT::Architectures": architecture,
        "APT::Sandbox::User": "root",
        "Acquire::Languages": "none",
        "Dir::State": own,
        "Dir::State::status": own / "status",
        "Dir::Cache": own / "cache",
    }
    options = [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]
    if not list(archives.glob("*.deb")):
        run("apt-get", *options, "update")
        run("apt-get", *options, "install", "-y", "--no-install-recommends", "--download-only", *packages)
    return sorted(archives.glob("*.deb"))


def unpack(files: list[Path], root: Path) -> None:
    """Unpack packages into a folder, without any script of theirs."""
    root.mkdir(exist_ok=True)
    for one in files:
        run("dpkg", "-x", one, root)


def prepare(folder: Path) -> list[str]:
    """The words that run an arm64 Python.

    Raises:
        Unavailable: it cannot be had here.
    """
    native = run("dpkg", "--print-architecture").strip()
    emulator, root = folder / "emulator", folder / "root"
    if not (root / "usr/bin/python3.11").exists():
        unpack([one for one in fetch_packages(folder, (_EMULATOR,), native) if one.name.startswith("qemu")], emulator)
        unpack([one for one in fetch_packages(folder, _PACKAGES, "arm64") if one.name.startswith(_FEW)], root)
    return [str(emulator / "usr/bin/qemu-aarch64-static"), "-L", str(root), str(root / "usr/bin/python3.11")]


def smoke(python: list[str]) -> None:
    """The version, and a round that a monitor on loopback takes whole."""
    machine = run(*python, "-I", "-S", "-c", "import platform, sys; print(platform.machine(), sys.version.split()[0])")
    assert machine.startswith("aarch64"), machine
    with tempfile.TemporaryDirectory() as name, monitor(Path(name) / "monitor.db") as running:
        installed = Installed(Path(name))
        installed.install(configure(running.port, enrol(), paths=PATHS))
        assert run(*python, "-I", "-S", installed.program, "--version").strip() == VERSION
        words = ["check", "--config", str(installed.folder / "probe.json"), "--state", str(installed.state)]
        seconds, megabytes = measure_cost([*python, "-I", "-S", str(installed.program), *words])
        values = read_store(running, "SELECT COUNT(*) FROM latest")[0][0]
        assert row(running)["version"] == VERSION
    sys.stdout.write(
        f"{machine.strip()}: version {VERSION}; a round over {len(PATHS)} paths came whole to the monitor, which has "
        f"{values} values of it; {seconds:.1f} CPU s and {megabytes} MB, emulated; load {os.getloadavg()[0]:.1f}\n"
    )


def measure_cost(words: list[str]) -> tuple[float, int]:
    """Run a program to its good end; the processor seconds and the most megabytes that it had."""
    with subprocess.Popen(words) as running:
        _, status, spent = os.wait4(running.pid, 0)
        running.returncode = os.waitstatus_to_exitcode(status)
    assert running.returncode == 0
    return spent.ru_utime + spent.ru_stime, spent.ru_maxrss // 1024


def main() -> None:
    """Prepare and try."""
    parser = argparse.ArgumentParser(description="The probe's one file under an arm64 Debian's Python, emulated.")
    parser.add_argument("--folder", type=Path, help="keeps what was unpacked; a new one if left out")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = (wanted.folder or Path(temporary)).absolute()
        folder.mkdir(parents=True, exist_ok=True)
        try:
            python = prepare(folder)
        except Unavailable as why:
            sys.stdout.write(f"skipped: no emulated arm64 here: {why}\n")
            sys.exit(_SKIPPED)
        smoke(python)


if __name__ == "__main__":
    main()
