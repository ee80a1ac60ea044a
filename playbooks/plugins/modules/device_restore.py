"""The documentation of `device_restore`; the work is done by the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = """
module: device_restore
short_description: Bring a replaced device back from its last state
description:
  - Does what C(tsunagu restore) does, in a process of its own.
  - The backup is judged, and what is ours is planned and proved.
  - The change is made behind the device's own restore, and everything is read back.
  - Where Ansible is ended, a change that has begun is brought to its end.
  - In check mode nothing is done.
options:
  fingerprint:
    description: The new device's host key, as its console shows it (C(SHA256:...)). It is pinned.
    type: str
    required: true
  backup:
    description: The backup, its folder or its file C(DEVICE.cfg).
    type: path
    required: true
  restore_after:
    description: Seconds until the device puts its old state back.
    type: int
    required: false
  sign_with:
    description: The SSH key that signs the plan, where the operators ask for approvals.
    type: path
    required: false
author: Tsunagu
"""
EXAMPLES = """
- name: Bring the switch back
  device_restore:
    fingerprint: "{{ replace_switch_judged.fingerprint }}"
    backup: "{{ replace_switch_judged.backup }}"
  register: replace_switch_restored
"""
RETURN = """
end:
  description: How it ended for the device, C(applied), C(unchanged), C(reverted), C(failed) or C(unknown).
  returned: success
  type: str
reason:
  description: Why, where that is no good end.
  returned: success
  type: str
"""
