"""The documentation of `device_rotation`; the work is done by the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = """
module: device_rotation
short_description: Rotate the login of a device
description:
  - Does what C(tsunagu rotate) does, in a process of its own.
  - Sets the next login of the device's access and proves it by a second session while the first one is open.
  - Where the operators' file names a previous login, that one is taken away.
  - No password is an argument, or in a result. The operators' file says where they live.
  - In check mode it says what is due.
options:
  restore_after:
    description: Seconds until the device puts its old state back.
    type: int
    required: false
  accept_no_restore:
    description: Whether a device is changed, too, that cannot put its old state back by itself.
    type: bool
    required: false
author: Tsunagu
"""
EXAMPLES = """
- name: Rotate the login
  device_rotation:
  register: rotate_credentials_rotated
"""
RETURN = """
stage:
  description: Which step the operators' file asks for, C(add) or C(remove).
  returned: success
  type: str
user:
  description: Whose login that is.
  returned: success
  type: str
due:
  description: Whether something is still to be done.
  returned: success
  type: bool
end:
  description: How it ended (C(applied), C(unchanged), C(reverted), C(failed), C(unknown)), or nothing.
  returned: success
  type: str
reason:
  description: Why, where that is no good end.
  returned: success
  type: str
logins:
  description: What each login does now (C(works), C(refused), C(not known)), by its user.
  returned: success
  type: dict
"""
