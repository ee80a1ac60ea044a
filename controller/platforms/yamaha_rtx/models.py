"""Which models and revisions of a Yamaha RTX put an old state back by themselves, told by a configuration's first line.

Sources: Yamaha command reference ed. 12.01, 56.7 (models and revisions with `rollback timer`) and 37.1 (`schedule at`).
A scheduled restart is no way for the others: its form `+SECONDS` came later than the timer on every model, and the
other form needs the router's time of day, which no command that was found tells.
"""

from __future__ import annotations

import re

_HEADER = re.compile(
    r"# (?P<model>RTX[0-9]{3,4}|NVR[0-9]{3}\w?|vRX)\S* Rev\.(?P<revision>[0-9]{1,3}(?:\.[0-9]{1,3}){0,3})"
)
_FIRST_REVISIONS: dict[str, tuple[int, ...]] = {
    "vRX": (0,),
    "RTX3510": (0,),
    "RTX1300": (0,),
    "RTX1220": (0,),
    "RTX840": (0,),
    "RTX1210": (14, 1, 26),
    "RTX830": (15, 2, 3),
    "RTX5000": (14, 0, 26),
    "RTX3500": (14, 0, 26),
}


def find_timer_fault(first_line: str) -> str:
    """Return why a router with this first line of its configuration has no rollback timer; nothing where it has.

    >>> find_timer_fault("# RTX1210 Rev.14.01.25")
    'RTX1210 has a rollback timer from revision 14.01.26 on; it runs 14.01.25'
    >>> find_timer_fault("# RTX810 Rev.11.01.34")
    'RTX810 is no model that is known to have a rollback timer; it runs 11.01.34'
    >>> find_timer_fault("# RTX1220 Rev.15.04.05")
    ''
    """
    found = _HEADER.match(first_line)
    if found is None:
        return "its configuration names no model and revision that have a rollback timer"
    first = _FIRST_REVISIONS.get(found["model"])
    if first is None:
        return f"{found['model']} is no model that is known to have a rollback timer; it runs {found['revision']}"
    if tuple(map(int, found["revision"].split("."))) < first:
        needed = ".".join(f"{part:02}" for part in first)
        return f"{found['model']} has a rollback timer from revision {needed} on; it runs {found['revision']}"
    return ""
