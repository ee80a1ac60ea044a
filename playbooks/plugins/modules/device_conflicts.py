"""The documentation of `device_conflicts`; the work is done by the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = """
module: device_conflicts
short_description: List what on a device contradicts the policy
description:
  - Reads the running configuration over SSH with Tsunagu's own transport.
  - Changes nothing; a conflict is a result, not a failure.
options: {}
author: Tsunagu
"""
EXAMPLES = """
- name: List the conflicts
  device_conflicts:
  register: onboard_switch_conflicts
"""
RETURN = """
conflicts:
  description: What has to be settled before the device can be planned.
  returned: success
  type: list
state:
  description: Digest of the device's state; empty where it could not be understood.
  returned: success
  type: str
"""
