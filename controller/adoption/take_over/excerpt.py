"""The part of a running configuration that a hand-over is derived from: what a plan may keep of a device's text.

VLANs, ports, interfaces in VLANs and access lists, with no free text but that of the objects that change hands.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator

from controller.adoption.configuration_text import ConfigurationText
from controller.adoption.hand_over import is_managed_name
from controller.platforms.cisco_ios.text import SWITCH as CISCO
from controller.platforms.dialect.blocks import Block, Layout, join_words, read_blocks

_HEADER = re.compile(r"vlan (database|[0-9,-]+)|interface \S.*|(ip|ipv6) access-list .+|access-list .+")
_KEPT = re.compile(
    r"(name|vlan) .+|(no )?switchport( .+)?|(no )?shutdown|ip(v6)? address .+|ip helper-address .+|ipv6 dhcp relay .+"
    r"|(ip access-group|ipv6 traffic-filter|access-group) .+"
)
_LAYOUTS = {"cisco_ios": CISCO.layout, "allied_telesis_awplus": Layout()}


def make_excerpt(platform: str, text: str, described: Collection[str]) -> str:
    r"""Return the lines of a configuration that a hand-over is derived from.

    `described` are the headers of the blocks whose whole description is kept: those of the objects.

    >>> text = "hostname x\nvlan 10\n name STAFF\ninterface Vlan10\n description room 3\n standby 1 ip 10.0.0.9\n"
    >>> make_excerpt("cisco_ios", text, ())
    'vlan 10\n name STAFF\ninterface Vlan10\n'
    """
    shown = ConfigurationText(text)
    for header in described:
        shown.split_ports(header.removeprefix("interface "))
    _, blocks = read_blocks(shown.format_text(), _LAYOUTS[platform])
    return "".join(f"{line}\n" for block in blocks for line in _keep_lines(block, described))


def _keep_lines(block: Block, described: Collection[str]) -> Iterator[str]:
    header = join_words(block.header)
    if not _HEADER.fullmatch(header):
        return
    yield header
    for line in map(join_words, block.children):
        words = line.partition(" ")[2]
        if line.startswith("description "):
            if header in described:
                yield f" {line}"
            elif is_managed_name(words):
                yield f" description {words.split()[0]}"
        elif _KEPT.fullmatch(line) or ("access-list" in header and not _is_remark(line)):
            yield f" {line}"


def _is_remark(line: str) -> bool:
    return "remark" in line.split()[:3]


def read_list_lines(platform: str, text: str) -> dict[str, tuple[str, ...]]:
    r"""Return the entries of each access list as they are written, by the list's name; remarks are none.

    >>> read_list_lines("cisco_ios", "ip access-list extended A\n remark x\n permit ip any any\n")
    {'A': ('permit ip any any',)}
    """
    _, blocks = read_blocks(text, _LAYOUTS[platform])
    found: dict[str, tuple[str, ...]] = {}
    for block in blocks:
        words = join_words(block.header).split()
        if words[:1] == ["access-list"] and len(words) > 2 and words[1].isdecimal():  # noqa: PLR2004 number and entry
            found[words[1]] = (*found.get(words[1], ()), " ".join(words[2:]))
        elif "access-list" in words[:2]:
            found[words[-1]] = tuple(_list_entries(map(join_words, block.children)))
    return found


def _list_entries(lines: Iterable[str]) -> Iterator[str]:
    return (line for line in lines if not _is_remark(line))
