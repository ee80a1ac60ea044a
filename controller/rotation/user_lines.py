"""The line of a configuration by which a user logs in: found, written and taken away, as each vendor's manual has it.

Sources: Cisco IOS Security Command Reference (`username NAME privilege LEVEL secret 0 WORD`; `no username` asks, as
napalm's ios.py answers it), Software Reference for x310 Series 5.4.4C (C613-50046-01, 5.36: `username NAME privilege
LEVEL password WORD`, at most 23 characters, `?` is help; an encrypted one is shown behind `8`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from controller.errors import RotationRefused
from controller.platforms.base import Command, Reply
from controller.platforms.common.device_operation import ENTER, LEAVE
from controller.platforms.common.understanding import read_unmanaged
from controller.platforms.device_text.device_text import DeviceText
from controller.platforms.device_text.redaction import REDACTED

SHORTEST = 8
_LINE = re.compile(
    r"username (?P<name>\S+)(?: privilege (?P<level>[0-9]{1,2}))? (?:secret|password)(?: [0-9]{1,2})? \S+"
)
_TYPABLE = re.compile(r"[!-~]+")
_UNTYPABLE = frozenset("?\"'\\`")
"""Help, and what command lines take for the mark of a quotation."""


@dataclass(frozen=True, slots=True)
class UserSyntax:
    """How a platform writes a user: what stands before a secret in clear, its longest, and what `no username` asks."""

    before_secret: str
    longest: int
    questions: tuple[Reply, ...] = ()


SYNTAX: Mapping[str, UserSyntax] = MappingProxyType(
    {
        "allied_telesis_awplus": UserSyntax("password", 23),
        "cisco_ios": UserSyntax("secret 0", 25, (Reply(r"\[confirm\]", ""),)),
    }
)
"""The platforms whose users are rotated from here; every other one is refused by name."""


@dataclass(frozen=True, slots=True)
class UserLine:
    """A user of a device: the name, the privilege level that stands there, and the whole line, which is never shown."""

    name: str
    level: int | None
    line: str = field(repr=False)

    @property
    def shown(self) -> str:
        """The line without its secret."""
        return f"{self.line.rpartition(' ')[0]} {REDACTED}"


def list_users(text: DeviceText, device: str) -> Mapping[str, tuple[str, ...]]:
    """Return the lines of a configuration about users, by their names."""

    def read(raw: str) -> Mapping[str, tuple[str, ...]]:
        found: dict[str, tuple[str, ...]] = {}
        for line in raw.split("\n"):
            words = line.split()
            if line.startswith("username ") and len(words) > 1:
                found[words[1]] = (*found.get(words[1], ()), line.rstrip())
        return found

    return read_unmanaged(text, device, read)


def find_user(users: Mapping[str, tuple[str, ...]], name: str, device: str) -> UserLine | None:
    """Return a user among those of `list_users`; None where the configuration has no such user.

    Raises:
        RotationRefused: what stands there is more than a privilege level and a secret.
    """
    lines = users.get(name, ())
    if not lines:
        return None
    found = _LINE.fullmatch(lines[0])
    if len(lines) > 1 or found is None:
        message = (
            f"{device}: its configuration says more of the user {name} than a privilege level and a secret; rotate "
            "that one by hand"
        )
        raise RotationRefused(message)
    return UserLine(name, int(found["level"]) if found["level"] else None, lines[0])


def check_secret(secret: str, syntax: UserSyntax, device: str, user: str) -> None:
    """Refuse a secret that a command line could take for something else; it is never told.

    Raises:
        RotationRefused: it has characters or a length that are not typed.
    """
    good = _TYPABLE.fullmatch(secret) and not _UNTYPABLE & set(secret)
    if not good or not SHORTEST <= len(secret) <= syntax.longest:
        message = (
            f"{device}: the password of {user} is not typed: it needs {SHORTEST} to {syntax.longest} characters of "
            "ASCII, without blanks, quotation marks, '\\' and '?'"
        )
        raise RotationRefused(message)


def write_user(name: str, like: UserLine, syntax: UserSyntax, secret: str) -> tuple[Command, ...]:
    """Return the commands that add a user with the privilege level of another one."""
    level = f" privilege {like.level}" if like.level is not None else ""
    start = f"username {name}{level} {syntax.before_secret}"
    return _configure(Command(f"{start} {secret}", shown=f"{start} {REDACTED}"))


def write_user_again(user: UserLine) -> tuple[Command, ...]:
    """Return the commands that bring a user back as the device itself had written the line."""
    return _configure(Command(user.line, shown=user.shown))


def write_removal(name: str, syntax: UserSyntax) -> tuple[Command, ...]:
    """Return the commands that take a user away."""
    return _configure(Command(f"no username {name}", replies=syntax.questions))


def _configure(command: Command) -> tuple[Command, ...]:
    return Command(ENTER), command, Command(LEAVE)
