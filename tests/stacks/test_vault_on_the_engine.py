"""A database in the backup vault on the real engine: a region lost, and taken out of the vault for a change."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from controller.offline_google.schema.instance_roles import INSTANCE
from tests.soak import FACTOR
from tests.stacks.test_operations_on_the_engine import APPLICATION, TOKYO, Pair

in_the_soak = pytest.mark.skipif(FACTOR == 1, reason="several minutes of the engine: TSUNAGU_SOAK=2, as in make soak")


class VaultedPair(Pair):
    """The stack with one database, and a vault in Osaka."""

    vault: str | None = "attached"
    least_days = 14

    def write(self, *operations: dict[str, str]) -> tuple[str, str]:
        options = super().write(*operations)
        written = yaml.safe_load(self.file.read_text(encoding="utf-8"))
        written["config"]["tsunagu:backup-vault"] = {"region": "osaka", "least-days": self.least_days}
        if self.vault is not None:
            written["config"]["tsunagu:applications"][APPLICATION]["database"]["vault"] = self.vault
        self.file.write_text(yaml.safe_dump(written, sort_keys=False), encoding="utf-8")
        return options

    def leave_the_vault(self) -> None:
        """Take the database out: the plan goes first, then Cloud SQL's own backups come back."""
        self.vault = "detached"
        self.deploy()
        self.refresh()
        self.vault = None
        self.deploy()

    def list_backed_up(self) -> list[str]:
        """The instances with backups of Cloud SQL's own."""
        return [
            identity.rpartition(f"{APPLICATION}-")[2]
            for (token, identity), one in self.list_resources().items()
            if token == INSTANCE and one["settings"].get("backupConfiguration", {}).get("enabled")
        ]


@in_the_soak
def test_a_region_is_lost_with_its_vaulted_instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TSUNAGU_OFFLINE", "1")
    pair = VaultedPair(tmp_path)
    pair.deploy()
    assert pair.list_backed_up() == [], "the vault has taken over"
    pair.leaves_nothing_to_do()
    pair.refresh()
    pair.leaves_nothing_to_do()
    # Google takes no other change of the instance meanwhile, so it is taken out and put in again.
    said = pair.is_refused({"designate": "osaka"})
    assert "database.operations.0: " in said
    assert "is in the vault, and Google takes no operation on it there" in said
    pair.vault = None
    assert "Google takes no change of it there: write `vault: detached` first" in pair.is_refused()
    pair.least_days = 13
    assert "least-days: the vault enforces 14 days" in pair.is_refused()
    pair.least_days, pair.vault = 14, "attached"
    pair.leave_the_vault()
    pair.deploy({"designate": "osaka"})
    pair.vault = "attached"
    pair.deploy()
    pair.leaves_nothing_to_do()

    pair.lose(TOKYO)
    said = pair.deploy({"failover": "osaka"})
    assert pair.count_calls_to_the_lost() == 0, said
    assert not re.search(r"\d+ (deleted|replaced)", said), said
    pair.leaves_nothing_to_do()

    pair.faults.unlink()
    pair.refresh()
    pair.leaves_nothing_to_do()
