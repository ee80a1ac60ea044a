"""Writes the names of interfaces of Cisco IOS in full: `gi1/0/1` and `GigabitEthernet 1/0/1` are one port.

Sources: Cisco IOS Interface and Hardware Component Command Reference, `interface` (the types, and that a name may be
shortened as far as it is told from every other); the short names that `show interfaces status` and `show vlan` print.
"""

from __future__ import annotations

import re
from functools import lru_cache

KINDS = (
    *("Ethernet", "FastEthernet", "GigabitEthernet", "TwoGigabitEthernet", "FiveGigabitEthernet"),
    *("TenGigabitEthernet", "TwentyFiveGigE", "FortyGigabitEthernet", "FiftyGigE", "HundredGigE", "TwoHundredGigE"),
    *("FourHundredGigE", "AppGigabitEthernet", "Port-channel", "Vlan", "Loopback", "Tunnel", "Null", "Serial"),
    *("Async", "Group-Async", "ATM", "BDI", "Bluetooth", "BRI", "BVI", "Cellular", "Dialer", "LISP", "Multilink"),
    *("nve", "NVI", "POS", "pseudowire", "Virtual-Access", "Virtual-PPP", "Virtual-Template", "VirtualPortGroup"),
    *("Wlan-GigabitEthernet", "wlan-ap", "Embedded-Service-Engine", "Service-Engine", "ucse", "Vxlan", "vasileft"),
    *("vasiright", "StackPort", "StackSub-St", "Control", "mgmt"),
)
SHOWN = {
    "et": "Ethernet",
    "eth": "Ethernet",
    "fa": "FastEthernet",
    "gi": "GigabitEthernet",
    "gig": "GigabitEthernet",
    "tw": "TwoGigabitEthernet",
    "fi": "FiveGigabitEthernet",
    "te": "TenGigabitEthernet",
    "ten": "TenGigabitEthernet",
    "twe": "TwentyFiveGigE",
    "fo": "FortyGigabitEthernet",
    "fif": "FiftyGigE",
    "hu": "HundredGigE",
    "tu": "Tunnel",
    "ap": "AppGigabitEthernet",
    "po": "Port-channel",
    "vl": "Vlan",
    "lo": "Loopback",
    "se": "Serial",
}
"""What show commands print, also where as much of a name could be another's."""
_NAME = re.compile(r"([A-Za-z][A-Za-z-]{0,40}) ?([0-9][0-9/.:]{0,40})")


def complete_interface_name(written: str) -> str:
    """Return the name of an interface as the device prints it; what it cannot be told for stays as it is.

    >>> [complete_interface_name(name) for name in ("Gi1/0/1", "TENGIG1/1/1", "po 3", "vl20", "T1/0/1")]
    ['GigabitEthernet1/0/1', 'TenGigabitEthernet1/1/1', 'Port-channel3', 'Vlan20', 'T1/0/1']
    """
    found = _NAME.fullmatch(written)
    if found is None:
        return written
    kind = _find_kind(found[1].lower())
    return f"{kind}{found[2]}" if kind else written


@lru_cache(maxsize=1024)
def _find_kind(begun: str) -> str:
    """Return the type that a name begins with; "" where it can be none, or several. A switch has hundreds of names."""
    whole = [kind for kind in KINDS if kind.lower() == begun] or [SHOWN[one] for one in SHOWN if one == begun]
    meant = whole or [kind for kind in KINDS if kind.lower().startswith(begun)]
    return meant[0] if len(meant) == 1 else ""


def find_name_fault(name: str) -> str:
    """Return why a name could be of several interfaces; "" where it is not.

    >>> find_name_fault("T1/0/1")
    'can be several interfaces (TenGigabitEthernet, Tunnel, TwentyFiveGigE, ...); write it in full'
    """
    found = _NAME.fullmatch(name)
    begun = found[1].lower() if found else ""
    meant = sorted(kind for kind in KINDS if begun and kind.lower().startswith(begun))
    if len(meant) < 2 or any(kind.lower() == begun for kind in meant):  # noqa: PLR2004 one is told, two are not
        return ""
    return f"can be several interfaces ({', '.join(meant[:3])}, ...); write it in full"
