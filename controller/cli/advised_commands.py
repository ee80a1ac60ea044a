"""Commands that messages advise, with the options by which they find the estate that this run is about.

Whoever writes a message knows the command, and seldom where its reader's policies stand, or that the devices are those
of the virtual city. So the options are put in where a message goes out: what is pasted then does what was meant.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

DEFAULT_POLICIES = Path("policies")
_ROLLOUTS = ("list", "show", "watch", "pause", "resume", "cancel", "write-off", "worker")
_ESTATE = ("--policies", "--state", "--lab")
ADVISED: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        **{f"rollout {name}": _ESTATE for name in _ROLLOUTS},
        "rollout start": ("--policies", "--state"),
        "repair": _ESTATE,
        "plan": _ESTATE,
        "apply": ("--policies", "--state"),
        "drift": ("--policies", "--lab"),
    }
)
"""Commands that messages advise, and which options of the estate each takes."""
_ADVISED = re.compile(rf"\btsunagu (?P<command>{'|'.join(ADVISED)})(?![\w-])(?! --(?:policies|state|lab)\b)")
_OPTIONS: dict[str, tuple[str, ...]] = {}


def forget_estate() -> None:
    """Begin a run that is about no estate yet."""
    _OPTIONS.clear()


def remember_estate(policies: Path, *, lab: bool, state: Path | None = None) -> None:
    """Say which estate this run is about."""
    if policies != DEFAULT_POLICIES:
        _OPTIONS["--policies"] = ("--policies", str(policies))
    if state is not None:
        _OPTIONS["--state"] = ("--state", str(state))
    if lab:
        _OPTIONS["--lab"] = ("--lab",)


def complete_commands(text: str) -> str:
    """Return a message whose commands are about the estate of this run, too.

    >>> remember_estate(Path("our policies"), lab=True)
    >>> complete_commands("resume it with: tsunagu rollout resume 20261129-120300-1a2b3c4d")
    "resume it with: tsunagu rollout resume --policies 'our policies' --lab 20261129-120300-1a2b3c4d"
    >>> forget_estate()
    >>> complete_commands("look at it with: tsunagu drift")
    'look at it with: tsunagu drift'
    """
    return _ADVISED.sub(_complete_command, text) if _OPTIONS else text


def _complete_command(found: re.Match[str]) -> str:
    taken = [_OPTIONS[option] for option in ADVISED[found["command"]] if option in _OPTIONS]
    return " ".join([found[0], *(shlex.quote(word) for words in taken for word in words)])
