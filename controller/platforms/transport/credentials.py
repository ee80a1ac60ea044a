"""Secrets by reference, resolved at the last moment and kept nowhere."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from controller.errors import LoginRefused
from controller.model.sites.schools import Secret

COMMAND_SECONDS = 20


def resolve_secret(device: str, secret: Secret) -> str:
    """The secret itself, without the line end that files and commands add.

    Raises:
        LoginRefused: the reference leads nowhere. The secret is never part of the message.
    """
    if secret.env is not None:
        value = os.environ.get(secret.env)
        if not value:
            message = f"the environment variable {secret.env}, which holds its credential, is not set"
            raise LoginRefused(device, message)
        return value
    if secret.file is not None:
        try:
            return Path(secret.file).expanduser().read_text(encoding="utf-8").rstrip("\n")
        except (OSError, UnicodeDecodeError) as error:
            message = f"its credential cannot be read from the file {secret.file}: {error.__class__.__name__}"
            raise LoginRefused(device, message) from None
    assert secret.command is not None  # noqa: S101 the model holds exactly one of the three
    return _printed(device, secret.command)


def _printed(device: str, command: tuple[str, ...]) -> str:
    try:
        done = subprocess.run(  # noqa: S603 the policy names the command, as reviewed as any rule
            command, capture_output=True, text=True, timeout=COMMAND_SECONDS, check=True, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.SubprocessError) as error:
        message = f"the command {command[0]!r}, which prints its credential, failed: {error.__class__.__name__}"
        raise LoginRefused(device, message) from None
    return done.stdout.rstrip("\n")
