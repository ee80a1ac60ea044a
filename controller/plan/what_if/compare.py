"""Compares two policies: every answer that differs between them."""

from __future__ import annotations

from collections.abc import Iterator

from controller.errors import TsunaguError
from controller.model.city import City
from controller.model.policy_files import LAB
from controller.plan.what_if.changes import Changes, weigh_change
from controller.plan.what_if.data_flow_changes import find_data_flow_changes
from controller.plan.what_if.identity_changes import find_admission_changes, find_identity_changes
from controller.plan.what_if.network_changes import find_network_changes


def compare_policies(before: City, after: City, names: tuple[str, str] = ("before", "after")) -> Changes:
    """Every answer that differs between two policies of the same day.

    Raises:
        TsunaguError: the policies were loaded for different days.
    """
    if before.policy_date != after.policy_date:
        message = f"two policies can be compared on one day only, not on {before.policy_date} and {after.policy_date}"
        raise TsunaguError(message)
    return Changes(
        before=names[0],
        after=names[1],
        on=str(before.policy_date),
        network=tuple(sorted(find_network_changes(before, after), key=weigh_change)),
        identity=tuple(sorted(find_identity_changes(before, after), key=weigh_change)),
        admission=tuple(sorted(find_admission_changes(before, after), key=weigh_change)),
        data_flows=tuple(sorted(find_data_flow_changes(before, after), key=weigh_change)),
        unjudged=tuple(_unjudged(before, after)),
    )


def _unjudged(before: City, after: City) -> Iterator[str]:
    """Name what differs and is no answer to "who reaches what"."""
    for name, old, new in (
        ("necessities", before.infrastructure_protocols, after.infrastructure_protocols),
        ("VLANs or isolation of segments", _switched(before), _switched(after)),
        ("devices and ports", _equipment(before), _equipment(after)),
        ("wireless networks: whom they let in, and where to", _networks(before), _networks(after)),
        ("the admission servers", before.admission_servers, after.admission_servers),
        ("lines", before.lines, after.lines),
        ("how lines are measured", before.measurement, after.measurement),
        ("the lab", before.files.find(LAB), after.files.find(LAB)),
        ("pupils or lines of schools", [s.lines for s in before.schools], [s.lines for s in after.schools]),
        ("how devices are reached", before.settings.device_access, after.settings.device_access),
    ):
        if _without_origins(old) != _without_origins(new):
            yield name


def _switched(city: City) -> list[object]:
    everywhere: list[object] = [(segment.id, segment.vlan, segment.isolated) for segment in city.segments.values()]
    own = {(school.id, one.id): one.vlan for school in city.schools for one in school.segments if one.vlan is not None}
    return [*everywhere, sorted(own.items())]


def _equipment(city: City) -> list[object]:
    lots = [(school.id, city.equipment.find_lot(school), school.blueprint) for school in city.schools]
    return [city.blueprints, city.equipment.inventory, lots]


def _networks(city: City) -> list[object]:
    return [
        (blueprint.id, group.role, one.ssid, one.segment, one.protection)
        for blueprint in city.blueprints.blueprints
        for group in blueprint.devices
        for one in group.ssids
    ]


def _without_origins(value: object) -> object:
    """A model without the places where it was written: a file that only moved has not changed."""
    if hasattr(value, "model_dump"):
        return _without_origins(value.model_dump())
    if isinstance(value, dict):
        return {name: _without_origins(item) for name, item in value.items() if name != "origin"}
    if isinstance(value, list | tuple):
        return [_without_origins(item) for item in value]
    return value
