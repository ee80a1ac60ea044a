"""What `tsunagu adopt` says to people, in their language; names stand before ids."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from controller.adoption.access_changes import AccessChange, name_peer, name_service
from controller.adoption.choices import Contradiction, show_name
from controller.adoption.hand_over import HandOver
from controller.adoption.proposal import DeviceProposal
from controller.adoption.segment_map import SegmentProposal
from controller.cli.output import print_line
from controller.messages import Catalogue

MOST_SHOWN = 12
"""Commands of one hand-over that are shown; --json has all."""


@dataclass(frozen=True, slots=True)
class AdoptionWords:
    """Says an adoption to people. `names` are those of segments and applications, by their ids."""

    catalogue: Catalogue
    names: Mapping[str, str]

    def format(self, key: str, **marks: object) -> str:
        """Return a message of the adoption."""
        return self.catalogue.say(f"adoption.{key}", **marks)

    def say_proposal(self, one: DeviceProposal) -> None:
        """Say what the adoption of a device comes to."""
        device, school = one.device, one.device.school
        marks = {"device": device.id, "platform": device.platform, "source": one.source}
        print_line(self.format("header", school=school.name, id=school.id, **marks), "bold")
        self._say_segments(one)
        made = [stage.hand_over for stage in one.stages]
        self._say_hand_overs("names", [each for each in made if each.needs == "name"])
        self._say_hand_overs("filters", [each for each in made if each.needs != "name"])
        if one.contradictions:
            print_line(self.format("contradictions", count=len(one.contradictions)), "bold")
            for contradiction in one.contradictions:
                self._say_contradiction(one.source, contradiction)
        if one.access_changes:
            print_line(self.format("access"), "bold")
            for way, line in self._group_access_changes(one.access_changes):
                print_line(f"    {line}", "green" if way == "opens" else "red")
        if one.changes:
            print_line(self.format("rest", count=len(one.changes)))
        for unjudged in one.unjudged:
            print_line(f"  ! {unjudged}", "magenta")
        for fault in one.faults:
            print_line(f"  x {fault}", "red")
        if not one.faults:
            print_line(self.format("proof", texts=len(one.stages), states=one.states))

    def say_summary(self, proposals: Sequence[DeviceProposal]) -> None:
        """Say what the adoption of all devices comes to."""
        names = sum(len(one.only_names) for one in proposals)
        contradictions = sum(len(one.contradictions) for one in proposals)
        marks = {"devices": len(proposals), "names": names, "contradictions": contradictions}
        print_line(self.format("summary", **marks))

    def _say_segments(self, one: DeviceProposal) -> None:
        print_line(self.format("segments"))
        for mapped in one.segment_map:
            print_line(self._describe_segment(mapped))
        overrides = [mapped.format_override() for mapped in one.segment_map if mapped.overrides]
        if overrides:
            school = one.device.school
            print_line(self.format("overrides", school=school.name, id=school.id))
            print_line("    segments:")
            for override in overrides:
                print_line(f"      {override}")

    def _describe_segment(self, mapped: SegmentProposal) -> str:
        vlan = f"VLAN {mapped.vlan} {mapped.name}".rstrip()
        if not mapped.segment:
            return self.format("no-segment", vlan=vlan)
        guess = "" if mapped.sure else self.format("guess")
        reasons = self.format("reasons").join(mapped.reasons)
        segment = show_name(self.names, mapped.segment)
        return self.format("segment", vlan=vlan, segment=segment, guess=guess, reasons=reasons)

    def _say_hand_overs(self, title: str, hand_overs: Sequence[HandOver]) -> None:
        if not hand_overs:
            return
        print_line(f"  {self.format(title)} ({len(hand_overs)}):", "bold")
        for one in hand_overs:
            print_line(self._describe_hand_over(one))
            print_line(self.format("enter", commands=self._join_commands(one.commands)))
            print_line(self.format("give-back", commands=self._join_commands(one.give_back)))

    def _describe_hand_over(self, one: HandOver) -> str:
        where = self.format("line", line=one.line) if one.line else ""
        if one.kind == "access lists":
            count = sum(line.startswith("no ") for line in one.give_back)
            name, was, becomes = self.format("lists", count=count), "lists-before", "lists-after"
            return self.format("hand-over", where=where, name=name, was=self.format(was), becomes=self.format(becomes))
        was = self.format("not-shown", line=one.line) if one.hidden else one.was or self.format("no-name")
        return self.format("hand-over", where=where, name=one.name, was=was, becomes=one.becomes)

    def _join_commands(self, commands: Sequence[str]) -> str:
        more = self.format("more", count=len(commands) - MOST_SHOWN) if len(commands) > MOST_SHOWN else ""
        return " / ".join(commands[:MOST_SHOWN]) + more

    def _say_contradiction(self, source: str, one: Contradiction) -> None:
        marks = {"source": source, "line": one.line, "name": one.name, "reason": one.reason}
        print_line(self.format("contradiction", **marks), "yellow")
        print_line(self.format("depends", traffic=one.traffic))
        for number, choice in enumerate(one.choices, start=1):
            print_line(f"      {number}. {choice.title}")
            if choice.commands:
                print_line(self.format("choice-commands", commands=" / ".join(choice.commands[:MOST_SHOWN])))
            print_line(self.format("choice-effects", closes=choice.closes, opens=choice.opens))

    def _group_access_changes(self, changes: Sequence[AccessChange]) -> list[tuple[str, str]]:
        """Return one line for all that opens (or closes) at a segment in a direction, with the first's packet."""
        grouped: dict[tuple[str, str, str, str, tuple[int, ...]], list[AccessChange]] = {}
        for one in changes:
            grouped.setdefault((one.way, one.segment, one.direction, one.before, one.families), []).append(one)
        lines = []
        for (way, segment, direction, before, families), found in grouped.items():
            marks = {
                "way": self.format(way),
                "segment": show_name(self.names, segment),
                "arrow": "->" if direction == "from" else "<-",
                "peers": ", ".join(self._describe_peer(one) for one in found),
                "families": "/".join(f"IPv{family}" for family in families),
                "before": before,
                "packet": found[0].packet,
            }
            lines.append((way, self.format("access-line", **marks)))
        return lines

    def _describe_peer(self, one: AccessChange) -> str:
        services = ", ".join(name_service(self.catalogue, service) for service in one.services)
        return f"{name_peer(self.catalogue, self.names, one.peer)} ({services})"
