"""What a command line asks of a device in memory."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from controller.platforms.base import Command


@dataclass(frozen=True, slots=True)
class Words:
    """A command, understood: its verb, its words, and what is to be run on the device where that is a push."""

    verb: str
    arguments: tuple[str, ...]
    pushed: Command | None = None


def read_own_restore_words(command: Command) -> Words:
    r"""Understand a command line of a device with a POSIX shell and `own_restore.sh`.

    >>> read_own_restore_words(Command("sh -c '... exec ...' ovs_switch lock plan run 65"))
    Words(verb='lock', arguments=('plan', 'run', '65'), pushed=None)
    >>> read_own_restore_words(Command("sh -c 'exec sh program push \"$@\"' ovs_switch run 'ls -l'", "input"))
    Words(verb='push', arguments=('run',), pushed=Command(line='ls -l', stdin='input'))
    >>> read_own_restore_words(Command("reload in 5"))
    Words(verb='reload in 5', arguments=(), pushed=None)
    """
    words = shlex.split(command.line)
    shell = 4  # sh -c SCRIPT NAME
    if words[:2] != ["sh", "-c"] or len(words) <= shell:
        return Words(command.line, ())
    if " push " in words[2]:
        run, line = words[shell:]
        return Words("push", (run,), Command(line, command.stdin))
    return Words(words[shell], tuple(words[shell + 1 :]))
