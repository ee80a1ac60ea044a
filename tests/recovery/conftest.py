from __future__ import annotations

from pathlib import Path

import pytest

from controller.measure.measurement_store import open_measurement_store
from controller.operations.operations import Operations
from controller.recovery.controller_backup import create_backup
from controller.rollout.durable.carry_out import use_rollouts
from tests.recovery.backup_scene import NOW, PINS, operate
from tests.security.audit_samples import write_trail


@pytest.fixture
def old(tmp_path: Path) -> Operations:
    """A controller that has done something: a trail, rollouts, measurements, kept policies, a key."""
    operations = operate(tmp_path / "old")
    state = operations.state
    trail = write_trail(state)
    with use_rollouts(state, create=True):
        pass
    with open_measurement_store(state / "lab.sqlite", trail=trail):
        pass
    for name in ("policies/" + "a" * 64 + "/city/city.yaml", "applied/kawasaki.json", "approved/kawasaki-real.json"):
        (state / name).parent.mkdir(parents=True, exist_ok=True)
        (state / name).write_text("{}\n", encoding="utf-8")
    (state / "locks").mkdir()
    (state / "locks" / "kw-e01-core1").write_text("12", encoding="utf-8")
    (state / "plans.key").write_text("secret", encoding="utf-8")
    for name, text in (("known_hosts", PINS), ("jump_hosts", "jump ssh-ed25519 AAAA\n")):
        path = tmp_path / "old" / name
        path.write_text(text, encoding="utf-8")
        path.chmod(0o600)
    return operations


@pytest.fixture
def archive(old: Operations, tmp_path: Path) -> Path:
    path = tmp_path / "backup.tar"
    create_backup(path, old, None, NOW)
    return path
