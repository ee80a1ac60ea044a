"""What can be done about each kind of conflict: which traffic depends on the object, and two or three choices.

Every refusal of an object of others, or of ours that does not fit what others have, ends in one of these. Each choice
has its command and says what it closes and what it opens: nobody should have to take away what a school uses.
"""

from __future__ import annotations

from controller.platforms.conflict_kinds import NOTHING, ConflictAdvice, ConflictChoice, ConflictKind

DEPENDS = "; depends on it: "
"""What stands between the reason of a refusal and its advice."""

__all__ = ["ADVICE", "DEPENDS", "NOTHING", "ConflictAdvice", "ConflictChoice", "ConflictKind", "advise", "strip_advice"]

_ADOPT = "tsunagu adopt SCHOOL"
_LESS = "in the school's file write"
_UNMARK = ConflictChoice("take our description off the port, which is then not managed", "no description")
_NAME_ONLY = ConflictChoice("hand it over by its name", f"{_ADOPT} lists the command")


def _manage_less(level: str, what: str) -> ConflictChoice:
    return ConflictChoice(f"manage less for now; {what} is then not judged", f"{_LESS} 'adoption: {level}'")


ADVICE: dict[ConflictKind, ConflictAdvice] = {
    ConflictKind.VLAN: ConflictAdvice(
        "all hosts in {place}",
        (
            _NAME_ONLY,
            ConflictChoice("tell the policy the number that is there", f"{_LESS} it under 'segments'"),
            _manage_less("filters", "the VLAN"),
        ),
    ),
    ConflictKind.PORT: ConflictAdvice(
        "the hosts behind {place}",
        (
            ConflictChoice(
                "hand it over",
                f"{_ADOPT} lists the commands",
                "the VLANs that the policy does not have there",
                "those that only the policy has there",
            ),
            ConflictChoice("tell the policy what is there", "write the port into city/blueprints.yaml"),
            _manage_less("filters", "the port"),
        ),
    ),
    ConflictKind.INTERFACE: ConflictAdvice(
        "all hosts of the VLAN whose gateway it is",
        (
            ConflictChoice(
                "hand it over",
                f"{_ADOPT} lists the commands",
                "hosts whose gateway is an address that the policy does not have",
                "the addresses that only the policy has",
            ),
            ConflictChoice("tell the policy the addresses that are there", f"{_LESS} them under 'segments'"),
            _manage_less("ports", "the interface"),
        ),
    ),
    ConflictKind.NETWORK: ConflictAdvice(
        "everybody who is in this wireless network",
        (
            ConflictChoice(
                "let the network of the policy take its place",
                "rename the old one on the access point (ssid=NAME-old), then tsunagu plan",
                "who is in the old one, until they join the new one",
                "the new one, for who the policy lets in",
            ),
            ConflictChoice("give the policy's network another name", "'ssid' in city/blueprints.yaml"),
            _manage_less("ports", "the network"),
        ),
    ),
    ConflictKind.BINDING: ConflictAdvice(
        "what the hosts of VLAN {vlan} send and are sent",
        (
            ConflictChoice(
                "let our list take its place",
                f"{_ADOPT} lists the commands",
                "what the old list permits and the policy does not",
                "what only the policy permits",
            ),
            ConflictChoice("say in rules what it permits", f"{_ADOPT} --propose-rules -o FILE, then review the file"),
            _manage_less("observe", "what it lets through"),
        ),
    ),
    ConflictKind.PEER_POLICY: ConflictAdvice(
        "the routes of the school by {place}",
        (
            ConflictChoice(
                "let our policy decide, after comparing the two",
                "no {line}",
                "routes that only the old one permits",
                "routes that only ours permits",
            ),
            _manage_less("ports", "what it lets through"),
        ),
    ),
    ConflictKind.PEER_GROUP: ConflictAdvice(
        "the routes of the school by {place}",
        (
            ConflictChoice(
                "set the neighbour up by itself, with our policy from the start",
                "no {line}, then its own remote-as, in a maintenance window",
                "the session until it stands again, and routes that only the group's policy permits",
                "routes that only ours permits",
            ),
            _manage_less("ports", "the group"),
        ),
    ),
    ConflictKind.PEER_DEFAULT: ConflictAdvice(
        "what the neighbour sends to the school by the default route",
        (
            ConflictChoice(
                "let the neighbour learn only what our policy permits",
                "no {line}",
                "what has no other route at the neighbour",
            ),
            _manage_less("ports", "the route"),
        ),
    ),
    ConflictKind.PEER_MISSING: ConflictAdvice(
        "the routes of the school by {place}",
        (
            ConflictChoice(
                "set the neighbour up with its policy from the start",
                "neighbor {address} remote-as NUMBER, in a maintenance window",
                opens="the routes that the policy permits, once a plan is applied",
            ),
            ConflictChoice("tell the policy the lines that are there", "city/lines.yaml"),
            _manage_less("ports", "the line"),
        ),
    ),
    ConflictKind.PEER_UNKNOWN: ConflictAdvice(
        "all that is routed by this neighbour",
        (
            ConflictChoice("tell the policy the line", "city/lines.yaml"),
            ConflictChoice("shut the neighbour down", "neighbor {address} shutdown", "all that is routed by it"),
            _manage_less("ports", "the neighbour"),
        ),
    ),
    ConflictKind.PORT_LINE: ConflictAdvice(
        "what this line does for the hosts behind {place}; 'tsunagu adopt SCHOOL' says who they are",
        (
            _UNMARK,
            ConflictChoice("end what it does", "no {line}", "what it carries", "what it denies"),
            ConflictChoice("say in the policy what is there", "city/blueprints.yaml"),
        ),
    ),
    ConflictKind.PORT_FILTER: ConflictAdvice(
        "what the hosts behind {place} send",
        (
            _UNMARK,
            ConflictChoice(
                "say in rules what it permits, so that our filters do what it does",
                f"{_ADOPT} --propose-rules -o FILE, then review the file",
            ),
            _manage_less("filters", "the port"),
        ),
    ),
    ConflictKind.VLAN_LINE: ConflictAdvice(
        "all hosts in {place}",
        (
            ConflictChoice(
                "end what it does, once nobody needs it", "no {line}", "what it carries", "the VLAN as usual"
            ),
            _manage_less("filters", "the VLAN"),
        ),
    ),
    ConflictKind.VLAN_CLIENT: ConflictAdvice(
        "every VLAN of the switch",
        (
            ConflictChoice("let the switch keep VLANs of its own", "vtp mode transparent, in a maintenance window"),
            ConflictChoice("make the VLANs at the VTP server, by the names of the policy", "vlan NUMBER, name TSN-..."),
            _manage_less("filters", "VLANs"),
        ),
    ),
    ConflictKind.TRUNK_LIST: ConflictAdvice(
        "what {place} carries, and what its lists judge",
        (
            ConflictChoice(
                "write what it carries as a plan of ours does; the lists stay",
                "switchport trunk allowed vlan add LIST, switchport trunk native vlan none",
                "VLANs that are not in the list, and frames without a tag",
            ),
            _manage_less("observe", "the port"),
        ),
    ),
    ConflictKind.NATIVE_VLAN: ConflictAdvice(
        "frames without a tag on {place}, often the management of the switch behind it",
        (
            ConflictChoice(
                "give the port an unused native VLAN, at both ends in one go",
                "switchport trunk native vlan 999",
                "the frames without a tag, until the neighbour tags them",
            ),
            _UNMARK,
            ConflictChoice(
                "say in the policy that the VLAN is not on this port", "city/blueprints.yaml", "the VLAN on this port"
            ),
        ),
    ),
    ConflictKind.INTERFACE_LINE: ConflictAdvice(
        "all hosts of the VLAN whose gateway {place} is",
        (
            ConflictChoice("take our description off the interface, which is then not managed", "no description"),
            ConflictChoice(
                "route the VLAN as the policy says",
                "no {line}",
                "the networks that only this line leads to",
                "the networks of the usual routes",
            ),
            _manage_less("ports", "the interface"),
        ),
    ),
    ConflictKind.JUDGED_BEFORE: ConflictAdvice(
        "all that the switch receives at any port",
        (
            ConflictChoice(
                "say in rules what it permits and denies, then leave the judging to ours",
                f"{_ADOPT} --propose-rules -o FILE; then no {{line}}",
                opens="what it denies and the policy permits",
            ),
            _manage_less("observe", "what passes"),
        ),
    ),
    ConflictKind.STRAY_LIST: ConflictAdvice(
        "what the hosts behind {place} send",
        (
            ConflictChoice(
                "make the port ours, as the list on it says",
                "description TSN-port",
                opens="the VLANs of the policy there, with the next plan",
            ),
            ConflictChoice(
                "let a list of your own judge the port, then take this one off",
                "a copy of it under another name, entered in this line",
            ),
        ),
    ),
    ConflictKind.MISPLACED_LIST: ConflictAdvice(
        "what {place} receives, if the port is what the list is for",
        (
            ConflictChoice(
                "say in the policy what the port is, so that a plan puts the lists where they belong",
                "city/blueprints.yaml",
            ),
            ConflictChoice(
                "keep the list under a name of your own", "a copy of it under another name, entered in this line"
            ),
            _manage_less("observe", "the port"),
        ),
    ),
    ConflictKind.SECOND_LIST: ConflictAdvice(
        "what {place} receives in the VLAN; only the first of the two judges it",
        (
            ConflictChoice("keep the first, which judges today", "no {line}"),
            ConflictChoice(
                "keep the second", "no access-group NAME OF THE FIRST", "what only the first permits", "what it denies"
            ),
        ),
    ),
    ConflictKind.UNEQUAL_LISTS: ConflictAdvice(
        "what {place} receives in the VLAN",
        (
            ConflictChoice(
                "attach the list of the other port here, then take this one off",
                "access-group {other}, then no {line}",
                "what only this one permits",
                "what only the other one permits",
            ),
            ConflictChoice("take our description off the port, which is then not managed", "no description"),
        ),
    ),
    ConflictKind.LACKING_LIST: ConflictAdvice(
        "what {place} receives in the VLAN; nothing is denied there today",
        (
            ConflictChoice("attach it here, too", "access-group {other}", "what the list denies"),
            _manage_less("observe", "the port"),
        ),
    ),
    ConflictKind.OWN_NAME: ConflictAdvice(
        "what this line decides on",
        (
            ConflictChoice(
                "refer to a list of your own there",
                "a copy of ours under another name, entered in this line",
            ),
            ConflictChoice("if the text is damaged, save it anew", "show running-config, from its first line to 'end'"),
        ),
    ),
    ConflictKind.ROUTE_REFERENCE: ConflictAdvice(
        "the routes that this line decides on",
        (
            ConflictChoice(
                "refer to a list of your own there",
                "a copy of it under another name, entered in this line",
            ),
            ConflictChoice(
                "take the reference off; routes then pass as without it",
                "no {line}",
                "routes that only the reference permits",
                "routes that the reference refuses",
            ),
        ),
    ),
    ConflictKind.VLAN_FILE: ConflictAdvice(
        "everybody who is in that wireless network",
        (
            ConflictChoice("give that network a file of its own", "cp {other} NAME.vlan; then vlan_file=NAME.vlan"),
            ConflictChoice("make the network one of the policy", "'ssid' in city/blueprints.yaml, then tsunagu plan"),
            _manage_less("ports", "the network"),
        ),
    ),
    ConflictKind.FLOW: ConflictAdvice(
        "the packets that this flow matches",
        (
            ConflictChoice("move it below the range of ours", "ovs-ofctl add-flow with a lower priority; del-flows"),
            ConflictChoice("move it into another table", "ovs-ofctl add-flow with table=3 or more; del-flows"),
        ),
    ),
    ConflictKind.NO_PORTS: ConflictAdvice(
        "what the hosts of {place} send and are sent",
        (
            ConflictChoice(
                "hand the ports over first",
                "tsunagu adopt {school} lists the commands",
                "what the lists of the policy deny there",
                "what only they permit",
            ),
            ConflictChoice(
                "let the plan set the ports, too",
                "in the school's file write 'adoption: ports'",
                "the VLANs that the policy does not have at a port",
                "those that only the policy has there",
            ),
            _manage_less("observe", "what passes"),
        ),
    ),
    ConflictKind.NUMBER: ConflictAdvice(
        "what {line} does there",
        (
            ConflictChoice("use a number outside of the range", "the line with another number; then no {line}"),
            ConflictChoice("reserve another range for ours", "numbers in the operators' file"),
            _manage_less("observe", "what passes"),
        ),
    ),
    ConflictKind.DEFAULT_ROUTE: ConflictAdvice(
        "all that the school sends by the {place}",
        (
            _manage_less("ports", "the route"),
            ConflictChoice("take it off in a maintenance window", "no ip route default", "what leaves by it"),
        ),
    ),
    ConflictKind.UNFILTERED: ConflictAdvice(
        "what the hosts send and are sent, which no list of ours would judge",
        (
            ConflictChoice("let another device filter", "the core's platform in city/blueprints.yaml"),
            ConflictChoice("set the mode with no filter bound", "flow detection [out] mode MODE", opens="all, then"),
        ),
    ),
}
"""The advice for each kind. A mark is what the refusal knows: the place, the line, another object."""


def advise(kind: ConflictKind, **marks: object) -> str:
    """Return what the end of a refusal says of a conflict: the traffic, and the choices with their commands.

    >>> advise(ConflictKind.MISPLACED_LIST, place="port1.0.1", line="access-group X")[:50]
    '; depends on it: what port1.0.1 receives, if the p'
    """
    advice = ADVICE[kind]
    choices = "; ".join(f"{number}. {one}" for number, one in enumerate(advice.choices, start=1))
    # A line that begins with `no` is ended by what stands behind it.
    return f"{DEPENDS}{advice.traffic}; choices: {choices}".format_map(marks).replace(": no no ", ": ")


def strip_advice(message: str) -> str:
    """Return a refusal without its advice.

    >>> strip_advice("conflict: x" + advise(ConflictKind.VLAN, place="VLAN 10"))
    'conflict: x'
    """
    return message.partition(DEPENDS)[0]
