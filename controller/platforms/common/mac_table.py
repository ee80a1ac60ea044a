"""Reads the table of hardware (MAC) addresses that a switch has learnt: which host in which VLAN, at which port.

Nothing is changed on the device, and no configuration is needed for it. A line that a platform does not know is
refused: a table of which a part is not understood would count too few hosts. A switch forgets a host that has been
silent for its ageing time (5 minutes on most), so a table says who was there then, never who belongs there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from controller.errors import CommandFailed
from controller.model.network.mac_addresses import is_group_address, parse_mac_address
from controller.platforms.base import Command, Readable, Session
from controller.platforms.device_text.device_text import describe_device_words

MAC = r"(?P<mac>[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4})"
"""A hardware address as switches write it."""
_LAST_VLAN = 4094


@dataclass(frozen=True, slots=True)
class LearntAddress:
    """A host that a switch has seen: its VLAN, its hardware address, and the port.

    The port has the name that policies use, or, where the system does not show that, the numbers that it ends with.
    """

    vlan: int
    mac: str
    port: str


@runtime_checkable
class ReadsLearntAddresses(Readable, Protocol):
    """A platform whose table of hardware addresses can be read over SSH."""

    def read_learnt_addresses(self, session: Session) -> tuple[LearntAddress, ...]:
        """Return the hosts in the table; addresses of groups, and of the switch itself, are left out.

        Raises:
            CommandFailed: the device refused, or said something that is not known; names device, command and line.
        """


@dataclass(frozen=True, slots=True)
class MacTableForm:
    """How a system shows its table.

    `command` asks for it. `header` is the line above the entries, which must be there. `entry` matches a host, with
    `vlan`, `mac` and `port` in it. `others` match all other lines that may stand there. `total` matches the line that
    says in `count` how many entries there are, and ends the table (None: no line does). `own` matches what stands in
    the place of a port where the address is the switch's own (None: nothing does). `empty` is what stands there instead
    of a header where there is no entry ("": nothing does). `name_port` writes a port as policies do.
    """

    command: str
    header: re.Pattern[str]
    entry: re.Pattern[str]
    others: re.Pattern[str]
    total: re.Pattern[str] | None = None
    own: re.Pattern[str] | None = None
    empty: str = ""
    name_port: Callable[[str], str] = str


class MacTableReading:
    """What `ReadsLearntAddresses` promises, for a system that shows its table by one command."""

    mac_table: MacTableForm

    def read_learnt_addresses(self, session: Session) -> tuple[LearntAddress, ...]:
        """Return the hosts in the table; addresses of groups, and of the switch itself, are left out.

        Raises:
            CommandFailed: as `ReadsLearntAddresses`.
        """
        text = session.run(Command(self.mac_table.command)).reveal()
        return parse_mac_table(text, self.mac_table, session.device)


def parse_mac_table(text: str, form: MacTableForm, device: str) -> tuple[LearntAddress, ...]:
    """Return the hosts that a shown table holds.

    Raises:
        CommandFailed: a line is not known, the header or the total is not there, or the entries are not as many as it
            says.
    """
    found: list[LearntAddress] = []
    lines = [(number, line.rstrip()) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    if form.empty and [line.strip() for _, line in lines if not form.others.fullmatch(line)] == [form.empty]:
        return ()
    count, total = 0, None
    is_open = False
    for number, line in lines:
        entry = form.entry.fullmatch(line)
        if total is not None:
            raise refuse_mac_line(device, form.command, number, line)
        if entry is not None and is_open:
            count += 1
            found += _read_entry(entry, form, device, number)
        elif form.header.fullmatch(line):
            is_open = True
        elif form.total is not None and (said := form.total.fullmatch(line)):
            total = int(said["count"])
        elif not form.others.fullmatch(line):
            raise refuse_mac_line(device, form.command, number, line)
    if not is_open:
        raise CommandFailed(device, "it shows no table of MAC addresses that is known", command=form.command)
    if form.total is not None and total != count:
        raise CommandFailed(device, _describe_missing(total, count), command=form.command)
    return tuple(found)


def _describe_missing(total: int | None, count: int) -> str:
    if total is None:
        return "the line that ends its table of MAC addresses, and counts them, is missing: so is a part of it"
    return f"it says that its table has {total} entries, and shows {count}: a part of it is missing"


def _read_entry(entry: re.Match[str], form: MacTableForm, device: str, number: int) -> Iterator[LearntAddress]:
    """Yield the host of an entry: none where it is of the switch itself, in no VLAN, or that of a group."""
    is_own = form.own is not None and form.own.fullmatch(entry["port"]) is not None
    if is_own or not entry["vlan"].isdigit() or is_group_address(entry["mac"]):
        return
    try:
        yield build_learnt_address(entry["vlan"], entry["mac"], form.name_port(entry["port"]))
    except ValueError:
        raise refuse_mac_line(device, form.command, number, entry.string) from None


def build_learnt_address(vlan: str, mac: str, port: str) -> LearntAddress:
    """Return a host by the words of an entry.

    Raises:
        ValueError: the number is no VLAN, or the address that of no host.
    """
    number = int(vlan)
    if number > _LAST_VLAN:
        message = f"{number} is no VLAN"
        raise ValueError(message)
    return LearntAddress(number, parse_mac_address(mac), port)


def refuse_mac_line(device: str, command: str, number: int, line: str) -> CommandFailed:
    """Return the refusal of a line of a table that is not known."""
    said = describe_device_words(line)
    return CommandFailed(device, f"line {number} of its MAC address table is not known: {said!r}", command=command)
