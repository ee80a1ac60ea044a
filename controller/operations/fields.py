"""Kinds of fields of the operators' file: names, paths, programs, each with a character class."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field

from controller.inputs.character_classes import Line
from controller.inputs.home_folder import find_home_folder


def read_path(value: object) -> object:
    """A path as written, `~/` led to the home folder; whatever depends on the working folder is refused.

    >>> read_path("/etc/tsunagu/known_hosts")
    PosixPath('/etc/tsunagu/known_hosts')

    Raises:
        ValueError: it is relative, has no character, or one that nobody can see.
        TsunaguError: it begins with ~/, and there is no home folder.
    """
    if isinstance(value, Path):
        return value
    if not isinstance(value, str) or not value or not value.isprintable():
        message = "write the path of a file"
        raise ValueError(message)
    path = expand_home(value)
    if not path.is_absolute():
        message = "write a path that begins with / or ~/: it must not depend on the working folder"
        raise ValueError(message)
    return path


def expand_home(written: str) -> Path:
    """Return the path, `~/` led to the home folder; `~somebody/` stays, and is relative.

    Raises:
        TsunaguError: it begins with ~/, and there is no home folder.
    """
    return find_home_folder() / written.removeprefix("~/") if written.startswith("~/") else Path(written)


TrustedPath = Annotated[Path, BeforeValidator(read_path)]
AccessId = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,38}$")]
"""What policies call an access by."""
UserName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.@+-]{0,63}$")]
"""A login on a device."""
Principal = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.@+-]{0,99}$")]
"""A person as the file of allowed signers names them."""
VariableName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,99}$")]
"""An environment variable."""
NamespaceName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
"""A Linux network namespace: a name in iproute2's folder, never a path."""
HostName = Annotated[str, Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9.:-]{0,252}[A-Za-z0-9])?$")]
"""A host by its name or address."""
AlgorithmName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9@.-]{0,63}$")]
"""An SSH algorithm as OpenSSH writes it."""
Argument = Annotated[Line, Field(min_length=1)]
"""A word of a command."""
PlainText = Annotated[Line, Field(min_length=1)]
"""Words for people, on one line."""
