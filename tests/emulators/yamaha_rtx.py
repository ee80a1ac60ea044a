"""A Yamaha RTX with its command line, as far as it is documented; what is not modelled is refused by name.

Written from the command reference ed. 12.01, public dumps and a public simulator's words of errors, not from our code:
levels and contexts (2.1, 56.2), `console` (4.21 to 4.23: in force and in the configuration at once), filters and
`secure filter` (8.1.10, 8.1.25, 30.7), `ip route` and `ip keepalive` (8.1.7, 8.5.8), tunnels (14.4, 14.9), tagged
interfaces (38.1), `save`, `rollback timer` and `confirm` (56.7.31, 56.7.32: what stops the timer keeps the change),
`schedule at` (37.1), `restart` (56.7.3). A cut session before the timer runs out is not documented: `cut_restores` has
it both ways. What was not found is decided strictly: a filter must exist before `secure filter` names it, and stays
while it is named.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from typing import NoReturn

from controller.lab.virtual_switches.command_line import Answer, Question

HEADER = (
    "# RTX1220 Rev.15.04.05 (Fri Jan 20 10:12:31 2023)",
    "# MAC Address : 00:a0:de:00:00:01, 00:a0:de:00:00:02, 00:a0:de:00:00:03",
    "# Memory 256Mbytes, 3LAN",
    "# Reporting Date: Apr 1 09:00:00 2026",
)
INVALID, KEYWORD = "Error: Invalid command name", "Error: Illegal keyword"
ADMINISTRATOR, RANGE = "Error: Administrator use only", "Error: Parameter out of range"
SAVE = "Save new configuration ? (Y/N)"
_WORDS = r"(?:\*|[0-9a-f.:]+(?:/\d+)?)"
_PORTS = r"(?:\*|\d+(?:-\d+)?)"
_FILTER = re.compile(
    rf"(ip|ipv6) filter (\d+) (?:pass|reject)(?:-log|-nolog)? {_WORDS} {_WORDS}"
    rf"(?: (?:\*|\w+)(?: {_PORTS}(?: {_PORTS})?)?)?"
)
_SECURE = re.compile(r"(ip|ipv6) (lan\d+(?:/\d+)?) secure filter (in|out) (\d+(?: \d+)*)")
_VLAN = re.compile(r"vlan (lan\d+/(\d+)) 802\.1q vid=(\d+)(?: name=\S+)?")
_KEEPALIVE = re.compile(r"ip keepalive (\d+) icmp-echo (\d+) (\d+) [\d.]+")
_GATEWAY = r"gateway (?:[\d.]+|tunnel \d+|pp \d+|dhcp lan\d+|null)(?: keepalive \d+)?(?: weight \d+)?"
_ROUTE = re.compile(rf"ip route (default|[\d.]+/\d+)((?: {_GATEWAY})+)")
_INSIDE = {
    "tunnel encapsulation": re.compile(r"tunnel encapsulation (?:ipsec|ipip|l2tp|map-e)"),
    "tunnel endpoint address": re.compile(r"tunnel endpoint address [0-9a-f.:]+(?: [0-9a-f.:]+)?"),
    "ip tunnel mtu": re.compile(r"ip tunnel mtu \d+"),
}
_PLAIN = {
    "description": re.compile(r"description (lan\d+) \S+"),
    "ip address": re.compile(r"ip (lan\d+) address [\d.]+/\d+"),
}


@dataclass
class Settings:
    """What the router runs by: single lines by what they are about, and the lines of each tunnel."""

    lines: dict[str, str] = field(default_factory=dict)
    tunnels: dict[int, dict[str, str]] = field(default_factory=dict)


class RtxRouter:
    """The device; `now` is the clock that its timers run by."""

    def __init__(
        self, now: Callable[[], float] = lambda: 0.0, *, password: str = "", cut_restores: bool = False
    ) -> None:
        self.now = now
        self.password = password
        self.cut_restores = cut_restores
        self.header = HEADER
        self.most_columns = 4096
        self.settings = Settings({"ip lan1 address": "ip lan1 address 192.168.100.1/24"})
        self.saved = deepcopy(self.settings)
        self.before: Settings | None = None
        self.due: float | None = None
        self.logins: list[RtxCommandLine] = []

    @property
    def hostname(self) -> str:
        """A router's prompt has no name."""
        return ""

    def open_command_line(self, user: str) -> RtxCommandLine:
        """Log a user in."""
        del user
        self.logins.append(RtxCommandLine(self))
        return self.logins[-1]

    def show_running(self) -> str:
        """Return the configuration, unbroken."""
        return "\n".join((*self.header, _show(self.settings)))

    def show_startup(self) -> str | None:
        """Return what it would boot with."""
        return _show(self.saved)

    def run_timers(self) -> None:
        """Let happen what is due."""
        if self.due is not None and self.now() >= self.due:
            self.restore()

    def next_timer(self) -> float | None:
        """Return when the rollback timer runs out."""
        return self.due

    def restore(self) -> None:
        """Put back what ran when the timer was started."""
        if self.before is not None:
            self.settings = self.before
        self.stop_timer()

    def stop_timer(self) -> None:
        """Stop the timer, and keep what runs."""
        self.before, self.due = None, None

    def reboot(self) -> None:
        """Start anew from what is saved; all sessions end."""
        self.stop_timer()
        self.settings = deepcopy(self.saved)
        for line in self.logins:
            line.is_open = False
        self.logins = []

    def find_scheduled(self) -> list[tuple[int, int]]:
        """Return the numbers and seconds of restarts that are scheduled; a test lets them happen."""
        found = (re.fullmatch(r"schedule at (\d+) \+(\d+) \* restart", one) for one in self.settings.lines.values())
        return [(int(one[1]), int(one[2])) for one in found if one]


def _show(settings: Settings) -> str:
    lines = [settings.lines[key] for key in sorted(settings.lines, key=_order)]
    for number in sorted(settings.tunnels):
        inside = settings.tunnels[number]
        if inside:
            lines += [f"tunnel select {number}", *(f" {inside[key]}" for key in sorted(inside, key=_order_inside))]
    filters = sorted((one for one in lines if _FILTER.fullmatch(one)), key=lambda one: (one[:4], int(one.split()[2])))
    return "\n".join((*(one for one in lines if one not in filters), *filters, ""))


def _order(key: str) -> tuple[int, str]:
    kinds = ("console", "ip route", "ip keepalive", "vlan", "description", "ip ", "ipv6 ", "schedule")
    return next(index for index, kind in enumerate(kinds) if key.startswith(kind)), key


def _order_inside(key: str) -> int:
    return [*_INSIDE, "enable"].index(key)


class Refused(Exception):
    """The router does not take a command; the text is what it shows."""


def _refuse(text: str) -> NoReturn:
    raise Refused(text)


class RtxCommandLine:
    """One login; see `controller.lab.virtual_switches.command_line.CommandLine`."""

    def __init__(self, device: RtxRouter) -> None:
        self.device = device
        self.is_open = True
        self.is_administrator = False
        self.tunnel: int | None = None
        self.asked = ""
        self.pager = ("---more---", "\r          \r")

    @property
    def prompt(self) -> str:
        context = "" if self.tunnel is None else f"tunnel{self.tunnel}"
        return f"{context}{'#' if self.is_administrator else '>'} "

    @property
    def page(self) -> int:
        said = self.device.settings.lines.get("console lines", "console lines 24").split()[-1]
        return 0 if said == "infinity" else int(said)

    @property
    def columns(self) -> int:
        """The width at which lines are broken."""
        return int(self.device.settings.lines.get("console columns", "console columns 80").split()[-1])

    def hang_up(self) -> None:
        """Take note that the session is cut."""
        self.is_open, self.asked = False, ""
        if self.device.cut_restores and self.device.due is not None:
            self.device.restore()

    def enter(self, line: str) -> Answer:
        words = " ".join(line.split())
        if self.asked:
            return self._answer_question(words)
        if not words:
            return Answer()
        try:
            return self._take(words)
        except Refused as refused:
            return Answer((str(refused),))

    def _answer_question(self, words: str) -> Answer:
        asked, self.asked = self.asked, ""
        if asked == "administrator":
            if words != self.device.password:
                return Answer(("Error: Incorrect password",))
            self.is_administrator = True
            return Answer()
        if words.upper() not in {"Y", "N"}:
            self.asked = asked
            return Answer(question=Question(SAVE, one_key=True))
        if words.upper() == "Y":
            self.device.saved = deepcopy(self.device.settings)
        return self._leave()

    def _leave(self) -> Answer:
        if self.is_administrator:
            self.is_administrator, self.tunnel = False, None
            return Answer()
        self.device.stop_timer()
        self.is_open = False
        return Answer(closed=True)

    def _take(self, words: str) -> Answer:  # noqa: PLR0911 a command each
        device = self.device
        if words == "administrator":
            self.asked = "administrator"
            return Answer(question=Question("Password: ", hidden=True))
        if words in {"exit", "quit"}:
            if self.is_administrator and _show(device.settings) != _show(device.saved):
                self.asked = "save"
                return Answer(question=Question(SAVE, one_key=True))
            return self._leave()
        if (found := re.fullmatch(r"(tunnel|pp) select (none|\d+)", words)) is not None:
            if found[1] == "pp" and found[2] != "none":
                _refuse(f"{INVALID} (not modelled: {words})")
            self.tunnel = None if found[2] == "none" else int(found[2])
            return Answer()
        if words.startswith(("console ", "no console ")):
            self._set_console(words)
            return Answer()
        if not self.is_administrator:
            _refuse(ADMINISTRATOR)
        if words.startswith("show "):
            return Answer(tuple(self._break_lines(self._show(words))))
        self._change(words)
        return Answer(("Saving ... CONFIG0 Done .",)) if words == "save" else Answer()

    def _show(self, words: str) -> str:
        """`grep` says first that it searches; a difference is shown as the commands that lead to it."""
        if (found := re.fullmatch(r"show config(?: \| grep (\w+))?", words)) is not None:
            text = self.device.show_running()
            lines = [line for line in text.splitlines() if found[1] is not None and found[1] in line]
            return text if found[1] is None else "\n".join(("Searching ...", *lines, ""))
        if words != "show config difference - 0":
            _refuse(f"{INVALID} (not modelled: {words})")
        now, saved = (set(_show(one).splitlines()) for one in (self.device.settings, self.device.saved))
        return "\n".join((*sorted(now - saved), *(f"no {line}" for line in sorted(saved - now)), ""))

    def _break_lines(self, text: str) -> list[str]:
        width = self.columns
        return [line[at : at + width] for line in text.splitlines() for at in range(0, max(len(line), 1), width)]

    def _set_console(self, words: str) -> None:
        if (found := re.fullmatch(r"no (console (?:lines|columns|character))", words)) is not None:
            self.device.settings.lines.pop(found[1], None)
            return
        found = re.fullmatch(r"console (lines|columns|character) (\S+)", words) or _refuse(KEYWORD)
        number = int(found[2]) if found[2].isdecimal() else -1
        fits = {
            "lines": found[2] == "infinity" or 10 <= number <= 100,
            "columns": 80 <= number <= self.device.most_columns,
            "character": found[2] in {"en.ascii", "ja.sjis", "ja.euc", "ja.utf8"},
        }
        if not fits[found[1]]:
            _refuse(RANGE)
        self.device.settings.lines[f"console {found[1]}"] = words

    def _change(self, words: str) -> None:
        device = self.device
        if words == "save":
            device.saved = deepcopy(device.settings)
            device.stop_timer()
        elif words == "confirm":
            if device.due is None:
                _refuse("Error: No rollback timer is running")
            device.stop_timer()
        elif (found := re.fullmatch(r"rollback timer (\d+)", words)) is not None:
            if not 120 <= int(found[1]) <= 21_474_836:
                _refuse(RANGE)
            device.before = deepcopy(device.settings)
            device.due = device.now() + int(found[1])
        elif words == "restart":
            device.reboot()
        elif self.tunnel is not None and self._change_tunnel(words, self.tunnel):
            return
        elif not (self._remove(words.removeprefix("no ")) if words.startswith("no ") else self._set(words)):
            _refuse(f"{INVALID} (not modelled: {words})")

    @staticmethod
    def _refuse_planted(text: str) -> NoReturn:
        _refuse(text)

    def _change_tunnel(self, words: str, number: int) -> bool:
        inside = self.device.settings.tunnels.setdefault(number, {})
        for key, pattern in _INSIDE.items():
            if pattern.fullmatch(words):
                if "enable" in inside:
                    _refuse("Error: Disable the tunnel beforehand")
                inside[key] = words
                return True
            if words == f"no {key}" or words.startswith(f"no {key} "):
                inside.pop(key, None)
                return True
        if words == f"tunnel enable {number}":
            inside["enable"] = words
        elif words == f"tunnel disable {number}":
            inside.pop("enable", None)
        else:
            return False
        return True

    def _find_key(self, words: str) -> str | None:
        """Return what a setting is about; the last that is typed of it stands."""
        if _FILTER.fullmatch(words):
            return " ".join(words.split()[:3])
        if (found := _SECURE.fullmatch(words)) is not None:
            return f"{found[1]} {found[2]} secure filter {found[3]}"
        if (found := _VLAN.fullmatch(words)) is not None:
            return f"vlan {found[1]} 802.1q"
        if _KEEPALIVE.fullmatch(words) or _ROUTE.fullmatch(words):
            return " ".join(words.split()[:3])
        if re.fullmatch(r"schedule at \d+ \+\d+ \* \S+", words):
            return " ".join(words.split()[:3])
        plain = next((key for key, pattern in _PLAIN.items() if pattern.fullmatch(words)), None)
        return " ".join(words.split()[: 2 if plain == "description" else 3]) if plain else None

    def _set(self, words: str) -> bool:
        key, lines = self._find_key(words), self.device.settings.lines
        if key is None:
            return False
        if (found := _SECURE.fullmatch(words)) is not None:
            missing = [number for number in found[4].split() if f"{found[1]} filter {number}" not in lines]
            if missing:
                _refuse(f"Error: filter {missing[0]} is not defined")
        numbers = [int(word) for word in re.findall(r"(?<= )\d+(?= |$)", words)]
        if _FILTER.fullmatch(words) and not 1 <= int(words.split()[2]) <= 21_474_836:
            _refuse(RANGE)
        if (found := _VLAN.fullmatch(words)) and not (1 <= int(found[2]) <= 32 and 2 <= int(found[3]) <= 4094):
            _refuse(RANGE)
        if (found := _KEEPALIVE.fullmatch(words)) and not (1 <= int(found[1]) <= 100 and 3 <= int(found[3]) <= 100):
            _refuse(RANGE)
        if words.startswith("schedule at") and not (numbers and words.endswith(" restart")):
            _refuse(KEYWORD)
        lines[key] = words
        return True

    def _remove(self, words: str) -> bool:
        """Take a setting back; words behind what it is about do not matter."""
        lines = self.device.settings.lines
        said = words.split()
        if re.match(r"(ip|ipv6) filter \d+", words):
            used = [one for one in lines.values() if _SECURE.fullmatch(one) and one.startswith(f"{said[0]} ")]
            if any(said[2] in one.split()[5:] for one in used):
                _refuse(f"Error: filter {said[2]} is in use")
        lengths = {"vlan": 3, "ip": 5 if "secure" in said else 3, "ipv6": 5 if "secure" in said else 3, "schedule": 3}
        key = " ".join(said[: lengths.get(said[0], 2)])
        known = r"(ip|ipv6) filter \d+|(ip|ipv6) \S+ secure filter (in|out)|vlan \S+ 802\.1q|ip (route|keepalive) \S+"
        if not re.fullmatch(rf"{known}|schedule at \d+|console \w+|description \S+", key):
            return False
        lines.pop(key, None)
        return True
