"""The documentation of `evidence_archive`; the work is done by the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = """
module: evidence_archive
short_description: Put what is known of an incident into one archive
description:
  - Takes the configurations (without their secrets) and reports that earlier tasks saved, the lines of the audit trail,
    the timelines and the plans of the last days. C(SHA256SUMS) in it has the digest of each file.
  - C(MISSING.json) in it names hosts of which something is missing. Meant for C(run_once).
options:
  folder:
    description: Where the earlier tasks saved, and where C(evidence.tar.gz) is written.
    type: path
    required: true
  found:
    description: The variables that the earlier tasks were registered as.
    type: list
    elements: str
    required: true
  days:
    description: How many days back.
    type: str
    required: false
  plans:
    description: A folder with saved plans (C(plan.json) at any depth).
    type: path
    required: false
author: Tsunagu
"""
EXAMPLES = """
- name: Write the archive
  evidence_archive:
    folder: evidence/today
    found: [evidence_saved, evidence_compared]
  run_once: true
"""
RETURN = """
path:
  description: The archive.
  returned: outside of check mode
  type: str
sha256:
  description: Its SHA-256.
  returned: outside of check mode
  type: str
"""
