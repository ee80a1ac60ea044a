"""The documentation of `running_configuration`; the work is done by the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = """
module: running_configuration
short_description: Save what a device runs, without its secrets
description:
  - Reads the running configuration over SSH with Tsunagu's own transport (pinned host keys, credentials by reference).
  - Takes secrets out, checks that the rest still means the same state, and writes it as C(DEVICE.cfg).
options:
  folder:
    description: Where to write; made if it is missing.
    type: path
    required: true
author: Tsunagu
"""
EXAMPLES = """
- name: Save what the device runs
  running_configuration:
    folder: backups/today
"""
RETURN = """
path:
  description: The file that was written.
  returned: success
  type: str
backup:
  description: What is known of the text (SHA-256, lines, lines of ours, redacted lines, digest of the state).
  returned: success
  type: dict
"""
