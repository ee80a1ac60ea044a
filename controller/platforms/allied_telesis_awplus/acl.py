"""The hardware access lists of AlliedWare Plus, as data: `permit tcp 10.1.20.0/24 203.0.113.0/28 eq 443 vlan 20`.

Sources: Allied Telesis, Command Reference for x510 Series 5.4.7-1.x (C613-50170-01, "named hardware ACL" entries);
for IE340 Series 5.5.3-0.x (C613-50631-01); CentreCOM x930シリーズ コマンドリファレンス 5.4.7 (613-002105,
"ipv6 access-list (seq entry)"); How To Note "Create hardware filters" for x900 (port operators).

No entry can tell an established TCP conversation: the references list addresses, ports, the ICMP type, the protocol's
number and the VLAN tag, and no flags (those only a QoS class-map matches). An entry that asks it is refused.
"""

from __future__ import annotations

from controller.model.network.packets import Family, Protocol
from controller.platforms.dialect.acl import AclGrammar, AddressForm

STEP = 10
MAXIMUM_ENTRIES = 65535 // STEP
"""A sequence number is at most 65535."""
LAST_ICMP_TYPE = 255
ICMP_TYPES = frozenset({0, 3, 4, 5, 8, *range(11, 19)})
"""The ICMP types that an IPv4 entry can name (C613-50170-01, page 1491); for IPv6 the references list none."""

_PORTED: dict[str, int | None] = {"tcp": Protocol.TCP, "udp": Protocol.UDP}
_FORMS = (AddressForm.LENGTH, AddressForm.HOST)

ACCESS_LISTS = AclGrammar(
    title="AlliedWare Plus",
    lists={Family.V4: "access-list hardware", Family.V6: "ipv6 access-list"},
    addresses={Family.V4: (*_FORMS, AddressForm.WILDCARD), Family.V6: _FORMS},
    protocols={
        Family.V4: {"ip": None, **_PORTED, "icmp": Protocol.ICMP},
        Family.V6: {"ipv6": None, **_PORTED, "icmp": Protocol.ICMPV6},
    },
    protocol_word="proto",
    icmp_word="icmp-type",
    vlan_word="vlan",
    step=STEP,
    unmatched="what nothing matches is forwarded",
)
