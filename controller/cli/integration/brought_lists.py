"""The lists that people bring to a change of stage: what of them is carried over, and what is of other schools."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from controller.errors import InputError, Problem, TsunaguError
from controller.inputs.near_matches import suggest_names
from controller.inputs.shown_text import shorten_value
from controller.inputs.text_encodings import TextEncoding
from controller.integration.computers.host_cells import ListedHost
from controller.integration.computers.inventory_table import ListDay, ListedComputer, read_computer_inventory
from controller.integration.computers.reservation_table import ReservationTable, read_reservations
from controller.integration.pre_checks.check import CheckScene
from controller.integration.reservations import (
    CarriedReservations,
    LeftReason,
    LeftReservation,
    SegmentChoice,
    carry_reservations,
)
from controller.integration.stage_policy import StagePolicy
from controller.model.city import City


@dataclass(frozen=True, slots=True)
class BroughtFiles:
    """The lists that somebody brought; None where there is none.

    `segments` name new segments for old ones (OLD=NEW), `backups` is a folder in which the backup playbook saved, and
    `encoding` says how the lists are encoded, where somebody says it.
    """

    printers: Path | None = None
    issued: Path | None = None
    reservations: Path | None = None
    inventory: Path | None = None
    segments: tuple[str, ...] = ()
    backups: Path | None = None
    encoding: TextEncoding | None = None


@dataclass(frozen=True, slots=True)
class RowsOfOthers:
    """The rows of a list that are of no school that changes: how many, by school.

    `kept`: they are written again as they are. `dropped` are columns of the list that are not.
    """

    file: Path
    schools: Mapping[str, int]
    kept: bool = False
    dropped: tuple[str, ...] = ()


def carry_listed_reservations(
    policy: StagePolicy, files: BroughtFiles, printers: Sequence[ListedHost]
) -> tuple[ReservationTable | None, CarriedReservations | None]:
    """Return a list of reservations and what becomes of it; None where there is no list.

    `printers` have their addresses already, so that no reservation is carried there.

    Raises:
        InputError: names each that cannot be carried over, and why.
        TsunaguError: a segment that was named is none, or the inventory cannot be used.
    """
    path = files.reservations
    if path is None:
        return None, None
    city = policy.before
    table = read_reservations(path, city, files.encoding)
    choice = SegmentChoice(find_named_segments(files.segments, city), _read_inventory(files, city), printers)
    mine = [one for one in table.reservations if one.school in policy.schools]
    carried = carry_reservations(city, policy.after, mine, choice)
    problems = [
        Problem(one.reservation.origin, "", f"{one.reservation.name} ({one.reservation.address}): {_explain_left(one)}")
        for one in carried.left
    ]
    if problems:
        message = f"{path}: these reservations cannot be carried over; nothing was written:"
        raise InputError(message, problems)
    others = tuple(one for one in table.reservations if one.school not in policy.schools)
    return table, replace(carried, others=others)


def find_named_segments(given: Sequence[str], city: City) -> Mapping[str, str]:
    """Return which segments are named for old ones, as `OLD=NEW` says.

    >>> find_named_segments(["staff-legacy=staff"], city)
    {'staff-legacy': 'staff'}

    Raises:
        TsunaguError: one is no segment of the city, or an old one is named twice.
    """
    found: dict[str, str] = {}
    for text in given:
        old, _, new = text.partition("=")
        for name in (old, new):
            if name not in city.segments:
                near = suggest_names(name, city.segments)
                message = (
                    f"--new-segment {shorten_value(text)}: write OLD=NEW; {shorten_value(name)} is no segment{near}"
                )
                raise TsunaguError(message)
        if old in found:
            message = f"--new-segment: {old} is named twice; name it once"
            raise TsunaguError(message)
        found[old] = new
    return found


def _read_inventory(files: BroughtFiles, city: City) -> tuple[ListedComputer, ...]:
    if files.inventory is None:
        return ()
    # Only where a host is counts here; the day of a row that says none is nobody's claim.
    today = city.policy_date
    return read_computer_inventory(files.inventory, city, ListDay(today, today), files.encoding).computers


def find_rows_of_others(
    scene: CheckScene, files: BroughtFiles, table: ReservationTable | None
) -> tuple[RowsOfOthers, ...]:
    """Find what the lists of printers, of what was issued and of reservations say of schools that do not change."""
    found = []
    if files.printers is not None:
        found.append(RowsOfOthers(files.printers, _count_others(scene, (one.school for one in scene.printers or ()))))
    if files.issued is not None:
        found.append(RowsOfOthers(files.issued, _count_others(scene, (one.school for one in scene.issued or ()))))
    path = files.reservations
    if path is not None and table is not None:
        others = _count_others(scene, (one.school for one in table.reservations))
        found.append(RowsOfOthers(path, others, kept=True, dropped=table.ignored))
    return tuple(one for one in found if one.schools or one.dropped)


def _count_others(scene: CheckScene, schools: Iterable[str]) -> Mapping[str, int]:
    counted = Counter(one for one in schools if one not in scene.policy.schools)
    return dict(sorted(counted.items()))


def _explain_left(one: LeftReservation) -> str:
    there = ", ".join(one.segments)
    match one.reason:
        case LeftReason.NO_SEGMENT:
            return "its address is in no segment of its school; correct it"
        case LeftReason.FULL:
            return f"no address of {there} is free"
        case LeftReason.SEVERAL_SUCCESSORS:
            return f"the sockets of {one.segment_before} become those of {there}; {_advise(one)}"
        case LeftReason.UNKNOWN_SUCCESSOR:
            return f"{there} is not there in the next stage; {_advise(one)}"
        case LeftReason.NO_SUCCESSOR:
            return f"nothing comes in the place of {one.segment_before} in the next stage; {_advise(one)}"


def _advise(one: LeftReservation) -> str:
    return f"name what does (--new-segment {one.segment_before}=NEW), or take it out of the list"
