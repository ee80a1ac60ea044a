"""The documentation of `restored_lines`; the work is done by the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = """
module: restored_lines
short_description: Compare what a device runs with the backup that it was restored from
description:
  - Reads the device, and names the lines of others in the backup that it does not show.
  - What the policy says is compared by C(device_drift). Nothing is changed.
options:
  backup:
    description: The backup, its folder or its file C(DEVICE.cfg).
    type: path
    required: true
author: Tsunagu
"""
EXAMPLES = """
- name: See that what others had is back
  restored_lines:
    backup: "{{ replace_switch_judged.backup }}"
  register: replace_switch_lines
"""
RETURN = """
lost:
  description: The lines that are not there, secrets taken out.
  returned: success
  type: list
"""
