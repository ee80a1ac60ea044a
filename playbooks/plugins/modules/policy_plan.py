"""The documentation of `policy_plan`; the work is done by the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = """
module: policy_plan
short_description: Plan and prove what the policy changes on the hosts of the play
description:
  - Reads the devices, and makes one plan for all of them, as C(tsunagu plan -o) does. Changes nothing on them.
  - In check mode the plan is made and proved, and not saved. Meant for C(run_once).
options:
  folder:
    description: Where C(plan.json) is saved; made if it is missing.
    type: path
    required: true
  sign_with:
    description: The SSH key that signs the plan as its planner's.
    type: path
    required: false
  quarantines:
    description: What C(access/quarantines.yaml) would say, where a task in check mode has not written it.
    type: str
    required: false
author: Tsunagu
"""
EXAMPLES = """
- name: Make and prove the plan
  policy_plan:
    folder: plans/today
  run_once: true
  register: apply_policy_made
"""
RETURN = """
plan:
  description: The saved plan; empty where nothing is to be done, and in check mode.
  returned: success
  type: str
approvals:
  description: Who must approve it first, and how; empty where nobody must.
  returned: success
  type: str
hosts:
  description: By host, C(end) (planned, unchanged or how it ended), C(reason), C(changes).
  returned: success
  type: dict
"""
