"""The same lines in another spelling, order or place are left alone no more than as a device prints them.

A running configuration is printed with whole words in small letters; a file that somebody typed is not. Each line of
the tables is put down in capitals, with words cut short, with other blanks, with its block turned round, at the end of
its block and at the head of the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import pytest

from tests.platforms.changed_meaning.scenes import SCENES, SOURCE, Scene, Spot, list_rows
from tests.platforms.changed_meaning.test_changed_meaning import build_scene

_INDENT = re.compile(r"\s*")
_EXCEPTIONS = {
    # The spelling says something else, so it is rightly left alone.
    ("hostapd", "wide"): {"ssid=school-staff"},  # a network whose name ends in a blank
    ("cisco_ios", "short"): {  # "mac" is a whole word, and no switch takes "mac auto"
        "macro auto global processing",
        "macro auto trigger X",
        "macro auto execute X remote tftp://192.0.2.9/x ACCESS_VLAN=10",
    },
    ("alaxala", "end of block"): {"switchport trunk allowed vlan add 30"},  # there the port carries VLAN 30 already
}


def _change_words(change: Callable[[str, int], str], line: str, joint: str = " ") -> str:
    def change_one(one: str) -> str:
        indent = _INDENT.match(one)
        words = joint.join(change(word, place) for place, word in enumerate(one.split()))
        return (indent[0] if indent else "") + words

    return "\n".join(map(change_one, line.split("\n")))


def _put_in_capitals(word: str, _: int) -> str:
    """Return a word of a command in capitals; a name stays, since it is another one in capitals."""
    return word if "{" in word or re.search(r"[A-Z]", word) else word.upper()


def _cut(least: int, kept: Callable[[str], int]) -> Callable[[str, int], str]:
    """Return what cuts the first two words of a line down, where they have as many letters as `least`."""
    return lambda word, place: (
        word[: kept(word)] if place < 2 and len(word) >= least and re.fullmatch("[a-z]+", word) else word
    )


def _turn_round(line: str) -> str:
    header, *inside = line.split("\n")
    return "\n".join([header, *inside[::-1]]) if all(one.startswith(" ") for one in inside) else line


WAYS: Mapping[str, Callable[[str], str]] = {
    "capitals": lambda line: _change_words(_put_in_capitals, line),
    "cut": lambda line: _change_words(_cut(4, lambda word: len(word) - 1), line),
    "short": lambda line: _change_words(_cut(5, lambda _: 3), line),
    "wide": lambda line: _change_words(lambda word, _: word, line, "  ") + " ",
    "tabs": lambda line: _change_words(lambda word, _: word, line, "\t"),
    "turned": _turn_round,
}


def _plant_at_the_end(scene: Scene, at: str, line: str) -> str:
    """Return the text with a line behind all others of its block."""
    start, _ = scene.places[at]
    lines = scene.text.splitlines()
    place = next(index for index, one in enumerate(lines) if one.startswith(start))
    depth = len(lines[place]) - len(lines[place].lstrip())
    end = place + 1
    while end < len(lines) and len(lines[end]) - len(lines[end].lstrip()) > depth:
        end += 1
    planted = f"{scene.indent}{scene.fill_in(line)}".splitlines()
    return "\n".join([*lines[:end], *planted, *lines[end:], ""])


def _list_texts(scene: Scene, platform: str, way: str) -> dict[str, str]:
    """Return the text for each line of the table that a way of writing it makes another one."""
    rows = [(row["at"], row["line"]) for row in list_rows(platform)]
    if way == "head of text":
        return {line: f"{scene.fill_in(line)}\n{scene.text}" for at, line in rows if at == "device"}
    if way == "end of block":
        inside = [at for at, (_, spot) in scene.places.items() if spot in {Spot.BEHIND, Spot.BEHIND_MARK}]
        return {line: _plant_at_the_end(scene, at, line) for at, line in rows if at in inside and scene.indent}
    return {line: scene.plant(at, WAYS[way](line)) for at, line in rows if WAYS[way](line) != line}


@pytest.mark.parametrize("way", [*WAYS, "end of block", "head of text"])
@pytest.mark.parametrize("platform", SCENES)
def test_a_line_is_not_left_alone_however_it_is_written(platform: str, way: str) -> None:
    scene = build_scene(platform)
    missed = set()
    for line, text in _list_texts(scene, platform, way).items():
        said = scene.judge(text)
        if not (said == "differs" or said.startswith("not judged: ") or f"{SOURCE}:" in said):
            missed.add(line)
    assert missed == _EXCEPTIONS.get((platform, way), set())


@pytest.mark.parametrize(
    "line",
    [
        "policy-map P\n class C\n  police 8000",
        "interface GigabitEthernet1/0/44\n switchport mode access\n switchport access vlan 999\n snmp trap link-status",
        "ip dhcp pool P\n host 10.0.0.9 255.255.255.0",
        "switch 1 provision ws-c3750e-48pd",
        "vlan internal allocation policy ascending",
        "zone security INSIDE",
        "crypto pki certificate chain X\n certificate self-signed 01\n  30820122 0003ABCD VLAN",
        "alias exec sv show vlan brief",
    ],
)
def test_whole_words_that_look_short_are_words(line: str) -> None:
    scene = build_scene("cisco_ios")
    assert scene.judge(scene.plant("device", line)) == ""
