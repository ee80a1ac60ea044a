"""Which of its lines a school's traffic leaves by: asked of the router's own table, after something has changed."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from controller.measure.measurement_round import ProbeSite
from controller.measure.probes.probe_path import ProbeHost
from controller.model.city import City
from controller.model.sites.access_lines import AccessLinesFile
from controller.model.sites.contracted_lines import AccessLineName

_LOOKED_FOR_SECONDS = 15.0
"""How long routes may take to follow a line that went down or came back."""
_ANSWER_SECONDS = 2.0


_ANYWHERE = "192.0.2.1"


def choose_far_destination(city: City) -> str:
    """An address behind the lines: that of an application in the cloud, or, before there is any, of the internet."""
    placed = (address for one in city.outputs.applications.values() for address in one.ipv4)
    return next((str(address.network_address) for address in placed), _ANYWHERE)


@dataclass
class EgressTracker:
    """`destination` is an address far behind the lines; schools are looked at only for a while after a change."""

    sites: Sequence[ProbeSite]
    lines: AccessLinesFile
    destination: str
    _known: dict[str, AccessLineName | None] = field(default_factory=dict)
    _until: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for site in self.sites:
            self._known[site.school.id] = self._exit(site.host)

    def watch_school(self, school: str) -> None:
        """Something changed there: look at it for a while."""
        self._until[school] = time.monotonic() + _LOOKED_FOR_SECONDS

    def read_changes(self) -> Iterator[tuple[str, AccessLineName]]:
        """Schools whose traffic now leaves by another line than before."""
        for site in self.sites:
            school = site.school.id
            if time.monotonic() >= self._until.get(school, 0.0):
                continue
            found = self._exit(site.host)
            if found is not None and found != self._known[school]:
                self._known[school] = found
                yield school, found

    def _exit(self, place: ProbeHost) -> AccessLineName | None:
        ran = place.run(("ip", "-json", "route", "get", self.destination), _ANSWER_SECONDS)
        try:
            interface = json.loads(ran.stdout)[0]["dev"]
        except (ValueError, LookupError, TypeError):
            return None  # no route at all: the router knows no line that leads there
        return next((line for line in self.lines.names if self.lines.get_link(line).interface == interface), None)
