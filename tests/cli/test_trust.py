"""`tsunagu trust` at a real switch: shows, compares, pins; nothing else trusts a key by itself."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.lab.state import paths
from controller.lab.state.layout import Layout
from tests.conftest import POLICIES

pytestmark = pytest.mark.lab


def tsunagu(*words: str, said: str = "") -> subprocess.CompletedProcess[str]:
    program = "from controller.cli.main import main; main()"
    return subprocess.run(
        [sys.executable, "-c", program, *words], input=said, capture_output=True, text=True, check=False
    )


@pytest.fixture
def pinned(lab: Layout, tmp_path: Path) -> Iterator[Path]:
    """The virtual city's operators' file with a file of pinned keys of its own, still empty."""
    assert lab.schools
    operations = paths.STATE / paths.OPERATIONS
    old = operations.read_text(encoding="utf-8")
    new = old.replace(str(paths.STATE / paths.KNOWN_HOSTS), str(tmp_path / "pinned"))
    assert new != old
    operations.write_text(new, encoding="utf-8")
    yield tmp_path / "pinned"
    operations.write_text(old, encoding="utf-8")


def test_a_key_is_pinned_only_when_a_person_says_so(lab: Layout, pinned: Path) -> None:
    name, school = lab.schools[0].device, lab.schools[0].id
    words = ("--lab", "--policies", str(POLICIES))
    refused = tsunagu("plan", "--school", school, *words)
    assert refused.returncode == 1
    assert f"no host key is pinned for {lab.schools[0].management.address.v4}" in refused.stdout
    assert "is its school up in the virtual city" in refused.stdout

    declined = tsunagu("trust", name, *words, said="n\n")
    assert declined.returncode == 1
    assert "SHA256:" in declined.stdout
    assert not pinned.exists()
    other = tsunagu("trust", name, *words, "--fingerprint", "SHA256:of-another-device")
    assert other.returncode == 1
    assert not pinned.exists()

    assert tsunagu("trust", name, *words, said="y\n").returncode == 0
    again = tsunagu("trust", name, *words)
    assert again.returncode == 0
    assert "nothing to do" in again.stdout
    assert "Traceback" not in tsunagu("plan", "--school", school, *words).stderr


def test_a_changed_key_is_shown_as_changed(lab: Layout, pinned: Path) -> None:
    first, second = lab.schools[0], lab.schools[1]
    lines = (paths.STATE / paths.KNOWN_HOSTS).read_text(encoding="ascii").splitlines()
    keys = dict(line.split(" ", 1) for line in lines)
    pinned.write_text(f"{first.management.address.first} {keys[second.management.address.first]}\n", encoding="ascii")
    words = ("--lab", "--policies", str(POLICIES))
    refused = tsunagu("plan", "--school", first.id, *words)
    assert refused.returncode == 1
    assert "is not the pinned one" in refused.stdout
    shown = tsunagu("trust", first.device, *words, said="n\n")
    assert "THE KEY HAS CHANGED" in shown.stdout
    assert pinned.read_text(encoding="ascii").count("ssh-ed25519") == 1
