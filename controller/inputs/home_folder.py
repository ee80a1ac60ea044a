"""Finds the home folder of who runs the program, which a service without HOME may not have."""

from __future__ import annotations

from pathlib import Path

from controller.errors import TsunaguError


def find_home_folder() -> Path:
    """Return the home folder.

    Raises:
        TsunaguError: HOME is not set and no account says it, or HOME depends on the working folder.
    """
    try:
        home = Path.home()
    except RuntimeError:
        message = "HOME is not set, and this user has no account that names a home folder: set HOME to a path from / on"
        raise TsunaguError(message) from None
    if not home.is_absolute():
        message = f"HOME is {str(home)!r}, which depends on the working folder: set HOME to a path from / on"
        raise TsunaguError(message)
    return home
