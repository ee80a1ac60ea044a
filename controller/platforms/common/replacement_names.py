"""A list that somebody changed by hand is replaced by another of the same entries, never edited while in force."""

from __future__ import annotations

from dataclasses import replace

from controller.model.network.device_state import DeviceState, Filter, build_device_state


def use_replacement_names(now: DeviceState, wanted: DeviceState) -> DeviceState:
    """The wanted state, but with another name for each filter whose own is in use for something else."""
    there = {one.name: one for one in now.filters}
    missing = {binding.filter for binding in now.bindings} - there.keys()
    renamed: dict[str, str] = {}
    for one in wanted.filters:
        if one.name in missing or there.get(one.name, one) != one:
            names = (f"{one.name}-mend{number}" for number in range(10))
            renamed[one.name] = next(name for name in names if name not in missing and _free(name, one, there))
    filters = [replace(one, name=renamed.get(one.name, one.name)) for one in wanted.filters]
    bindings = [replace(one, filter=renamed.get(one.filter, one.filter)) for one in wanted.bindings]
    named = build_device_state(filters=filters, bindings=bindings)
    return replace(wanted, filters=named.filters, bindings=named.bindings)


def _free(name: str, one: Filter, there: dict[str, Filter]) -> bool:
    return name not in there or there[name].entries == one.entries
