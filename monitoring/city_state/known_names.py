"""What the city has, by name: everything else that somebody sends is refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from controller.model.city import City
from controller.model.virtual_city import list_estates
from controller.telemetry.registry import LINE, REGION, SCHOOL
from monitoring.timeseries.records import OVERFLOWN, SeriesAttributes


@dataclass(frozen=True, slots=True)
class KnownNames:
    """A city's names. `devices` gives each device's school, of all estates: a rollout may be of any of them.

    `lines_by_school` has the lines of each school; `lines` those that some school has.
    """

    schools: frozenset[str]
    regions: frozenset[str]
    lines: frozenset[str]
    devices: Mapping[str, str]
    lines_by_school: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def find_unknown(self, attributes: SeriesAttributes) -> str | None:
        """What of a series' attributes the city does not have, for a message; None where it has everything.

        >>> KnownNames(frozenset({"as-e04"}), frozenset(), frozenset(), {}).find_unknown((("school", "nowhere"),))
        'a school that the city does not have'
        """
        if attributes == OVERFLOWN:
            return None
        for name, value in attributes:
            if name == SCHOOL.name and value not in self.schools:
                return "a school that the city does not have"
            if name == REGION.name and value not in self.regions:
                return "a region that the city does not have"
            if name == LINE.name and value not in self.lines:
                return "a line that the city does not have"
        return None

    def find_unknown_place(self, school: str, line: str) -> str | None:
        """The same for the school and the line of an event; each may be empty."""
        if school and school not in self.schools:
            return "a school that the city does not have"
        if line and line not in self.lines:
            return "a line that the city does not have"
        return self.find_missing_line(school, line)

    def find_missing_line(self, school: str, line: str) -> str | None:
        """Whether a school has not this line, for a message; what was kept of one that it had is no such fault.

        >>> names = KnownNames(frozenset(), frozenset(), frozenset(), {}, {"as-e04": frozenset({"primary"})})
        >>> names.find_missing_line("as-e04", "third"), names.find_missing_line("as-e04", "primary")
        ('a line that the school does not have', None)
        """
        if line and line not in self.lines_by_school.get(school, (line,)):
            return "a line that the school does not have"
        return None


def list_known_names(city: City) -> KnownNames:
    """All names of a city that telemetry may be about."""
    return KnownNames(
        frozenset(city.school_by_id),
        frozenset(region.id for region in city.lines.regions),
        frozenset(city.lines.names),
        {
            device.id: school.id
            for estate in list_estates(city)
            for school in estate.estate_schools
            for device in estate.list_devices(school)
        },
        {school.id: frozenset(school.lines.by_name) for school in city.schools},
    )
