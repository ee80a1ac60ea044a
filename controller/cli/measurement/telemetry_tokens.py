"""Which file holds the token that a command shows to the monitor."""

from __future__ import annotations

from pathlib import Path

from controller.operations.operators_file import load_operations
from controller.telemetry.registry import Writer


def find_token_file(writer: Writer, policies: Path) -> Path:
    """The file that the operators' file names for a sender; by default one in this user's own configuration.

    `policies` is the folder in use: neither of the files may stand in its repository.

    Raises:
        OperationsRefused: the operators' file cannot be used.
    """
    tokens = load_operations(policies=policies).tokens
    return {Writer.CONTROLLER: tokens.controller, Writer.PROBE: tokens.probe}[writer]
