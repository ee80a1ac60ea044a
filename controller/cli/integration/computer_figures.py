"""Both figures of old computers, for people and for programs: the inventory's and the switches', each with its date."""

from __future__ import annotations

from collections.abc import Mapping

from typing_extensions import TypedDict

from controller.cli.output import get_words
from controller.integration.computers.computer_counts import ListedComputers, SchoolCounts, SeenComputers
from controller.model.city import City


class ListedDocument(TypedDict):
    """The figure of the inventory, and the day that it is of."""

    count: int
    as_of: str
    by_segment: dict[str, int]


class SeenDocument(TypedDict):
    """The figure of the switches, when they were asked, and what was not asked: more hosts may be there.

    `elsewhere`: hosts seen only at ports that the policy does not know; they are not counted.
    """

    count: int
    at: str
    devices: list[str]
    unread: dict[str, str]
    elsewhere: list[str]
    by_segment: dict[str, int]


def describe_listed(listed: ListedComputers | None) -> ListedDocument | None:
    """Describe the figure of the inventory for JSON."""
    if listed is None:
        return None
    return {
        "count": len(listed.computers),
        "as_of": listed.as_of.isoformat(),
        "by_segment": dict(listed.by_segment),
    }


def describe_seen(seen: SeenComputers | None) -> SeenDocument | None:
    """Describe the figure of the switches for JSON."""
    if seen is None:
        return None
    return {
        "count": len(seen.macs),
        "at": seen.at.isoformat(),
        "devices": list(seen.devices),
        "unread": dict(seen.unread),
        "elsewhere": list(seen.elsewhere),
        "by_segment": dict(seen.by_segment),
    }


def say_figures(city: City, counts: SchoolCounts) -> str:
    """Say both figures with their dates, in the language of the run; never one for the other."""
    words = get_words()
    listed, seen = counts.listed, counts.seen
    if not counts.has_figure:
        return words["integration.computers-not-judged"]
    parts = [
        words.say("integration.computers-listed", count=len(listed.computers), day=listed.as_of)
        + _say_segments(listed.by_segment)
        if listed
        else words["integration.computers-not-listed"]
    ]
    if seen is None:
        parts.append(words["integration.computers-not-asked"])
    else:
        at = f"{seen.at.astimezone(city.timezone):%Y-%m-%d %H:%M}"
        parts.append(
            words.say("integration.computers-seen", count=len(seen.macs), at=at) + _say_segments(seen.by_segment)
        )
        if seen.unread:
            parts.append(words.say("integration.computers-unread", count=len(seen.unread)))
    return "; ".join(parts)


def _say_segments(counts: Mapping[str, int]) -> str:
    """Say how many there are in each segment, where there are several: ` [staff-legacy 8, learning-legacy 4]`."""
    told = ", ".join(f"{name} {count}" for name, count in counts.items())
    return f" [{told}]" if len(counts) > 1 else ""
