"""The way back of a rollout: the policy before it, the devices that it touched, and what going back would widen.

A wave's own undo and the undo that people ask for share it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from controller.errors import PlanRefused, PolicyError, RolloutRefused, StoreRefused, TsunaguError
from controller.model.city import City
from controller.operations.applied_policies import find_applied_policy
from controller.operations.operations import Operations
from controller.plan.build import ConsideredDevice
from controller.plan.provenance.policy_copies import is_policy_kept, keep_policy, load_kept_policy
from controller.plan.what_if.compare import compare_policies
from controller.platforms.registry import load_platform
from controller.prove.filters.transition import find_wider_flows
from controller.rollout.durable.gates.gate import name_some
from controller.rollout.durable.records import DeviceRun, RolloutRecord
from controller.rollout.durable.rollout_store import RolloutStore
from controller.rollout.durable.snapshot import unpack_snapshot
from controller.rollout.outcome import End


def load_policy_before(
    record: RolloutRecord, operations: Operations, estate: type[City], on: date | None = None
) -> City:
    """Load the policy that was applied last before a rollout, from the controller's own copy.

    Raises:
        RolloutRefused: none is known, or the rollout applied that one itself.
        PlanRefused: its copy is not kept any more, or was changed.
    """
    if not record.policy_before:
        message = f"{record.id}: none is known that was applied before this one"
        raise RolloutRefused(message)
    if record.policy_before == record.policy:
        message = f"{record.id}: it applied the policy that was applied before it, so there is none to go back to"
        raise RolloutRefused(message)
    return load_kept_policy(record.policy_before, operations.state, estate, operations.get_bounds(), on)


def recover_policy_copy(policy: str, store: RolloutStore, operations: Operations) -> None:
    """Put the copy of an earlier policy back, where it is not kept here, from a rollout that knows its files.

    That is one that ran from it, or came after it. Where there is none, nothing is done.

    Raises:
        StoreRefused: the database cannot be used.
        PlanRefused, PolicyError: no snapshot that holds it can be used, or it is wider than the operators allow now.
    """
    if not policy or is_policy_kept(policy, operations.state):
        return
    refused: TsunaguError | None = None
    for name in store.list_rollouts():
        record = store.load_record(name)
        if policy not in (record.policy, record.policy_before):
            continue
        block = store.load_snapshot(name)
        try:
            _keep_from_snapshot(record, block, policy, operations)
        except (StoreRefused, PlanRefused, PolicyError) as error:
            refused = error  # another rollout may know it as well
        else:
            return
    if refused is not None:
        raise PlanRefused(str(refused)) from refused


def _keep_from_snapshot(record: RolloutRecord, block: bytes, policy: str, operations: Operations) -> None:
    with unpack_snapshot(record.id, block) as snapshot:
        if record.policy == policy:
            city, folder = snapshot.load_city(operations.get_bounds()), snapshot.policies
        else:
            city, folder = snapshot.load_policy_before(policy, operations.get_bounds())
        keep_policy(city, folder, operations.state)


def list_touched_devices(runs: Iterable[DeviceRun]) -> tuple[str, ...]:
    """Return the devices that a rollout has changed, or may have, in the order in which they were tried.

    One that did not answer, or that was as planned before anything was done, was not touched.
    """
    touched = (run.device for run in runs if run.attempted and not run.unreached and run.end is not End.UNCHANGED)
    return tuple(dict.fromkeys(touched))


def list_widened(now: City, then: City, schools: frozenset[str]) -> list[str]:
    """Return what would be permitted at some schools by going from one policy to another, and what nobody can judge.

    Raises:
        TsunaguError: the policies were loaded for different days.
    """
    changes = compare_policies(now, then)
    opened = [
        f"{one.segment} to {one.application} at {name_some(sorted(schools.intersection(one.schools)))}"
        for one in changes.network
        if one.way == "opens" and schools.intersection(one.schools)
    ]
    return opened + [f"{one}: not judged" for one in changes.unjudged]


def list_widened_since(then: City, schools: frozenset[str], store: RolloutStore, operations: Operations) -> list[str]:
    """Return what a policy permits at some schools that the one applied last does not, and what nobody can judge.

    Raises:
        OperationsRefused: the record of what was applied last cannot be used.
    """
    last = find_applied_policy(then, operations)
    if last is None or last.policy == then.digest:
        return []
    try:
        recover_policy_copy(last.policy, store, operations)
        bounds = operations.get_bounds()
        now = load_kept_policy(last.policy, operations.state, type(then), bounds, then.policy_date)
    except TsunaguError as error:
        return [f"everything that the policy {last.policy[:12]} forbids: not judged, since {error}"]
    return list_widened(now, then, schools)


def list_widened_flows(one: ConsideredDevice) -> list[str]:
    """Return what a device would let pass that it does not now, a packet for each VLAN and direction."""
    seen = one.observed.observation
    if one.derived is None or seen is None:
        return []
    can = load_platform(one.observed.device.platform).capabilities
    return list(dict.fromkeys(str(flow) for flow in find_wider_flows(seen.state, one.derived.wanted, can)))
