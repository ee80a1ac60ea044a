"""The documentation of `policy_rollout`; the work is done by the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = """
module: policy_rollout
short_description: Roll a saved plan out, wave after wave
description:
  - Does what C(tsunagu rollout start) does, in a process of its own; the plan is judged, derived and proved anew.
  - Where Ansible is ended, the devices that have begun are finished; C(tsunagu rollout resume) goes on.
  - A plan that is about a device that is no host of the play is refused. Meant for C(run_once).
options:
  plan:
    description: The plan that C(policy_plan) or C(tsunagu plan -o) saved.
    type: path
    required: true
  restore_after:
    description: Seconds until a device puts its old state back.
    type: int
    required: false
  force_window:
    description: Why devices are changed in lessons, on exam days and outside the operators' windows.
    type: str
    required: false
  accept_wider:
    description: Anchors that may be wider than in the policy applied last, with commas between them.
    type: str
    required: false
  undo:
    description: Whether the plan goes back to an earlier policy, and that is meant.
    type: bool
    required: false
  accept_no_restore:
    description: Whether devices are changed, too, that cannot put their old state back by themselves.
    type: bool
    required: false
author: Tsunagu
"""
EXAMPLES = """
- name: Roll the plan out
  policy_rollout:
    plan: "{{ apply_policy_made.plan }}"
  run_once: true
  register: apply_policy_rolled
"""
RETURN = """
rollout:
  description: The rollout's id, for C(tsunagu rollout show).
  returned: success
  type: str
hosts:
  description:
    - By host, C(end) (done, failed, not attempted), C(state) (applied, unchanged, reverted, ...), C(reason), and
      C(touched), which is false only where it is known that the host holds nothing of what was planned.
  returned: success
  type: dict
end_unknown:
  description: Whether nobody knows how the rollout ended, so that devices may be changed.
  returned: where it is so
  type: bool
"""
