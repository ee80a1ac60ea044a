"""Replacement names: a list that somebody changed by hand is replaced by another of the same entries under such a name.

It is never edited while in force. The suffix is `-mend` and a number: devices in service may hold lists named so.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace

from controller.model.network.device_state import DeviceState, build_device_state


def choose_replacement_name(name: str, numbers: Iterable[int], used: Collection[str]) -> str:
    """Return the first replacement name that is not in use.

    >>> choose_replacement_name("TSN-own", range(10), {"TSN-own-mend0"})
    'TSN-own-mend1'
    """
    return next(one for one in (f"{name}-mend{number}" for number in numbers) if one not in used)


def use_replacement_names(now: DeviceState, wanted: DeviceState) -> DeviceState:
    """Return the wanted state, but with another name for each filter whose own is in use for something else."""
    there = {one.name: one for one in now.filters}
    missing = {binding.filter for binding in now.bindings} - there.keys()
    renamed: dict[str, str] = {}
    for one in wanted.filters:
        if one.name in missing or there.get(one.name, one) != one:
            same = {name for name, other in there.items() if other.entries == one.entries}
            used = missing | (there.keys() - same)
            renamed[one.name] = choose_replacement_name(one.name, range(10), used)
    filters = [replace(one, name=renamed.get(one.name, one.name)) for one in wanted.filters]
    bindings = [replace(one, filter=renamed.get(one.filter, one.filter)) for one in wanted.bindings]
    named = build_device_state(filters=filters, bindings=bindings)
    return replace(wanted, filters=named.filters, bindings=named.bindings)
