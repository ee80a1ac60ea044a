"""Refuses what is no configuration of a Yamaha RTX: an error, a page, a part, lines that the console has broken.

Sources: Yamaha command reference ed. 12.01, 2.4 (the pager), 4.22 (`console columns`: 80 by default, 200 at most on
some models); the words of errors are those of a public simulator, the breaks inside numbers were reported for netmiko.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from controller.errors import ConfigRefused, Origin, Problem
from controller.platforms.yamaha_rtx.text import TITLE

_ERROR = re.compile(r"(?:Error: |エラー[\uff1a:])")
_PAGER = re.compile(r"--- ?(?:more|つづく) ?---")
_MARKUP = re.compile(r"\s*<(?:!DOCTYPE|html|\?xml)", re.IGNORECASE)
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x85\u2028\u2029\ufeff]")
_WIDTHS = (80, 200)
_FIRST_WORDS = frozenset({
    *("administrator", "alarm", "analog", "auth", "bgp", "bridge", "cloud", "console", "cooperation", "dashboard"),
    *("date", "description", "dhcp", "dns", "ethernet", "external-memory", "heartbeat", "heartbeat2", "httpd", "ip"),
    *("ipsec", "ipv6", "isdn", "l2tp", "lan", "leased", "license", "login", "lua", "mail", "mld", "mobile", "nat"),
    *("ngn", "no", "ntp", "ntpdate", "operation", "ospf", "packet-buffer", "pim", "pp", "ppp", "pppoe", "pptp"),
    *("provider", "proxydns", "qac", "queue", "radius", "rip", "rtfs", "schedule", "security", "sftpd", "sip", "snmp"),
    *("snmpv2c", "snmpv3", "sntpd", "speed", "sshd", "statistics", "switch", "syslog", "system", "telnetd", "tftp"),
    *("timezone", "tunnel", "upnp", "url", "usbhost", "user", "vlan", "vrx", "wan", "yno"),
})  # fmt: skip
"""Words that a line of a configuration begins with; the rest of a broken line begins with another, or a number."""


def refuse_broken_text(text: str, source: str) -> None:
    """Refuse a text that is no whole configuration of an RTX.

    Raises:
        ConfigRefused: names each line and the reason.
    """
    problems = [Problem(Origin(source, number), "", reason) for number, reason in _find_problems(text)]
    if problems:
        message = f"{source}: the configuration is refused; nothing was changed:"
        raise ConfigRefused(message, problems)


def _find_problems(text: str) -> Iterator[tuple[int, str]]:
    if not text.strip():
        yield 1, f"it is empty; a {TITLE} shows at least lines that begin with #"
        return
    if _MARKUP.match(text):
        yield 1, "it is a page of a web server and no configuration"
        return
    lines = text.split("\n")
    for number, line in enumerate(lines, start=1):
        plain = line.rstrip("\r")
        if _CONTROL.search(plain):
            yield (
                number,
                "a control character stands in it; take the text from 'show config' with 'console lines infinity'",
            )
        elif _PAGER.search(plain):
            yield number, "the pager stands in it; type 'console lines infinity' before 'show config'"
        elif _ERROR.match(plain.lstrip()):
            yield number, "it is an error of the router and no configuration"
        elif len(plain) in _WIDTHS and number < len(lines) and _goes_on(lines[number]):
            yield number + 1, "the line before it is broken at the console's width; type 'console columns 4096' first"


def _goes_on(line: str) -> bool:
    """Say if a line is the rest of the line before it."""
    first = line.split()[:1]
    return bool(first) and not line.startswith((" ", "#")) and first[0] not in _FIRST_WORDS
