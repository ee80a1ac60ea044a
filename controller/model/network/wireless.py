"""Wireless networks: how they let clients in, and what an access point holds of one, free of any vendor's words."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Protection(StrEnum):
    """How a wireless network lets clients in and protects what they send.

    - `wpa3-enterprise`: 802.1X asks the admission servers, and only whom they answer the network's own segment gets
      in. Management frames are protected (WPA3 specification: PMF required, AKM 00-0F-AC:5).
    - `enhanced-open`: everybody gets in, unasked; each client's frames are encrypted by themselves (OWE, RFC 8110).

    There is no open network without encryption, and none with a shared password, which a school could not take back.
    """

    WPA3_ENTERPRISE = "wpa3-enterprise"
    ENHANCED_OPEN = "enhanced-open"


@dataclass(frozen=True, slots=True, order=True)
class WirelessNetwork:
    """A wireless network of an access point. Its clients land in the VLAN, tagged on the wired port `uplink`.

    `isolated`: its clients do not reach one another through the access point. `identity` is what the access point calls
    itself when it asks `servers` (RADIUS), in their order; both are empty where nobody is asked.
    """

    ssid: str
    vlan: int
    protection: Protection
    isolated: bool
    uplink: str
    identity: str = ""
    servers: tuple[str, ...] = ()
