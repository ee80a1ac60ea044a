"""Which version runs: the installed one, or that of slot A or B; and the one that is on trial, if any."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from pathlib import Path

from controller.probe_agent.problems import tell
from controller.probe_agent.version import VERSION, parse_version

STATE = "slots.json"
INSTALLED, SLOTS = "installed", ("a", "b")
_MOST_REFUSED = 20
_MOST_BYTES = 64 * 1024
MOST_STARTS = 3
"""How often a version on trial is begun anew after the machine went down meanwhile."""


class UpdateWord(StrEnum):
    """How the last look for a newer version ended."""

    NONE = "none"
    INSTALLED = "installed"
    ON_TRIAL = "on-trial"
    OLDER = "older"
    WRONG_KEY = "wrong-key"
    INCOMPLETE = "incomplete"
    NOT_REPORTED = "not-reported"
    UNREACHABLE = "unreachable"


@dataclass(frozen=True, slots=True)
class Slots:
    """The state of the slots. `refused` holds why a file, by its SHA-256, was tried in vain."""

    active: str = INSTALLED
    version: str = ""
    trial: str = ""
    trial_version: str = ""
    trial_digest: str = ""
    starts: int = 0
    word: str = UpdateWord.NONE
    refused: dict[str, str] = field(default_factory=dict)

    @property
    def free(self) -> str:
        """The slot that a new version may be written into."""
        return SLOTS[1] if self.active == SLOTS[0] else SLOTS[0]

    def begin_trial(self, version: str, digest: str) -> Slots:
        """A new version stands in the free slot."""
        return replace(
            self, trial=self.free, trial_version=version, trial_digest=digest, starts=0, word=UpdateWord.ON_TRIAL
        )

    def confirm(self) -> Slots:
        """The version on trial has reported: it is the one that runs."""
        return replace(
            self,
            active=self.trial,
            version=self.trial_version,
            trial="",
            trial_version="",
            trial_digest="",
            word=UpdateWord.INSTALLED,
        )

    def refuse(self, word: UpdateWord) -> Slots:
        """The version on trial is not taken, and not tried again."""
        refused = dict([*self.refused.items(), (self.trial_digest, str(word))][-_MOST_REFUSED:])
        return replace(self, trial="", trial_version="", trial_digest="", word=word, refused=refused)

    def fall_back(self) -> Slots:
        """The active version does not stay alive: the installed one runs."""
        return replace(self, active=INSTALLED, version="", word=UpdateWord.NOT_REPORTED)


def load_slots(state: Path) -> Slots:
    """The slots as they were left; the installed version alone where that cannot be read."""
    try:
        with (state / STATE).open("rb") as file:
            found = json.loads(file.read(_MOST_BYTES))
        slots = Slots(**found)
    except FileNotFoundError:
        return Slots()
    except (OSError, ValueError, TypeError, RecursionError):
        tell(f"{state / STATE} cannot be read: the installed version runs")
        return Slots()
    if not _is_sound(slots):
        tell(f"{state / STATE} is damaged: the installed version runs")
        return Slots()
    return slots


def save_slots(state: Path, slots: Slots) -> None:
    """Write the slots down, on the disk before this returns."""
    beside = state / f"{STATE}.new"
    with beside.open("w", encoding="ascii") as file:
        file.write(json.dumps(asdict(slots)))
        file.flush()
        os.fsync(file.fileno())
    beside.replace(state / STATE)


def _is_sound(slots: Slots) -> bool:
    return (
        slots.active in (INSTALLED, *SLOTS)
        and slots.trial in ("", *SLOTS)
        and (slots.trial != slots.active)
        and _is_version(slots.version, needed=slots.active != INSTALLED)
        and _is_version(slots.trial_version, needed=slots.trial != "")
        and isinstance(slots.trial_digest, str)
        and isinstance(slots.starts, int)
        and slots.word in list(UpdateWord)
        and isinstance(slots.refused, dict)
        and all(word in list(UpdateWord) for word in slots.refused.values())
    )


def _is_version(text: object, *, needed: bool) -> bool:
    if not isinstance(text, str) or bool(text) != needed:
        return False
    try:
        parse_version(text or VERSION)
    except ValueError:
        return False
    return True
