"""The modes of the command line, and how their prompts end (S8 to S11)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Literal


class Mode(Enum):
    """A mode, by what stands after the name in its prompt."""

    USER = ">"
    PRIVILEGED = "#"
    GLOBAL = "(config)#"
    INTERFACE = "(config-if)#"
    VLAN = "(config-vlan)#"
    LIST = "(config-ip-hw-acl)#"
    LIST_6 = "(config-ipv6-hw-acl)#"
    MAP = "(config-vlan-access-map)#"
    TRIGGER = "(config-trigger)#"
    LINE = "(config-line)#"

    @property
    def configures(self) -> bool:
        """Tell if the mode is of the configuration."""
        return self.value.startswith("(")


@dataclass(frozen=True, slots=True)
class Where:
    """What is open in a mode: interfaces, a list, a VLAN map, a trigger, or the settings of lines."""

    interfaces: tuple[str, ...] = ()
    access_list: tuple[Literal[4, 6], str] = (4, "")
    map_name: str = ""
    trigger: int = 0
    terminal_line: str = ""
