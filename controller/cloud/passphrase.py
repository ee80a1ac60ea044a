"""The passphrase of a stack's secrets: one that everybody knows is refused where Google is meant."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

import yaml
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from controller.errors import CloudError

PASSPHRASE = "PULUMI_CONFIG_PASSPHRASE"  # noqa: S105 the variable's name
PASSPHRASE_FILE = "PULUMI_CONFIG_PASSPHRASE_FILE"  # noqa: S105 the variable's name
_ROUNDS = 1_000_000
_ADVICE = "use a secrets provider ('pulumi stack init STACK --secrets-provider gcpkms://...') or a long passphrase"


def refuse_known_passphrase(environment: Mapping[str, str], config: Path, known: Iterable[str]) -> None:
    """Refuse an environment or a stack's configuration whose secrets a known passphrase opens, or an empty one.

    Args:
        environment: what the engine would be started with.
        config: the stack's file; its `encryptionsalt` is tried, whatever passphrase the engine would be told.
        known: the passphrases that everybody knows.

    Raises:
        CloudError: one opens them, or the passphrase's file cannot be read.
    """
    public = {passphrase.strip() for passphrase in known} | {""}
    for name, passphrase in _find_passphrases(environment):
        if passphrase.strip() in public:
            what = "is empty" if not passphrase.strip() else "is the rehearsal's passphrase, which stands in the source"
            message = f"{name} {what}: it protects nothing outside the offline Google; {_ADVICE}"
            raise CloudError(message)
    salt = _find_salt(config)
    if salt is not None and any(_opens(passphrase, salt) for passphrase in sorted(public)):
        message = (
            f"{config}: encryptionsalt belongs to a passphrase that everybody knows; take the line out and {_ADVICE}"
        )
        raise CloudError(message)


def _find_passphrases(environment: Mapping[str, str]) -> Iterable[tuple[str, str]]:
    if PASSPHRASE in environment:
        yield PASSPHRASE, environment[PASSPHRASE]
    # The engine takes an empty name for none.
    if named := environment.get(PASSPHRASE_FILE):
        try:
            yield f"{PASSPHRASE_FILE} ({named})", Path(named).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            message = f"{PASSPHRASE_FILE}: {named} cannot be read: {error}; name a text file with the passphrase"
            raise CloudError(message) from None


def _find_salt(config: Path) -> str | None:
    if not config.is_file():
        return None
    try:
        found = yaml.safe_load(config.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError, ValueError, RecursionError):
        return None  # The engine and the program say what is wrong with it, with the line.
    salt = found.get("encryptionsalt") if isinstance(found, dict) else None
    return salt if isinstance(salt, str) else None


def _opens(passphrase: str, salt: str) -> bool:
    """Tell whether a passphrase opens a salt: `v1:SALT:v1:NONCE:TEXT`, AES-256-GCM under a key of PBKDF2-SHA256."""
    try:
        version, start, inner, nonce, text = salt.split(":")
        if (version, inner) != ("v1", "v1"):
            return False
        key = hashlib.pbkdf2_hmac("sha256", passphrase.encode(), base64.b64decode(start, validate=True), _ROUNDS, 32)
        AESGCM(key).decrypt(base64.b64decode(nonce, validate=True), base64.b64decode(text, validate=True), None)
    except (ValueError, InvalidTag):
        return False
    return True
