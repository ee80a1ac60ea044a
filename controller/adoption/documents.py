"""The proposal of a device as the JSON document of `tsunagu adopt`."""

from __future__ import annotations

from dataclasses import asdict

from controller.adoption.hand_over import HandOver
from controller.adoption.proposal import DeviceProposal


def build_proposal_document(one: DeviceProposal) -> dict[str, object]:
    """Return all that is proposed for a device, for programs."""
    return {
        "device": one.device.id,
        "platform": one.device.platform,
        "source": one.source,
        "segments": [
            {
                "vlan": mapped.vlan,
                "name": mapped.name,
                "segment": mapped.segment or None,
                "sure": mapped.sure,
                "reasons": list(mapped.reasons),
                "overrides": dict(mapped.overrides),
            }
            for mapped in one.segment_map
        ],
        "hand_overs": [_describe_hand_over(stage.hand_over) for stage in one.stages],
        "contradictions": [asdict(contradiction) for contradiction in one.contradictions],
        "access_changes": [asdict(change) for change in one.access_changes],
        "changes": list(one.changes),
        "not_judged": list(one.unjudged),
        "faults": list(one.faults),
        "states_proved": one.states,
    }


def _describe_hand_over(one: HandOver) -> dict[str, object]:
    return {
        "kind": one.kind,
        "object": one.name,
        "line": one.line or None,
        "was": one.was,
        "becomes": one.becomes,
        "needs": one.needs,
        "commands": list(one.commands),
        "give_back": list(one.give_back),
    }
