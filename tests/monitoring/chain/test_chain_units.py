"""The units of the chain: systemd takes them and calls them closed, and what they start is there."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.monitoring.test_service_unit import EXPOSURE, UNIT
from tools.collector.build import describe_collector

ROOT = Path(__file__).resolve().parents[3]
CHAIN = ROOT / "monitoring" / "chain"
SERVICES = sorted(CHAIN.glob("*.service"))
NEEDS_SYSTEMD = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed here")


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """All units beside each other, with programs that are there."""
    for path in (UNIT, *SERVICES, CHAIN / "tsunagu-chain.target"):
        text = re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", path.read_text("utf-8"), flags=re.MULTILINE)
        (tmp_path / path.name).write_text(text, encoding="utf-8")
    return tmp_path


@NEEDS_SYSTEMD
def test_systemd_takes_them(units: Path) -> None:
    for path in sorted(units.iterdir()):
        done = subprocess.run(["systemd-analyze", "verify", str(path)], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, ""), path.name


@NEEDS_SYSTEMD
@pytest.mark.parametrize("service", SERVICES, ids=lambda one: one.stem)
def test_systemd_calls_them_closed(units: Path, service: Path) -> None:
    words = ["systemd-analyze", "security", "--offline=true", "--no-pager", f"--threshold={EXPOSURE}"]
    done = subprocess.run([*words, str(units / service.name)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-500:] + done.stderr


def test_the_target_starts_all_of_them() -> None:
    [wanted] = re.findall(r"^Wants=(.*)$", (CHAIN / "tsunagu-chain.target").read_text("utf-8"), flags=re.MULTILINE)
    assert set(wanted.split()) == {UNIT.name, *(path.name for path in SERVICES)}
    for path in SERVICES:
        assert "WantedBy=tsunagu-chain.target" in path.read_text("utf-8")


@pytest.mark.parametrize("service", SERVICES, ids=lambda one: one.stem)
def test_what_a_service_starts_is_shipped_or_debians(service: Path) -> None:
    [line] = re.findall(r"^ExecStart=(.*)$", service.read_text("utf-8"), flags=re.MULTILINE)
    start, *words = line.split()
    built = f"/opt/tsunagu/bin/{describe_collector().name}"
    assert start in {built, "/usr/bin/prometheus", "/usr/bin/prometheus-alertmanager"}
    [file] = re.findall(r"--config(?:\.file)?=/opt/tsunagu/(\S+)", " ".join(words))
    assert (ROOT / file).is_file()
    # What it writes lies in the one folder that systemd makes for it.
    [state] = re.findall(r"^StateDirectory=(.*)$", service.read_text("utf-8"), flags=re.MULTILINE)
    if start != built:
        assert any(word.endswith(f".path=/var/lib/{state}") for word in words)
    else:
        assert f"directory: /var/lib/{state}," in (CHAIN / "collector.yaml").read_text("utf-8")
