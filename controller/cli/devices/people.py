"""Who asks, and what the operators of the devices that are asked about have said."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

from controller.model.sites.devices import EstateName
from controller.operations.operations import Approvals, Operations
from controller.operations.operators_file import find_operators_file, load_operations


def find_user_name() -> str:
    """Return the name of this user on this machine, as the system knows it; no variable can change it."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"user {os.getuid()}"


def load_estate_operations(estate: EstateName, policies: Path, state: Path) -> Operations:
    """Return what the operators say: of the virtual city, where nobody says otherwise, that nobody has to approve.

    Raises:
        OperationsRefused: the operators' file cannot be used.
    """
    _, named = find_operators_file()
    if estate == "virtual" and not named:
        kept = (state / "controller").resolve()
        return Operations.model_validate(
            {"anchors": "not-kept", "state": kept, "approvals": Approvals.model_validate({"require": ()})}
        )
    return load_operations(policies=policies)
