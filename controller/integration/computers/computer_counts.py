"""How many computers of the old networks a school still has: by the inventory, and by what switches have seen.

The two are never mixed. An inventory says what somebody wrote down on a day; a switch knows who has sent lately. Each
figure has its own date, and where there is none nothing is judged.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from controller.inputs.character_classes import Name, ShownText
from controller.integration.computers.inventory_table import ComputerInventory, ListedComputer
from controller.integration.computers.old_segments import list_old_segments
from controller.model.city import City
from controller.model.sites.schools import Identifier, School

MacAddress = Annotated[str, Field(pattern=r"^([0-9a-f]{2}:){5}[0-9a-f]{2}$")]


class _Kept(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ListedComputers(_Kept):
    """The computers of the old networks in an inventory, by MAC address with their names; `as_of` is its oldest row.

    `by_segment` is how many of them are in each old segment.
    """

    as_of: date
    computers: dict[MacAddress, Name]
    by_segment: dict[Identifier, int] = Field(default_factory=dict)


class SeenComputers(_Kept):
    """The hosts that switches had learnt in the old networks, and when they were asked.

    `devices` were read; `unread` were not, each with the reason, so more hosts may be there. `elsewhere` are hosts in
    the old networks that were seen only at ports that the policy does not know: they are not counted. `by_segment` is
    how many hosts were seen in each old segment; one that was seen in two is in both.
    """

    at: AwareDatetime
    macs: tuple[MacAddress, ...]
    devices: tuple[Name, ...]
    unread: dict[Name, ShownText] = Field(default_factory=dict)
    elsewhere: tuple[MacAddress, ...] = ()
    by_segment: dict[Identifier, int] = Field(default_factory=dict)


class SchoolCounts(_Kept):
    """Both figures of a school; None where nobody has listed or asked."""

    listed: ListedComputers | None = None
    seen: SeenComputers | None = None

    @property
    def has_figure(self) -> bool:
        """Whether one of the two is there, so that something can be judged."""
        return self.listed is not None or self.seen is not None

    @property
    def has_computers(self) -> bool:
        """Whether one of the two figures is more than none."""
        return bool((self.listed and self.listed.computers) or (self.seen and self.seen.macs))


NO_COUNTS = SchoolCounts()


@dataclass(frozen=True, slots=True)
class CountDifferences:
    """The MAC addresses that only one of the two figures has; None of them where one figure is not there."""

    not_seen: tuple[str, ...] = ()
    not_listed: tuple[str, ...] = ()


def find_differences(counts: SchoolCounts) -> CountDifferences:
    """Find what only the inventory has, and what only the switches have seen."""
    if counts.listed is None or counts.seen is None:
        return CountDifferences()
    listed, seen = counts.listed.computers.keys(), set(counts.seen.macs)
    return CountDifferences(tuple(sorted(listed - seen)), tuple(sorted(seen - listed)))


def count_listed_computers(
    city: City, inventory: ComputerInventory, schools: Iterable[School], complete_on: date | None
) -> Mapping[str, ListedComputers]:
    """Count the computers in the old segments by school.

    A school without a row is left out: the list says nothing of it. `complete_on`: the list names every computer of
    these schools, as of that day, so that a school without a row has none.
    """
    old = list_old_segments(city)
    rows: dict[str, list[ListedComputer]] = {}
    for one in inventory.computers:
        rows.setdefault(one.school, []).append(one)
    found: dict[str, ListedComputers] = {}
    for school in schools:
        own = rows.get(school.id)
        if own:
            computers = [one for one in own if one.segment in old]
            found[school.id] = ListedComputers(
                as_of=min(one.as_of for one in own),
                computers={one.mac: one.name for one in computers},
                by_segment=Counter(one.segment for one in computers),
            )
        elif complete_on is not None:
            found[school.id] = ListedComputers(as_of=complete_on, computers={})
    return found


def is_retirement_overdue(city: City, school: School, counts: SchoolCounts) -> bool:
    """Tell if the day until which a school's old computers are to be gone is past, and some are left."""
    entry = city.integrations.find_entry(school)
    retire_by = entry.retire_by if entry else None
    return retire_by is not None and retire_by < city.policy_date and counts.has_computers
