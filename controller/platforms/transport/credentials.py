"""Secrets by reference, resolved at the last moment and kept nowhere."""

from __future__ import annotations

import os
import subprocess

from controller.errors import LoginRefused, OperationsRefused
from controller.operations.device_access import CredentialSource
from controller.operations.trusted_files import read_trusted_file

COMMAND_SECONDS = 20
MOST_BYTES = 64 << 10
_UNUSABLE = "Its credential cannot be read from a file:"


def resolve_secret(device: str, source: CredentialSource) -> str:
    """The secret itself, without the line end that files and commands add.

    Raises:
        LoginRefused: the reference leads nowhere, or others can read its file. The secret is never in the message.
    """
    if source.env is not None:
        value = os.environ.get(source.env)
        if not value:
            message = f"the environment variable {source.env}, which holds its credential, is not set"
            raise LoginRefused(device, message)
        return value
    if source.file is not None:
        try:
            content = read_trusted_file(source.file, _UNUSABLE, private=True, most_bytes=MOST_BYTES)
            return content.decode("utf-8").rstrip("\n")
        except OperationsRefused as error:
            raise LoginRefused(device, str(error)) from None
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is no text in UTF-8"
            message = f"its credential cannot be read from the file {source.file}: {why}; see the operators' file"
            raise LoginRefused(device, message) from None
    assert source.command is not None  # noqa: S101 the model holds exactly one of the three
    return _printed(device, source.command)


def _printed(device: str, command: tuple[str, ...]) -> str:
    try:
        done = subprocess.run(  # noqa: S603 the operators' file names the command
            command,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=True,
            stdin=subprocess.DEVNULL,
            cwd="/",  # nothing of the working folder shall take part
        )
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        message = f"the command {command[0]!r}, which prints its credential, failed: {error.__class__.__name__}"
        raise LoginRefused(device, message) from None
    return done.stdout.rstrip("\n")
