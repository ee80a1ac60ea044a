"""Commands that messages advise, with the options by which they find the estate that this run is about.

Whoever writes a message knows the command, and seldom where its reader's policies stand, or that the devices are those
of the virtual city. So the options are put in where a message goes out: what is pasted then does what was meant.

A command in backquotes is spoken of, not advised: it stays as it is, and so does data, as a diff (`print_data`).
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path

DEFAULT_POLICIES = Path("policies")
_COMMAND = r"(?<![\w/.-])tsunagu [a-z]"
_ADVISED = re.compile(
    rf"`[^`\n]*`|(?={_COMMAND})tsunagu (?P<first>[a-z][a-z-]*)(?: (?P<second>[a-z][a-z-]*))?(?![\w-])"
)
_END = re.compile(rf"[;\n]| \(|{_COMMAND}")
"""Where the words of an advised command end at the latest."""
_OPTIONS: dict[str, tuple[str, ...]] = {}


def forget_estate() -> None:
    """Begin a run that is about no estate yet."""
    _OPTIONS.clear()


def remember_estate(policies: Path, *, lab: bool, state: Path | None = None) -> None:
    """Say which estate this run is about."""
    if policies != DEFAULT_POLICIES:
        _OPTIONS["policies"] = ("--policies", str(policies))
    if state is not None:
        _OPTIONS["state"] = ("--state", str(state))
    if lab:
        _OPTIONS["lab"] = ("--lab",)


def complete_commands(text: str) -> str:
    """Return a message whose commands are about the estate of this run, too.

    >>> remember_estate(Path("our policies"), lab=True)
    >>> complete_commands("resume it with: tsunagu rollout resume 20261129-120300-1a2b3c4d")
    "resume it with: tsunagu rollout resume --policies 'our policies' --lab 20261129-120300-1a2b3c4d"
    >>> complete_commands("tsunagu: the plan is damaged"), complete_commands("tsunagu plan --lab -o PLAN")
    ('tsunagu: the plan is damaged', "tsunagu plan --policies 'our policies' --lab -o PLAN")
    >>> complete_commands("see: tsunagu drift --help")
    'see: tsunagu drift --help'
    >>> complete_commands("`tsunagu apply` asks for it; see: tsunagu drift --lab")
    "`tsunagu apply` asks for it; see: tsunagu drift --policies 'our policies' --lab"
    >>> forget_estate()
    >>> complete_commands("look at it with: tsunagu drift")
    'look at it with: tsunagu drift'
    """
    return _ADVISED.sub(_complete_command, text) if _OPTIONS else text


def _complete_command(found: re.Match[str]) -> str:
    from controller.cli.conventions.option_table import load_option_table  # noqa: PLC0415 few messages need it

    if found["first"] is None:
        return found[0]
    table, first = load_option_table(), found["first"]
    both = f"{first} {found['second']}"
    known = both if both in table else first
    if known not in table:
        return found[0]
    rest = _END.split(found.string[found.end() :], maxsplit=1)[0]
    if rest.startswith((" --help", " -h")):
        return found[0]
    wanted = [option for option in _OPTIONS if option in table[known] and not _names(rest, option)]
    words = " ".join(shlex.quote(word) for option in wanted for word in _OPTIONS[option])
    behind = found[0].removeprefix(f"tsunagu {known}")
    return f"tsunagu {known}{f' {words}' if words else ''}{behind}"


def _names(words: str, option: str) -> bool:
    return re.search(rf"(?<!\S)--{option}(?![\w-])", words) is not None
