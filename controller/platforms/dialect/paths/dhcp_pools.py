"""The pools of a switch's own DHCP server: to which hosts they give addresses, and with what mask and gateway.

Sources: Cisco IOS IP Addressing Command Reference (`network`, `host`, `default-router`, `option`), AlliedWare Plus and
AX3660S command references, chapters on DHCP. Without a mask the class of an address counts; of those, the widest.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from controller.model.network.unmanaged_paths import PathKind, UnmanagedPath
from controller.platforms.dialect.paths.addresses import Lines, is_network, list_plain_addresses

_NETWORK = re.compile(r"(?P<word>network|host) (?P<address>[0-9.]+)(?: ?/?(?P<mask>[0-9.]+))?(?: secondary)?")
_MASK = re.compile(r"(?:subnet-mask|option 0*1 ip) (?P<mask>[0-9.]+)")
_GATEWAYS = re.compile(r"(?:(?:override )?default-router|option 0*3 ip) .*")
_WIDEST = "8"


def find_pool_paths(header: str, lines: Lines) -> Iterator[UnmanagedPath]:
    """Yield the networks that a pool gives addresses of, each with the mask and the gateways that hosts get.

    A host with an address of its own (`host`) has its gateway from the pool of its network where its pool names none.

    >>> from controller.platforms.base import ConfigLine
    >>> lines = [(ConfigLine(2, ""), "network 10.1.0.0 /22"), (ConfigLine(3, ""), "default-router 10.1.0.1")]
    >>> [(one.addresses, one.next_hops) for one in find_pool_paths("ip dhcp pool p", lines)]
    [(('10.1.0.0/22',), ('10.1.0.1',))]
    """
    if not header.startswith("ip dhcp pool "):
        return
    gateways = tuple(one for _, words in lines if _GATEWAYS.fullmatch(words) for one in list_plain_addresses(words))
    told = [found["mask"] for _, words in lines if (found := _MASK.fullmatch(words))]
    for line, words in lines:
        found = _NETWORK.fullmatch(words)
        if found is None or (found["word"] == "host" and not gateways):
            continue
        network = f"{found['address']}/{(*told, found['mask'] or _WIDEST)[0]}"
        if is_network(network):
            yield UnmanagedPath(
                PathKind.SECOND_GATEWAY,
                line.number,
                words,
                vlans=None,
                addresses=(network,),
                next_hops=gateways,
            )
