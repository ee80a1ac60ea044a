"""How many connections an endpoint has room for: so many in all, and fewer of one source."""

from __future__ import annotations

import threading
from collections import Counter
from ipaddress import IPv6Address, ip_address

MOST_CONNECTIONS = 64
MOST_OF_ONE_SOURCE = 24
"""A test of 16 streams and its first connection, and some that are about to end."""
_HOST_BITS = 64


class ConnectionRoom:
    """The connections that are open. All methods may be called by any thread."""

    def __init__(self) -> None:
        self._open: Counter[str] = Counter()
        self._changing = threading.Lock()

    def take_place(self, source: str) -> bool:
        """Whether there is room for one more of a source; then it has it."""
        with self._changing:
            if self._open.total() >= MOST_CONNECTIONS or self._open[source] >= MOST_OF_ONE_SOURCE:
                return False
            self._open[source] += 1
            return True

    def return_place(self, source: str) -> None:
        """Note that a connection of a source is over."""
        with self._changing:
            self._open[source] -= 1
            self._open += Counter()  # forgets sources that have none any more


def name_source(address: str) -> str:
    """Whom an address is of: in IPv6 a /64, as each machine has all the addresses of one.

    >>> name_source("::ffff:192.0.2.7"), name_source("2001:db8::7"), name_source("fe80::1%wan0")
    ('192.0.2.7', '2001:db8::/64', 'fe80::/64')
    """
    found = ip_address(address.partition("%")[0])
    if not isinstance(found, IPv6Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return f"{IPv6Address(int(found) >> _HOST_BITS << _HOST_BITS)}/{_HOST_BITS}"
