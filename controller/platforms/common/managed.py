"""What is ours on a device, by its name, and what no platform could hold; shared by the platforms that keep names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from controller.model.network.device_state import PREFIX, DeviceState, Filter
from controller.model.network.packets import Direction, Family, Match

LAST_VLAN = 4094
# The last part is there while a list that somebody changed is replaced by one of its own name.
_FILTER_NAME = re.compile(rf"{PREFIX}-(\d{{1,4}})-(from|to)-([46])-[0-9a-f]{{8}}(?:-mend\d)?")


def filter_key(name: str) -> tuple[int, Direction, Family] | None:
    """What a filter is for, by its name; None if it is no name of ours."""
    found = _FILTER_NAME.fullmatch(name)
    return (int(found[1]), Direction(found[2]), Family(int(found[3]))) if found else None


def covers_everything(match: Match) -> bool:
    """Whether a match covers every packet of its family."""
    return match == Match(match.family, None, match.family.everything, match.family.everything)


def vlan_list(numbers: Iterable[int]) -> str:
    """`10,20-22`: as IOS prints it, three or more neighbours as a range."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    shortest_range = 3
    return ",".join(f"{run[0]}-{run[-1]}" if len(run) >= shortest_range else ",".join(map(str, run)) for run in runs)


def listed_vlans(text: str) -> list[int] | None:
    """The numbers of `10,20-22`; None if the text is no such list."""
    numbers: list[int] = []
    for part in text.split(","):
        low, _, high = part.partition("-")
        if not low.isdecimal() or not (high or low).isdecimal() or not 1 <= int(low) <= int(high or low) <= LAST_VLAN:
            return None
        numbers.extend(range(int(low), int(high or low) + 1))
    return numbers


def twice(state: DeviceState) -> Iterator[str]:
    """What stands twice in a state."""
    for what, keys in (
        ("VLAN", [str(vlan.number) for vlan in state.vlans]),
        ("port", [port.name for port in state.ports]),
        ("filter", [one.name for one in state.filters]),
        ("binding", [f"{one.vlan} {one.direction} IPv{int(one.family)}" for one in state.bindings]),
    ):
        yield from (f"{what} {key} stands twice" for key in set(keys) if keys.count(key) > 1)


def filter_misfits(one: Filter, maximum: int) -> Iterator[str]:
    """Why a filter cannot stand on any platform that keeps names; `maximum` bounds its entries."""
    if filter_key(one.name) != one.key:
        yield f"{one.name}: the name of a filter must say what it is for: {one.key}"
    if not one.entries or not covers_everything(one.entries[-1].match) or len(one.entries) > maximum:
        yield f"{one.name}: a filter needs a last entry that covers everything, and at most {maximum} entries"
    if any(entry.match.family is not one.family for entry in one.entries):
        yield f"{one.name}: an entry of the other family"
    if len(set(one.entries)) != len(one.entries):
        yield f"{one.name}: an entry stands twice; a device keeps only the first of them"
