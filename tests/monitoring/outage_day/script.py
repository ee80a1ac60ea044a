"""The script of a day: what happens, step by step, and what must then be true. `day.yaml` is read into this."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

from controller.model.city import City

DAY = Path(__file__).parent / "day.yaml"


class _Read(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Change(_Read):
    """What happens. A line is `ROLE LINE`; a school is the role that the seed gave it."""

    down: tuple[str, ...] = ()
    up: tuple[str, ...] = ()
    flapping: tuple[str, ...] = ()
    steady: tuple[str, ...] = ()
    region_lost: str = ""
    region_back: str = ""
    dns_dead: tuple[str, ...] = ()
    dns_back: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()
    heard: tuple[str, ...] = ()
    clocks: dict[str, float] = Field(default_factory=dict)
    """By how many seconds the clocks of these schools' probes are ahead; below 0, behind."""
    drift: dict[str, int] = Field(default_factory=dict)
    rollout: Literal["", "begins", "fails", "dies", "ends"] = ""
    monitor: Literal["", "killed", "started"] = ""


class WantedNeed(_Read):
    """A need that must stand on the page. `since` and `heard` name the step at whose beginning that was.

    `heard` is given where nothing is heard any more: it was last heard just before that step. What is silent is so
    since then, too.
    """

    need: str
    since: str
    heard: str = ""
    causes: tuple[str, ...] = ()


class WantedAlerts(_Read):
    """Alerts of one name that must fire: one of a place, or so many alike."""

    alert: str
    of: str = ""
    every: Literal["", "school", "path"] = ""


class Step(_Read):
    """A part of the day. Everything below `does` must be true at its end."""

    name: str
    says: str
    minutes: int = Field(gt=0)
    short: bool = False
    """Whether the short day has it, which is played in CI."""
    does: Change = Change()
    needs: tuple[WantedNeed, ...] = ()
    alerts: tuple[WantedAlerts, ...] = ()
    told: tuple[str, ...] | None = None
    """The names of the alerts that people are told of, where others stand behind them; else all that fire."""
    skewed: dict[str, float] = Field(default_factory=dict)
    """Whose clock the page says is wrong, and by how many seconds."""
    rollout: str = ""
    """What the page says of the rollout: `running`, `lost` or `ended`."""


class Day(_Read):
    """The whole script."""

    begins: datetime
    tick_seconds: int
    roles: tuple[str, ...]
    steps: tuple[Step, ...]

    def shorten(self) -> Day:
        """The short day: the steps that are marked so."""
        return self.model_copy(update={"steps": tuple(step for step in self.steps if step.short)})

    def list_beginnings(self) -> dict[str, float]:
        """When each step begins, in seconds since 1970, by its name."""
        found, at = {}, self.begins.timestamp()
        for step in self.steps:
            found[step.name] = at
            at += step.minutes * 60
        return found

    def list_ends(self) -> dict[str, int]:
        """The last tick of each step, in seconds since the day's begin."""
        found, at = {}, 0
        for step in self.steps:
            at += step.minutes * 60
            found[step.name] = at - self.tick_seconds
        return found


def read_day(path: Path = DAY) -> Day:
    """The script as it stands in its file."""
    return Day.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))


@dataclass(frozen=True, slots=True)
class Cast:
    """A script, the schools that are measured, and which of them plays which role."""

    day: Day
    schools: Sequence[str]
    roles: Mapping[str, str]


def cast_roles(day: Day, city: City, schools: int, seed: int) -> Cast:
    """Choose the schools that are measured, and who plays which role: each from another ward, with a line to spare.

    Where fewer schools are measured than the city has, they are taken from all wards alike.
    """
    random = Random(seed)  # noqa: S311 a play, no secrets
    by_ward: dict[str, list[str]] = {}
    for school in random.sample(city.schools, len(city.schools)):
        if {"primary", "backup"} <= school.lines.by_name.keys():
            by_ward.setdefault(school.ward, []).append(school.id)
    wards = random.sample(sorted(by_ward), len(by_ward))
    turns = [
        by_ward[ward][turn]
        for turn in range(max(map(len, by_ward.values())))
        for ward in wards
        if turn < len(by_ward[ward])
    ]
    measured = turns[:schools]
    return Cast(day, measured, dict(zip(day.roles, measured, strict=False)))
