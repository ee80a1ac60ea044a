"""How schools are integrated: how many a week, until when, and how long two networks stay beside each other."""

from __future__ import annotations

from datetime import date

from pydantic import Field

from controller.model.sites.calendar import CalendarDay
from controller.model.yaml_source import StrictModel


class IntegrationSettings(StrictModel):
    """What `tsunagu integrate schedule` and `tsunagu integrate plan` go by.

    At most `schools_per_week` change their stage in a week. `until` is the day on which the last one is integrated.
    From a school's change to `coexist` until that to `integrated` there are at least `least_weeks_in_coexist`.

    The rest are the limits of the checks before a change of stage: how old a backup and a measurement may be at most,
    and how much of what is due must have been issued at least. Options of `tsunagu integrate plan` only tighten them.
    """

    schools_per_week: int = Field(default=12, ge=1, le=5_000)
    until: CalendarDay = date(2030, 3, 31)
    least_weeks_in_coexist: int = Field(default=8, ge=0, le=520)
    backup_days: int = Field(default=30, ge=1, le=3660)
    measured_days: int = Field(default=30, ge=1, le=3660)
    issued_percent: int = Field(default=95, ge=1, le=100)
