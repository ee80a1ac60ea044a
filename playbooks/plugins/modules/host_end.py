"""The documentation of `host_end`; the work is done by the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = """
module: host_end
short_description: End a host as an earlier task found it
description:
  - Plain Ansible counts a host that is not done as failed or unreachable; C(tsunagu playbook run) tells how it ended
    and chooses its exit code.
options:
  end:
    description: C(done), C(differs), C(not judged), C(not attempted), C(failed) or C(unreachable).
    type: str
    required: true
  reason:
    description: Why, for people; only C(done) needs none.
    type: str
    required: false
author: Tsunagu
"""
EXAMPLES = """
- name: End where the device differs
  host_end:
    end: differs
    reason: 3 differences
"""
RETURN = """
{}
"""
