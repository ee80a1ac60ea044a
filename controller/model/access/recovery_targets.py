"""How soon an application must be there again after a loss, and how much may be lost: its recovery targets."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, Field

from controller.model.yaml_source import StrictModel

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_FORM = r"^[1-9][0-9]{0,3}[smhd]$"


def parse_time_span(text: str) -> timedelta:
    """Return the time that a number and a unit mean: s, m, h or d.

    >>> parse_time_span("4h")
    datetime.timedelta(seconds=14400)

    Raises:
        ValueError: it is no such text.
    """
    if not re.fullmatch(_FORM, text):
        message = "write a number and its unit, s, m, h or d: 4h"
        raise ValueError(message)
    return timedelta(**{_UNITS[text[-1]]: int(text[:-1])})


def _check_span(text: str) -> str:
    parse_time_span(text)
    return text


TimeSpan = Annotated[str, Field(pattern=_FORM), AfterValidator(_check_span)]
"""A time as policies write it: 30s, 15m, 4h, 1d."""


class RecoveryTargets(StrictModel):
    """What drills are held against.

    `rto` is the longest time until it works again, `rpo` how old the state may be that comes back then.
    """

    rto: TimeSpan
    rpo: TimeSpan

    @property
    def rto_seconds(self) -> int:
        """The longest time until it works again, in seconds."""
        return int(parse_time_span(self.rto).total_seconds())

    @property
    def rpo_seconds(self) -> int:
        """The age that the state that comes back may have, in seconds."""
        return int(parse_time_span(self.rpo).total_seconds())
