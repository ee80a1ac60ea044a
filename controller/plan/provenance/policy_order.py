"""Whether a plan may follow what was applied last: what was replaced comes back as an undo only, by no old plan.

A policies' folder at an earlier commit and a plan from then fit each other. What they cannot change is what this
controller has started since.
"""

from __future__ import annotations

from controller.errors import PlanRefused
from controller.model.city import City
from controller.operations.applied_policies import find_applied_policy
from controller.operations.operations import Operations
from controller.plan.document import PlanFile
from controller.plan.provenance.policy_copies import SHORTEST, is_policy_kept

_SHOWN = SHORTEST + 4


def explain_earlier_policy(city: City, operations: Operations) -> str:
    """Return why a policy may be applied as an undo only, and how; empty where no other one has replaced it.

    Raises:
        OperationsRefused: the record of what was applied last cannot be used.
    """
    last = find_applied_policy(city, operations)
    if last is None or last.policy == city.digest or not is_policy_kept(city.digest, operations.state):
        return ""
    digest = city.digest[:_SHOWN]
    return (
        f"the policy {digest} was applied before, and {last.policy[:_SHOWN]} after it ({last.at:%Y-%m-%d %H:%M %Z}, "
        f"by {last.by}). To go back is an undo, also where the policies' repository went back: tsunagu plan --undo "
        f"{digest} -o PLAN, then: tsunagu apply PLAN --undo"
    )


def refuse_replayed_plan(city: City, plan: PlanFile, operations: Operations, source: str) -> None:
    """Refuse a plan that would bring back what another policy has replaced since.

    An undo is refused only if it was made before another policy was started: it was signed and approved for a network
    that is no more.

    Raises:
        PlanRefused: names the policy that was applied since, and what to do.
        OperationsRefused: the record of what was applied last cannot be used.
    """
    earlier = "" if plan.undo else explain_earlier_policy(city, operations)
    if earlier:
        message = f"{source}: {earlier}"
        raise PlanRefused(message)
    last = find_applied_policy(city, operations)
    other = None if last is None else last.find_other_start(plan.policy)
    if other is not None and plan.made < other:
        message = (
            f"{source}: the plan was made at {plan.made:%Y-%m-%d %H:%M:%S %Z}, and another policy was applied since, "
            f"at {other:%Y-%m-%d %H:%M:%S %Z}. Make it anew"
        )
        raise PlanRefused(message)
