"""What the proxy's programs keep in the lab's state directory: keys, the authority, people's accounts. Root's alone."""

from __future__ import annotations

import secrets
from pathlib import Path

from controller.lab.iap import certificate_authority, signed_tokens, trial_clock

_FOLDER = "iap"


class IapFiles:
    """The paths, by the lab's state directory."""

    def __init__(self, state: Path) -> None:
        self.folder = state / _FOLDER
        self.assertion_key = self.folder / "assertion.key"
        self.identity_key = self.folder / "identity.key"
        self.clock_key = self.folder / "clock.key"
        self.accounts = self.folder / "accounts.json"

    def create(self) -> None:
        """Make everything new; nothing of it outlives the lab."""
        self.folder.mkdir(mode=0o700)
        certificate_authority.create_authority(self.folder)
        signed_tokens.create_signing_key(self.assertion_key)
        signed_tokens.create_signing_key(self.identity_key)
        trial_clock.create_clock_key(self.clock_key)

    def write_accounts(self, text: str) -> None:
        """Keep the accounts, whole or not at all."""
        fresh = self.folder / f"accounts.{secrets.token_hex(4)}"
        fresh.touch(mode=0o600, exist_ok=False)
        fresh.write_text(text, encoding="utf-8")
        fresh.replace(self.accounts)
