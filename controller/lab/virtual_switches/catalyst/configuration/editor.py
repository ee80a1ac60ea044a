"""Configuration mode: lines are entered one after the other, and each acts at once, as on the switch.

A global command in a mode below works and changes the mode. What is entered for a VLAN acts when its mode is left.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from controller.lab.virtual_switches.catalyst.configuration.state import (
    AccessList,
    Configuration,
    Interface,
    VlanDatabase,
    VlanEntry,
)
from controller.lab.virtual_switches.catalyst.grammar import (
    Ambiguous,
    CommandSet,
    Incomplete,
    InvalidAt,
    LineRefused,
    Match,
    explain_refusal,
    reject_unmodelled,
)
from controller.lab.virtual_switches.catalyst.model import CatalystModel

Handler = Callable[["Editor", Match], None]
GLOBAL: CommandSet[Handler] = CommandSet()
MODES: dict[str, CommandSet[Handler]] = {
    name: CommandSet() for name in ("if", "if-range", "vlan", "ext-nacl", "std-nacl", "ipv6-acl", "archive", "line")
}
_MOST_MEMBERS = 8


@dataclass
class Confirmation:
    """What a command asks before it goes on, and what it does then."""

    text: str
    then: Callable[[], None]


@dataclass
class BannerInput:
    """A banner that is being typed: all lines up to its delimiter."""

    kind: str
    delimiter: str
    lines: list[str] = field(default_factory=list)


@dataclass
class Editor:
    """One user's configuration mode; `mode` is empty when it has ended."""

    configuration: Configuration
    database: VlanDatabase
    model: CatalystModel
    user: str = "console"
    mode: str = "config"
    targets: list[Interface] = field(default_factory=list)
    access_list: AccessList | None = None
    vlans: dict[int, VlanEntry] = field(default_factory=dict)
    line_block: list[str] = field(default_factory=list)
    banner: BannerInput | None = None
    confirmation: Confirmation | None = None
    said: list[str] = field(default_factory=list)
    changed: bool = False

    @property
    def prompt(self) -> str:
        """What stands between the hostname and `#`."""
        return f"(config{'' if self.mode == 'config' else f'-{self.mode}'})"

    def say(self, line: str) -> None:
        """Add a line to what the switch answers."""
        self.said.append(line)

    def enter(self, line: str, prompt: str = "") -> tuple[str, ...]:
        """Carry a line out, and return what the switch says to it.

        Raises:
            Ambiguous: never; a line that is not taken is answered, as the others.
        """
        self.said = []
        self.changed = False
        if self.banner is not None:
            self._take_banner_line(line)
            return ()
        if not line.strip() or line.lstrip().startswith("!"):
            return ()
        try:
            self._carry_out(line)
        except (LineRefused, InvalidAt, Incomplete, Ambiguous) as error:
            return (*self.said, *explain_refusal(error, prompt))
        return tuple(self.said)

    def _carry_out(self, line: str) -> None:
        below = MODES.get(self.mode)
        if below is not None:
            try:
                found, action = below.match(line)
            except InvalidAt as here:
                try:
                    found, action = GLOBAL.match(line)
                except InvalidAt as above:
                    raise max(here, above, key=lambda error: error.column) from None
                self.leave_mode()
        else:
            found, action = GLOBAL.match(line)
        self.changed = True
        action(self, found)

    def leave_mode(self) -> None:
        """Go back to global configuration; VLANs that were entered act now."""
        vlans, self.vlans = self.vlans, {}
        mode, self.mode = self.mode, "config"
        self.targets, self.access_list, self.line_block = [], None, []
        if mode == "vlan":
            self.commit_vlans(vlans)

    def exit_mode(self) -> None:
        """Leave one level: the mode below, or configuration mode."""
        if self.mode == "config":
            self.mode = ""
        else:
            self.leave_mode()

    def end(self) -> tuple[str, ...]:
        """Leave configuration mode, and return what the switch says to it."""
        self.said = []
        if self.mode not in {"config", ""}:
            self.leave_mode()
        self.mode = ""
        self.banner = None
        return tuple(self.said)

    def commit_vlans(self, vlans: dict[int, VlanEntry]) -> None:
        """Let VLANs act.

        VLANs 1006 to 4094 need transparent mode under VTP versions 1 and 2 (IE 2000 guide ch. 18).
        """
        extended = [number for number in vlans if number > 1005 and not self.database.in_configuration]  # noqa: PLR2004
        if extended:
            self.say(f"% Failed to create VLANs {','.join(map(str, extended))}")
            self.say("Extended VLAN(s) not allowed in current VTP mode.")
            self.say("%Failed to commit extended VLAN(s) changes.")
        for number, entry in vlans.items():
            if number in extended:
                continue
            if self.model.unique_vlan_names and entry.name is not None:
                same = [one for one, known in self.database.vlans.items() if one != number and known.name == entry.name]
                if same:
                    self.say(f"%VLAN #{same[0]} and #{number} have an identical name: {entry.name}")
                    continue
            self.database.vlans[number] = entry

    def begin_vlans(self, numbers: Iterable[int]) -> None:
        """Enter the mode of VLANs."""
        self.mode = "vlan"
        self.vlans = {number: replace(self.database.vlans.get(number, VlanEntry())) for number in numbers}

    def make_interface(self, name: str) -> Interface:
        """Return an interface by name; a VLAN's, a group's or a loopback's is made where there is none.

        Raises:
            LineRefused: the hardware has no such port.
        """
        known = self.configuration.interfaces.get(name)
        if known is not None:
            return known
        made = Interface(name)
        if made.is_physical:
            # IOS marks the first word that it does not know; where in a name, no document says.
            raise InvalidAt(len("interface "))
        if made.is_vlan or made.is_loopback:
            made.switched = False
            made.shut = made.is_vlan and self.model.new_interfaces_are_down
        self.configuration.interfaces[name] = made
        return made

    def list_members(self, number: int) -> list[Interface]:
        """Return the ports of a group."""
        return [
            one
            for one in self.configuration.interfaces.values()
            if one.channel is not None and one.channel[0] == number
        ]

    def join_group(self, one: Interface, number: int, mode: str) -> None:
        """Put a port into a group, which is made where there is none and then takes the port's settings.

        Raises:
            LineRefused: the group would need LACP or PAgP on the wire, or is full.
        """
        if mode not in {"on", "active", "passive"} or (mode != "on" and not self.model.lacp_partner):
            reject_unmodelled(f"channel-group {number} mode {mode}: it needs a partner on the wire")
        others = [member for member in self.list_members(number) if member is not one]
        if len(others) >= _MOST_MEMBERS or any((member.channel or (0, ""))[1] != mode for member in others):
            reject_unmodelled(f"channel-group {number} mode {mode}: groups of several modes, or over 8")
        name = f"Port-channel{number}"
        if name not in self.configuration.interfaces:
            self.say(f"Creating a port-channel interface Port-channel {number}")
            self.say("")
            group = self.make_interface(name)
            copy_switchport(one, group)
        one.channel = (number, mode)

    def begin_banner(self, kind: str, text: str) -> None:
        """Begin a banner; it may end in the same line."""
        delimiter = "^C" if text.startswith("^C") else text[0]
        rest = text[len(delimiter) :]
        if delimiter in rest:
            self.configuration.banners[kind] = (rest.partition(delimiter)[0],)
            return
        self.banner = BannerInput(kind, delimiter, [rest])
        self.say(f"Enter TEXT message.  End with the character '{delimiter}'.")

    def _take_banner_line(self, line: str) -> None:
        assert self.banner is not None  # noqa: S101 the caller has looked
        before, found, _ = line.partition(self.banner.delimiter)
        self.banner.lines.append(before)
        if found:
            self.configuration.banners[self.banner.kind] = tuple(self.banner.lines)
            self.banner = None
            self.changed = True


def copy_switchport(source: Interface, target: Interface) -> None:
    """Give a port the settings that the members of a group have in common."""
    target.switched, target.mode = source.switched, source.mode
    target.access_vlan, target.native_vlan = source.access_vlan, source.native_vlan
    target.allowed, target.encapsulation = source.allowed, source.encapsulation
    target.voice_vlan, target.protected = source.voice_vlan, source.protected
    target.nonegotiate = source.nonegotiate


def is_refusal(said: Iterable[str]) -> bool:
    """Tell if a line was refused: a VLAN that is made on the way is none."""
    return any(one.lstrip().startswith("%") and "does not exist. Creating vlan" not in one for one in said)


def enter_text(editor: Editor, text: str) -> list[str]:
    """Enter a whole text as at boot or in a copy: what is refused is left out, and returned with its line's number."""
    refused = []
    for number, line in enumerate(text.splitlines(), start=1):
        if editor.banner is None and line.strip() == "end":
            break
        if editor.banner is None and line.strip() in {"exit", "exit-address-family"}:
            editor.leave_mode()
            continue
        said = editor.enter(line)
        editor.confirmation = None
        if is_refusal(said):
            refused.append(f"{number}: {line.strip()}: {' '.join(one.strip() for one in said if one.strip(' ^'))}")
    refused += editor.end()
    return refused
