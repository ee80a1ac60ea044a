"""An AlaxalA box switch with its command line, as far as it is documented; what is not modelled is refused by name.

Written from the maker's manuals and public logs, not from our code: prompts, `!` for unsaved changes, the question of
`end`, `write` in configuration mode, a submode that takes a command of the level above (log of an AX3640S, OS-L3A
11.14); numbered entries, names of 31 characters, binders by family (AX3660S 12.1 configuration command reference); flow
detection modes that change only without filters (AX3640S 11.14 configuration guide vol. 2). What was not found is
decided strictly: a list must exist when it is bound and cannot go while it is, and every refusal is one line.
"""

from __future__ import annotations

import re
from copy import deepcopy
from dataclasses import dataclass, field
from typing import NoReturn

from controller.lab.virtual_switches.command_line import Answer, Question

UNSAVED = 'Unsaved changes found! Do you exit "configure" without save ? (y/n): '
_ADDRESS4 = r"(?:any|host [\d.]+|[\d.]+ [\d.]+)"
_ADDRESS6 = r"(?:any|host [0-9a-f:.]+|[0-9a-f:.]+/\d+)"
_PORT = r"(?: eq (?:\d+|telnet|ftp)| range (?:\d+|telnet|ftp) (?:\d+|telnet|ftp))?"
_ENTRIES = {
    "ip": re.compile(rf"\d+ (?:permit|deny) (?:ip|\w+) {_ADDRESS4}{_PORT} {_ADDRESS4}(?:{_PORT}| \d+)"),
    "ipv6": re.compile(rf"\d+ (?:permit|deny) (?:ipv6|\w+) {_ADDRESS6}{_PORT} {_ADDRESS6}(?:{_PORT}| \d+)"),
}
_LISTS = re.compile(r"(ip access-list extended|ipv6 access-list) (\S{1,31})")
_PHYSICAL = re.compile(r"interface ((?:ten)?gigabitethernet \d+/\d+(?:/\d+)?|port-channel \d+)")
_SETTINGS = (
    ("description", re.compile(r'description "?[!-~ ]{1,64}"?')),
    ("media-type", re.compile(r"media-type rj45")),
    ("switchport mode", re.compile(r"switchport mode (?:access|trunk)")),
    ("switchport access vlan", re.compile(r"switchport access vlan \d+")),
    ("switchport trunk allowed vlan", re.compile(r"switchport trunk allowed vlan (?:add |remove )?[\d,-]+")),
)
_BINDER = re.compile(r"(ip access-group|ipv6 traffic-filter) (\S+) (in|out)")
_LEVEL = {"vlan": "config-vlan", "interface": "config-if", "ip": "config-ext-nacl", "ipv6": "config-ipv6-acl"}


@dataclass
class AlaxalaSwitch:
    """The device: its running configuration as blocks, what is saved, and whether the two differ.

    `replaces`: a list is bound in the place of another (False: the old one must be taken off first). `modes` are the
    lines of the flow detection modes. `learnt` is the table of MAC addresses that it shows; it has no data plane.
    """

    ports: tuple[str, ...] = ("gigabitethernet 0/1", "gigabitethernet 0/2")
    hostname: str = "ax3640-sw"
    enable_password: str = ""
    headline: str = "#Last modified by operator at Fri Jan 21 01:32:51 2000 with version 11.14.S"
    modes: tuple[str, ...] = ("flow detection mode layer3-6", "flow detection out mode layer3-2-out")
    replaces: bool = True
    blocks: dict[str, list[str]] = field(default_factory=dict)
    saved: str | None = None
    is_changed: bool = False
    is_full: bool = False
    learnt: str = ""
    kept: dict[str, list[str]] = field(default_factory=dict)
    lines: list[AlaxalaCommandLine] = field(default_factory=list)

    def __post_init__(self) -> None:
        for line in self.modes:
            self.blocks[line] = []
        self.blocks["vlan 1"] = ['name "VLAN0001"']
        for name in self.ports:
            self.blocks[f"interface {name}"] = ["switchport mode access"]
        self.kept = deepcopy(self.blocks)

    def run_timers(self) -> None:
        """Let nothing happen: no timer of it is documented."""

    def next_timer(self) -> float | None:
        """Return that nothing is due."""
        return None

    def save(self) -> None:
        """Keep what runs as what it boots with; refused where there is no room."""
        if self.is_full:
            _refuse("No enough space on device.")
        self.saved, self.is_changed = self.show_running(), False
        self.kept = deepcopy(self.blocks)

    def reboot(self) -> None:
        """Start anew with what is saved; all sessions end."""
        self.blocks, self.is_changed = deepcopy(self.kept), False
        for line in self.lines:
            line.is_gone = True
        self.lines = []

    def open_command_line(self, user: str) -> AlaxalaCommandLine:
        """Log a user in."""
        del user
        self.lines.append(AlaxalaCommandLine(self))
        return self.lines[-1]

    def show_running(self) -> str:
        """Return the running configuration: lists stand after the interfaces that use them."""
        lines = [self.headline, "!", f'hostname "{self.hostname}"', "!"]
        for header in sorted(self.blocks, key=_order):
            lines += [header, *(f"  {one}" for one in self.blocks[header]), "!"]
        return "\n".join((*lines, ""))

    def show_startup(self) -> str | None:
        """Return what it would boot with."""
        return self.saved

    def list_bound(self) -> list[str]:
        """Return all lines that bind a list."""
        return [line for lines in self.blocks.values() for line in lines if _BINDER.fullmatch(line)]


def _order(header: str) -> tuple[int, int, str]:
    kinds = ("flow", "vlan", "interface g", "interface t", "interface p", "interface vlan", "ip access", "ipv6 access")
    number = re.search(r"(\d+)$", header)
    kind = max(index for index, begin in enumerate(kinds) if header.startswith(begin))
    return kind, int(number[1]) if number and header.startswith(("vlan", "interface vlan")) else 0, header


class Refused(Exception):
    """The switch does not take a command; the text is what it shows."""


def _refuse(text: str) -> NoReturn:
    raise Refused(text)


class AlaxalaCommandLine:
    """One login; see `controller.lab.virtual_switches.command_line.CommandLine`."""

    def __init__(self, device: AlaxalaSwitch) -> None:
        self.device = device
        self.level = ">"
        self.here = ""
        self.page = 24
        self.pager = ("Press any key to continue (Q to quit)", "\r\x1b[K")
        self.asked = ""
        self.is_gone = False

    @property
    def prompt(self) -> str:
        mark = "!" if self.device.is_changed else ""
        level = {">": "> ", "#": "# "}.get(self.level, f"({self.level})# ")
        return f"{mark}{self.device.hostname}{level}"

    def hang_up(self) -> None:
        """Take note that the session is gone; what runs stays."""
        self.level, self.here, self.asked = ">", "", ""

    def enter(self, line: str) -> Answer:
        if self.is_gone:
            return Answer(closed=True)
        words = " ".join(line.split())
        if self.asked:
            return self._answer_question(words)
        if not words:
            return Answer()
        try:
            if self.level == ">":
                return self._take_user(words)
            return self._take_administrator(words) if self.level == "#" else self._configure(words)
        except Refused as refused:
            return Answer((str(refused),))

    def _answer_question(self, words: str) -> Answer:
        asked, self.asked = self.asked, ""
        if asked == "enable":
            if words != self.device.enable_password:
                return Answer(("Sorry",))
            self.level = "#"
        elif words == "y":
            self.level, self.here = "#", ""
        return Answer()

    def _take_user(self, words: str) -> Answer:
        match words:
            case "enable" if self.device.enable_password:
                self.asked = "enable"
                return Answer(question=Question("Password:", hidden=True))
            case "enable":
                self.level = "#"
            case "set terminal pager disable":
                self.page = 0
            case "exit" | "quit" | "logout":
                return Answer(closed=True)
            case _:
                _refuse(f"illegal command, or not modelled: {words}")
        return Answer()

    def _take_administrator(self, words: str) -> Answer:
        match words:
            case "configure terminal" | "configure":
                self.level = "config"
            case "show running-config":
                return Answer(tuple(self.device.show_running().splitlines()))
            case "show mac-address-table":
                return Answer(tuple(self.device.learnt.splitlines()))
            case "show startup-config":
                return Answer(tuple((self.device.saved or "").splitlines()))
            case "set logging console disable E9":
                return Answer()
            case _:
                return self._take_user(words)
        return Answer()

    def _configure(self, words: str) -> Answer:
        device = self.device
        match words:
            case "end" if device.is_changed:
                self.asked = "end"
                return Answer(question=Question(UNSAVED))
            case "end":
                self.level, self.here = "#", ""
            case "exit" if self.level == "config":
                return self._configure("end")
            case "exit":
                self.level, self.here = "config", ""
            case "save" | "write":
                device.save()
            case "show":
                return Answer(tuple(device.show_running().splitlines()))
            case _:
                if not (self._take_top(words) or self._take_inside(words)):
                    _refuse(f"illegal command, or not modelled: {words}")
                device.is_changed = True
        return Answer()

    def _take_top(self, words: str) -> bool:
        """Take a command of the level above all; its submode is entered from wherever the session is."""
        blocks = self.device.blocks
        no, plain = words.startswith("no "), words.removeprefix("no ")
        if re.fullmatch(r"vlan \d+|interface vlan \d+", plain) or _LISTS.fullmatch(plain):
            if no:
                self._remove(plain)
                return True
            number = plain.rpartition(" ")[2]
            if plain.startswith("interface") and f"vlan {number}" not in blocks:
                _refuse(f"VLAN {number} does not exist.")
            blocks.setdefault(plain, [])
        elif _PHYSICAL.fullmatch(plain) and not no and plain in blocks:
            pass
        elif re.fullmatch(r"flow detection (?:out )?mode \S+", plain) and not no:
            if self.device.list_bound():
                _refuse("filters are applied: take them off first.")
            begin = plain.rpartition(" ")[0]
            for old in [one for one in blocks if one.startswith(f"{begin} ")]:
                del blocks[old]
            blocks[plain] = []
            self.level, self.here = "config", ""
            return True
        else:
            return False
        self.level, self.here = _LEVEL[plain.split()[0]], plain
        return True

    def _remove(self, header: str) -> None:
        blocks, found = self.device.blocks, _LISTS.fullmatch(header)
        if header not in blocks:
            _refuse("Can not delete it because data is not corresponding.")
        if found and any(line.split()[2] == found[2] for line in self.device.list_bound()):
            _refuse(f"{found[2]} is applied to an interface.")
        if header == "vlan 1":
            _refuse("VLAN 1 stays.")
        del blocks[header]
        if header.startswith("vlan "):
            blocks.pop(f"interface {header}", None)
        self.level, self.here = "config", ""

    def _take_inside(self, words: str) -> bool:
        lines = self.device.blocks.get(self.here)
        if lines is None:
            return False
        no, plain = words.startswith("no "), words.removeprefix("no ")
        if self.here.startswith("vlan "):
            return not no and re.fullmatch(r'name "?[!-~]{1,32}"?', plain) is not None and self._put("name", plain)
        if (found := _LISTS.fullmatch(self.here)) is not None:
            return not no and self._add_entry(lines, found[1].split()[0], plain)
        if self.here.startswith("interface vlan ") and _BINDER.fullmatch(plain):
            self._bind(lines, plain, no=no)
            return True
        return self._set_port(lines, plain, no=no) if _PHYSICAL.fullmatch(self.here) else False

    def _add_entry(self, lines: list[str], family: str, entry: str) -> bool:
        if _ENTRIES[family].fullmatch(entry) is None:
            return False
        number = int(entry.split(maxsplit=1)[0])
        lines[:] = sorted(
            [one for one in lines if int(one.split()[0]) != number] + [entry], key=lambda one: int(one.split()[0])
        )
        return True

    def _bind(self, lines: list[str], line: str, *, no: bool) -> None:
        binder, name, side = line.rsplit(" ", 2)
        there = [one for one in lines if one.startswith(f"{binder} ") and one.endswith(f" {side}")]
        if no:
            if line not in there:
                _refuse("Can not delete it because data is not corresponding.")
            lines.remove(line)
            return
        header = f"{'ip access-list extended' if binder.startswith('ip ') else 'ipv6 access-list'} {name}"
        if header not in self.device.blocks:
            _refuse(f"{name} does not exist.")
        if there and not self.device.replaces:
            _refuse("another list is applied: take it off first.")
        lines[:] = [one for one in lines if one not in there] + [line]

    def _set_port(self, lines: list[str], words: str, *, no: bool) -> bool:
        if no:
            if words not in {begin for begin, _ in _SETTINGS}:
                return False
            kept = [one for one in lines if not one.startswith(f"{words} ")]
            if len(kept) == len(lines):
                _refuse("Can not delete it because data is not corresponding.")
            lines[:] = kept
            return True
        begin = next((begin for begin, pattern in _SETTINGS if pattern.fullmatch(words)), None)
        if begin is None:
            return False
        if words == "switchport access vlan 1":
            lines[:] = [one for one in lines if not one.startswith(f"{begin} ")]
            return True
        edited = re.fullmatch(rf"{begin} (add|remove) (\S+)", words)
        if edited:
            now = next((one.rpartition(" ")[2] for one in lines if one.startswith(f"{begin} ")), "")
            new = _expand(now) | _expand(edited[2]) if edited[1] == "add" else _expand(now) - _expand(edited[2])
            words = f"{begin} {','.join(map(str, sorted(new)))}"
        return self._put(begin, words)

    def _put(self, begin: str, line: str) -> bool:
        lines = self.device.blocks[self.here]
        kept = [one for one in lines if not one.startswith(f"{begin} ")] + [line]
        order = [name for name, _ in _SETTINGS]
        lines[:] = sorted(
            kept, key=lambda one: next((n for n, name in enumerate(order) if one.startswith(f"{name} ")), len(order))
        )
        return True


def _expand(text: str) -> set[int]:
    numbers: set[int] = set()
    for part in filter(None, text.split(",")):
        low, _, high = part.partition("-")
        numbers.update(range(int(low), int(high or low) + 1))
    return numbers
