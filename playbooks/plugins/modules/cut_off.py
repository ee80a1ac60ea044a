"""The documentation of `cut_off`; the work is done by the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = """
module: cut_off
short_description: See that a device cuts off what the policy wants cut off
description:
  - Reads the running configuration over SSH, and looks at where the ports are and at what the filters let pass.
  - Changes nothing; what passes is a result, not a failure.
options: {}
author: Tsunagu
"""
EXAMPLES = """
- name: See that it is cut off
  cut_off:
  register: quarantine_held
"""
RETURN = """
leaks:
  description: What is to be cut off and is not, each with a packet or the port that shows it.
  returned: success
  type: list
"""
