"""Compares two policies: every answer that differs between them, and what differs and is no answer."""

from __future__ import annotations

from controller.errors import TsunaguError
from controller.model.city import City
from controller.plan.what_if.changes import Changes, weigh_change
from controller.plan.what_if.data_flow_changes import find_data_flow_changes
from controller.plan.what_if.equipment_changes import find_equipment_changes
from controller.plan.what_if.field_differences import find_field_differences
from controller.plan.what_if.field_effects import is_unjudged
from controller.plan.what_if.identity_changes import find_admission_changes, find_identity_changes
from controller.plan.what_if.network_changes import find_network_changes
from controller.plan.what_if.session_changes import find_session_changes
from controller.plan.what_if.stage_changes import find_later_changes, find_stage_changes


def compare_policies(before: City, after: City, names: tuple[str, str] = ("before", "after")) -> Changes:
    """Every answer that differs between two policies of the same day, and every field that no answer judges.

    Raises:
        TsunaguError: the policies were loaded for different days.
    """
    if before.policy_date != after.policy_date:
        message = f"two policies can be compared on one day only, not on {before.policy_date} and {after.policy_date}"
        raise TsunaguError(message)
    network, identity = find_network_changes(before, after), find_identity_changes(before, after)
    equipment = find_equipment_changes(before, after)
    later = find_later_changes(before, after, [*network, *identity, *equipment])
    return Changes(
        before=names[0],
        after=names[1],
        on=str(before.policy_date),
        network=tuple(sorted(network, key=weigh_change)),
        identity=tuple(sorted(identity, key=weigh_change)),
        admission=tuple(sorted(find_admission_changes(before, after), key=weigh_change)),
        data_flows=tuple(sorted(find_data_flow_changes(before, after), key=weigh_change)),
        equipment=tuple(sorted(equipment, key=weigh_change)),
        unjudged=tuple(str(one) for one in find_field_differences(before, after) if is_unjudged(one.field)),
        stages=tuple(sorted(find_stage_changes(before, after), key=weigh_change)),
        later=tuple(sorted(later, key=weigh_change)),
        sessions=tuple(sorted(find_session_changes(before, after), key=weigh_change)),
    )
