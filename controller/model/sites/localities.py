"""Where a city lies: its time zone, and its country."""

from __future__ import annotations

from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import BeforeValidator, Field

from controller.inputs.near_matches import suggest_names
from controller.inputs.shown_text import shorten_value

_NOT_A_PLACE = frozenset({"localtime", "posixrules", "Factory"})
"""Names of the time zone database that mean another zone on each machine, or none."""
LONGEST_ZONE = 64


def _read_zone(value: object) -> object:
    if not isinstance(value, str):
        message = "write the name of a time zone, e.g. Asia/Tokyo"
        raise ValueError(message)  # noqa: TRY004 pydantic's own
    try:
        if len(value) <= LONGEST_ZONE and value not in _NOT_A_PLACE:
            ZoneInfo(value)
            return value
    except (ZoneInfoNotFoundError, ValueError, OSError):
        pass  # said below, as for the names that are none
    near = suggest_names(value[:LONGEST_ZONE], sorted(available_timezones()))
    message = f"{shorten_value(value)} is no time zone of the IANA database; write its name, e.g. Asia/Tokyo{near}"
    raise ValueError(message)


TimeZoneName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_+/-]{1,63}$"), BeforeValidator(_read_zone)]
"""A zone by its name in the IANA time zone database."""
CountryCode = Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
"""A country by its two letters (ISO 3166-1), as the proxy's geolocation names it."""


def choose_foreign_country(country: str) -> str:
    """Return a country that is not this one: where somebody abroad is, when a person is made up.

    >>> choose_foreign_country("JP"), choose_foreign_country("US")
    ('US', 'JP')
    """
    return "US" if country != "US" else "JP"
