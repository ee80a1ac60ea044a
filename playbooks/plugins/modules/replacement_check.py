"""The documentation of `replacement_check`; the work is done by the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = """
module: replacement_check
short_description: Judge whether a new device can take a broken one's place
description:
  - Finds and reads the backup, and the secrets that it needs.
  - Looks at the host key at the device's address. The old one's is refused, and so is any but the expected one.
  - Nothing is changed, on the device or here.
options:
  fingerprints:
    description: A file with a line C(DEVICE SHA256:...) for each new device, as read on its console.
    type: path
    required: true
  backup:
    description: The folder of the backup; the last one before a change if left out.
    type: path
    required: false
author: Tsunagu
"""
EXAMPLES = """
- name: Judge whether the new switch can take its place
  replacement_check:
    fingerprints: fingerprints.txt
  register: replace_switch_judged
"""
RETURN = """
fingerprint:
  description: The fingerprint that the device must show and shows.
  returned: success
  type: str
pinned:
  description: Whether that host key is pinned already.
  returned: success
  type: bool
backup:
  description: The file that everything comes from.
  returned: success
  type: str
read_at:
  description: When that was read from the device.
  returned: success
  type: str
left_out:
  description: Lines of the backup that the operators leave out.
  returned: success
  type: list
"""
