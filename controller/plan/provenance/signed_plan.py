"""Saves a plan with its planner's signature beside it, or without one."""

from __future__ import annotations

from pathlib import Path

from controller.errors import TsunaguError
from controller.plan.document import PlanFile, name_signature, save_plan
from controller.plan.provenance.ssh_signatures import SignatureVerifier, sign_bytes
from controller.storage.whole_file import write_whole


def save_signed_plan(plan: PlanFile, path: Path, key: Path | None) -> None:
    """Save a plan, signed where there is a key: first it is signed, so that nothing is saved where the key does not.

    Raises:
        TsunaguError: the key does not sign, or the place cannot be written to.
    """
    write_signed_plan(plan, path, sign_plan(plan, key) if key is not None else None)


def sign_plan(plan: PlanFile, key: Path) -> bytes:
    """Return the signature of a plan by its planner's key; ssh-keygen may ask for the passphrase.

    Raises:
        TsunaguError: the key does not sign.
    """
    content = plan.format_text().encode()
    signature = sign_bytes(content, key)
    with SignatureVerifier(content, b"", None) as verifier:
        if verifier.find_key(signature) != plan.planner_key:
            message = f"{key}: another key signed than its public half names ({plan.planner_key}); remove that"
            raise TsunaguError(message)
    return signature


def write_signed_plan(plan: PlanFile, path: Path, signature: bytes | None) -> None:
    """Save a plan, with its signature beside it where there is one.

    Raises:
        TsunaguError: the place cannot be written to.
    """
    save_plan(plan, path)
    if signature is not None:
        write_whole(signature, name_signature(path))
