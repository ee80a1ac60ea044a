"""The lists that people bring to a change of stage: what of them is carried over, and what is of other schools."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from controller.errors import InputError, Problem
from controller.inputs.text_encodings import TextEncoding
from controller.integration.computers.reservation_table import ReservationTable, read_reservations
from controller.integration.pre_checks.check import CheckScene
from controller.integration.reservations import CarriedReservations, LeftReason, LeftReservation, carry_reservations
from controller.integration.stage_policy import StagePolicy


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
    policy: StagePolicy, path: Path | None, encoding: TextEncoding | None
) -> tuple[ReservationTable | None, CarriedReservations | None]:
    """Return a list of reservations and what becomes of it; None where there is no list.

    Raises:
        InputError: names each that cannot be carried over, and why.
    """
    if path is None:
        return None, None
    table = read_reservations(path, policy.before, encoding)
    mine = [one for one in table.reservations if one.school in policy.schools]
    carried = carry_reservations(policy.before, policy.after, mine)
    problems = [
        Problem(one.reservation.origin, "", f"{one.reservation.name} ({one.reservation.address}): {_explain_left(one)}")
        for one in carried.left
    ]
    if problems:
        message = f"{path}: these reservations cannot be carried over; nothing was written:"
        raise InputError(message, problems)
    others = tuple(one for one in table.reservations if one.school not in policy.schools)
    return table, replace(carried, others=others)


def find_rows_of_others(
    scene: CheckScene, lists: tuple[Path | None, Path | None], reserved: tuple[Path | None, ReservationTable | None]
) -> tuple[RowsOfOthers, ...]:
    """Find what the lists of printers, of what was issued and of reservations say of schools that do not change."""
    printers, issued = lists
    found = []
    if printers is not None:
        found.append(RowsOfOthers(printers, _count_others(scene, (one.school for one in scene.printers or ()))))
    if issued is not None:
        found.append(RowsOfOthers(issued, _count_others(scene, (one.school for one in scene.issued or ()))))
    path, table = reserved
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
            return f"the sockets of {one.segment_before} become those of {there}; divide the list"
        case _:
            return f"nothing comes in the place of {one.segment_before} in the next stage; take it out of the list"
