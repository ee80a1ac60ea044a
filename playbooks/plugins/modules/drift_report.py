"""The documentation of `drift_report`; the work is done by the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = """
module: drift_report
short_description: Write the drift of all hosts of the play
description:
  - Writes C(drift.json), and for people C(drift.ja.md) and C(drift.en.md).
  - Hosts that did not answer are named in it. Meant for C(run_once).
options:
  folder:
    description: Where to write; made if it is missing.
    type: path
    required: true
  found:
    description: The variable that C(device_drift) was registered as.
    type: str
    required: true
author: Tsunagu
"""
EXAMPLES = """
- name: Write the report
  drift_report:
    folder: reports/today
    found: drift_found
  run_once: true
"""
RETURN = """
files:
  description: The files that were written.
  returned: success
  type: list
"""
