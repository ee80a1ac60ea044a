"""The kinds of conflicts, and the form of what can be done about one; each kind's choices: `conflict_choices`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

NOTHING = "nothing"


class ConflictKind(StrEnum):
    """What stands in the way, by what can be done about it."""

    VLAN = "a VLAN of others has the number"
    PORT = "a port is not ours"
    INTERFACE = "an interface in a VLAN is not ours"
    NETWORK = "a wireless network of others has the name"
    BINDING = "a list of others judges the place"
    PEER_POLICY = "a policy of others decides on the routes"
    PEER_GROUP = "a group decides for a neighbour"
    PEER_DEFAULT = "a default route goes past our policy"
    PEER_MISSING = "the neighbour is not there"
    PEER_UNKNOWN = "a neighbour that the policy does not know"
    PORT_LINE = "a line that a port of ours cannot have"
    PORT_FILTER = "a list of others on a port of ours"
    VLAN_LINE = "a line that a VLAN of ours cannot have"
    VLAN_CLIENT = "a VTP server decides on the VLANs"
    TRUNK_LIST = "the VLANs of a port of ours are not as we set them"
    NATIVE_VLAN = "a VLAN of ours without a tag"
    INTERFACE_LINE = "a line that an interface of ours cannot have"
    JUDGED_BEFORE = "a list of others judges every port before ours"
    STRAY_LIST = "a list of ours on a port that is not ours"
    MISPLACED_LIST = "a list of ours that judges nothing of the port"
    SECOND_LIST = "a second list of ours for one place"
    UNEQUAL_LISTS = "ports of one VLAN with other lists of ours"
    LACKING_LIST = "a port of ours lacks a list that others have"
    OWN_NAME = "a line of others names what is ours"
    ROUTE_REFERENCE = "a line of others uses what is ours"
    VLAN_FILE = "a wireless network of others uses a file of ours"
    FLOW = "a flow of others in the range of ours"
    NO_PORTS = "filters stand at ports, and no port is ours"
    NUMBER = "a number of the range that is reserved for ours is in use"
    DEFAULT_ROUTE = "a default route of others stands where ours must"
    UNFILTERED = "the device is set up so that such filters judge nothing"


@dataclass(frozen=True, slots=True)
class ConflictChoice:
    """A way out of a conflict: what to do, by which command or line of the policy, what it closes and opens."""

    what: str
    command: str
    closes: str = NOTHING
    opens: str = NOTHING

    def __str__(self) -> str:
        return f"{self.what}: {self.command} (closes {self.closes}; opens {self.opens})"


@dataclass(frozen=True, slots=True)
class ConflictAdvice:
    """Which traffic depends on what stands in the way, and the choices; the texts hold marks as `str.format` has."""

    traffic: str
    choices: tuple[ConflictChoice, ...]
