"""The documentation of `region_drill`; the work is done by the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = """
module: region_drill
short_description: Drill the loss of a region in the virtual city
description:
  - Does what C(tsunagu drill region) does, in a process of its own, and reads the record that was kept again.
  - Before that it looks at the lab stack and its pair, the policy's targets, PostgreSQL and the rights. In check mode
    it does only this.
  - Where Ansible is ended, the drill removes what it has built; what a killed one has left the next one removes.
options:
  region:
    description: The region that is lost; the one that is written to.
    type: str
    required: true
  policies:
    description: The folder of the policies whose targets hold.
    type: path
    required: true
  state:
    description: The folder in which the record, its reports and the audit trail are kept.
    type: path
    required: true
  people:
    description: Who takes part beside this user, with commas between them.
    type: str
    required: false
author: Tsunagu
"""
EXAMPLES = """
- name: Lose the region, fail over, rebuild, switch back
  region_drill:
    region: tokyo
    policies: ../policies
    state: ../.tsunagu
  register: drill_region_drilled
"""
RETURN = """
preview:
  description: What would be done, and the targets that hold.
  returned: in check mode
  type: str
end:
  description: C(done); C(differs) where a target is missed; C(failed) where anything else is wrong.
  returned: behind a drill
  type: str
reason:
  description: Why the end is not C(done).
  returned: behind a drill
  type: str
record:
  description: The file of the record.
  returned: behind a drill
  type: str
reports:
  description: The reports beside it, in Japanese and English.
  returned: behind a drill
  type: list
  elements: str
"""
