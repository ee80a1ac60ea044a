"""What was learnt from access lists: rules, what rules cannot say, and what was not judged."""

from __future__ import annotations

from dataclasses import dataclass

from controller.model.access.rules import Application, Rule


@dataclass(frozen=True, slots=True)
class Unsaid:
    """A part of a list that rules cannot say, or that is not judged; `line` is where it stands (0: behind the last)."""

    segment: str
    line: int
    what: str
    why: str


@dataclass(frozen=True, slots=True)
class LearntRule:
    """A rule with the application that it names, if that is new, and the lines that it was learnt from."""

    rule: Rule
    application: Application | None
    line: int
    list: str


@dataclass(frozen=True, slots=True)
class LearntRules:
    """What was learnt of a device. `named` are applications without a rule: denied, and so no part of the internet.

    `proved` counts the lists whose compiled filters are equal to them on what was judged. `unsaid` rules cannot say;
    `stateless` is not judged, because rules say it otherwise: answers, and what is sent to hosts.
    """

    device: str
    source: str
    rules: tuple[LearntRule, ...]
    named: tuple[tuple[Application, int], ...]
    unsaid: tuple[Unsaid, ...]
    stateless: tuple[Unsaid, ...]
    proved: int
