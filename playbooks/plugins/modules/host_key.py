"""The documentation of `host_key`; the work is done by the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = """
module: host_key
short_description: Pin the host key of a device by its fingerprint
description:
  - Looks at the host key that the device shows.
  - Pins it if its fingerprint is the one that somebody read on the device's console.
  - In check mode it only looks. A device for which another key is pinned is refused.
options:
  fingerprints:
    description: A file with a line C(DEVICE SHA256:...) for each device.
    type: path
    required: false
  unpin:
    description: The key (base64) of an earlier result, to take it out again.
    type: str
    required: false
  forget:
    description: Whether every key that is pinned for the device is taken out.
    type: bool
    required: false
author: Tsunagu
"""
EXAMPLES = """
- name: Pin the host key
  host_key:
    fingerprints: fingerprints.txt
  register: onboard_switch_key
"""
RETURN = """
key:
  description: The key that is pinned (base64).
  returned: success
  type: str
pinned_now:
  description: Whether it was pinned by this task.
  returned: success
  type: bool
usable:
  description: Whether the device can be logged in to now.
  returned: success
  type: bool
"""
