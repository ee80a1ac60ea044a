"""From an older format of a file to the next one; a table of formats lists them (`controller.model.policy_files`)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Migration:
    """One step, on the text of the file: `apply` keeps what it has no reason to change, comments and layout too.

    `summary` says what changes, in a line. The number itself is written by who carries the step out.
    """

    since: int
    summary: str
    apply: Callable[[str], str]
