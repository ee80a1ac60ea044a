"""The documentation of `policy_entry`; the work is done by the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = """
module: policy_entry
short_description: Write or delete what the policy cuts off
description:
  - Changes one entry of C(access/quarantines.yaml) and no other line; the whole policy is checked before it is written.
  - Without O(port) the one school of the play's hosts is meant. Meant for C(run_once).
  - In check mode nothing is written.
options:
  change:
    description: What is done.
    type: str
    choices: [quarantine, release, close]
    required: false
  device:
    description: The device of the port; needed where the play has several.
    type: str
    required: false
  port:
    description: The port, as the policy names it.
    type: str
    required: false
  until:
    description: The last day of a quarantine.
    type: str
    required: false
  reason:
    description: Why.
    type: str
    required: false
  by:
    description: Who answers for it.
    type: str
    required: false
  keeps:
    description: The rules that a school in quarantine keeps, with commas between them.
    type: str
    required: false
  planned:
    description: Whether the entry was deleted before, when the plan was made; a release of nothing is refused else.
    type: bool
    required: false
  restore:
    description: The result of an earlier task, to write again what stood there before.
    type: dict
    required: false
author: Tsunagu
"""
EXAMPLES = """
- name: Write what is cut off into the policy
  policy_entry:
    change: quarantine
    port: GigabitEthernet1/0/5
    until: "2026-12-07"
    reason: malware is looked for
    by: the network team
  run_once: true
  register: quarantine_entry
"""
RETURN = """
path:
  description: The file.
  returned: success
  type: str
before:
  description: Its text before; none where there was no file.
  returned: success
  type: str
after:
  description: Its text now, or in check mode as it would be.
  returned: success
  type: str
msg:
  description: What else somebody should know, as the entries of later days that were deleted, too.
  returned: success
  type: str
holders:
  description: The devices that hold what is cut off.
  returned: success
  type: list
"""
