"""The proof's place in the flow: what would be on the device, parsed back, equals what the policy says."""

from __future__ import annotations

from collections.abc import Iterator

from controller.compile.campus import CampusIntent
from controller.errors import ProofFailed
from controller.model.state import DeviceState
from controller.platforms.base import Platform
from controller.prove.equivalence import prove_equal


def prove(intent: CampusIntent, system: Platform) -> int:
    """Render the wanted state, parse it back, and prove every filter; the number of filters proved.

    Raises:
        ProofFailed: with a packet for each filter that differs.
    """
    name = intent.device.id
    parsed = system.parse(system.render(intent.wanted), f"{name} (rendered)").state
    differences = list(differences_to_policy(intent, parsed))
    if parsed != intent.wanted and not differences:
        differences.append(f"{name}: what {system.name} renders does not parse back to the same state")
    if differences:
        raise ProofFailed("The proof failed; nothing was saved or applied:\n  " + "\n  ".join(differences))
    return len(intent.intents)


def differences_to_policy(intent: CampusIntent, state: DeviceState) -> Iterator[str]:
    """Where the filters in force on a device do not equal the policy, each with a packet that shows it."""
    by_name = {one.name: one for one in state.filters}
    bound = {(b.vlan, b.direction, b.family): b.filter for b in state.bindings}
    for wanted in intent.intents:
        key = (wanted.vlan, wanted.direction, wanted.family)
        place = f"{wanted.device} VLAN {wanted.vlan} ({wanted.segment}) {wanted.direction} IPv{int(wanted.family)}"
        if key not in bound:
            yield f"{place}: no filter is in force; everything passes"
        elif bound[key] not in by_name:
            yield f"{place}: filter {bound[key]} is bound, but does not exist"
        else:
            difference = prove_equal(wanted, by_name[bound[key]])
            if difference is not None:
                yield str(difference)
    known = {(wanted.vlan, wanted.direction, wanted.family) for wanted in intent.intents}
    for key, name in bound.items():
        if key not in known:
            yield f"{intent.device.id}: filter {name} is in force for VLAN {key[0]}, which the policy does not filter"
