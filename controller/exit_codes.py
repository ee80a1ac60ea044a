"""The exit codes of `tsunagu`: one table, which docs/command-line.md shows.

A script may rely on them: a code never gets another meaning, and each has one meaning in all commands.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType


class Exit(IntEnum):
    """What the end of a command means."""

    GOOD = 0
    FAILED = 1
    DIFFERS = 2
    NOT_SUPPORTED = 3
    NOT_JUDGED = 4
    INEXPRESSIBLE = 5
    CLOUD_FAILED = 21
    CLOUD_CONFIGURATION = 22
    CLOUD_LOGIN = 23
    CLOUD_RESOURCE = 24
    CLOUD_GUARDRAIL = 25
    CLOUD_NO_STACK = 26
    CLOUD_NO_CHANGES = 27
    CLOUD_CANCELLED = 28
    CLOUD_TIMEOUT = 29
    CLOUD_FAULT = 30
    USAGE = 64
    FAULT = 70
    INTERRUPTED = 130


MEANINGS: Mapping[Exit, str] = MappingProxyType(
    {
        Exit.GOOD: "Done, and nothing is wrong.",
        Exit.FAILED: "Refused or failed: the message says where and what to do.",
        Exit.DIFFERS: "Something differs (prove, drift, what-if), a check or a drill failed, files would be rewritten.",
        Exit.NOT_SUPPORTED: "Only what Tsunagu cannot do yet was left out, e.g. the devices of a platform.",
        Exit.NOT_JUDGED: "A part could not be judged: it is neither good nor bad, and is named.",
        Exit.INEXPRESSIBLE: "What is there cannot be said by rules of the policy; what is listed is left out.",
        Exit.CLOUD_FAILED: "Pulumi failed; what it said stands above (its code 1).",
        Exit.CLOUD_CONFIGURATION: "Pulumi refused the stack's configuration (its code 2).",
        Exit.CLOUD_LOGIN: "Pulumi could not sign in, or has no permission (its code 3).",
        Exit.CLOUD_RESOURCE: "A resource could not be made, changed or removed (its code 4).",
        Exit.CLOUD_GUARDRAIL: "A guardrail of the policy pack refused the change (its code 5).",
        Exit.CLOUD_NO_STACK: "There is no such stack (its code 6).",
        Exit.CLOUD_NO_CHANGES: "There were changes where none were expected (its code 7).",
        Exit.CLOUD_CANCELLED: "Pulumi was cancelled (its code 8).",
        Exit.CLOUD_TIMEOUT: "Pulumi took too long (its code 9).",
        Exit.CLOUD_FAULT: "Pulumi ended by a fault of its own, or with a code that it does not document.",
        Exit.USAGE: "The command line is wrong; nothing was done.",
        Exit.FAULT: "A fault of Tsunagu; a report was saved.",
        Exit.INTERRUPTED: "Ended by Ctrl-C.",
    }
)
"""What a person reads about each code."""

_OF_PULUMI: Mapping[int, Exit] = MappingProxyType(
    {
        1: Exit.CLOUD_FAILED,
        2: Exit.CLOUD_CONFIGURATION,
        3: Exit.CLOUD_LOGIN,
        4: Exit.CLOUD_RESOURCE,
        5: Exit.CLOUD_GUARDRAIL,
        6: Exit.CLOUD_NO_STACK,
        7: Exit.CLOUD_NO_CHANGES,
        8: Exit.CLOUD_CANCELLED,
        9: Exit.CLOUD_TIMEOUT,
    }
)
"""Pulumi's documented codes: some mean something else here (its 2 is no difference, its 3 no missing platform)."""
_SIGNALS_OF_A_USER = frozenset({-2, -15, 130, 143})
"""SIGINT and SIGTERM, as Python and as a shell write them."""


def choose_pulumi_exit(code: int) -> Exit:
    """Return our code for one of Pulumi.

    >>> choose_pulumi_exit(2)
    <Exit.CLOUD_CONFIGURATION: 22>
    >>> choose_pulumi_exit(-2)
    <Exit.INTERRUPTED: 130>
    >>> choose_pulumi_exit(255)
    <Exit.CLOUD_FAULT: 30>
    """
    if code in _SIGNALS_OF_A_USER:
        return Exit.INTERRUPTED
    return _OF_PULUMI.get(code, Exit.CLOUD_FAULT)
