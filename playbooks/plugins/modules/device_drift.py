"""The documentation of `device_drift`; the work is done by the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = """
module: device_drift
short_description: Compare what a device runs with the policy
description:
  - Reads the running configuration over SSH with Tsunagu's own transport (pinned host keys, credentials by reference).
  - Says what a plan would change. Changes nothing; a difference is a result, not a failure.
options: {}
author: Tsunagu
"""
EXAMPLES = """
- name: Compare what the device runs with the policy
  device_drift:
  register: drift_found
"""
RETURN = """
drift:
  description: What differs (C(changes), C(saved), C(not_judged), C(left_out), C(differs)).
  returned: success
  type: dict
"""
