"""What may not stand inside a port of ours on Cisco IOS, and what may not stand twice.

A port of ours is switched, in the VLANs that we give it, and unfiltered (filters of ours are bound to VLAN interfaces).
A line that says otherwise would make a plan that "changes nothing" untrue, so it is refused. IOS never prints a thing
twice; a saved file that holds one was edited, and which of the two would be in force cannot be told.

Sources: Cisco IOS LAN Switching Command Reference (`switchport`, `switchport private-vlan`, `switchport vlan mapping`),
Security Command Reference (`ip access-group`, `mac access-group`, `authentication event`, `dot1x guest-vlan`), IPv6
Command Reference (`ipv6 traffic-filter`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from controller.model.network.device_state import PREFIX
from controller.platforms.base import ConfigLine
from controller.platforms.common.lines import plain, starting, twice

# A list of our prefix on a port is refused where bindings are read.
_CONFLICTS = {
    re.compile(pattern): what
    for pattern, what in (
        (r"no switchport", "is a routed port"),
        (r"ip(v6)? (address|unnumbered)( .*)?", "has an address, as a routed port has"),
        (rf"(ip access-group|ipv6 traffic-filter)(?! {PREFIX}-)( .*)?", "is filtered by a list that is not ours"),
        (r"mac access-group( .*)?", "is filtered by a list that is not ours"),
        (r"switchport (mode )?private-vlan( .*)?", "is in a private VLAN"),
        (r"switchport voice vlan( .*)?", "carries another VLAN beside ours"),
        (r"switchport vlan mapping( .*)?", "puts frames into another VLAN"),
        (r"authentication event .* vlan( .*)?", "puts hosts into another VLAN"),
        (r"dot1x (guest-vlan|(auth-fail|critical) vlan)( .*)?", "puts hosts into another VLAN"),
    )
}
_ONCE = ("description", "switchport mode", "switchport access vlan")
_ALLOWED = "switchport trunk allowed vlan"


def conflicting(children: list[ConfigLine]) -> Iterator[tuple[ConfigLine, str]]:
    """The lines that a port of ours cannot have, each with what the port is by it."""
    for line in children:
        yield from ((line, what) for pattern, what in _CONFLICTS.items() if pattern.fullmatch(plain(line)))


def port_problems(name: str, mark: ConfigLine, children: list[ConfigLine]) -> Iterator[tuple[ConfigLine, str]]:
    """The lines of a port of ours that cannot stand there, each with the reason; `mark` is what makes it ours."""
    for line, what in conflicting(children):
        ours = f"{name} is ours ({plain(mark)!r}, line {mark.number})"
        remedy = "remove this line, or take our description off the port"
        yield line, f"conflict: {ours} and {what}: {plain(line)!r}; {remedy}"
    for words in _ONCE:
        yield from twice((words, line, True) for line in starting(words, children))
    for index, line in enumerate(starting(_ALLOWED, children)):
        if plain(line).startswith(f"{_ALLOWED} add ") != bool(index):
            yield line, f"in {name}, {_ALLOWED!r} must stand once, continued only by lines with 'add' after it"
