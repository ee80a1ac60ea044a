"""What a command line asks of a device in memory."""

from __future__ import annotations

from dataclasses import dataclass

from controller.platforms.base import Command


@dataclass(frozen=True, slots=True)
class Words:
    """A command, understood: its verb, its words, and what is to be run on the device where that is a push."""

    verb: str
    arguments: tuple[str, ...]
    pushed: Command | None = None


_WORDS = {
    **dict.fromkeys(("read", "saved", "armed", "unconfirmed"), 0),
    **dict.fromkeys(("save", "cancel", "restored"), 1),
    **dict.fromkeys(("unlock", "arm", "repair"), 2),
    "lock": 3,
}
"""What the verbs of `own_restore.sh` take."""


def read_own_restore_words(command: Command) -> Words:
    """Understand a command line of a device with the verbs of `own_restore.sh`.

    >>> read_own_restore_words(Command("lock plan run 65"))
    Words(verb='lock', arguments=('plan', 'run', '65'), pushed=None)
    >>> words = read_own_restore_words(Command("push run configure terminal", "input"))
    >>> words.verb, words.arguments, words.pushed == Command("configure terminal", "input")
    ('push', ('run',), True)
    >>> read_own_restore_words(Command("reload in 5"))
    Words(verb='reload in 5', arguments=(), pushed=None)
    """
    verb, *words = command.line.split()
    if verb == "push" and len(words) > 1:
        return Words("push", (words[0],), Command(" ".join(words[1:]), command.stdin))
    if _WORDS.get(verb) == len(words):
        return Words(verb, tuple(words))
    return Words(command.line, ())
